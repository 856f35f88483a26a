"""A set of a node's packet filter, made to hold exactly what it should in one transaction, and read back."""

from __future__ import annotations

import json
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.localise.values import filled
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import shortened

if TYPE_CHECKING:
    from maestro_operator.model.localise import FirewallSet
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.ways import NodeWay

SECONDS = 10.0
Network = IPv4Network | IPv6Network


def wanted_elements(item: FirewallSet, *, node: FrozenNode, peer: FrozenNode) -> tuple[str, ...]:
    """Return the elements in their one form, in order; what lies within another one is none of its own.

    Raises:
        ValueError: one is neither an address nor a network.

    """
    found = {ip_network(filled(element, node=node, peer=peer)) for element in item.elements}
    whole = (net for net in found if not any(net != other and _is_within(net, other) for other in found))
    return tuple(sorted(canonical(str(net)) for net in whole))


def _is_within(net: Network, other: Network) -> bool:
    return net.version == other.version and net.network_address in other and net.broadcast_address in other


def canonical(element: str) -> str:
    """Return an address or a network in its one form.

    Raises:
        ValueError: it is neither.

    """
    network = ip_network(element)
    return str(network.network_address) if network.num_addresses == 1 else str(network)


async def settle_set(
    sessions: NodeWay, node: FrozenNode, item: FirewallSet, *, peer: FrozenNode, deadline_seconds: float
) -> Outcome:
    """Empty and fill the set in one transaction, where it does not hold what it should."""
    what = f"{node.name}: set {item.table} {item.set}"
    try:
        wanted = wanted_elements(item, node=node, peer=peer)
    except ValueError as error:
        return Refused(Reason.INVALID_SPEC, f"{what}: {error}")
    seconds = min(SECONDS, deadline_seconds)
    before = await _elements(sessions, node, item, seconds=seconds)
    if isinstance(before, Unknown):
        return Failed(before.reason, f"{what}: {before.message}")
    if before == wanted:
        return Done({f"{item.table} {item.set}": "is as it should be"})
    where = f"{item.family.value} {item.table} {item.set}"
    text = f"flush set {where}\n"
    if wanted:
        text += f"add element {where} {{ {', '.join(wanted)} }}\n"
    answer = await sessions.run(node, ("nft", "-f", "-"), stdin=text.encode(), deadline_seconds=seconds)
    if isinstance(answer, Unknown):
        return Failed(answer.reason, answer.message)
    if answer.exit_status != 0:
        return Failed(Reason.COMMAND_FAILED, f"{what}: {shortened(answer)}")
    after = await _elements(sessions, node, item, seconds=seconds)
    if after != wanted:
        return Failed(Reason.COMMAND_FAILED, f"{what}: it does not hold what was put there")
    return Done({f"{item.table} {item.set}": f"{', '.join(before) or 'nothing'} -> {', '.join(wanted) or 'nothing'}"})


async def _elements(
    sessions: NodeWay, node: FrozenNode, item: FirewallSet, *, seconds: float
) -> tuple[str, ...] | Unknown:
    words = ("nft", "-j", "list", "set", item.family.value, item.table, item.set)
    answer = await sessions.run(node, words, deadline_seconds=seconds)
    if isinstance(answer, Unknown):
        return answer
    if answer.exit_status != 0:
        return Unknown(Reason.COMMAND_FAILED, f"it could not be read: {shortened(answer)}")
    try:
        listed = json.loads(answer.stdout)["nftables"]
        (held,) = [entry["set"] for entry in listed if "set" in entry]
        return tuple(sorted(canonical(_written(element)) for element in held.get("elem", ())))
    except (ValueError, KeyError, TypeError):
        return Unknown(Reason.BAD_ANSWER, "what the packet filter says of it cannot be understood")


def _written(element: Any) -> str:  # noqa: ANN401 - as nft writes it
    """Return one element as a person writes it: an address, a network, or either with a comment or time-out."""
    if isinstance(element, dict) and "elem" in element:
        return _written(element["elem"]["val"])
    if isinstance(element, dict) and "prefix" in element:
        return f"{element['prefix']['addr']}/{element['prefix']['len']}"
    return str(element)
