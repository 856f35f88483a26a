"""What is moved: by driver the entry, the real parts that keep it, and what tells clients where to go."""

import asyncio
import base64
import contextlib
import json
import secrets as random
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.traffic.dns import DnsTraffic
from maestro_operator.drivers.traffic.entries import Steers
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.drivers.traffic.hosts import HostTraffic
from maestro_operator.drivers.traffic.incluster import ClusterTraffic
from maestro_operator.kube.connection import connect
from maestro_operator.kube.objects import ObjectStore
from maestro_operator.model.pair import Dns, PairKey, SecretReference, Traffic
from maestro_operator.model.traffic import Command, ExternalDns, FloatingAddress, Nat, ServiceEndpoint, ServicePort
from maestro_operator.transport.session import Sessions
from support.bed import clock
from support.bed.namespace import entered
from support.controlplane import ControlPlane
from support.external_dns import definition
from support.knot import CONFIGURATION, ZONE
from support.segment import Segment
from support.trafficmoves.hosts import API, NAMES, PUBLIC, ended, entering, run

NAME, SERVICE, NAMESPACE = "maestro.example.org", "maestro", "pairs"
FLOATING, FLOATING_SIX = "192.0.2.80", "2001:db8::80"
KEY = PairKey(namespace=NAMESPACE, name="moved", uid="11111111-2222-3333-4444-555555555555")
BALANCER = """table ip balancer {
  chain in { type nat hook prerouting priority dstnat; }
}
"""
READ = "nft list chain ip balancer in | sed -n 's/.*dnat to //p'"
MOVE = f'nft "flush chain ip balancer in; add rule ip balancer in ip daddr {PUBLIC} dnat to $0"'


@dataclass(frozen=True)
class Steered:
    """One entry under load."""

    port: Steers
    entry: Traffic
    client: str
    """The host that clients are on."""
    where: str
    """What tells them where to go, as the load takes it."""


Stage = Callable[[Segment, Sessions, Path], AbstractAsyncContextManager[Steered]]


@contextlib.asynccontextmanager
async def _floating(_hosts: Segment, sessions: Sessions, _folder: Path) -> AsyncIterator[Steered]:
    form = FloatingAddress(address=FLOATING, prefix_length=24, interface="lan")
    port = FloatingTraffic(sessions, clock=SystemClock())
    yield Steered(port, Traffic(name="moves", floating_address=form), "near", FLOATING)


@contextlib.asynccontextmanager
async def _floating_six(_hosts: Segment, sessions: Sessions, _folder: Path) -> AsyncIterator[Steered]:
    form = FloatingAddress(address=FLOATING_SIX, prefix_length=64, interface="lan")
    port = FloatingTraffic(sessions, clock=SystemClock())
    yield Steered(port, Traffic(name="moves", floating_address=form), "near", FLOATING_SIX)


@contextlib.asynccontextmanager
async def _nat(hosts: Segment, sessions: Sessions, _folder: Path) -> AsyncIterator[Steered]:
    entry = Traffic(name="moves", nat=Nat(address=PUBLIC, ssh=hosts.hosts["gateway"].ssh))
    yield Steered(HostTraffic(sessions), entry, "far", PUBLIC)


@contextlib.asynccontextmanager
async def _command(hosts: Segment, sessions: Sessions, _folder: Path) -> AsyncIterator[Steered]:
    """Two programs over a table of the gateway's own, as somebody's balancer would be steered."""
    gateway = hosts.hosts["gateway"]
    gateway.run("nft", "-f", "-", stdin=BALANCER)
    form = Command(ssh=gateway.ssh, read=("sh", "-c", READ), move=("sh", "-c", MOVE, "{{ address }}"))
    yield Steered(HostTraffic(sessions), Traffic(name="moves", command=form), "far", PUBLIC)


# ---------------------------------------------------------------- names


@contextlib.asynccontextmanager
async def _dns(hosts: Segment, _sessions: Sessions, folder: Path) -> AsyncIterator[Steered]:
    """A name in Knot, which clients ask for every request; this thread is near it meanwhile."""
    secret = base64.b64encode(random.token_bytes(32))
    knot = folder.resolve() / "knot"
    knot.mkdir()
    text = CONFIGURATION.format(
        folder=knot,
        address=NAMES,
        key_name="operator",
        algorithm="hmac-sha256",
        secret=secret.decode(),
        public_name=NAME,
        zone="example.org",
    )
    (knot / "knot.conf").write_text(text)
    (knot / "knot.zone").write_text(ZONE.format(zone="example.org", address=NAMES))

    async def key(_namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"name": b"operator", "secret": secret}

    reference = SecretReference(name="tsig")
    config = Dns(servers=(NAMES,), zone="example.org", names=(NAME,), ttl_seconds=1, tsig_secret=reference)
    with _running(run(hosts, "names", "knotd", "-c", str(knot / "knot.conf"), log=knot / "knot.log")) as server:
        await asyncio.to_thread(clock.wait_until, lambda: _answers(server), timeout_seconds=15, what="Knot to answer")
        with entered(server):
            port = DnsTraffic(namespace=NAMESPACE, secrets=key)
            yield Steered(port, Traffic(name="moves", dns=config), "near", f"{NAME}@{NAMES}")


@contextlib.contextmanager
def _running(process: "subprocess.Popen[bytes]") -> Iterator[int]:
    try:
        yield process.pid
    finally:
        ended(process)


def _answers(process_id: int) -> bool:
    with entered(process_id), contextlib.suppress(OSError, dns.exception.DNSException):
        return bool(dns.query.udp(dns.message.make_query("example.org.", "SOA"), NAMES, timeout=0.5).answer)
    return False


# ---------------------------------------------------------------- the cluster


@contextlib.asynccontextmanager
async def _endpoint_slice(hosts: Segment, _sessions: Sessions, folder: Path) -> AsyncIterator[Steered]:
    """A Service's slices; clients ask the API server for them, as a proxy in the cluster does."""
    form = ServiceEndpoint(service=SERVICE, ports=(ServicePort(name="http", port=8080),))
    path = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
    async with _plane(hosts, folder) as (port, told):
        where = told(f"{path}?labelSelector=kubernetes.io%2Fservice-name%3D{SERVICE}")
        yield Steered(port, Traffic(name="moves", endpoint_slice=form), "near", where)


@contextlib.asynccontextmanager
async def _external_dns(hosts: Segment, _sessions: Sessions, folder: Path) -> AsyncIterator[Steered]:
    """A DNSEndpoint; clients ask the API server for it, and no external-dns is in between."""
    path = f"/apis/externaldns.k8s.io/v1alpha1/namespaces/{NAMESPACE}/dnsendpoints/{KEY.name}-moves"
    async with _plane(hosts, folder) as (port, told):
        yield Steered(port, Traffic(name="moves", external_dns=ExternalDns(names=(NAME,))), "near", told(path))


@contextlib.asynccontextmanager
async def _plane(hosts: Segment, folder: Path) -> AsyncIterator[tuple[ClusterTraffic, Callable[[str], str]]]:
    """Run an API server on a host; gives the driver, and what makes the file that tells clients what to ask it for."""
    home = folder.resolve()
    enter = entering(hosts, "api")
    with ControlPlane.start(home / "plane", address=API, enter=lambda argv: [*enter, *argv]) as plane:
        plane.ensure_namespace(NAMESPACE)
        (home / "definition.yaml").write_text(definition(home))
        plane.run_kubectl("apply", "--server-side", "-f", str(home / "definition.yaml"))
        plane.run_kubectl("wait", "--for=condition=Established", "crd/dnsendpoints.externaldns.k8s.io")
        known = plane.server_certificates

        def told(path: str) -> str:
            trust = {"ca": str(plane.ca), "certificate": str(known.admin), "key": str(known.admin_key)}
            (home / "told.json").write_text(json.dumps({"server": plane.server, "path": path, **trust}))
            return str(home / "told.json")

        with entered(plane.pids["kube-apiserver"]):
            api = await connect(plane.admin_kubeconfig)
            try:
                yield ClusterTraffic(ObjectStore(api, NAMESPACE), KEY), told
            finally:
                await api.close()


STAGES: Mapping[str, Stage] = {
    "floating": _floating,
    "floating6": _floating_six,
    "nat": _nat,
    "dns": _dns,
    "endpointSlice": _endpoint_slice,
    "externalDNS": _external_dns,
    "command": _command,
}
