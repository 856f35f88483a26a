"""The rights that the chart gives for traffic in the cluster, on a real API server: enough, and each of them needed."""

import copy
import functools
import uuid
from collections.abc import Iterator

import pytest
import yaml

from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.incluster import ClusterTraffic
from maestro_operator.kube.connection import connect
from maestro_operator.kube.objects import ObjectStore
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.pair import PairKey, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.traffic import ExternalDns, ServiceEndpoint, ServicePort
from support.controlplane import CommandError, ControlPlane
from support.controlplane.clock import await_condition
from support.external_dns import definition
from support.frozen import node_at
from support.manifests import RBAC_KINDS, Manifest, rendered

pytestmark = pytest.mark.timeout(180)

IN_FORCE_SECONDS = 30
HOME, PAIRS, ELSEWHERE = "rights-home", "rights-pairs", "rights-elsewhere"
NODES = node_at("a", "192.0.2.1"), node_at("b", "192.0.2.2")
BOTH = ("endpointSlices", "externalDNS")
RELEASE = "rights-maestro-operator"
RESOURCES = ("endpointslices", "dnsendpoints")
NEEDED = [("endpointslices", verb) for verb in ("get", "list", "create", "update")]
NEEDED += [("dnsendpoints", verb) for verb in ("get", "create", "update")]


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server that knows DNSEndpoints, with three namespaces."""
    with ControlPlane.start(tmp_path_factory.mktemp("rights-plane"), own_processes=True) as started:
        for namespace in (HOME, PAIRS, ELSEWHERE):
            started.ensure_namespace(namespace)
        folder = tmp_path_factory.mktemp("external-dns")
        (folder / "definition.yaml").write_text(definition(folder))
        started.run_kubectl("apply", "--server-side", "-f", str(folder / "definition.yaml"))
        started.run_kubectl("wait", "--for=condition=Established", "crd/dnsendpoints.externaldns.k8s.io")
        yield started


@functools.cache
def _chart(*chosen: str) -> str:
    values = {"watchNamespace": PAIRS, "rbac": {"traffic": dict.fromkeys(chosen, True)}}
    return yaml.safe_dump_all(
        found for found in rendered(HOME, values=values, release=RELEASE) if found["kind"] in RBAC_KINDS
    )


def rules(release: str, *chosen: str) -> list[Manifest]:
    """Returns the ServiceAccount, roles and bindings of a release that watches one namespace."""
    return list(yaml.safe_load_all(_chart(*chosen).replace(RELEASE, f"{release}-maestro-operator")))


def without(objects: list[Manifest], resource: str, verb: str) -> list[Manifest]:
    """Returns the same objects with one verb of one resource taken away."""
    copied = copy.deepcopy(objects)
    for rule in (rule for found in copied for rule in found.get("rules") or ()):
        if rule["resources"] == [resource]:
            rule["verbs"].remove(verb)
    assert copied != objects
    return copied


def acting(plane: ControlPlane, objects: list[Manifest]) -> str:
    """Gives a release its rights, and returns whom the API server knows its operator as."""
    plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(objects))
    (account,) = [found for found in objects if found["kind"] == "ServiceAccount"]
    name = f"system:serviceaccount:{HOME}:{account['metadata']['name']}"

    def is_in_force() -> bool:
        try:
            # Another right of the same Role: the API server learns of it a moment after it was written.
            plane.run_kubectl("auth", "can-i", "create", "events.events.k8s.io", f"--namespace={PAIRS}", f"--as={name}")
        except CommandError:
            return False
        return True

    assert await_condition(is_in_force, within_seconds=IN_FORCE_SECONDS)
    return name


async def steered(plane: ControlPlane, who: str, resource: str, *, namespace: str = PAIRS) -> list[Outcome | Unknown]:
    """Points an entry of a pair of its own at a, then at b, then reads it; returns what was not well."""
    pair = f"pair-{uuid.uuid4().hex[:8]}"
    entry = Traffic(name="out", external_dns=ExternalDns(names=("maestro.example.org",)))
    if resource == "endpointslices":
        form = ServiceEndpoint(service=pair, ports=(ServicePort(name="http", port=80),))
        entry = Traffic(name="web", endpoint_slice=form)
    api = await connect(plane.admin_kubeconfig)
    api.set_default_header("Impersonate-User", who)
    try:
        port = ClusterTraffic(ObjectStore(api, namespace), PairKey(namespace=namespace, name=pair, uid=f"uid-{pair}"))
        a, b = NODES
        moved = [await port.move(entry, way, deadline_seconds=60) for way in (Way(a, b), Way(b, a))]
        seen = await port.read(entry, NODES)
    finally:
        await api.close()
    told: list[Outcome | Unknown] = [item for item in moved if not isinstance(item, Done)]
    if isinstance(seen, Unknown):
        return [*told, seen]
    assert told or seen == TrafficSeen(entry.name, (NODES[1].address,), seen.ttl_seconds)
    return told


@pytest.mark.parametrize("resource", RESOURCES)
async def test_the_rights_are_enough(plane: ControlPlane, resource: str) -> None:
    who = acting(plane, rules(f"whole-{resource}", *BOTH))

    assert await steered(plane, who, resource) == []


@pytest.mark.parametrize(("resource", "verb"), NEEDED)
async def test_each_right_is_needed(plane: ControlPlane, resource: str, verb: str) -> None:
    who = acting(plane, without(rules(f"no-{verb}-{resource}", *BOTH), resource, verb))

    told = await steered(plane, who, resource)

    said = [item.message for item in told if not isinstance(item, Done)]
    assert said
    assert all("set traffic rights in the chart" in text for text in said), said


def test_these_are_all_the_rights_there_are_for_traffic() -> None:
    assert _rights(rules("x", *BOTH)) - _rights(rules("x")) == set(NEEDED)


def test_what_kubevirt_needs_is_given_where_it_was_asked_for_alone() -> None:
    asked = rendered(HOME, values={"watchNamespace": PAIRS, "rbac": {"kubevirt": True}}, release=RELEASE)
    given = _rights([item for item in asked if item["kind"] in RBAC_KINDS]) - _rights(rules("x"))

    assert given == {
        ("nodes", "get"),
        ("virtualmachineinstances", "get"),
        *(("virtualmachineinstancemigrations", verb) for verb in ("get", "list", "create")),
    }


@pytest.mark.parametrize("resource", RESOURCES)
async def test_nothing_is_given_that_was_not_asked_for(plane: ControlPlane, resource: str) -> None:
    other = {"endpointslices": "externalDNS", "dnsendpoints": "endpointSlices"}[resource]
    who = acting(plane, rules(f"other-{resource}", other))

    told = await steered(plane, who, resource)

    assert [type(item) for item in told] == [Refused, Refused, Unknown]
    last = told[-1]
    assert isinstance(last, Unknown)
    assert last.reason is Reason.NOT_CONFIGURED
    assert f"this operator may not touch {resource}" in last.message


@pytest.mark.parametrize("resource", RESOURCES)
async def test_another_namespace_than_the_watched_one_is_out_of_reach(plane: ControlPlane, resource: str) -> None:
    who = acting(plane, rules(f"far-{resource}", *BOTH))

    assert len(await steered(plane, who, resource, namespace=ELSEWHERE)) == 3


def _rights(objects: list[Manifest]) -> set[tuple[str, str]]:
    found = (rule for item in objects for rule in item.get("rules") or ())
    return {(resource, verb) for rule in found for resource in rule["resources"] for verb in rule["verbs"]}
