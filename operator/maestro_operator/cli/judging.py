"""What can be said of a manifest without a cluster, by the operator's own admission; pure.

The law of this file: it says nothing that the operator would not say. The schema's own rules are the API server's,
which is asked where there is one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from maestro_operator.admission.spec import address_faults, spec_faults
from maestro_operator.cli.beginning import HOST_KEYS, IDENTITIES
from maestro_operator.cli.findings import Finding, problem, warning, well
from maestro_operator.model.addresses import AddressPolicy
from maestro_operator.model.pair import HUMAN, Automatic, Management, PairSpec, Platform

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GROUP = "maestropair.dev"


def judged(document: Mapping[str, Any]) -> list[Finding]:
    """Return everything that is to say of one manifest."""
    if not str(document.get("apiVersion")).startswith(f"{GROUP}/") or document.get("kind") != "MaestroPair":
        return [problem("manifest", f"this is no MaestroPair: apiVersion {document.get('apiVersion')}")]
    try:
        spec = PairSpec.model_validate(document.get("spec") or {})
    except ValidationError as error:
        return [problem("manifest", f"spec.{_where(item['loc'])}: {item['msg']}") for item in error.errors()]
    refused = [problem("addresses", text) for text in address_faults(spec, AddressPolicy())]
    refused += [problem("manifest", f"{field}: {fault}") for field, fault in spec_faults(spec)]
    good = [] if refused else [well("manifest", "the operator would carry it out, as far as the manifest shows")]
    return [*good, *refused, *_advice(spec)]


def _where(way: tuple[int | str, ...]) -> str:
    return ".".join(str(step) for step in way)


def _advice(spec: PairSpec) -> Iterator[Finding]:
    for ask in (_managed, _nodes, _fencing, _traffic, _backup, _verification, _own_addresses):
        yield from ask(spec)


def _managed(spec: PairSpec) -> Iterator[Finding]:
    if spec.management is not Management.ENFORCE:
        yield warning("manifest", f"spec.management is {spec.management}: no order is carried out")
    if spec.failover.automatic is Automatic.DISABLED:
        yield warning(
            "manifest", "spec.failover.automatic is Disabled: when a node dies, a person has to order the other"
        )
    else:
        yield well("manifest", "the operator fails over by itself when the active node is conclusively down")


def _nodes(spec: PairSpec) -> Iterator[Finding]:
    for node in spec.nodes:
        field = f"spec.nodes[{node.name}]"
        if node.platform is not Platform.LINUX:
            yield warning("nodes", f"{field}.platform: {node.platform} was never tried, and no replication runs there")
        if node.ssh.host_key in HOST_KEYS:
            yield warning("nodes", f"{field}.ssh.hostKey is the one of a profile: write what ssh-keyscan prints")


def _fencing(spec: PairSpec) -> Iterator[Finding]:
    for node in spec.nodes:
        field, devices = f"spec.nodes[{node.name}].fencing", [item for rung in node.fencing for item in rung.devices]
        if not devices:
            yield warning("fencing", f"{field} has no device: when {node.name} hangs, only a person's word helps")
        else:
            yield well("fencing", f"{field}: {', '.join(device.agent for device in devices)}")
        if not any(rung.name == HUMAN for rung in node.fencing):
            yield warning("fencing", f"{field} has no rung human: when every device fails, nobody's word counts")
        if any(device.identity in IDENTITIES for device in devices):
            yield warning("fencing", f"{field}: an identity is the one of a profile: write what the device shows")


def _traffic(spec: PairSpec) -> Iterator[Finding]:
    if not spec.traffic:
        yield warning("traffic", "spec.traffic is empty: clients are not sent to the active node by anything here")
        return
    yield well("traffic", f"spec.traffic: {', '.join(entry.name for entry in spec.traffic)}")
    public = {name for entry in spec.traffic for name in entry.public_names}
    pinned = {name for item in spec.localise if item.hosts_pin for name in item.hosts_pin.names}
    for name in sorted(public - pinned):
        yield warning("traffic", f"spec.localise pins no {name}: a node may reach the other one by it")


def _backup(spec: PairSpec) -> Iterator[Finding]:
    if spec.backup is None:
        yield warning("backup", "spec.backup is not set: when neither copy is good, nothing here can bring one up")
    else:
        yield well("backup", "spec.backup says where the application's own backups are")


def _verification(spec: PairSpec) -> Iterator[Finding]:
    if not spec.verification:
        yield warning("manifest", "spec.verification is empty: a start counts as good when the services are ready")
        return
    yield well("manifest", f"spec.verification: {', '.join(check.name for check in spec.verification)}")
    if spec.verification_policy.every_seconds is None:
        yield warning(
            "manifest", "spec.verificationPolicy.everySeconds is not set: checks are made after a start alone"
        )


def _own_addresses(spec: PairSpec) -> Iterator[Finding]:
    """Find a node's own address where it would stay behind when the service moves."""
    own = {node.address: node.name for node in spec.nodes}
    if not any(check.address_audit for check in spec.verification):
        yield warning(
            "addresses", "spec.verification has no addressAudit: files are not searched for the nodes' addresses"
        )
    parts = {
        "services": [item.model_dump(mode="json") for item in spec.services],
        "verification": [item.model_dump(mode="json") for item in spec.verification],
        "localise": [item.model_dump(mode="json") for item in spec.localise],
    }
    for part, items in parts.items():
        for item in items:
            for address, node in own.items():
                if any(_names(word, address) for word in _words(item)):
                    text = f"spec.{part}[{item['name']}] names {address}, which is {node}'s own and stays there"
                    yield warning("addresses", f"{text}: write the public name, or {{{{ node.address }}}}")


def _names(word: str, address: str) -> bool:
    """Tell whether an address stands in a word as a whole, and not only as the beginning of a longer one."""
    return re.search(rf"(?<![\w.:]){re.escape(address)}(?![\w.])", word) is not None


def _words(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _words(item)
    elif isinstance(value, list):
        for item in value:
            yield from _words(item)
    elif isinstance(value, str):
        yield value
