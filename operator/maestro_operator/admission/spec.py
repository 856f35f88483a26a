"""What the schema cannot see in a spec: each fault with its field and what to write instead.

The law of this file: pure, and strict before the first effect. What a driver would refuse in the
middle of an episode is refused here, while there is none.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import dns.rdatatype

from maestro_operator.admission.detection import detection_addresses, detection_faults, detection_patterns
from maestro_operator.admission.patterns import fault_of_pattern
from maestro_operator.drivers.fencing.device import host_of, twice
from maestro_operator.drivers.fencing.metadata import canonical
from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.nodes.ssh import known_hosts_line
from maestro_operator.drivers.ports import Equipment
from maestro_operator.drivers.traffic.kept import shown
from maestro_operator.model.addresses import ALLOWED_BY
from maestro_operator.model.checks import THE_NODE
from maestro_operator.model.claims import host_claim
from maestro_operator.model.denial import (
    GATEWAY,
    OUTSIDE,
    OWN_DEVICES,
    RESERVATION,
    in_words,
    lacking,
    leaves_it_running,
)
from maestro_operator.model.errors import BadInput
from maestro_operator.model.mirroring import PeerLost
from maestro_operator.model.pair import Automatic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Barred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.pair import FencingDevice, Node, PairSpec, Probe, Traffic

_ANY_UID = "00000000-0000-0000-0000-000000000000"
Fault = tuple[str, str]
"""A field and what is wrong with it, with the remedy."""


def refused_address(spec: PairSpec, policy: AddressPolicy) -> Barred | None:
    """Return the refusal of the first address that nothing may be opened to."""
    for text in address_faults(spec, policy):
        return Barred(Reason.ADDRESS_REFUSED, text, forbids_contact=True)
    return None


def address_faults(spec: PairSpec, policy: AddressPolicy) -> Iterator[str]:
    """Give a sentence for every address that nothing may be opened to."""
    for field, address in _addresses(spec):
        kind = policy.why_not(address)
        if kind is not None:
            yield f"{field}: {address} is {kind}: write an address of the network, or allow it by {ALLOWED_BY}"


def refused_spec(spec: PairSpec, *, has_agent: Callable[[str], bool]) -> Barred | None:
    """Return the refusal of the first fault of a spec, None where it can be carried out."""
    for field, fault in _indistinct_nodes(spec):
        return Barred(Reason.NODES_INDISTINCT, f"{field}: {fault}")
    for field, fault in chain(_other_faults(spec), _devices(spec, has_agent)):
        return Barred(Reason.INVALID_SPEC, f"{field}: {fault}")
    return None


def spec_faults(spec: PairSpec) -> Iterator[Fault]:
    """Give every fault of a spec that shows without looking: which agents there are is the operator's to know."""
    yield from _indistinct_nodes(spec)
    yield from _other_faults(spec)
    yield from _devices(spec, lambda _: True)


def _other_faults(spec: PairSpec) -> Iterator[Fault]:
    for find in (
        *(_denials, _configuration, _patterns, _repeated_names, detection_faults),
        *(_records, _floating, _hosts, _freeze, _vantage_points),
    ):
        yield from find(spec)


def device_field(node: Node, rung: str, device: FencingDevice) -> str:
    """Return how messages name a device."""
    return f"spec.nodes[{node.name}].fencing[{rung}].devices[{device.identity}]"


def _addresses(spec: PairSpec) -> Iterator[Fault]:
    for node in spec.nodes:
        yield f"spec.nodes[{node.name}].address", node.address
        yield from ((f"spec.nodes[{node.name}].ssh.host", given.host) for given in (node.given_ssh,) if given)
        for rung in node.fencing:
            for device in rung.devices:
                field = f"{device_field(node, rung.name, device)}.parameters"
                yield from (
                    (f"{field}.{name}", host_of(value))
                    for name, value in device.parameters.items()
                    if canonical(name) == "ip"
                )
    yield from detection_addresses(spec)
    for entry in spec.traffic:
        for server in entry.dns.servers if entry.dns else ():
            yield f"spec.traffic[{entry.name}].dns.servers", server
        asked = entry.dns or entry.external_dns
        for server in asked.resolvers if asked else ():
            yield f"spec.traffic[{entry.name}].{'dns' if entry.dns else 'externalDNS'}.resolvers", server
        if entry.host is not None:
            yield f"{host_field(entry)}.ssh.host", entry.host.host
    for check in spec.verification:
        field = f"spec.verification[{check.name}]"
        yield from ((f"{field}.names.resolvers", server) for server in (check.names.resolvers if check.names else ()))
        if check.mailing is not None:
            yield f"{field}.mailing.mailbox.host", check.mailing.mailbox.host


def host_field(entry: Traffic) -> str:
    """Return how messages name an entry that is kept on a host."""
    return f"spec.traffic[{entry.name}].{'nat' if entry.nat else 'command'}"


def _indistinct_nodes(spec: PairSpec) -> Iterator[Fault]:
    """Find what the schema's comparison of letters does not: one host or key, written in two ways."""
    first, second = spec.nodes
    if first.given_ssh is None or second.given_ssh is None:
        return
    field = f"spec.nodes[{second.name}].ssh"
    lines = [known_hosts_line(node.ssh) for node in spec.nodes]
    for node, line in zip(spec.nodes, lines, strict=True):
        if line is None:
            yield f"spec.nodes[{node.name}].ssh.hostKey", "is no public key: write what ssh-keyscan prints of the node"
    keys = {line.split(" ", 1)[1] for line in lines if line is not None}
    if len(keys) == 1:
        text = "is the key of the other node too: make a new host key on one of them and write it here"
        yield f"{field}.hostKey", text
    hosts = host_claim(first.ssh.host), host_claim(second.ssh.host)
    others = host_claim(second.address), host_claim(first.address)
    if hosts[0] == hosts[1] or hosts[0] == others[0] or hosts[1] == others[1]:
        yield f"{field}.host", "both nodes are reached at one host: write each node's own"


def _configuration(spec: PairSpec) -> Iterator[Fault]:
    for node in spec.nodes if spec.machine is None else ():
        try:
            configuration(Equipment(pair_uid=_ANY_UID, spec=spec, node=node.name))
        except BadInput as error:
            yield error.field, error.remedy


def _patterns(spec: PairSpec) -> Iterator[Fault]:
    for field, pattern in _all_patterns(spec):
        fault = fault_of_pattern(pattern)
        if fault is not None:
            yield field, f"{pattern[:60]!r} {fault}: write a simpler pattern"


def _all_patterns(spec: PairSpec) -> Iterator[Fault]:
    probes: list[tuple[str, Probe]] = [("spec.detection.probes", probe) for probe in spec.detection.probes]
    probes += [(f"spec.services[{item.name}].readiness", probe) for item in spec.services for probe in item.readiness]
    for field, probe in probes:
        if probe.http is not None and probe.http.pattern is not None:
            yield f"{field}.http.pattern", probe.http.pattern
    yield from detection_patterns(spec)
    for check in spec.verification:
        if check.http is not None and check.http.pattern is not None:
            yield f"spec.verification[{check.name}].http.pattern", check.http.pattern
        for word, named in (("login", check.login), ("bounce", check.bounce)):
            if named is not None:
                yield f"spec.verification[{check.name}].{word}.pattern", named.pattern
        for word, patterns in (("fail", check.log.fail), ("ok", check.log.ok)) if check.log is not None else ():
            yield from ((f"spec.verification[{check.name}].log.{word}", pattern) for pattern in patterns)


def _repeated_names(spec: PairSpec) -> Iterator[Fault]:
    """Find names that two entries keep on one server in one view; elsewhere it is another view of them."""
    known: dict[tuple[str, str, str], str] = {}
    for entry in spec.traffic:
        config = entry.dns
        for name, server in ((name, at) for name in config.all_names for at in config.servers) if config else ():
            first = known.setdefault((name, server, config.view if config else ""), entry.name)
            if first != entry.name:
                field = f"spec.traffic[{entry.name}].dns.names"
                yield field, f"{name} stands in traffic {first} too: write each name in one entry"


def _floating(spec: PairSpec) -> Iterator[Fault]:
    """Find an address that is to move and is a node's own, or how it is reached."""
    own = {host_claim(host) for node in spec.nodes for host in (node.address, node.ssh.host)}
    for entry in spec.traffic:
        moving = entry.floating_address or entry.nat
        if moving is not None and host_claim(moving.address) in own:
            kind = "floatingAddress" if entry.floating_address else "nat"
            text = "is a node's own, by which it is reached: write an address that neither node has"
            yield f"spec.traffic[{entry.name}].{kind}.address", f"{moving.address} {text}"


def _hosts(spec: PairSpec) -> Iterator[Fault]:
    """Find hosts of entries whose key is none, or that are a node of the pair."""
    nodes = {host_claim(node.ssh.host) for node in spec.nodes}
    for entry in spec.traffic:
        if entry.host is not None and known_hosts_line(entry.host) is None:
            yield f"{host_field(entry)}.ssh.hostKey", "is no public key: write what ssh-keyscan prints of the host"
        if entry.host is not None and host_claim(entry.host.host) in nodes:
            yield f"{host_field(entry)}.ssh.host", "is a node of this pair, which may be off: write a host beside both"


def _records(spec: PairSpec) -> Iterator[Fault]:
    """Find values that are none of their type."""
    for entry in spec.traffic:
        for record in entry.dns.records if entry.dns else ():
            for value in record.values.values():
                try:
                    shown(dns.rdatatype.from_text(record.type.value), value)
                except ValueError as error:
                    text = f"{error}: write it as a zone file has it"
                    yield f"spec.traffic[{entry.name}].dns.records[{record.name}].values", text


def _vantage_points(spec: PairSpec) -> Iterator[Fault]:
    """Find places that names are to be looked up at and that are none."""
    known = {THE_NODE, *(point.name for point in spec.detection.vantage_points if point.ssh is not None)}
    for check in spec.verification:
        for name in (check.names.vantage_points or ()) if check.names else ():
            if name not in known:
                field = f"spec.verification[{check.name}].names.vantagePoints"
                yield field, f"{name} is neither {THE_NODE} nor an ssh witness: write one of {', '.join(sorted(known))}"


def _freeze(spec: PairSpec) -> Iterator[Fault]:
    """Find an automatic failover that may lose nothing, of a mirror whose owner goes on before it could be fenced."""
    drbd, failover = spec.replication.drbd, spec.failover
    may_lose = failover.max_data_loss_seconds > 0 or failover.automatic is not Automatic.ENABLED
    if drbd is None or may_lose or drbd.peer_lost is PeerLost.FREEZE:
        return
    ladders = (sum(rung.deadline_seconds for rung in node.fencing if rung.devices) for node in spec.nodes)
    least = spec.detection.down_for_seconds + max(ladders) + 1
    if drbd.peer_lost_freeze_seconds < least:
        text = f"is {drbd.peer_lost_freeze_seconds}, and until the old side is fenced it may write what would be lost"
        ways = f"write {least} or more, a failover.maxDataLossSeconds above 0, or drbd.peerLost: Freeze"
        yield "spec.replication.drbd.peerLostFreezeSeconds", f"{text}: {ways}"


def _devices(spec: PairSpec, has_agent: Callable[[str], bool]) -> Iterator[Fault]:
    owners: dict[tuple[str, ...], str] = {}
    for node in spec.nodes:
        for rung in node.fencing:
            doubled = twice(rung)
            if doubled is not None:
                yield f"spec.nodes[{node.name}].fencing[{rung.name}].devices", doubled
            for device in rung.devices:
                field = device_field(node, rung.name, device)
                if device.agent not in OWN_DEVICES and not has_agent(device.agent):
                    yield f"{field}.agent", f"this operator has no agent {device.agent}: write one that it has"
                if device.agent == RESERVATION:
                    yield from _reservation(spec, field, device)
                    continue
                place = _place(device)
                owner = owners.setdefault(place, node.name)
                if owner != node.name:
                    text = f"it is the device of {owner} too, so fencing {node.name} could cut {owner}"
                    yield f"{field}.parameters", f"{text}: write the address of {node.name}'s own"


def _reservation(spec: PairSpec, field: str, device: FencingDevice) -> Iterator[Fault]:
    """Find a reservation of a disk that is not this pair's own."""
    shared = spec.replication.shared_disk
    if shared is None:
        yield f"{field}.agent", "there is no shared disk to take away: write replication.sharedDisk, or another device"
    elif device.identity != shared.identity:
        yield f"{field}.identity", f"is not the pair's disk: write {shared.identity}"
    if device.parameters or device.secret is not None:
        yield f"{field}.parameters", "the disk is reached by the other node: remove parameters and secret"


def _denials(spec: PairSpec) -> Iterator[Fault]:
    """Find rungs that would leave the node what it must not have, and isolation that could not be seen to be one."""
    points = {point.name for point in spec.detection.vantage_points}
    for node in spec.nodes:
        for rung in node.fencing:
            field = f"spec.nodes[{node.name}].fencing[{rung.name}].devices"
            missing = lacking(rung.devices, spec.replication) if rung.devices else frozenset()
            if missing:
                text = f"together they leave the node its {in_words(missing)}, with which it could still do harm"
                yield field, f"{text}: add a device that switches the node off, or takes that away"
            isolated = [device.identity for device in rung.devices if device.agent == GATEWAY]
            if isolated and node.address not in isolated:
                yield field, f"no gateway isolates {node.address}: write the node's address as identity of one"
            if rung.devices and leaves_it_running(rung.devices) and not points.issuperset(OUTSIDE):
                text = (
                    "a node that is isolated must be seen from outside to be cut off, by the operator and by the peer"
                )
                yield "spec.detection.vantagePoints", f"{text}: write operator: {{}} and peer: {{}}"


def _place(device: FencingDevice) -> tuple[str, ...]:
    """Return which machine an agent would switch: its address, and behind it the plug or system."""
    told = {canonical(name): value for name, value in device.parameters.items()}
    ip = told.get("ip", "")
    if not ip:
        return (device.identity,)
    if device.agent == GATEWAY:
        # One router may serve both nodes: what it cuts off is told by the identity.
        return host_claim(ip), told.get("ipport", ""), device.identity
    return host_claim(ip), told.get("ipport", ""), told.get("plug", ""), told.get("systems_uri", "")
