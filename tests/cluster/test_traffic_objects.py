"""Traffic by objects of the cluster, on a real API server: one endpoint of a Service, and external-dns's own kind."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from kubernetes.aio.client import ApiClient, CustomObjectsApi
from typing_extensions import override

from maestro_operator.drivers.ports import Way
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.drivers.traffic.entries import TrafficEntries
from maestro_operator.drivers.traffic.incluster import DNS_ENDPOINTS, SLICES, ClusterTraffic
from maestro_operator.kube.connection import connect
from maestro_operator.kube.objects import Kind, ObjectStore
from maestro_operator.model.errors import StatusConflict
from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.pair import PairKey, Traffic
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.model.traffic import ExternalDns, ServiceEndpoint, ServicePort
from support.contracts.steering import LAWS, STRANGER, SteeredWorld
from support.controlplane import ControlPlane
from support.external_dns import definition
from support.frozen import node_at

pytestmark = pytest.mark.timeout(120)

NAMESPACE = "traffic"
A, B, ELSEWHERE = "192.0.2.1", "192.0.2.2", "192.0.2.77"
NODES = node_at("a", A), node_at("b", B)
WAY, BACK = Way(NODES[1], NODES[0]), Way(NODES[0], NODES[1])
GONE = """
{apiVersion: v1, kind: Config, clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}],
users: [{name: u, user: {}}], contexts: [{name: x, context: {cluster: c, user: u}}], current-context: x}
"""
SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: traffic}}
spec: {{ports: [{{name: http, port: 80}}]}}
"""


@pytest.fixture(scope="module")
def plane(schema_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """The API server with the namespace and external-dns's own definition."""
    schema_plane.ensure_namespace(NAMESPACE)
    folder = tmp_path_factory.mktemp("external-dns")
    (folder / "definition.yaml").write_text(definition(folder))
    schema_plane.run_kubectl("apply", "--server-side", "-f", str(folder / "definition.yaml"))
    schema_plane.run_kubectl("wait", "--for=condition=Established", "crd/dnsendpoints.externaldns.k8s.io")
    return schema_plane


@pytest.fixture
async def api(plane: ControlPlane) -> AsyncIterator[ApiClient]:
    made = await connect(plane.admin_kubeconfig)
    yield made
    await made.close()


class Cluster:
    """A pair of a new name, with its driver."""

    def __init__(self, api: ApiClient) -> None:
        self.key = PairKey(namespace=NAMESPACE, name=f"p{uuid.uuid4().hex[:8]}", uid=str(uuid.uuid4()))
        self.objects = ObjectStore(api, NAMESPACE)
        self.traffic = ClusterTraffic(self.objects, self.key)
        self.custom = CustomObjectsApi(api)

    async def put(self, kind: Kind, body: dict[str, object]) -> None:
        """Create an object as somebody else."""
        full = {"apiVersion": f"{kind.group}/{kind.version}", "kind": kind.kind, **body}
        where = (kind.group, kind.version, NAMESPACE, kind.plural)
        await self.custom.create_namespaced_custom_object(*where, full)


@pytest.fixture
def cluster(api: ApiClient) -> Cluster:
    return Cluster(api)


def service(plane: ControlPlane, folder: Path) -> Traffic:
    """Make a Service without a selector, and the entry that keeps its endpoint."""
    name = f"s{uuid.uuid4().hex[:8]}"
    (folder / "service.yaml").write_text(SERVICE.format(name=name))
    plane.run_kubectl("apply", "-f", str(folder / "service.yaml"))
    return Traffic(name="web", endpoint_slice=ServiceEndpoint(service=name, ports=(ServicePort(name="http", port=80),)))


def outside(*resolvers: str) -> Traffic:
    return Traffic(name="out", external_dns=ExternalDns(names=("maestro.example.org",), resolvers=resolvers))


async def test_a_service_gets_one_endpoint_which_moves(plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> None:
    entry = service(plane, tmp_path)
    assert await cluster.traffic.read(entry, NODES) == TrafficSeen("web", ())

    for way, address in ((BACK, A), (WAY, B), (WAY, B)):
        assert isinstance(await cluster.traffic.move(entry, way, deadline_seconds=10), Done)
        assert await cluster.traffic.read(entry, NODES) == TrafficSeen("web", (address,))

    assert entry.endpoint_slice is not None
    (made,) = await cluster.objects.selected(SLICES, f"kubernetes.io/service-name={entry.endpoint_slice.service}")
    assert made["endpoints"] == [{"addresses": [B], "conditions": {"ready": True}}]
    assert made["ports"] == [{"name": "http", "port": 80, "protocol": "TCP"}]
    assert made["metadata"]["generation"] == 2


class SteeredCluster(SteeredWorld):
    """An entry that is an object on a real API server, which can be made to be another one that is gone."""

    def __init__(self, plane: ControlPlane, cluster: Cluster, entry: Traffic, gone: ApiClient) -> None:
        self._plane, self._cluster = plane, cluster
        self._gone = ClusterTraffic(ObjectStore(gone, NAMESPACE), cluster.key)
        self.entry, self.nodes = entry, NODES
        self._meet(cluster.traffic)

    def _meet(self, driver: ClusterTraffic) -> None:
        nothing = DnsTraffic(namespace=NAMESPACE, secrets=_no_secrets)
        self.traffic = TrafficEntries(dns=nothing, floating=driver, hosts=driver, cluster=driver)

    @override
    async def put(self, who: str) -> None:
        address = {"a": A, "b": B, STRANGER: ELSEWHERE}[who]
        target = node_at("x", address)
        assert isinstance(await self._cluster.traffic.move(self.entry, Way(target, target), deadline_seconds=10), Done)

    @override
    async def points_at(self) -> set[str]:
        slices, name = self.entry.endpoint_slice, f"{self._cluster.key.name}-{self.entry.name}"
        what, path = ("dnsendpoints", "--field-selector", f"metadata.name={name}"), "spec.endpoints[*].targets[*]"
        if slices is not None:
            what = ("endpointslices", "-l", f"kubernetes.io/service-name={slices.service}")
            path = "endpoints[*].addresses[*]"
        found = self._plane.run_kubectl("get", *what, "-n", NAMESPACE, "-o", f"jsonpath={{.items[*].{path}}}")
        return {{A: "a", B: "b", ELSEWHERE: STRANGER}[address] for address in found.split()}

    @override
    async def hide(self) -> None:
        self._meet(self._gone)

    @override
    async def show(self) -> None:
        self._meet(self._cluster.traffic)

    @override
    async def lose(self, node: str) -> None:
        """No node is asked here."""


async def _no_secrets(_namespace: str, name: str) -> Mapping[str, bytes]:
    raise LookupError(name)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("kind", ["endpointSlice", "externalDNS"])
async def test_the_contract_of_what_sends_clients_somewhere(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path, kind: str, law: Callable[[SteeredWorld], Awaitable[None]]
) -> None:
    (tmp_path / "gone").write_text(GONE)
    gone = await connect(tmp_path / "gone")
    entry = service(plane, tmp_path) if kind == "endpointSlice" else outside()
    try:
        await law(SteeredCluster(plane, cluster, entry, gone))
    finally:
        await gone.close()


async def test_a_service_with_endpoints_of_somebody_else_is_not_touched(
    plane: ControlPlane, cluster: Cluster, tmp_path: Path
) -> None:
    entry = service(plane, tmp_path)
    assert entry.endpoint_slice is not None
    name = entry.endpoint_slice.service
    labels = {"kubernetes.io/service-name": name}
    endpoints = [{"addresses": ["192.0.2.77"]}]
    await cluster.put(
        SLICES,
        {"metadata": {"name": f"{name}-x", "labels": labels}, "addressType": "IPv4", "endpoints": endpoints},
    )

    outcome = await cluster.traffic.move(entry, WAY, deadline_seconds=10)

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE
    assert await cluster.traffic.read(entry, NODES) == TrafficSeen("web", ("192.0.2.77",))


async def test_a_dns_endpoint_of_external_dns_moves(plane: ControlPlane, cluster: Cluster) -> None:
    entry = outside()
    for way, address in ((BACK, A), (WAY, B)):
        assert isinstance(await cluster.traffic.move(entry, way, deadline_seconds=10), Done)
        assert await cluster.traffic.read(entry, NODES) == TrafficSeen("out", (address,), 30)

    made = await cluster.objects.read(DNS_ENDPOINTS, f"{cluster.key.name}-out")
    assert made is not None
    wanted = {"dnsName": "maestro.example.org", "recordType": "A", "recordTTL": 30, "targets": [B]}
    assert made["spec"]["endpoints"] == [wanted]
    assert "metadata" in plane.run_kubectl("get", "dnsendpoints", "-n", NAMESPACE, "-o", "yaml")


async def test_an_object_of_the_same_name_that_is_another_ones_is_not_touched(cluster: Cluster) -> None:
    await cluster.put(DNS_ENDPOINTS, {"metadata": {"name": f"{cluster.key.name}-out"}, "spec": {"endpoints": []}})

    outcome = await cluster.traffic.move(outside(), WAY, deadline_seconds=10)

    assert isinstance(outcome, Refused)
    assert outcome.reason is Reason.TRAFFIC_ELSEWHERE


async def test_a_resolver_that_does_not_follow_is_named_and_holds_nothing(cluster: Cluster) -> None:
    entry = outside("127.0.0.9")

    assert isinstance(await cluster.traffic.move(entry, WAY, deadline_seconds=10), Done)

    seen = await cluster.traffic.read(entry, NODES)
    assert isinstance(seen, TrafficSeen)
    assert seen.addresses == (B,)
    assert "127.0.0.9" in seen.behind[0]


async def test_who_wrote_meanwhile_is_not_overwritten(plane: ControlPlane, cluster: Cluster, tmp_path: Path) -> None:
    entry = service(plane, tmp_path)
    await cluster.traffic.move(entry, BACK, deadline_seconds=10)
    assert entry.endpoint_slice is not None
    name = f"{entry.endpoint_slice.service}-{cluster.key.name}"
    found = await cluster.objects.read(SLICES, name)
    assert found is not None
    await cluster.traffic.move(entry, WAY, deadline_seconds=10)

    with pytest.raises(StatusConflict):
        await cluster.objects.write(SLICES, name, found, version=found["metadata"]["resourceVersion"])


async def test_a_kind_that_the_cluster_does_not_have_is_said_so(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Kind("externaldns.k8s.io", "v9", "dnsendpoints", "DNSEndpoint")
    monkeypatch.setattr("maestro_operator.drivers.traffic.incluster.DNS_ENDPOINTS", nowhere)

    seen = await cluster.traffic.read(outside(), NODES)
    outcome = await cluster.traffic.move(outside(), WAY, deadline_seconds=10)

    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.NOT_CONFIGURED
    assert isinstance(outcome, Refused)


async def test_an_api_server_that_is_gone_is_unproven(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "gone"
    kubeconfig.write_text(GONE)
    api = await connect(kubeconfig)
    cluster = Cluster(api)
    try:
        seen = await cluster.traffic.read(outside(), NODES)
        outcome = await cluster.traffic.move(outside(), WAY, deadline_seconds=10)
    finally:
        await api.close()
    assert isinstance(seen, Unknown)
    assert isinstance(outcome, Failed)
