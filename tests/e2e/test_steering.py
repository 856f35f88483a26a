"""One pair with an entry of traffic of every kind: a switchover, a failover and a partial failure on real parts."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import yaml

from support.bed import clock, layout
from support.bed_gateway import BedGateway, bed_gateway
from support.demo.cluster import OPERATOR_NAMESPACE
from support.demo.stage import Stage
from support.demo.story import NAMESPACE, PAIR, PUBLIC_NAME
from support.demo.watcher import condition
from support.external_dns import definition
from support.manifests import RBAC_KINDS, Manifest, rendered
from support.served import do, is_protected, order, reason, sides, status, until

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(900)]

FLOATING, PUBLIC, BALANCED = "10.77.0.80", "10.77.0.90", "balanced"
SERVICE = "lists"
KINDS = ("dns", "floating", "nat", "slice", "external", "command")
PAGE = """
import sys, urllib.request
asked = urllib.request.Request(f"http://{sys.argv[1]}/lui/", headers={"Host": "maestro.example.org"})
print(urllib.request.urlopen(asked, timeout=5).read().decode())
"""


class Steered:
    """The stage with the gateway, and what each entry really says."""

    def __init__(self, stage: Stage, gateway: BedGateway) -> None:
        self.stage, self.gateway = stage, gateway
        self.file = stage.directory / BALANCED
        self.names = {node.address: name for name, node in stage.bed.nodes.items()}

    def pair(self) -> str:
        """The demo's pair with all six kinds."""
        (pair,) = yaml.safe_load_all(self.stage.pair())
        move = ["sh", "-c", f'printf %s "$0" >{self.file}', "{{ address }}"]
        pair["spec"]["traffic"] += [
            {"name": "floating", "floatingAddress": {"address": FLOATING, "prefixLength": 24, "interface": "host0"}},
            {"name": "nat", "nat": {"address": PUBLIC, "ports": [80], "ssh": self.gateway.ssh}},
            {"name": "slice", "endpointSlice": {"service": SERVICE, "ports": [{"name": "http", "port": 80}]}},
            {"name": "external", "externalDNS": {"names": ["lists.example.org"]}},
            {
                "name": "command",
                "command": {
                    "ssh": self.gateway.ssh,
                    "read": ["sh", "-c", f"cat {self.file} 2>/dev/null || :"],
                    "move": move,
                },
            },
        ]
        return yaml.safe_dump(pair, sort_keys=False)

    def pointed(self) -> dict[str, str]:
        """Which node each entry sends clients to, by what keeps it and not by the operator."""
        floating = [
            name
            for name, node in self.stage.bed.nodes.items()
            if node.is_on() and FLOATING in do(self.stage, name, "ip -o -4 address show dev host0")
        ]
        rules = self._inside("nft", "-j", "list", "table", "ip", "maestro_nat")
        parts = [part for item in json.loads(rules)["nftables"] for part in item.get("rule", {}).get("expr", ())]
        translated = {self.names[part["dnat"]["addr"]] for part in parts if "dnat" in part}
        endpoints = f"endpointslices -l kubernetes.io/service-name={SERVICE}"
        return {
            "dns": "+".join(self.names[address] for address in self.stage.lookup(PUBLIC_NAME)),
            "floating": "+".join(floating),
            "nat": "+".join(sorted(translated)),
            "slice": self._object(endpoints, "{.items[*].endpoints[*].addresses[*]}"),
            "external": self._object(f"dnsendpoint {PAIR}-external", "{.spec.endpoints[*].targets[*]}"),
            "command": self.names[self.file.read_text()],
        }

    def page(self, address: str) -> str:
        """What a client in the bed is shown at an address."""
        return self._inside(sys.executable, "-c", PAGE, address)

    def _object(self, what: str, path: str) -> str:
        found = self.stage.kubectl("get", *what.split(), "-n", NAMESPACE, "-o", f"jsonpath={path}")
        return "+".join(self.names[address] for address in found.split())

    def _inside(self, *words: str) -> str:
        ran = subprocess.run((*self.stage.bed.enter, *words), capture_output=True, text=True, timeout=30, check=False)
        assert ran.returncode == 0, ran
        return ran.stdout


@pytest.fixture(scope="module")
def steered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Steered]:
    folder = tmp_path_factory.mktemp("steering")
    with Stage(folder / "stage", say=print) as stage, bed_gateway(stage.bed, folder / "gateway") as gateway:
        made = Steered(stage, gateway)
        (folder / "definition.yaml").write_text(definition(folder))
        stage.kubectl("apply", "--server-side", "-f", str(folder / "definition.yaml"))
        stage.kubectl("wait", "--for=condition=Established", "crd/dnsendpoints.externaldns.k8s.io")
        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": SERVICE, "namespace": NAMESPACE}}
        objects = [*rights(), {**service, "spec": {"ports": [{"name": "http", "port": 80}]}}, gateway.secret(NAMESPACE)]
        stage.kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(objects))
        stage.kubectl("apply", "-f", "-", input_text=made.pair())
        yield made


def rights() -> list[Manifest]:
    """The chart's rules with those for traffic."""
    traffic = {"endpointSlices": True, "externalDNS": True}
    values = {"rbac": {"secrets": [{"namespace": NAMESPACE}], "traffic": traffic}}
    return [found for found in rendered(OPERATOR_NAMESPACE, values=values) if found["kind"] in RBAC_KINDS]


@pytest.fixture
def whole(steered: Steered) -> Steered:
    """All at rest, every entry at the active node."""
    until(steered.stage, is_settled, what="the pair is protected, and all traffic at its active node")
    # After a failover the spec still names the other one: that is accepted, so that the next order is one.
    active, _ = sides(steered.stage)
    order(steered.stage, active)
    until(steered.stage, lambda it: it.get("observedActiveNode") == active and is_settled(it), what="it is accepted")
    return steered


def is_settled(found: Manifest) -> bool:
    return is_protected(found) and condition(found, "TrafficOnActive") == "True"


def all_at(node: str) -> dict[str, str]:
    return dict.fromkeys(KINDS, node)


def test_a_switchover_takes_all_six_along_and_clients_with_them(whole: Steered) -> None:
    active, standby = sides(whole.stage)
    assert whole.pointed() == all_at(active)

    order(whole.stage, standby)
    until(whole.stage, lambda it: it.get("activeNode") == standby and is_settled(it), what="the switchover is over")

    assert whole.pointed() == all_at(standby)
    for address in (FLOATING, PUBLIC):
        assert "LISTSERV Maestro" in whole.page(address)


def test_a_failover_takes_all_six_from_a_dead_node_by_itself(whole: Steered) -> None:
    active, standby = sides(whole.stage)

    whole.stage.bed.nodes[active].power_cut()
    until(whole.stage, lambda it: it.get("activeNode") == standby, what="the survivor leads")
    until(whole.stage, lambda it: not it.get("episode"), what="the failover is over")

    assert whole.pointed() == all_at(standby)
    assert "LISTSERV Maestro" in whole.page(FLOATING)
    # The dead node comes back without what it had.
    whole.stage.bed.nodes[active].power_on()
    until(whole.stage, is_settled, what="the dead one is a standby again")
    assert whole.pointed() == all_at(standby)


def test_a_gateway_out_of_order_keeps_no_other_entry_back_and_is_finished_later(whole: Steered) -> None:
    active, standby = sides(whole.stage)
    whole.gateway.break_down()
    try:
        order(whole.stage, standby)
        until(
            whole.stage,
            lambda it: it.get("activeNode") == standby and not it.get("episode"),
            what="the switchover is over without the gateway",
        )
        left = {"nat": active, "command": active}
        assert whole.pointed() == all_at(standby) | left
        assert reason(status(whole.stage), "TrafficOnActive") == "TrafficUnproven"
    finally:
        whole.gateway.mend()

    until(whole.stage, is_settled, what="what was left is put right")
    assert whole.pointed() == all_at(standby)


def test_the_old_side_has_nothing_that_clients_are_sent_to(whole: Steered) -> None:
    _, standby = sides(whole.stage)

    held = do(whole.stage, standby, "ip -o -4 address show dev host0")

    assert FLOATING not in held
    assert layout.NODE_ADDRESSES[standby] in held
    clock.wait_until(
        lambda: whole.stage.lookup(PUBLIC_NAME) != [layout.NODE_ADDRESSES[standby]],
        timeout_seconds=5,
        what="the name points elsewhere",
    )
