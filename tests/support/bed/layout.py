"""The bed's addresses, names and paths: fixed, because they live in namespaces of its own."""

import dataclasses
import hashlib
from pathlib import Path

BRIDGE = "bed0"
SWITCH_ADDRESS = "02:be:d0:00:00:01"
"""A switch's own hardware address, said aloud: a bridge without one takes the lowest of its ports', and takes another
when that port goes. Who then still sends to the old one is heard by nobody, for as long as ARP remembers."""
PREFIX_LENGTH = 24
BED_ADDRESS = "10.77.0.1"
"""The operator, clients, the API server and the BMCs live here."""
NAMESERVER_ADDRESS = "10.77.0.53"
NODE_ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}
ROUTER = "r"
"""The name of the third machine of a routed bed: the router between the switch and a site of its own."""
FAR_BRIDGE = "bed1"
FAR_NETWORK = "10.78.0.0/24"
ROUTER_ADDRESS, ROUTER_FAR_ADDRESS = "10.77.0.2", "10.78.0.1"
FAR_ADDRESSES = {"a": "10.78.0.11"}
"""The nodes that lie behind the router of a routed bed, with the addresses that they have there."""
CONSOLE_ENDS = {"a": ("10.79.0.1", "10.79.0.2"), "b": ("10.79.0.5", "10.79.0.6")}
"""Of the wire that stands for the console of a User Mode Linux node: our end and the node's."""
CONSOLE_PREFIX_LENGTH = 30
MACHINE_DISK_BYTES = 192 * 1024**2
MACHINE_MEMORY = "320M"
BMC_PORTS = {"a": 8441, "b": 8442}
ZONE = "example.org"
PUBLIC_NAME = "maestro.example.org"
TTL_SECONDS = 5
NODE_USER = "maestro"
CGROUP_PREFIX = "maestro-bed-"
DISK_BYTES = 2 * 1024**3


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a machine is plugged in, and how it finds the others."""

    bridge: str
    address: str
    gateway: str
    routes: tuple[tuple[str, str], ...] = ()
    """Networks that are not behind the gateway, and the address behind which they are."""


def place_of(name: str, *, routed: bool) -> Place:
    """Returns where a node is plugged in."""
    if not routed:
        return Place(BRIDGE, NODE_ADDRESSES[name], BED_ADDRESS)
    if name in FAR_ADDRESSES:
        return Place(FAR_BRIDGE, FAR_ADDRESSES[name], ROUTER_FAR_ADDRESS)
    if name == ROUTER:
        return Place(BRIDGE, ROUTER_ADDRESS, BED_ADDRESS)
    return Place(BRIDGE, NODE_ADDRESSES[name], BED_ADDRESS, ((FAR_NETWORK, ROUTER_ADDRESS),))


@dataclasses.dataclass(frozen=True)
class NodePaths:
    """The files of one node, as the holder's mount namespace sees them."""

    folder: Path

    @property
    def upper(self) -> Path:
        """What the node changed of its root."""
        return self.folder / "upper"

    @property
    def work(self) -> Path:
        """The overlay's own scratch folder."""
        return self.folder / "work"

    @property
    def root(self) -> Path:
        """The node's root file system, mounted as long as the bed is up."""
        return self.folder / "root"

    @property
    def image(self) -> Path:
        """The data volume's sparse image."""
        return self.folder / "srv.img"

    @property
    def changes(self) -> Path:
        """What a User Mode Linux node changed of its root's image."""
        return self.folder / "root.cow"

    @property
    def seed(self) -> Path:
        """What makes a User Mode Linux machine this node, as a tar."""
        return self.folder / "seed.tar"

    @property
    def srv(self) -> Path:
        """The data volume, mounted read-write; the node has it at /srv."""
        return self.folder / "srv"

    @property
    def disk(self) -> Path:
        """The same volume read-only, for judges."""
        return self.folder / "disk"

    @property
    def kept(self) -> Path:
        """Both disks as they were at some moments, each under a name."""
        return self.folder / "kept"


@dataclasses.dataclass(frozen=True)
class Layout:
    """Where a bed keeps its things below one directory."""

    directory: Path

    @property
    def bed_id(self) -> str:
        """Names the bed by its directory, so that a rerun finds what a killed run left."""
        return hashlib.sha256(str(self.directory).encode()).hexdigest()[:10]

    @property
    def cgroup(self) -> str:
        """The bed's control group, below the root of the unified hierarchy."""
        return f"{CGROUP_PREFIX}{self.bed_id}"

    @property
    def lock(self) -> Path:
        """Held by a live holder."""
        return self.directory / "lock"

    @property
    def description(self) -> Path:
        """Everything a caller needs to know, secrets included; written when the bed is up."""
        return self.directory / "bed.json"

    @property
    def control(self) -> Path:
        """The holder's socket."""
        return self.directory / "control.sock"

    @property
    def log(self) -> Path:
        """The holder's own output."""
        return self.directory / "holder.log"

    @property
    def keys(self) -> Path:
        """Credentials made for this run."""
        return self.directory / "keys"

    @property
    def dns(self) -> Path:
        """BIND's working folder."""
        return self.directory / "dns"

    @property
    def nodes(self) -> Path:
        """One folder for each node."""
        return self.directory / "nodes"

    @property
    def scratch(self) -> Path:
        """Output of commands run on nodes, until it is handed over."""
        return self.directory / "scratch"

    @property
    def evidence(self) -> Path:
        """What a judge reads; kept after the bed is down, until the next `up`."""
        return self.directory / "evidence"

    def node(self, name: str) -> NodePaths:
        """Returns one node's paths."""
        return NodePaths(self.nodes / name)
