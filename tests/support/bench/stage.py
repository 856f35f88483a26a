"""One fleet from its first pair to the restart of its operator: operator on one core, everything else on the other."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncssh

from support.bed import clock
from support.bed.description import Account, TsigKey
from support.bench import audit
from support.bench.cost import Cost
from support.bench.crowd import pair
from support.bench.figures import RUNS
from support.bench.processes import cores, cpu_seconds, ended, kept_on, resident_bytes, started
from support.controlplane.kubeconfig import Cluster, user_with_token, write_kubeconfig
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.story import NAMESPACE
from support.manifests import GROUP_VERSION, demo_secrets
from support.operator_environment import belonging, environment
from support.pair_api import PairApi

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping

    from support.controlplane import ControlPlane

LOAD_CORE, OPERATOR_CORE = 0, 1
WINDOW_SECONDS = 10.0
"""One sample of what a fleet takes while nothing happens; as many of them as figures need."""
LEAST_SHARED = 300
"""With fewer pairs what an operator takes without any would be most of a share."""
SETTLE_SECONDS = 600.0
EACH_SECONDS = 1.0
"""What each pair gets of that on top."""
ONE_IN = 100
"""Of so many pairs one moves at once, in as many waves as figures need."""
COUNTED = re.compile(r'^apiserver_request_total\{.*?resource="(\w*)".*?verb="(\w+)".*?\} ([0-9.e+]+)$', re.MULTILINE)
RESOURCES = frozenset({"maestropairs", "leases", "events", "secrets"})


class Stage:
    """So many pairs on one API server, and their operator."""

    def __init__(self, plane: ControlPlane, folder: Path, *, pairs: int, asleep: bool = False) -> None:
        """Keep where it is; nothing runs yet. `asleep` plants an operator that does nothing while it is measured."""
        self._plane, self._folder, self._asleep = plane, folder, asleep
        self._record = folder / f"fleet-{pairs}.jsonl"
        self._api = PairApi(plane.admin_kubeconfig, namespace=NAMESPACE)
        self._port, self._page = _free_port(), _free_port()
        self._operator: subprocess.Popen[bytes] | None = None
        self._beside: list[subprocess.Popen[bytes]] = []
        self.cost = Cost(pairs)

    @property
    def pid(self) -> int:
        """The operator's process."""
        assert self._operator is not None
        return self._operator.pid

    def played(self) -> Cost:
        """Returns what the fleet took."""
        cost, began = self.cost, clock.monotonic_seconds()
        self._begin()
        self._settle("a")
        cost.settled_seconds = clock.monotonic_seconds() - began
        self._rest()
        self._profile()
        cost.first_effect_seconds = [self._flipped(wave) for wave in range(RUNS)]
        cost.status_bytes = [float(len(json.dumps(item.get("status", {})))) for item in self._items()]
        cost.restart_seconds = [self._restarted() for _ in range(RUNS)]
        return cost

    def shared(self) -> tuple[int, list[float]]:
        """Returns how many pairs the first of two shares has, and what its operator takes while nothing happens."""
        self._begin(shard="1/2")
        clock.wait_until(
            lambda: 0 < self._own_pairs() == sum(_rests(item, "a") for item in self._items()),
            timeout_seconds=SETTLE_SECONDS + EACH_SECONDS * self.cost.pairs,
            what="a share of the pairs at rest",
            every_seconds=2 + self.cost.pairs / 100,
        )
        clock.pause(2 * WINDOW_SECONDS)
        return self._own_pairs(), [self._cores_of_a_window() for _ in range(RUNS)]

    def _begin(self, *, shard: str = "1/1") -> None:
        """Starts what answers for the nodes and the operator of a share, and creates every pair."""
        words = (sys.executable, "-m", "support.bench.answering", str(self._page))
        self._beside.append(started(words, environment=_own(), log=self._folder / "pages.log", core=LOAD_CORE))
        self._start(shard=shard)
        for number in range(self.cost.pairs):
            made = self._api.create(pair(number, port=self._page))
            if not made.is_good:
                raise RuntimeError(made.message)

    def end(self) -> None:
        """Ends every process."""
        for process in (self._operator, *self._beside):
            if process is not None:
                ended(process)
        self._operator, self._beside = None, []

    def _start(self, *, shard: str = "1/1") -> None:
        """Starts the operator of a share under its own ServiceAccount."""
        token = self._plane.token_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
        kubeconfig = write_kubeconfig(
            self._folder / "operator.kubeconfig",
            cluster=Cluster(server=self._plane.server, ca=self._plane.ca.read_bytes()),
            user=user_with_token(token),
        )
        knobs = belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE, port=self._port)
        self._operator = started(
            (sys.executable, "-m", "support.bench.fleet", str(self._record)),
            environment={**_own(), **knobs, "MAESTRO_ALLOWED_ADDRESSES": "127.0.0.0/8", "MAESTRO_SHARD": shard},
            log=self._folder / "operator.log",
            core=OPERATOR_CORE,
        )

    def _settle(self, node: str, *, names: frozenset[str] | None = None, is_moving: bool = False) -> None:
        """Waits until every pair, or those named, rests on a node and nothing holds a failover back."""

        def settled() -> bool:
            return all(
                _rests(item, node) for item in self._items() if names is None or item["metadata"]["name"] in names
            )

        clock.wait_until(
            settled,
            timeout_seconds=SETTLE_SECONDS + EACH_SECONDS * self.cost.pairs,
            what=f"{self.cost.pairs} pairs at rest",
            every_seconds=(0.5 if is_moving else 2) + self.cost.pairs / 100,
        )

    def _items(self) -> list[Mapping[str, Any]]:
        raw = f"/apis/{GROUP_VERSION}/namespaces/{NAMESPACE}/maestropairs"
        found: list[Mapping[str, Any]] = json.loads(self._plane.run_kubectl("get", "--raw", raw))["items"]
        return found

    def _rest(self) -> None:
        """Measures while nothing happens, beside an operator that does nothing."""
        words = (sys.executable, "-m", "support.bench.bare", NAMESPACE)
        surroundings = {**_own(), "KUBECONFIG": str(self._plane.admin_kubeconfig)}
        bare = started(words, environment=surroundings, log=self._folder / "bare.log", core=OPERATOR_CORE)
        self._beside.append(bare)
        clock.pause(2 * WINDOW_SECONDS)
        cost, before, began = self.cost, self._requests(), clock.monotonic_seconds()
        told = len(audit.writes(self._plane.audit_log))
        if self._asleep:
            os.kill(self.pid, signal.SIGSTOP)
        for _ in range(RUNS):
            self._window(bare.pid)
        if self._asleep:
            os.kill(self.pid, signal.SIGCONT)
        cost.window_seconds = WINDOW_SECONDS
        cost.writes = audit.writes(self._plane.audit_log)[told:]
        cost.minutes = (clock.monotonic_seconds() - began) / 60
        cost.requests_a_minute = {
            name: (count - before.get(name, 0)) / cost.minutes
            for name, count in sorted(self._requests().items())
            if count > before.get(name, 0)
        }
        cost.operator_cores = sorted(cores(self.pid))
        cost.load_cores = sorted(frozenset().union(*(cores(pid) for pid in self._plane.pids.values())))
        cost.scrape_seconds = [self._scraped() for _ in range(RUNS)]
        self._beside.remove(bare)
        ended(bare)

    def _window(self, bare: int) -> None:
        cost, began, beside, turns = self.cost, clock.monotonic_seconds(), cpu_seconds(bare), self._turns()
        cost.probing_cores.append(self._cores_of_a_window())
        passed = clock.monotonic_seconds() - began
        cost.bare_cores.append((cpu_seconds(bare) - beside) / passed)
        cost.turns.append(self._turns() - turns)
        cost.resident_bytes.append(float(resident_bytes(self.pid)))
        cost.bare_resident_bytes.append(float(resident_bytes(bare)))

    def _cores_of_a_window(self) -> float:
        """Returns the operator's share of one core in one window, its worlds' own work taken off."""
        began, worlds, taken = clock.monotonic_seconds(), self._worlds_seconds(), cpu_seconds(self.pid)
        clock.pause(WINDOW_SECONDS)
        passed = clock.monotonic_seconds() - began
        used = cpu_seconds(self.pid) - taken - (self._worlds_seconds() - worlds)
        return max(0.0, used) / passed

    def _profile(self) -> None:
        """Has the operator say where its time goes, in a window that no figure is made of."""
        path = self._record.with_suffix(".profile")
        os.kill(self.pid, signal.SIGUSR1)
        clock.pause(2 * WINDOW_SECONDS)
        os.kill(self.pid, signal.SIGUSR2)
        clock.wait_until(path.exists, timeout_seconds=30, what="the profile", every_seconds=0.1)

    def _flipped(self, wave: int) -> list[float]:
        """Moves one pair in a hundred at once, and returns how soon each had its first effect."""
        size = max(1, self.cost.pairs // ONE_IN)
        names = [f"p-{number}" for number in range(wave * size, (wave + 1) * size)]
        asked = {}
        for name in names:
            asked[name] = clock.monotonic_seconds()
            answer = self._api.patch(name, {"spec": {"activeNode": "b"}})
            if not answer.is_good:
                raise RuntimeError(answer.message)
        self._settle("b", names=frozenset(names), is_moving=True)
        clock.wait_until(
            lambda: len(self._first_effects(asked)) == len(names),
            timeout_seconds=10, what="the record of every first effect", every_seconds=0.5,
        )  # fmt: skip
        first = self._first_effects(asked)
        return [first[name] - asked[name] for name in names]

    def _first_effects(self, asked: Mapping[str, float]) -> Mapping[str, float]:
        first: dict[str, float] = {}
        for line in self._lines():
            moved = line.get("pair", "")
            if moved in asked and line["at"] > asked[moved]:
                first.setdefault(moved, line["at"])
        return first

    def _restarted(self) -> float:
        """Ends the operator and returns how soon a new one has looked at every pair."""
        if self._operator is not None:
            ended(self._operator)
        known, began = sum(1 for _ in self._lines()), clock.monotonic_seconds()
        self._start()

        def all_observed() -> bool:
            lines = list(self._lines())[known:]
            return len({line["pair"] for line in lines if line.get("verb") == "first look"}) >= self.cost.pairs

        clock.wait_until(all_observed, timeout_seconds=300, what="a look at every pair", every_seconds=0.1)
        looks = [line["at"] for line in list(self._lines())[known:] if line.get("verb") == "first look"]
        return float(max(looks)) - began

    def _own_pairs(self) -> int:
        """Returns how many pairs the operator looks after, 0 before it has listed them."""
        try:
            return int(self._asked("readyz")["pairs"])
        except OSError:
            return 0

    def _asked(self, page: str) -> Mapping[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{page}", timeout=30) as answer:
            found: Mapping[str, Any] = json.loads(answer.read())
        return found

    def _scraped(self) -> float:
        began = clock.monotonic_seconds()
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=30) as answer:
            answer.read()
        return clock.monotonic_seconds() - began

    def _turns(self) -> float:
        if self._asleep:
            return 0.0
        return float(self._asked("livez")["turns"])

    def _requests(self) -> Mapping[str, float]:
        found: dict[str, float] = {}
        for resource, verb, count in COUNTED.findall(self._plane.run_kubectl("get", "--raw", "/metrics")):
            if resource in RESOURCES:
                found[f"{resource} {verb}"] = found.get(f"{resource} {verb}", 0) + float(count)
        return found

    def _worlds_seconds(self) -> float:
        taken = [line["worlds_seconds"] for line in self._lines() if "worlds_seconds" in line]
        return float(taken[-1]) if taken else 0.0

    def _lines(self) -> Iterator[Mapping[str, Any]]:
        with self._record.open() as lines:
            yield from (json.loads(line) for line in lines if line.endswith("\n"))


def _own() -> dict[str, str]:
    return environment({}, roots=("operator", "tests"))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _rests(item: Mapping[str, Any], node: str) -> bool:
    status = item.get("status", {})
    known = {one["type"]: one["status"] for one in status.get("conditions", ())}
    is_ready = known.get("PeerReady") == known.get("AutomaticFailoverAllowed") == "True"
    return status.get("activeNode") == node and status.get("episode") is None and is_ready


def served(plane: ControlPlane) -> None:
    """Gives the API server what the operator needs, and keeps it on the core of the load."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    bmc = Account(host="", port=0, username="", password="memory", uuid="", serial="", systems_uri="", authority="")
    tsig = TsigKey(name="bench", algorithm="hmac-sha256", secret="bWVtb3J5")
    serve_pairs(plane, secrets=demo_secrets(ssh_private_key=key, a_bmc=bmc, b_bmc=bmc, tsig=tsig, namespace=NAMESPACE))
    for pid in (*plane.pids.values(), os.getpid()):
        kept_on(pid, LOAD_CORE)
