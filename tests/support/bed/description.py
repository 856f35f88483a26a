"""What a caller may know of a bed: who the nodes and BMCs are, and the credentials of this run."""

import dataclasses
import json
from pathlib import Path
from typing import Literal, get_args

Direction = Literal["both", "in", "out"]
"""Seen from the node: `in` is what it would receive, `out` what it would send."""
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

Kind = Literal["container", "machine"]
"""What the nodes are: containers with a power supply, or User Mode Linux machines with a kernel and disks each."""

Mode = Literal["honest", "lying", "denying", "hanging", "slow", "null", "offline", "stranger", "twins"]
"""What a BMC does. `lying` pretends: it starts from the truth, then follows orders in words only. `denying` refuses
orders with 403. `hanging` never answers. `slow` cuts after a delay, and says PoweringOff until then. `null` obeys but
knows no power state. `offline` refuses connections. `stranger` is another machine's: it shows a UUID and a serial
number of its own, and would obey. `twins` has the other node as its second and last member."""
MODES: tuple[Mode, ...] = get_args(Mode)


@dataclasses.dataclass(frozen=True)
class Identity:
    """What tells one node from the other."""

    name: str
    address: str
    machine_id: str
    host_key: str
    """The public half, as in known_hosts: `ssh-ed25519 AAAA…`."""

    @property
    def hostname(self) -> str:
        """The node's own name for itself."""
        return f"node-{self.name}"


@dataclasses.dataclass(frozen=True)
class Account:
    """How a caller reaches a BMC and knows that it is the right one."""

    host: str
    port: int
    username: str
    password: str
    uuid: str
    serial: str
    systems_uri: str
    authority: str
    """The path of the authority's certificate."""


@dataclasses.dataclass(frozen=True)
class TsigKey:
    """What signs updates of the zone."""

    name: str
    algorithm: str
    secret: str
    """In base64."""


@dataclasses.dataclass(frozen=True)
class Ran:
    """How a script on a node ended; output is cut at 32 MiB."""

    return_code: int
    stdout: bytes
    stderr: bytes


@dataclasses.dataclass(frozen=True)
class Description:
    """One bed as it came up; live state is asked of the holder."""

    nodes: dict[str, Identity]
    accounts: dict[str, Account]
    tsig: TsigKey
    ssh_key: str
    """The path of the private key that user maestro's authorized_keys lists on both nodes."""
    router: Identity | None = None
    """The router between the switch and the site of the nodes in `layout.FAR_ADDRESSES`, where the bed has one."""

    def identity(self, name: str) -> Identity:
        """Returns one machine's identity, the router's too."""
        if self.router is not None and self.router.name == name:
            return self.router
        return self.nodes[name]

    def save(self, path: Path) -> None:
        """Writes the description, for root's eyes only, in one step."""
        partial = path.with_suffix(".partial")
        partial.touch(mode=0o600)
        partial.write_text(json.dumps(dataclasses.asdict(self), indent=2))
        partial.rename(path)

    @classmethod
    def load(cls, path: Path) -> "Description":
        """Reads what `save` wrote."""
        found = json.loads(path.read_text())
        return cls(
            nodes={name: Identity(**fields) for name, fields in found["nodes"].items()},
            accounts={name: Account(**fields) for name, fields in found["accounts"].items()},
            tsig=TsigKey(**found["tsig"]),
            ssh_key=found["ssh_key"],
            router=None if found["router"] is None else Identity(**found["router"]),
        )
