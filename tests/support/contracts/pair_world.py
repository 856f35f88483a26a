"""What the contract of the nodes and their replication needs of a world, and the spec all worlds share."""

from typing import Protocol

from maestro_operator.drivers.ports import NodePort, RehearsalPort, ReplicationPort
from maestro_operator.model.backing import Spool
from maestro_operator.model.pair import (
    BtrfsConsistency,
    Consistency,
    HostsPin,
    HttpProbe,
    Localise,
    Node,
    PairSpec,
    Probe,
    Replication,
    Rsync,
    SecretReference,
    Service,
    Ssh,
    TcpProbe,
)
from maestro_operator.model.status import FrozenNode

UNITS = ("contract-db.service", "contract-app.service")
PORTS = (5432, 80)
PUBLIC_NAME = "maestro.example.org"
SPOOL = Spool(folders=("/srv/maestro/spool",))
BACKUP = "20260101"
PAIR_UID = "6f1f4b52-5b1e-4f6e-9a53-b2d6f6a1c0de"


class PairWorld(Protocol):
    """Two nodes that were never touched, and what can happen to them from outside."""

    spec: PairSpec
    nodes: NodePort
    replication: ReplicationPort
    follows: bool
    """The other node's copy is a standby that has to run before the owner is stopped."""
    rehearsals: RehearsalPort

    async def power_cut(self, name: str) -> None:
        """Take a node's power away."""

    async def power_on(self, name: str) -> None:
        """Give it back; return when the node answers again."""

    async def isolate(self, name: str) -> None:
        """Cut a node off from everybody, until `heal`."""

    async def heal(self) -> None:
        """End every cut."""

    async def write(self, name: str) -> None:
        """Add one record to a node's live data, behind everybody's back."""

    async def queue(self, name: str, messages: int) -> None:
        """Put so many messages into the queue of mail in a node's live data."""

    async def back_up(self, name: str) -> None:
        """Let the application on a node that may send make a backup, of which both nodes keep a copy."""

    async def rot(self, name: str) -> None:
        """Let bits rot in the backup that a node keeps."""

    async def breaks(self, name: str, unit: str) -> None:
        """Let a service fail on the copy that a node has."""

    async def records(self, name: str) -> int | None:
        """Return how many records a node's live data has, or None where there is no live data."""


def pair_spec(*, nodes: tuple[Node, Node]) -> PairSpec:
    """Return a spec with two services, the second of which takes a moment to be ready."""
    db, app = UNITS
    return PairSpec(
        active_node=nodes[0].name,
        nodes=nodes,
        services=(
            Service(name="db", unit=db, readiness=(Probe(tcp=TcpProbe(port=PORTS[0])),), start_timeout_seconds=20),
            Service(name="app", unit=app, readiness=(Probe(http=HttpProbe(port=PORTS[1])),), start_timeout_seconds=20),
        ),
        replication=Replication(
            rsync=Rsync(
                paths=("/srv/maestro",), interval_seconds=3600, consistency=Consistency(btrfs=BtrfsConsistency())
            )
        ),
        localise=(Localise(name="names", hosts_pin=HostsPin(names=(PUBLIC_NAME,))),),
    )


def spec_node(name: str, *, address: str, host_key: str) -> Node:
    """Return one node of the spec."""
    ssh = Ssh(host=address, host_key=host_key, credentials_secret=SecretReference(name=f"{name}-ssh"))
    return Node(name=name, address=address, given_ssh=ssh)


def frozen(world: PairWorld, name: str) -> FrozenNode:
    """Return a node as an episode would freeze it."""
    node = world.spec.node(name)
    return FrozenNode(name=node.name, address=node.address, ssh=node.ssh)
