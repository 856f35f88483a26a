"""Entries that are kept on a host of their own: a translation on a gateway, or two programs.

The law of this file: a translation changes in one transaction of the host's packet filter, in which what still goes to
the old side is cut as well. Addresses and ports are read as such before they stand in a rule.
"""

from __future__ import annotations

import json
from ipaddress import ip_address
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.answers import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Traffic
    from maestro_operator.model.resource import Ssh
    from maestro_operator.model.traffic import Nat
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 2.5
STEP_SECONDS = 5.0
"""For the looks before and after a move: one that was cut off costs a whole attempt."""
COMMAND_SECONDS = 20.0
ADDRESS = "{{ address }}"
NO_TABLE = "No such file or directory"
IPV6 = 6
RULES = """add table {family} {table}
delete table {family} {table}
table {family} {table} {{
  chain in {{
    type nat hook prerouting priority dstnat; policy accept;
    {rules}
  }}
  chain own {{
    type nat hook output priority -100; policy accept;
    {rules}
  }}
  chain cut {{
    type filter hook forward priority -10; policy accept;
    {cut}
  }}
}}
"""
# Flows without a connection keep their translation as long as they go on; where the program is there, it ends them.
FORGET = 'command -v conntrack >/dev/null 2>&1 || exit 0; conntrack -D -f "$1" -d "$2" -q "$3" >/dev/null 2>&1; exit 0'


class HostTraffic:
    """Entries of kind nat and command, over SSH to their hosts."""

    def __init__(self, sessions: Sessions) -> None:
        """Keep the way to the hosts."""
        self._sessions = sessions

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Ask the host where clients are sent."""
        found = await self._address(entry, seconds=READ_SECONDS)
        if isinstance(found, Unknown):
            return found
        own = {entry.address_for(node.name, node.address): node.address for node in nodes}
        return TrafficSeen(entry.name, tuple(own.get(address, address) for address in found))

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Send clients to the target, and ask the host whether they are."""
        address = entry.address_for(way.target.name, way.target.address)
        old = entry.address_for(way.source.name, way.source.address)
        now = await self._address(entry, seconds=STEP_SECONDS)
        if isinstance(now, Unknown):
            return Failed(now.reason, now.message)
        strangers = sorted(set(now) - {address, old, *way.former})
        if strangers:
            text = f"{entry.name} points at {', '.join(strangers)}, which is no node of this pair"
            return Refused(Reason.TRAFFIC_ELSEWHERE, text)
        if entry.nat is not None:
            outcome = await self._translate(entry, address=address, old=old, seconds=deadline_seconds)
        else:
            outcome = await self._run(entry, address=address, seconds=deadline_seconds)
        if not isinstance(outcome, Done):
            return outcome
        after = await self._address(entry, seconds=STEP_SECONDS)
        if isinstance(after, Unknown):
            return Failed(Reason.TRAFFIC_UNPROVEN, after.message)
        if after != (address,):
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{entry.name} still points at {', '.join(after) or 'nothing'}")
        return Done({"address": way.target.address})

    async def _address(self, entry: Traffic, *, seconds: float) -> tuple[str, ...] | Unknown:
        if entry.nat is not None:
            return await self._translated(entry, entry.nat, seconds=seconds)
        if entry.command is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        answer = await self._sessions.run(_host(entry), entry.command.read, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            return Unknown(Reason.COMMAND_FAILED, f"{entry.name}: read: {shortened(answer)}")
        try:
            return tuple(str(ip_address(word)) for word in answer.stdout.split())
        except ValueError:
            return Unknown(Reason.BAD_ANSWER, f"{entry.name}: read printed what is no address")

    async def _translated(self, entry: Traffic, nat: Nat, *, seconds: float) -> tuple[str, ...] | Unknown:
        words = ("nft", "-j", "list", "table", _family(nat.address), _table(entry))
        answer = await self._sessions.run(_host(entry), words, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            is_absent = NO_TABLE in answer.stderr
            return () if is_absent else Unknown(Reason.COMMAND_FAILED, f"{entry.name}: {shortened(answer)}")
        try:
            return _targets(answer.stdout, nat)
        except (ValueError, KeyError, TypeError):
            return Unknown(Reason.BAD_ANSWER, f"{entry.name}: the packet filter's answer cannot be understood")

    async def _translate(self, entry: Traffic, *, address: str, old: str, seconds: float) -> Outcome:
        nat, host = entry.nat, _host(entry)
        if nat is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        try:
            text = rules(_table(entry), nat, address=address, old=old)
        except ValueError as error:
            return Refused(Reason.INVALID_SPEC, f"{entry.name}: {error}")
        answer = await self._sessions.run(host, ("nft", "-f", "-"), stdin=text.encode(), deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return Failed(answer.reason, answer.message)
        if answer.exit_status != 0:
            return Failed(Reason.COMMAND_FAILED, f"{entry.name}: {shortened(answer)}")
        family = "ipv6" if _family(nat.address) == "ip6" else "ipv4"
        words = ("sh", "-c", FORGET, "forget", family, nat.address, old)
        forgotten = await self._sessions.run(host, words, deadline_seconds=STEP_SECONDS)
        return Failed(forgotten.reason, forgotten.message) if isinstance(forgotten, Unknown) else Done()

    async def _run(self, entry: Traffic, *, address: str, seconds: float) -> Outcome:
        if entry.command is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        words = tuple(word.replace(ADDRESS, address) for word in entry.command.move)
        answer = await self._sessions.run(_host(entry), words, deadline_seconds=min(COMMAND_SECONDS, seconds))
        if isinstance(answer, Unknown):
            return Failed(answer.reason, answer.message)
        if answer.exit_status != 0:
            return Failed(Reason.COMMAND_FAILED, f"{entry.name}: move: {shortened(answer)}")
        return Done()


def rules(table: str, nat: Nat, *, address: str, old: str) -> str:
    """Return the whole translation as one transaction; what is under way to the old side is reset.

    Raises:
        ValueError: an address is none, or of another family than the public one.

    """
    public, new, former = (ip_address(item) for item in (nat.address, address, old))
    if not public.version == new.version == former.version:
        raise ValueError(f"{address}, {old} and {nat.address} are not of one family")
    family = _family(nat.address)
    ports = ", ".join(str(int(port)) for port in nat.ports)
    protocols = [f"meta l4proto {{ tcp, udp }} th dport {{ {ports} }} "] if ports else [""]
    lines = [f"{family} daddr {public} {which}dnat to {new}" for which in protocols]
    flow = f"ct original {family} daddr {public}"
    cut = [
        f"{flow} {family} daddr {former} meta l4proto tcp reject with tcp reset",
        f"{flow} {family} daddr {former} reject",
        f"{flow} {family} saddr {former} drop",
    ]
    return RULES.format(family=family, table=table, rules="\n    ".join(lines), cut="\n    ".join(cut))


def _targets(listing: str, nat: Nat) -> tuple[str, ...]:
    """Return where the table sends the public address; one for another address or other ports sends it nowhere."""
    found: set[str] = set()
    for item in json.loads(listing)["nftables"]:
        rule = item.get("rule")
        if rule is None or rule["chain"] != "in":
            continue
        text = json.dumps(rule["expr"])
        wanted = [str(ip_address(nat.address)), *(str(port) for port in nat.ports)]
        target = next((str(part["dnat"]["addr"]) for part in rule["expr"] if "dnat" in part), None)
        if target is not None and all(word in text for word in wanted):
            found.add(target)
    return tuple(sorted(found))


def _family(address: str) -> str:
    return "ip6" if ip_address(address).version == IPV6 else "ip"


def _table(entry: Traffic) -> str:
    return f"maestro_{entry.name.replace('-', '_')}"


def _host(entry: Traffic) -> FrozenNode:
    """Return the entry's host in the form that sessions take."""
    ssh: Ssh | None = entry.host
    if ssh is None:
        raise ValueError(f"traffic {entry.name} has no host")
    return FrozenNode(name=f"traffic {entry.name}", address=ssh.host, ssh=ssh)
