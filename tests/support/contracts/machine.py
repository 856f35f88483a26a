"""The contract of a virtual machine's hosts: its world in memory, and two real libvirts with a small guest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.machine.kubevirt import KubeVirtHosts
from maestro_operator.drivers.machine.libvirt import LibvirtHosts
from maestro_operator.drivers.memory.machine import MachineWorld, MemoryMachine
from maestro_operator.drivers.memory.ports import MemoryNodes
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.drivers.nodes.everywhere import Nodes
from maestro_operator.kube.objects import ObjectStore
from maestro_operator.model.pair import PairSpec, SecretReference, Ssh
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support import kubevirt
from support.bed import clock
from support.libvirt.hosts import ADDRESSES, GUEST, Hosts
from support.worlds import pair_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kubernetes.aio.client import ApiClient

    from maestro_operator.drivers.ports import MachinePort, NodePort

MACHINE_ADDRESS = "10.77.0.20"
BEAT_SECONDS = 3.0
ANY_UUID = "6f1c2f4e-0000-4000-8000-000000000001"


def machine_spec(uuid: str = ANY_UUID, **changes: Any) -> PairSpec:  # noqa: ANN401
    """Returns the spec of a pair whose two nodes are the hosts of one machine, with these fields changed."""
    spec: dict[str, Any] = pair_spec().to_resource()
    for field in ("services", "traffic", "localise", "failover"):
        del spec[field]
    for node in spec["nodes"]:
        del node["fencing"]
    spec["replication"] = {
        "virtualMachine": {
            "address": MACHINE_ADDRESS,
            "libvirt": {
                "domain": GUEST,
                "uuid": uuid,
                "migrationUris": {name: f"qemu+tcp://host-{name}/system" for name in ADDRESSES},
            },
        }
    }
    return PairSpec.model_validate(spec).model_copy(update=changes)


def kubevirt_spec(uid: str, **changes: Any) -> PairSpec:  # noqa: ANN401
    """Returns the same of a machine that KubeVirt keeps; nobody says how its hosts would be reached."""
    spec = machine_spec().to_resource()
    machine: Any = spec["replication"]
    kept = {"name": kubevirt.GUEST, "uid": uid, "hosts": kubevirt.HOSTS}
    machine["virtualMachine"] = {"address": MACHINE_ADDRESS, "kubevirt": kept}
    nodes: Any = spec["nodes"]
    for node in nodes:
        del node["ssh"]
    return PairSpec.model_validate(spec).model_copy(update=changes)


class MachineHosts(Protocol):
    """Both hosts, the machine on a at the beginning of each test, and what its cluster and the world do to them."""

    nodes: NodePort
    machine: MachinePort

    def node(self, name: str) -> FrozenNode:
        """Returns a host as the ports take it."""

    def runs_on(self) -> list[str]:
        """Returns the hosts on which the machine really runs now, asked of no libvirt."""

    def stop(self, name: str) -> None:
        """Lets the cluster end the machine on a host."""

    def start(self, name: str) -> None:
        """Lets the cluster start the machine on a host."""

    def power_cut(self, name: str) -> None:
        """Takes a host's power away."""

    def cut_between(self) -> None:
        """Cuts the hosts off from each other, and nobody off from the operator."""


class MemoryHosts:
    """Two hosts of a `MachineWorld`."""

    def __init__(self) -> None:
        """Makes a world in which a runs the machine."""
        self._world = MachineWorld(nodes=ADDRESSES.items(), machine=GUEST, clock=MemoryClock())
        self.nodes: NodePort = MemoryNodes(self._world)
        self.machine: MachinePort = MemoryMachine(self._world)

    def node(self, name: str) -> FrozenNode:
        """Returns a host as the ports take it."""
        return _frozen(name, host_key=f"ssh-ed25519 {name}")

    def runs_on(self) -> list[str]:
        """Returns the hosts on which the machine runs now."""
        return [node.name for node in self._world.nodes.values() if node.is_on and node.running]

    def stop(self, name: str) -> None:
        """Lets the cluster end the machine on a host."""
        self._world.cluster_stops(name)

    def start(self, name: str) -> None:
        """Lets the cluster start the machine on a host."""
        self._world.cluster_starts(name)

    def power_cut(self, name: str) -> None:
        """Takes a host's power away."""
        self._world.power_cut(name)

    def cut_between(self) -> None:
        """Cuts the hosts off from each other."""
        self._world.cut("a", "b")


class RealHosts:
    """Two libvirts, reached by SSH."""

    def __init__(self, hosts: Hosts) -> None:
        """Brings the machine to a, and opens no session yet."""
        self.hosts = hosts
        hosts.clean()
        spec = machine_spec(hosts.uuid)
        self.sessions = Sessions(secrets=self._secret, namespace="pairs", clock=SystemClock())
        self.nodes: NodePort = Nodes(self.sessions, spec=lambda: spec, clock=SystemClock())
        self.machine: MachinePort = LibvirtHosts(self.sessions, spec=lambda: spec)

    async def _secret(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self.hosts.by_name[name].private_key}

    def node(self, name: str) -> FrozenNode:
        """Returns a host as the ports take it."""
        return _frozen(name, host_key=self.hosts.by_name[name].host_key)

    def runs_on(self) -> list[str]:
        """Returns the hosts on which the guest beats now: one beat has to come, and then it is seen from where."""
        before = {name: host.beats() for name, host in self.hosts.by_name.items()}

        def beating() -> list[str]:
            return [name for name, host in self.hosts.by_name.items() if host.beats() > before[name] + 1]

        try:
            clock.wait_until(lambda: bool(beating()), timeout_seconds=BEAT_SECONDS, what="two beats")
        except clock.TimedOutError:
            return []
        return beating()

    def stop(self, name: str) -> None:
        """Ends the guest on a host, as its administrator does."""
        self.hosts.by_name[name].check("destroy", GUEST)

    def start(self, name: str) -> None:
        """Starts the guest on a host, as its cluster does."""
        self.hosts.by_name[name].start_guest()

    def power_cut(self, name: str) -> None:
        """Takes a host's power away."""
        self.hosts.by_name[name].power_cut()

    def cut_between(self) -> None:
        """Takes the way to b away from a: the operator goes on reaching both."""
        self.hosts.by_name["a"].lose_the_way_to("b")


class ClusterHosts:
    """Two nodes of a cluster whose KubeVirt is a stand-in, read and asked through a real API server."""

    def __init__(self, standin: kubevirt.Standin, api: ApiClient) -> None:
        """Brings the machine to a."""
        self.standin = standin
        standin.clean()
        self.spec = kubevirt_spec(standin.uid)
        objects = ObjectStore(api, kubevirt.NAMESPACE)
        self.hosts = KubeVirtHosts(objects, spec=lambda: self.spec, clock=SystemClock())
        sessions = Sessions(secrets=_no_secret, namespace="pairs", clock=SystemClock())
        self.nodes: NodePort = Nodes(sessions, spec=lambda: self.spec, clock=SystemClock(), hosts=self.hosts)
        self.machine: MachinePort = self.hosts

    def node(self, name: str) -> FrozenNode:
        """Returns a host as the ports take it."""
        return FrozenNode(name=name, address=MACHINE_ADDRESS, ssh=self.spec.node(name).ssh)

    def runs_on(self) -> list[str]:
        """Returns the host on which the guest would run, as the stand-in knows."""
        return [] if self.standin.runs_on is None else [self.standin.runs_on]

    def stop(self, name: str) -> None:
        """Lets the cluster end the machine."""
        assert self.standin.runs_on == name
        self.standin.stop()

    def start(self, name: str) -> None:
        """Lets the cluster start the machine on a host, as after an outage of the other one."""
        self.standin.start(name)

    def power_cut(self, name: str) -> None:
        """Takes a host's power away."""
        self.standin.power(name, on=False)

    def cut_between(self) -> None:
        """Lets no migration get through."""
        self.standin.is_cut = True


async def _no_secret(_namespace: str, name: str) -> Mapping[str, bytes]:
    raise LookupError(name)


def _frozen(name: str, *, host_key: str) -> FrozenNode:
    ssh = Ssh(host=ADDRESSES[name], user="root", host_key=host_key, credentials_secret=SecretReference(name=name))
    return FrozenNode(name=name, address=MACHINE_ADDRESS, ssh=ssh)
