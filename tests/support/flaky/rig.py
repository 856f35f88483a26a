"""All of it together: a real API server, operators as processes with a flaky way to it each, and one set of nodes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from support.bed import clock
from support.controlplane.kubeconfig import Cluster, user_with_token, write_kubeconfig
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.memory_world import memory_pair
from support.demo.story import NAMESPACE
from support.demo.watcher import condition
from support.flaky.api import Certificates, FlakyApi
from support.flaky.nodes import NodesServer
from support.manifests import Manifest, changed
from support.operator_environment import belonging, environment
from support.other_loop import done_in
from support.pair_api import PairApi

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

    from support.controlplane import ControlPlane
    from support.flaky.faults import Fault

T = TypeVar("T")
CALL_SECONDS = 30.0
READY_SECONDS = 180.0
END_SECONDS = 15.0
Line = dict[str, Any]


class Background:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="rig", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Runs something there and returns what came of it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(CALL_SECONDS)

    def do(self, act: Callable[[], T]) -> T:
        """Does something there at one moment."""
        return done_in(self.loop, act, within_seconds=CALL_SECONDS)

    def close(self) -> None:
        """Ends the loop, and what still waits in it."""

        async def cancel() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        self.run(cancel())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(END_SECONDS)
        self.loop.close()
        self._thread.join(END_SECONDS)


@dataclass
class Operator:
    """One process of the operator and its way to the API server."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    api: FlakyApi
    offset: Path

    def lines(self) -> list[Line]:
        """Every whole log line, parsed."""
        return [json.loads(line) for line in self.log.read_text().split("\n")[:-1] if line.startswith("{")]

    def says(self, word: str) -> bool:
        """Whether any line of the log holds a word."""
        return word in self.log.read_text()

    @property
    def port(self) -> int:
        """The port of its pages, 0 before it listens."""
        return next((int(line["port"]) for line in self.lines() if "port" in line), 0)

    def page(self, path: str) -> tuple[int, str]:
        """Asks for one of its pages."""
        # A proxy of the environment has nothing to do with 127.0.0.1.
        done = subprocess.run(
            ["curl", "--noproxy", "*", "-sS", "-m", "5", "-w", "\n%{http_code}", f"http://127.0.0.1:{self.port}{path}"],
            capture_output=True,
            text=True,
            check=False,
        )
        body, _, code = done.stdout.rpartition("\n")
        return int(code or 0), body

    def figure(self, series: str) -> float | None:
        """One figure of its page of metrics."""
        for line in self.page("/metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return None

    def freeze(self) -> None:
        """Stops the process where it is."""
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Lets it go on."""
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()

    def jump(self, seconds: float) -> None:
        """Puts its wall clock that far off."""
        self.offset.write_text(str(seconds))


@dataclass
class Rig:
    """One API server, its operators, and nodes; leaving the block ends all but the API server."""

    plane: ControlPlane
    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    accepts_any_term: bool = False
    nodes: NodesServer | None = None
    """The nodes of another rig, where two clusters share them."""
    background: Background | None = None
    socket: Path | None = None
    requests: list[Line] = field(default_factory=list)
    notes: list[Line] = field(default_factory=list)
    operators: dict[str, Operator] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._undo = ExitStack()
        if self.background is None:
            self.background = Background()
            self._undo.callback(self.background.close)
        if self.nodes is None:
            self.nodes = NodesServer(accepts_any_term=self.accepts_any_term)
            self.socket = self.folder / "nodes.sock"
            self.background.run(self.nodes.open(self.socket))
            self._undo.callback(lambda: self._run(self.server.close()))
        serve_pairs(self.plane)
        self._token = self.plane.token_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        self.pairs = PairApi(self.plane.admin_kubeconfig, namespace=NAMESPACE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self.operators.values():
            if one.process.poll() is None:
                one.kill()
            self._run(one.api.close())
        self._undo.close()

    @property
    def server(self) -> NodesServer:
        """The nodes."""
        assert self.nodes is not None
        return self.nodes

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        assert self.background is not None
        return self.background.run(work)

    def do(self, act: Callable[[], T]) -> T:
        """Does something where the nodes and the ways to the API server live."""
        assert self.background is not None
        return self.background.do(act)

    def note(self, what: str, **more: object) -> None:
        """Writes down what was done to whom, and when."""
        self.notes.append({"what": what, "at_ns": clock.monotonic_nanoseconds(), **more})

    # ------------------------------------------------------------ operators

    def start(self, name: str, *, planted: str = "") -> Operator:
        """Starts an operator's process with a way of its own to the API server."""
        certificates = self.plane.server_certificates
        api = FlakyApi(
            name,
            server=self.plane.server,
            certificates=Certificates(certificates.server, certificates.server_key, certificates.ca),
            record=self.requests,
        )
        self._run(api.open())
        kubeconfig = write_kubeconfig(
            self.folder / f"{name}.kubeconfig",
            cluster=Cluster(server=api.url, ca=certificates.ca.read_bytes()),
            user=user_with_token(self._token),
        )
        log, offset = self.folder / f"{name}.log", self.folder / f"{name}.offset"
        offset.write_text("0")
        knobs = {**belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE), **self.settings}
        words = [str(self.socket), name, str(offset), *([planted] if planted else [])]
        with log.open("ab") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "support.flaky.process", *words],
                env=environment(knobs, roots=("operator", "tests")),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=self.folder,
            )
        self.operators[name] = Operator(name, process, log, api, offset)
        return self.operators[name]

    def hurt(self, name: str, fault: Fault | None) -> None:
        """Gives an operator's way to the API server a fault, or takes it away."""
        one = self.operators[name]

        def give() -> None:
            one.api.fault = fault

        self.do(give)
        self.note("fault", operator=name, how=fault.how.value if fault else None)

    def lease(self) -> Line:
        """The Lease as the API server has it."""
        found = self.plane.run_kubectl("get", "lease", OPERATOR, "-n", OPERATOR_NAMESPACE, "-o", "json")
        return dict(json.loads(found))

    def leader(self) -> Operator | None:
        """The operator that wrote the Lease last, by what passed on its way to the API server."""
        name = self.do(lambda: leader_of(self.requests))
        return self.operators.get(name) if name else None

    def await_leader(self, *, seconds: float = READY_SECONDS, but: str = "") -> Operator:
        """Waits until an operator leads, where given another one than that."""

        def leads() -> bool:
            found = self.leader()
            return found is not None and found.name != but

        clock.wait_until(leads, timeout_seconds=seconds, what="a leader", every_seconds=0.1)
        found = self.leader()
        assert found is not None
        return found

    def await_spare(self, name: str) -> None:
        """Waits until an operator that does not lead watches the Lease: before that it can take nothing over."""

        def watches() -> bool:
            mine = [line for line in self.requests if line["operator"] == name and "/leases" in line["path"]]
            return any(line.get("status") == 200 for line in mine)

        clock.wait_until(
            lambda: self.do(watches),
            timeout_seconds=READY_SECONDS,
            what=f"{name} to watch the Lease",
            every_seconds=0.2,
        )

    # ------------------------------------------------------------ pairs

    def world(self, name: str) -> str:
        """The name under which the nodes of a pair are known to the nodes' server."""
        return f"{NAMESPACE}/{name}"

    def create(self, name: str, **wishes: object) -> None:
        """Creates a pair."""
        answer = self.pairs.create(manifest(name, wishes))
        assert answer.is_good, answer.message

    def write_records(self, name: str) -> None:
        """Lets a client write on the pair's nodes from now on."""

        def write() -> None:
            self.server.world(self.world(name)).is_writing = True

        self.do(write)

    def status(self, name: str) -> Line:
        """The pair's status as the API server has it; empty where it cannot say."""
        answer = self.pairs.read(name)
        return dict(answer.body.get("status") or {}) if answer.is_good else {}

    def order(self, name: str, node: str) -> None:
        """Orders a node to be active; says of the last move that it was noticed, so that nothing flaps."""
        moves = [item for item in self.status(name).get("history", []) if item["kind"] in ("Switchover", "Failover")]
        answers = [{"episode": moves[0]["id"], "say": "Acknowledge"}] if moves else []
        answer = self.pairs.patch(name, {"spec": {"activeNode": node, "answers": answers}})
        assert answer.is_good, answer.message
        self.note("order", pair=name, node=node)

    def is_at_rest(self, name: str, *, active: str) -> bool:
        """Whether the pair serves from a node, its standby ready to take over."""
        status = self.status(name)
        return (
            status.get("activeNode") == active
            and "episode" not in status
            and condition(status, "Protected") == "True"
            and condition(status, "Ready") == "True"
        )

    def await_rest(self, name: str, *, active: str, seconds: float = READY_SECONDS) -> float:
        """Waits until the pair is at rest; returns how long that took."""
        began = clock.monotonic_seconds()
        try:
            clock.wait_until(
                lambda: self.is_at_rest(name, active=active),
                timeout_seconds=seconds,
                what=f"{name} to be at rest with {active} active",
                every_seconds=0.2,
            )
        except clock.TimedOutError as error:
            raise clock.TimedOutError(f"{error}; {last_words(self.status(name))}") from None
        self.note("rest", pair=name, node=active)
        return clock.monotonic_seconds() - began

    def effects(self, operator: str = "", *, pair: str = "") -> list[Line]:
        """Every effect so far, of one operator or of all."""
        world = self.world(pair) if pair else ""
        lines = self.do(lambda: [dict(line) for line in self.server.record])
        return [line for line in lines if operator in ("", line["operator"]) and world in ("", line["world"])]

    def writers(self) -> list[str]:
        """Every moment in which two nodes of a pair ran services."""
        return self.do(
            lambda: [moment for living in self.server.worlds() for moment in living.world.moments_with_two_writers]
        )

    def keep(self, folder: Path) -> None:
        """Writes the raw records to a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        parts = {
            "effects": self.effects(),
            "requests": self.do(lambda: [dict(line) for line in self.requests]),
            "notes": self.notes,
            "writers": [{"moment": moment} for moment in self.writers()],
        }
        for name, lines in parts.items():
            text = "".join(json.dumps(line) + "\n" for line in lines)
            (folder / f"{name}.jsonl").write_text(text)


def leader_of(requests: list[Line]) -> str | None:
    """The operator whose write of the Lease was the last one that the API server took."""
    for line in reversed(requests):
        if "/leases" in line["path"] and line["method"] in ("PUT", "POST") and line.get("status") in (200, 201):
            holder = ((line.get("body") or {}).get("spec") or {}).get("holderIdentity")
            return str(line["operator"]) if holder else None
    return None


def manifest(name: str, wishes: dict[str, object]) -> Manifest:
    """A pair over memory nodes; a wish is a path into it and a value."""
    pair = memory_pair(name, namespace=NAMESPACE)
    for path, value in wishes.items():
        pair = changed(pair, path, value)
    return pair


def last_words(status: Line) -> str:
    """What a status says of why nothing moves."""
    episode = status.get("episode") or {}
    stalled: Line = next((item for item in status.get("conditions", []) if item["type"] == "Stalled"), {})
    return (
        f"active {status.get('activeNode')}, term {status.get('term')}, {episode.get('kind')} {episode.get('step')}, "
        f"{stalled.get('reason')}: {stalled.get('message')}"
    )
