"""The bed as its callers see it: bring it up, use its nodes, BMCs and names, take it down.

Calls block and are bounded; none needs the caller to be inside the bed's namespaces.
"""

import base64
import dataclasses
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from support.bed import clock, debian, layout, namespace, rootfs, umlroot, wire
from support.bed.description import Account, Description, Direction, Kind, Mode, Ran, TsigKey

START_SECONDS = 60.0
CALL_SECONDS = 30.0
READY_SECONDS = 30.0
MACHINE_READY_SECONDS = 300.0
DOWN_SECONDS = 30.0
KILL_SECONDS = 10.0


class BedFailedError(Exception):
    """The bed did not come up; the message carries the holder's last words."""


class Node:
    """One of the two servers."""

    def __init__(self, bed: "Bed", name: str) -> None:
        self._bed = bed
        self.identity = bed.description.identity(name)
        self.name = name
        self.address = self.identity.address
        self.host_key = self.identity.host_key
        self.machine_id = self.identity.machine_id

    @property
    def root_path(self) -> Path:
        """The node's root as the host reaches it while the bed is up; /srv is not in it, see `srv_path`."""
        return self._bed.inside(self._bed.plan.node(self.name).root)

    @property
    def srv_path(self) -> Path:
        """The node's data volume, read-only, whether the node is on or off; for judges."""
        return self._bed.inside(self._bed.plan.node(self.name).disk)

    def is_on(self) -> bool:
        """Says whether the node has power."""
        return bool(self._call("is_on"))

    def power_on(self) -> None:
        """Switches the power on; the node boots."""
        self._call("power_on")

    def power_cut(self) -> None:
        """Cuts the power as a pulled plug does: no farewell on any connection."""
        self._call("power_cut")

    def soft_off(self) -> None:
        """Presses the power button; `wait_off` sees the end of it."""
        self._call("soft_off")

    def wait_off(self, *, timeout_seconds: float = READY_SECONDS) -> None:
        """Waits until the node is off."""
        self._call("wait_off", timeout_seconds=timeout_seconds)

    def reboot(self, *, timeout_seconds: float = READY_SECONDS) -> None:
        """Reboots the node in order, and return when it boots again."""
        boots = self._call("boots")
        self._call("reboot")
        self._call("wait_boot", after=boots, timeout_seconds=timeout_seconds)

    def ssh_ready(self, *, timeout_seconds: float = READY_SECONDS) -> None:
        """Waits until sshd answers over the network and lets users in."""
        self._call("wait_ready", timeout_seconds=timeout_seconds)

    def cut(self, direction: Direction = "both") -> None:
        """Drops what the node receives (`in`), sends (`out`) or both, until `heal`, over power cycles too."""
        self._call("cut", direction=direction)

    def heal(self) -> None:
        """Ends every cut of this node."""
        self._call("heal")

    def freeze(self) -> None:
        """Stops all of the node's processes at one instant."""
        self._call("freeze")

    def thaw(self) -> None:
        """Lets the node's processes go on."""
        self._call("thaw")

    def run(self, script: str, *, user: str = "root", stdin: bytes = b"", timeout_seconds: float = CALL_SECONDS) -> Ran:
        """Runs a bash script by nsenter, as from the node's console; works while the network is cut."""
        found = self._call(
            "run", script=script, user=user, stdin=base64.b64encode(stdin).decode(), timeout_seconds=timeout_seconds
        )
        assert isinstance(found, dict)
        return Ran(
            return_code=int(found["return_code"]),
            stdout=base64.b64decode(found["stdout"]),
            stderr=base64.b64decode(found["stderr"]),
        )

    def push(self, path: str, content: bytes, *, mode: int) -> None:
        """Writes a file of root's at an absolute path, /srv included, whether the node is on or off."""
        self._call("push", path=path, content=base64.b64encode(content).decode(), mode=mode)

    def alter(self, script: str) -> None:
        """Runs a bash script on the disks of a node that is off, as root; /srv is there, no process of the node is."""
        self._call("alter", script=script)

    def keep_disks(self, name: str) -> None:
        """Keeps both disks as they are now under a name; of a running node as a power cut at this moment would."""
        self._call("keep_disks", name=name, timeout_seconds=60.0)

    def put_disks_back(self, name: str) -> None:
        """Gives the node, which is off, the disks that were kept under a name."""
        self._call("put_disks_back", name=name, timeout_seconds=60.0)

    def renew_disks(self) -> None:
        """Gives the node, which is off, new, empty disks; only what the machine is known by stays."""
        self._call("renew_disks", timeout_seconds=60.0)

    def ssh_command(self, *command: str, options: Sequence[str] = ()) -> tuple[str, ...]:
        """Returns an OpenSSH command, to be run in the bed's network, that pins the node's host key."""
        known = self._bed.plan.keys / "known_hosts"
        return (
            *("ssh", "-F", "none", "-i", self._bed.description.ssh_key, "-o", f"UserKnownHostsFile={known}"),
            *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes", "-o", "ConnectTimeout=5", *options),
            *(f"{layout.NODE_USER}@{self.address}", "--", *command),
        )

    def _call(self, verb: str, **arguments: object) -> object:
        return self._bed.call(verb, {"node": self.name, **arguments})


class Bmc:
    """A node's baseboard management controller."""

    def __init__(self, bed: "Bed", name: str) -> None:
        self._bed = bed
        self._name = name
        self.account: Account = bed.description.accounts[name]

    def set_mode(self, mode: Mode, *, slow_seconds: float = 20) -> None:
        """Changes how the BMC behaves from its next request on."""
        arguments = {"node": self._name, "mode": mode, "slow_seconds": slow_seconds}
        self._bed.call("bmc_mode", arguments)


class Dns:
    """The zone's only server."""

    def __init__(self, bed: "Bed") -> None:
        self._bed = bed
        self.address = layout.NAMESERVER_ADDRESS
        self.zone = layout.ZONE
        self.key: TsigKey = bed.description.tsig

    def lookup(self, name: str) -> tuple[str, ...]:
        """Returns the addresses that an unsigned question is told now, sorted; none where there is no such name."""
        import dns.message  # noqa: PLC0415 - the doctor runs where nothing is installed yet
        import dns.query  # noqa: PLC0415
        import dns.rdatatype  # noqa: PLC0415

        question = dns.message.make_query(name, dns.rdatatype.A)
        with self._bed.network():
            answer = dns.query.udp(question, self.address, timeout=5)
        return tuple(
            sorted(
                record.to_text()
                for answered in answer.answer
                if answered.rdtype == dns.rdatatype.A
                for record in answered
            )
        )

    def freeze(self) -> None:
        """Confirms updates from now on, and tell everyone who asks unsigned what was true before."""
        self._bed.call("dns_freeze", {})

    def thaw(self) -> None:
        """Tells the truth again, with all updates confirmed meanwhile."""
        self._bed.call("dns_thaw", {})


@dataclasses.dataclass(frozen=True)
class _Started:
    """A holder that this process started."""

    process: subprocess.Popen[bytes]
    life: int | None
    """The writing end of the holder's standard input, which closes with this process; None where it outlives us."""

    def end(self, *, timeout_seconds: float) -> None:
        """Waits for the holder's end, and kills it where it does not come: the kernel takes all of the bed along."""
        try:
            self.process.wait(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(timeout=KILL_SECONDS)
        finally:
            if self.life is not None:
                os.close(self.life)


class Bed:
    """A running bed. As a context manager it goes down at the end of the block."""

    def __init__(self, directory: Path, *, holder: _Started | None = None) -> None:
        self.plan = layout.Layout(directory.resolve())
        self._holder = holder
        self.process_id = wire.holder_process_id(self.plan.control)
        self.description = Description.load(self.plan.description)
        self.nodes: Mapping[str, Node] = {name: Node(self, name) for name in self.description.nodes}
        self.router = Node(self, layout.ROUTER) if self.description.router is not None else None
        self.bmcs: Mapping[str, Bmc] = {name: Bmc(self, name) for name in self.description.nodes}
        self.dns = Dns(self)

    @classmethod
    def up(
        cls,
        directory: Path,
        *,
        powered: bool = True,
        outlive_caller: bool = False,
        routed: bool = False,
        kind: Kind = "container",
        addition: debian.Addition | None = None,
    ) -> "Bed":
        """Makes a bed with two nodes that answer ssh; it ends with the calling process unless told otherwise.

        `routed` puts node a into a site of its own, behind a third machine that routes between it and all others.
        `addition` is what the nodes have beside the usual root file system.
        """
        plan = layout.Layout(directory.resolve())
        plan.directory.mkdir(parents=True, exist_ok=True)
        _check_machine()
        root = rootfs.ensure(addition)
        image = umlroot.ensure() if kind == "machine" else None
        options = (*(() if powered else ("--unpowered",)), *(("--routed",) if routed else ()))
        options = (*options, *(("--image", str(image)) if image else ()))
        holder = _start_holder(plan, root=root, options=options, outlive_caller=outlive_caller)
        try:
            clock.wait_until(
                lambda: holder.process.poll() is not None or plan.control.exists(),
                timeout_seconds=START_SECONDS,
                what=f"the bed's holder; see {plan.log}",
            )
            if holder.process.poll() is not None:
                _fail(plan)
            bed = cls(plan.directory, holder=holder)
            _write_known_hosts(bed)
            if powered:
                for node in (*bed.nodes.values(), *((bed.router,) if bed.router is not None else ())):
                    node.ssh_ready(timeout_seconds=MACHINE_READY_SECONDS if image else READY_SECONDS)
        except BaseException:
            # An interrupt while the bed comes up leaves nothing either: one kill takes the namespaces along.
            holder.process.kill()
            holder.end(timeout_seconds=KILL_SECONDS)
            raise
        return bed

    @classmethod
    def attach(cls, directory: Path) -> "Bed":
        """Returns the bed that another process brought up."""
        return cls(directory)

    def part(self, source: str, destination: str, *, port: int | None = None) -> None:
        """Drops what one address sends to another, or only its TCP to one port, until `join`; the way back is open."""
        self.call("part", {"source": source, "destination": destination, "port": port})

    def join(self) -> None:
        """Ends every `part`."""
        self.call("join", {})

    @property
    def evidence(self) -> Path:
        """The folder with power.jsonl, bmc.jsonl, dns-*.log and console-*.log."""
        return self.plan.evidence

    @property
    def ssh_key(self) -> Path:
        """The private key of user maestro on both nodes."""
        return Path(self.description.ssh_key)

    def down(self, *, keep_disks: bool = False) -> None:
        """Cuts everything's power and take the bed away; evidence stays, disks only if asked for."""
        with suppress(wire.HolderGoneError):
            self.call("down", {"keep_disks": keep_disks})
        if self._holder is not None:
            self._holder.end(timeout_seconds=DOWN_SECONDS)
            self._holder = None
            return
        try:
            clock.wait_until(self._is_gone, timeout_seconds=DOWN_SECONDS, what="the bed's holder to end")
        except clock.TimedOutError:
            with suppress(ProcessLookupError):
                os.kill(self.process_id, signal.SIGKILL)
            clock.wait_until(self._is_gone, timeout_seconds=KILL_SECONDS, what="the bed's killed holder to end")

    def network(self) -> AbstractContextManager[None]:
        """Puts the calling thread into the bed's network for the length of a block."""
        return namespace.entered(self.process_id)

    @property
    def enter(self) -> tuple[str, ...]:
        """What to put before a command so that it runs in the bed's network; it outlives the bed."""
        return namespace.network_only(self.process_id)

    def spawn(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> namespace.Process:
        """Starts a program that is part of the bed: in its network, and dead when the bed is."""
        return namespace.Process(self.process_id, command, log=log, environment=environment, directory=directory)

    def forward(self, *, port: int, address: str = layout.BED_ADDRESS, host_port: int = 0) -> int:
        """Lets the host's 127.0.0.1 reach a port in the bed, and return the host's port."""
        with socket.create_server(("127.0.0.1", host_port)) as listening:
            self.call("forward", {"address": address, "port": port}, passed=(listening.fileno(),))
            return int(listening.getsockname()[1])

    def inside(self, path: Path) -> Path:
        """Returns how the host reaches a path that is mounted in the bed only."""
        return Path(f"/proc/{self.process_id}/root{path}")

    def call(self, verb: str, arguments: Mapping[str, object], *, passed: tuple[int, ...] = ()) -> object:
        """Asks the holder for one verb."""
        bound = arguments.get("timeout_seconds", CALL_SECONDS)
        assert isinstance(bound, int | float)
        return wire.call(self.plan.control, verb, arguments, timeout_seconds=bound, passed=passed)

    def __enter__(self) -> Self:
        """Returns the bed itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the bed down, whatever happened in the block."""
        self.down()

    def _is_gone(self) -> bool:
        return not Path(f"/proc/{self.process_id}").exists()


def _start_holder(plan: layout.Layout, *, root: Path, options: Sequence[str], outlive_caller: bool) -> _Started:
    if _is_held(plan):
        raise BedFailedError(f"a bed is up at {plan.directory}; take it down first")
    for path in (plan.control, plan.description):
        path.unlink(missing_ok=True)
    reading, writing = os.pipe()
    with plan.log.open("wb") as log, os.fdopen(reading, "rb") as life:
        process = subprocess.Popen(
            (
                *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
                *("--propagation=private", "--", sys.executable, "-m", "support.bed.holder"),
                *("--directory", str(plan.directory), "--root", str(root)),
                *("--host-network", str(namespace.network_inode())),
                *options,
                *(("--outlive-caller",) if outlive_caller else ()),
            ),
            stdin=subprocess.DEVNULL if outlive_caller else life,
            stdout=log,
            stderr=log,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            # Not in the terminal's foreground group: Ctrl-C reaches the caller, who takes the bed down in order.
            start_new_session=True,
        )
    if outlive_caller:
        os.close(writing)
    return _Started(process=process, life=None if outlive_caller else writing)


def _check_machine() -> None:
    from support.bed import doctor  # noqa: PLC0415 - it is a command of its own, and would be loaded twice

    if os.geteuid() != 0:
        raise BedFailedError("the bed needs root, for namespaces and nodes; `make doctor` says more")
    if packages := doctor.missing_packages():
        raise BedFailedError(f"not installed: {', '.join(packages)}; run: {doctor.install_command(packages)}")


def _fail(plan: layout.Layout) -> NoReturn:
    raise BedFailedError(f"the bed did not come up:\n{plan.log.read_text()[-2000:]}")


def _is_held(plan: layout.Layout) -> bool:
    try:
        wire.holder_process_id(plan.control)
    except wire.HolderGoneError:
        return False
    return True


def _write_known_hosts(bed: Bed) -> None:
    lines = [f"{node.address} {node.host_key}\n" for node in bed.nodes.values()]
    (bed.plan.keys / "known_hosts").write_text("".join(lines))
