"""A node as the holder runs it: systemd-nspawn in a control group of its own, with a power supply and a cable."""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import threading
from pathlib import Path

from support.bed import clock, layout, network
from support.bed.control_groups import ControlGroup
from support.bed.description import Direction, Identity, Ran
from support.bed.evidence import Journal

REBOOT_EXIT_CODE = 133
"""How systemd-nspawn says that the node asked for a reboot."""
POWER_OFF_SIGNAL = signal.SIGRTMIN + 4
REBOOT_SIGNAL = signal.SIGRTMIN + 5
OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
    "HOME": "/root",
    "USER": "root",
}


class NodeIsOffError(Exception):
    """The node was asked for something that only a running one can do."""


class NodeIsOnError(Exception):
    """The node was asked for something that only one without power can do."""


class Machine:
    """One node; each method is safe to call from several threads."""

    look_every_seconds = 0.05
    """How often it is asked whether it is ready."""

    def __init__(self, *, identity: Identity, plan: layout.Layout, power: Journal, bridge: str = layout.BRIDGE) -> None:
        self.identity = identity
        self._bridge = bridge
        self.paths = plan.node(identity.name)
        self._console = plan.evidence / f"console-{identity.name}.log"
        self._scratch = plan.scratch
        self._group = ControlGroup(plan.cgroup).child(f"node-{identity.name}")
        self._power = power
        self._lock = threading.RLock()
        self._supply: threading.Event | None = None
        """Set when the current supply of power has ended; None before the first."""
        self._wanted = False
        self._boots = 0
        self._scripts = 0

    @property
    def name(self) -> str:
        """The node's name in the pair."""
        return self.identity.name

    def is_on(self) -> bool:
        """Says whether any process of the node lives: the truth that BMCs should tell."""
        return self._group.is_populated()

    def boots(self) -> int:
        """Counts the boots since the bed is up."""
        return self._boots

    def power_on(self, cause: str) -> None:
        """Switches the power on; does nothing to a node that is on."""
        with self._lock:
            if self.is_on():
                return
            if self._supply is not None and not self._supply.wait(timeout=20):
                message = f"the supervisor of node {self.name} did not end"
                raise clock.TimedOutError(message)
            self._power.write(node=self.name, event="power-on", cause=cause)
            self._group.make()
            self._plug()
            self._wanted = True
            self._supply = threading.Event()
            threading.Thread(target=self._supervise, args=(self._supply, self._boot()), daemon=True).start()
            clock.wait_until(self.is_on, timeout_seconds=10, what=f"a process of node {self.name}")
            if self.name == layout.ROUTER:
                clock.wait_until(self._has_far_cable, timeout_seconds=10, what="the router's second cable")
                network.plug_in_far_cable()

    def _has_far_cable(self) -> bool:
        return network.is_there(network.far_cable())

    def power_cut(self, cause: str) -> None:
        """Cuts the power: first the link, so that no dying socket says goodbye, then every process at once."""
        with self._lock:
            was_on = self.is_on()
            self._wanted = False
            network.silence(self.name)
            if was_on:
                self._power.write(node=self.name, event="link-down", cause=cause)
            self._group.kill()
            network.remove_port(self.name)
            self._power.write(node=self.name, event="power-cut", cause=cause, was_on=was_on)
            if self._supply is not None:
                self._supply.wait(timeout=20)
            self._group.remove()

    def soft_off(self, cause: str) -> None:
        """Presses the power button: the node's systemd shuts down in order, in its own time."""
        self._power.write(node=self.name, event="soft-off-asked", cause=cause)
        os.kill(self._leader(), POWER_OFF_SIGNAL)

    def reboot(self, cause: str) -> None:
        """Asks the node's systemd to reboot; the power stays on."""
        self._power.write(node=self.name, event="reboot-asked", cause=cause)
        os.kill(self._leader(), REBOOT_SIGNAL)

    def cut(self, direction: Direction) -> None:
        """Drops what passes the node's cable; lasts over power cycles."""
        self._power.write(node=self.name, event="cable-cut", direction=direction)
        network.cut(self.name, direction)

    def heal(self) -> None:
        """Plugs the cable in again."""
        network.heal(self.name)
        self._power.write(node=self.name, event="cable-healed")

    def freeze(self) -> None:
        """Stops all of the node's processes at one instant."""
        self._group.freeze()
        self._power.write(node=self.name, event="frozen")

    def thaw(self) -> None:
        """Lets the node's processes go on."""
        self._power.write(node=self.name, event="thawed")
        self._group.thaw()

    def greets(self) -> bool:
        """Says whether sshd greets over the network and the node lets users in."""
        try:
            leader = self._leader()
            greeting = self.greeting()
        except (OSError, NodeIsOffError):
            return False
        return greeting == b"SSH-" and not Path(f"/proc/{leader}/root/run/nologin").exists()

    def greeting(self, *, patience_seconds: float = 1) -> bytes:
        """Returns the first bytes that port 22 of the node's address says."""
        with socket.create_connection((self.identity.address, 22), timeout=0.5) as connection:
            connection.settimeout(patience_seconds)
            return connection.recv(4)

    def run(self, script: str, *, user: str, stdin: bytes, timeout_seconds: float) -> Ran:
        """Runs a bash script in the node by nsenter, as from a console: no network is needed."""
        leader = self._leader()
        login = ("bash", "-c", script) if user == "root" else ("runuser", "-l", user, "-c", script)
        enter = ("nsenter", f"--target={leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd")
        return self.run_grouped((*enter, *login), stdin=stdin, timeout_seconds=timeout_seconds)

    def push(self, path: str, content: bytes, *, mode: int) -> None:
        """Writes a file, root's, whether the node is on or off; the last step is a rename."""
        quoted, partial = shlex.quote(path), shlex.quote(f"{path}.partial")
        script = (
            f"set -e; mkdir -p {shlex.quote(str(Path(path).parent))}; umask 077; cat > {partial};"
            f" chmod {mode:o} {partial}; mv -f {partial} {quoted}"
        )
        if self.is_on():
            ran = self.run(script, user="root", stdin=content, timeout_seconds=30)
        else:
            ran = self._run_offline(script, stdin=content)
        if ran.return_code != 0:
            message = f"writing {path} on node {self.name}: {ran.stderr.decode(errors='replace')}"
            raise OSError(message)

    def alter(self, script: str) -> None:
        """Runs a script in the file system of a node that is off, as somebody with its disk in hand would."""
        self.need_off()
        ran = self._run_offline(script, stdin=b"")
        if ran.return_code != 0:
            message = f"altering node {self.name}: {ran.stderr.decode(errors='replace')}"
            raise OSError(message)

    def need_off(self) -> None:
        """Raises NodeIsOnError where the node has power."""
        if self.is_on():
            message = f"node {self.name} is on"
            raise NodeIsOnError(message)

    def _run_offline(self, script: str, *, stdin: bytes) -> Ran:
        root, srv = shlex.quote(str(self.paths.root)), shlex.quote(str(self.paths.srv))
        outside = f"mount --bind {srv} {root}/srv && exec chroot {root} bash -c {shlex.quote(script)}"
        command = ("unshare", "--mount", "--propagation=private", "bash", "-c", outside)
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False, env=ENVIRONMENT)
        return Ran(done.returncode, done.stdout, done.stderr)

    def run_grouped(self, command: tuple[str, ...], *, stdin: bytes, timeout_seconds: float) -> Ran:
        """Runs a command in a group below the node's own, with bounded time and output."""
        with self._lock:
            self._scripts += 1
            name = f"script-{self._scripts}"
        # In the node's group, so that a power cut and a freeze hit it like everything else of the node.
        group = self._group.child(name)
        group.make()
        stem = self._scratch / f"{self.name}-{name}"
        files = [stem.with_suffix(suffix) for suffix in (".in", ".out", ".err")]
        files[0].write_bytes(stdin)
        try:
            with files[0].open("rb") as source, files[1].open("wb") as out, files[2].open("wb") as err:
                process = subprocess.Popen(
                    joining(group, command), stdin=source, stdout=out, stderr=err, env=ENVIRONMENT, cwd="/"
                )
                try:
                    return_code = process.wait(timeout=timeout_seconds)
                except subprocess.TimeoutExpired as expired:
                    left = _waiting(group, self._leader())
                    group.kill()
                    process.wait(timeout=5)
                    message = f"a script on node {self.name} took over {timeout_seconds:g} s; left were: {left}"
                    raise clock.TimedOutError(message) from expired
            return Ran(return_code, _head(files[1]), _head(files[2]))
        finally:
            for file in files:
                file.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                group.path.rmdir()

    def _leader(self) -> int:
        for process_id in self._group.process_ids():
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{process_id}/status").read_text()
                inner = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
                # One namespace below ours, and the first process there.
                if len(inner) == 3 and inner[-1] == "1":
                    return process_id
        message = f"node {self.name} is off"
        raise NodeIsOffError(message)

    def _boot(self) -> subprocess.Popen[bytes]:
        self._boots += 1
        with self._console.open("ab") as console:
            return subprocess.Popen(
                joining(self._group, self._supplied()),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )

    def _plug(self) -> None:
        """Makes the switch ready for the node's cable: systemd-nspawn makes the port itself."""
        network.remove_port(self.name)

    def _supplied(self) -> tuple[str, ...]:
        """Returns the program that is the node while it has power."""
        return (
            *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot", "--console=read-only"),
            *(f"--machine={self.identity.hostname}", f"--directory={self.paths.root}"),
            *(f"--network-bridge={self._bridge}", f"--bind={self.paths.srv}:/srv"),
            *((f"--network-veth-extra={network.far_cable()}:host1",) if self.name == layout.ROUTER else ()),
            *("--resolv-conf=off", "--timezone=off", "--link-journal=no", "--kill-signal=SIGRTMIN+3"),
        )

    def _supervise(self, ended: threading.Event, process: subprocess.Popen[bytes]) -> None:
        return_code = process.wait()
        while return_code == REBOOT_EXIT_CODE:
            again = self._boot_again()
            if again is None:
                break
            return_code = again.wait()
        if self._wanted:
            self._power.write(node=self.name, event="off", return_code=return_code)
        ended.set()

    def _boot_again(self) -> subprocess.Popen[bytes] | None:
        while self._wanted:
            # A power cut holds the lock while it waits for this thread to end.
            if self._lock.acquire(timeout=0.05):
                try:
                    if not self._wanted:
                        return None
                    self._power.write(node=self.name, event="rebooted")
                    self._plug()
                    return self._boot()
                finally:
                    self._lock.release()
        return None


def joining(group: ControlGroup, command: tuple[str, ...]) -> tuple[str, ...]:
    """Returns a command that puts itself into a group before it is anything."""
    return ("sh", "-c", 'echo $$ > "$0" && exec "$@"', str(group.procs), *command)


def _waiting(group: ControlGroup, leader: int) -> str:
    """Returns what a late script's processes, and the node's first one, wait for: in the kernel, and by their words."""
    told = []
    for process_id in (*group.process_ids(), leader):
        with contextlib.suppress(OSError):
            folder = Path(f"/proc/{process_id}")
            words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").split()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            told.append(f"{' '.join(words[:4])} ({state}, {(folder / 'wchan').read_text()})")
    return "; ".join(told)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(OUTPUT_LIMIT_BYTES)
