"""What the nemesis can do to the parts, and how all of it is healed."""

from __future__ import annotations

import contextlib
import os
import signal
from typing import TYPE_CHECKING

from support.bed import clock, layout
from support.bed.wire import HolderFailedError
from support.chaos.endings import Endings
from support.demo.stage import HEALTH_PORT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.bed.client import Node
    from support.bed.namespace import Process
    from support.demo.stage import Stage

SECOND_PORT = 8090
FILL = "/srv/.chaos-fill"
FILL_SCRIPT = (
    f"size=$(df --output=avail -B1 /srv | tail -n 1); rm -f {FILL};"
    f" fallocate -l $((size - 4194304)) {FILL} || dd if=/dev/zero of={FILL} bs=1M status=none; df -h /srv | tail -n 1"
)


class Hands:
    """The ways to hurt a running stage; each is an instant, and `heal` ends them all."""

    def __init__(self, stage: Stage) -> None:
        """Take the stage with its one operator."""
        self._stage = stage
        self.operators: list[Process] = [stage.operator]
        self._started = 1
        self.newest_port = HEALTH_PORT
        self._is_api_up = True
        self.endings = Endings()

    # ------------------------------------------------------------ the operator

    def kill_operators(self) -> None:
        """Kill every operator at once."""
        for operator in self.operators:
            operator.signal(signal.SIGKILL)
            operator.kill()
        self.operators.clear()

    def start_operator(self) -> None:
        """Start one more operator, with a log and a port of its own."""
        self._started += 1
        log, port = f"operator-{self._started}.log", SECOND_PORT + self._started
        self.newest_port = port
        self.operators.append(self._stage.start_operator(log=log, port=port))

    def stop_operators(self) -> None:
        """Stop every operator where it stands (SIGSTOP)."""
        for operator in self.operators:
            operator.signal(signal.SIGSTOP)

    def continue_operators(self) -> None:
        """Let every operator go on as if nothing was."""
        for operator in self.operators:
            operator.signal(signal.SIGCONT)

    @contextlib.contextmanager
    def operator_held(self) -> Iterator[None]:
        """Hold the operator for the instant in which somebody else acts, so that a short step can be struck."""
        self.stop_operators()
        try:
            yield
        finally:
            self.continue_operators()

    def running_operators(self) -> int:
        """Forget operators that ended, and return how many are left."""
        self.operators = [operator for operator in self.operators if operator.poll() is None]
        return len(self.operators)

    # ------------------------------------------------------------ the API server

    def kill_api(self) -> None:
        """Kill the API server."""
        self._stage.plane.kill_apiserver()
        self._is_api_up = False

    def start_api(self) -> None:
        """Bring the API server back."""
        self._stage.plane.restart_apiserver()
        self._is_api_up = True

    @contextlib.contextmanager
    def api_stopped(self) -> Iterator[None]:
        """Stop the API server where it stands: it accepts connections and answers nothing."""
        number = self._stage.plane.pids["kube-apiserver"]
        os.kill(number, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(number, signal.SIGCONT)

    # ------------------------------------------------------------ the nodes

    def node(self, name: str) -> Node:
        """Return one node."""
        return self._stage.bed.nodes[name]

    def part(self, variation: int) -> str:
        """Cut one way, or both, between two parties; return which."""
        a, b, bed = layout.NODE_ADDRESSES["a"], layout.NODE_ADDRESSES["b"], layout.BED_ADDRESS
        ways: dict[str, tuple[tuple[str, str, int | None], ...]] = {
            "nodes": ((a, b, None), (b, a, None)),
            "a-to-b": ((a, b, None),),
            "b-to-a": ((b, a, None),),
            "operator-to-a": ((bed, a, None),),
            "operator-to-b": ((bed, b, None),),
            "a-to-operator": ((a, bed, None),),
            "b-to-operator": ((b, bed, None),),
            "ssh-to-a": ((bed, a, 22),),
            "ssh-to-b": ((bed, b, 22),),
            "clients": ((bed, a, 80), (bed, b, 80)),
        }
        name = sorted(ways)[variation % len(ways)]
        for source, destination, port in ways[name]:
            self._stage.bed.part(source, destination, port=port)
        return name

    def kill_service(self, name: str, variation: int) -> str:
        """Kill a service of a living node, past systemd's own stop."""
        unit = ("maestro.service", "maestro-db.service")[variation % 2]
        self.node(name).run(f"systemctl kill --signal=KILL {unit}")
        return unit

    def start_services(self, name: str) -> None:
        """Start the services of a node as its administrator would; the guard has its say."""
        for unit in ("maestro-db.service", "maestro.service"):
            self.node(name).run(f"systemctl reset-failed {unit}; systemctl start {unit}", timeout_seconds=90)

    def fill_disk(self, name: str) -> str:
        """Fill a node's data disk but for a few megabytes."""
        ran = self.node(name).run(FILL_SCRIPT, timeout_seconds=60)
        return ran.stdout.decode().strip()

    def empty_disk(self, name: str) -> None:
        """Give a node's data disk its room again."""
        self.node(name).run(f"rm -f {FILL}", timeout_seconds=10)

    def take_away(self, name: str, how: str) -> None:
        """Take a node away by a power cut, a freeze or a cut cable."""
        node = self.node(name)
        match how:
            case "power":
                node.power_cut()
            case "frozen":
                node.freeze()
            case _:
                node.cut("both")

    # ------------------------------------------------------------ the end of all of it

    def heal(self) -> None:
        """End every fault: power and network back, everything answers, one operator runs."""
        bed = self._stage.bed
        bed.join()
        bed.dns.thaw()
        for name, node in bed.nodes.items():
            bed.bmcs[name].set_mode("honest")
            node.heal()
            if node.is_on():
                with contextlib.suppress(HolderFailedError):
                    node.thaw()
            if not node.is_on():
                node.power_on()
        if not self._is_api_up:
            self.start_api()
        self.endings.hurry()
        self.continue_operators()
        if self.running_operators() == 0:
            self.start_operator()
        for name in bed.nodes:
            with contextlib.suppress(HolderFailedError, clock.TimedOutError):
                self.empty_disk(name)

    def one_operator(self) -> None:
        """Let the newest operator alone run on."""
        while self.running_operators() > 1:
            self.operators.pop(0).kill()
