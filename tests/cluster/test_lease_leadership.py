"""The Lease on a real API server: two never lead at one moment, and a silent leader is replaced in time.

The times are a fifth of the defaults, and what is promised of the defaults is asserted in the same ratio.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kubernetes.aio.client import ApiClient, V1Lease, V1LeaseSpec
from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.kube.connection import connect
from maestro_operator.kube.lease import LeaseLeader, LeaseTimes
from support.controlplane import ControlPlane
from support.left_connections import LEAVES_CONNECTIONS

RATIO = 1 / 5
DEFAULTS = LeaseTimes()
TIMES = LeaseTimes(
    duration_seconds=round(DEFAULTS.duration_seconds * RATIO),
    margin_seconds=DEFAULTS.margin_seconds * RATIO,
    retry_seconds=DEFAULTS.retry_seconds * RATIO,
    call_seconds=DEFAULTS.call_seconds * RATIO,
)
NOISE_SECONDS = 1.0
"""What a busy machine adds does not shrink with the times."""
TAKE_OVER_SECONDS = 20 * RATIO + NOISE_SECONDS
NAMESPACE = "leases"
# A TLS connection whose server was killed, or that carries nothing, is left to the garbage collector by its client.
pytestmark = LEAVES_CONNECTIONS
SAMPLE_SECONDS = 0.01

CANDIDATE = """
import asyncio, sys, time
from pathlib import Path
from maestro_operator.clock import SystemClock
from maestro_operator.kube.connection import connect
from maestro_operator.kube.lease import LeaseLeader, LeaseTimes

async def main(kubeconfig, name, identity, duration, margin, retry, call):
    times = LeaseTimes(
        duration_seconds=int(duration),
        margin_seconds=float(margin),
        retry_seconds=float(retry),
        call_seconds=float(call),
    )
    api = await connect(Path(kubeconfig))
    leader = LeaseLeader(api, namespace="leases", name=name, identity=identity, clock=SystemClock(), times=times)
    running = asyncio.create_task(leader.run())
    while not running.done():
        print(time.monotonic(), int(leader.has_lease), flush=True)
        await asyncio.sleep(0.01)

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass
class Samples:
    """When somebody would have said that it leads, on the machine's one monotonic clock."""

    moments: list[tuple[float, bool]] = field(default_factory=list)

    @property
    def leads(self) -> bool:
        return bool(self.moments) and self.moments[-1][1]

    def spans(self) -> list[tuple[float, float]]:
        """Each unbroken run of "leads", from its first to its last sample."""
        found: list[tuple[float, float]] = []
        before = False
        for moment, leads in self.moments:
            if leads:
                found[-1 if before else len(found) :] = [(found[-1][0] if before else moment, moment)]
            before = leads
        return found


def overlaps(one: Samples, other: Samples) -> list[tuple[float, float]]:
    """Moments at which one said that it leads, inside a span of the other."""
    return [
        (moment, begin)
        for moment, leads in one.moments
        for begin, end in other.spans()
        if leads and begin <= moment <= end
    ]


class Proxy:
    """A way to the API server that can be made to carry nothing, without any connection ending."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (str(parts.hostname), int(parts.port or 443))
        self._open = asyncio.Event()
        self._open.set()
        self.delay_seconds = 0.0
        self.url = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()

    def stall(self) -> None:
        self._open.clear()

    def carry_on(self) -> None:
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(*self._target)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                await asyncio.sleep(self.delay_seconds)
                await self._open.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("lease-plane"), own_processes=True) as started:
        started.ensure_namespace(NAMESPACE)
        yield started


@pytest.fixture
def name(request: pytest.FixtureRequest, plane: ControlPlane) -> str:
    """A free Lease of this test's own, so that the first one need not wait."""
    lease = str(request.node.name).replace("_", "-")[-60:].strip("-")
    manifest = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": lease, "namespace": NAMESPACE},
    }
    plane.run_kubectl("create", "-f", "-", input_text=json.dumps(manifest))
    return lease


class Candidate:
    """A leader of this process that runs until it is cut off, and what it said at each moment."""

    def __init__(self, api: ApiClient, *, name: str, identity: str) -> None:
        self.leader = LeaseLeader(
            api, namespace=NAMESPACE, name=name, identity=identity, clock=SystemClock(), times=TIMES
        )
        self.samples = Samples()
        self._running = asyncio.create_task(self.leader.run())
        self._sampling = asyncio.create_task(self._sample())

    async def _sample(self) -> None:
        while True:
            self.samples.moments.append((time.monotonic(), self.leader.has_lease))
            await asyncio.sleep(SAMPLE_SECONDS)

    async def stop_renewing(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    def renew_again(self) -> None:
        self._running = asyncio.create_task(self.leader.run())

    async def end(self) -> None:
        self._running.cancel()
        self._sampling.cancel()
        await asyncio.gather(self._running, self._sampling, return_exceptions=True)


async def lead_for_a_while() -> None:
    """Lets the new leader's span grow, so that an overlap with the old one's would show."""
    await asyncio.sleep(2 * TIMES.retry_seconds)


StartsCandidate = Callable[..., Awaitable[Candidate]]


@pytest.fixture
async def candidate(plane: ControlPlane, name: str) -> AsyncIterator[StartsCandidate]:
    made: list[tuple[Candidate, ApiClient]] = []

    async def start(identity: str, *, kubeconfig: Path | None = None, lease: str = name) -> Candidate:
        api = await connect(kubeconfig or plane.admin_kubeconfig)
        made.append((Candidate(api, name=lease, identity=identity), api))
        return made[-1][0]

    yield start
    for one, api in made:
        await one.end()
        await api.close()


async def leader_and_spare(candidate: StartsCandidate) -> tuple[Candidate, Candidate]:
    """Returns one that leads, and one that has seen its Lease and waits."""
    leader = await candidate("leader")
    await until(lambda: leader.leader.has_lease, within_seconds=20)
    spare = await candidate("spare")
    await asyncio.sleep(TIMES.retry_seconds)
    return leader, spare


async def until(condition: Callable[[], bool], *, within_seconds: float) -> float:
    """Waits for a condition; returns how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(SAMPLE_SECONDS)
    return time.monotonic() - began


def lease_of(plane: ControlPlane, name: str) -> dict[str, object]:
    spec: dict[str, object] = json.loads(plane.run_kubectl("get", "lease", name, "-n", NAMESPACE, "-o", "json"))["spec"]
    return spec


async def test_a_frozen_leader_is_replaced_in_time_and_leads_no_more_when_it_wakes(
    plane: ControlPlane, name: str, candidate: StartsCandidate, tmp_path: Path
) -> None:
    times = (TIMES.duration_seconds, TIMES.margin_seconds, TIMES.retry_seconds, TIMES.call_seconds)
    out = tmp_path / "frozen.txt"
    with out.open("w") as stream:
        frozen = subprocess.Popen(
            [sys.executable, "-c", CANDIDATE, str(plane.admin_kubeconfig), name, "frozen", *map(str, times)],
            stdout=stream,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    try:
        await until(lambda: out.read_text().endswith(" 1\n"), within_seconds=20)
        spare = await candidate("spare")
        await asyncio.sleep(2 * TIMES.retry_seconds)
        assert not spare.samples.leads

        frozen.send_signal(signal.SIGSTOP)
        took_seconds = await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
        frozen.send_signal(signal.SIGCONT)
        await lead_for_a_while()
        lines = len(out.read_text().splitlines())
        await until(lambda: len(out.read_text().splitlines()) > lines + 100, within_seconds=10)
    finally:
        frozen.kill()
        frozen.wait()

    words = [line.split() for line in out.read_text().splitlines()[:-1]]
    theirs = Samples([(float(moment), leads == "1") for moment, leads in words])
    assert took_seconds < TAKE_OVER_SECONDS
    assert overlaps(theirs, spare.samples) == []
    assert not theirs.leads
    assert spare.samples.leads
    assert lease_of(plane, name)["holderIdentity"] == "spare"


async def test_a_killed_leader_is_replaced_in_time(candidate: StartsCandidate) -> None:
    killed = await candidate("killed")
    await until(lambda: killed.leader.has_lease, within_seconds=20)
    spare = await candidate("spare")

    await killed.stop_renewing()
    took_seconds = await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert took_seconds < TAKE_OVER_SECONDS
    assert overlaps(killed.samples, spare.samples) == []


async def test_a_leader_whose_connection_carries_nothing_ends_by_itself_before_the_spare_begins(
    plane: ControlPlane, candidate: StartsCandidate
) -> None:
    async with Proxy(plane.server).serving() as proxy:
        kubeconfig = plane.kubeconfig_through(proxy.url, name="black-hole")
        cut_off = await candidate("cut-off", kubeconfig=kubeconfig)
        await until(lambda: cut_off.leader.has_lease, within_seconds=20)
        spare = await candidate("spare")
        await asyncio.sleep(TIMES.retry_seconds)

        stalled_at = time.monotonic()
        proxy.stall()
        await until(lambda: not cut_off.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
        await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
        took_seconds = time.monotonic() - stalled_at
        proxy.carry_on()
        await asyncio.sleep(3 * TIMES.retry_seconds)

        assert cut_off.samples.spans()[-1][1] - stalled_at <= TIMES.valid_seconds
        assert took_seconds < TAKE_OVER_SECONDS
        assert overlaps(cut_off.samples, spare.samples) == []
        assert not cut_off.samples.leads
        assert spare.samples.leads


async def test_a_released_lease_is_taken_at_once(plane: ControlPlane, name: str, candidate: StartsCandidate) -> None:
    first, spare = await leader_and_spare(candidate)
    before = lease_of(plane, name)["leaseTransitions"]

    await first.stop_renewing()
    await first.leader.release()
    assert not first.leader.has_lease
    await until(lambda: spare.leader.has_lease, within_seconds=2 * TIMES.retry_seconds + 0.5)
    await lead_for_a_while()

    assert overlaps(first.samples, spare.samples) == []
    assert lease_of(plane, name)["leaseTransitions"] == int(str(before)) + 1


async def test_a_deleted_lease_lets_nobody_lead_beside_the_leader(
    plane: ControlPlane, name: str, candidate: StartsCandidate
) -> None:
    leader, spare = await leader_and_spare(candidate)
    led_seconds = leader.leader.led_for_seconds

    # The leader cannot see it at once, the spare can.
    await leader.stop_renewing()
    plane.run_kubectl("delete", "lease", name, "-n", NAMESPACE)
    await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert led_seconds > 0
    assert overlaps(leader.samples, spare.samples) == []


async def test_a_leader_makes_its_deleted_lease_again_and_goes_on_leading(
    plane: ControlPlane, name: str, candidate: StartsCandidate
) -> None:
    leader, spare = await leader_and_spare(candidate)

    plane.run_kubectl("delete", "lease", name, "-n", NAMESPACE)
    await asyncio.sleep(TIMES.duration_seconds + 2 * TIMES.retry_seconds)

    assert len(leader.samples.spans()) == 1
    assert leader.samples.leads
    assert spare.samples.spans() == []
    assert lease_of(plane, name)["holderIdentity"] == "leader"


async def test_nobody_leads_while_the_api_server_is_away_for_longer_than_a_renewal_counts(
    plane: ControlPlane, candidate: StartsCandidate
) -> None:
    leader, spare = await leader_and_spare(candidate)

    plane.kill_apiserver()
    killed_at = time.monotonic()
    await until(lambda: not leader.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    last_led_at = leader.samples.spans()[-1][1]
    await asyncio.to_thread(plane.restart_apiserver)
    await until(lambda: leader.leader.has_lease or spare.leader.has_lease, within_seconds=6 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert last_led_at - killed_at <= TIMES.valid_seconds
    assert overlaps(leader.samples, spare.samples) == []


async def test_a_renewal_counts_from_before_its_request(plane: ControlPlane, candidate: StartsCandidate) -> None:
    async with Proxy(plane.server).serving() as proxy:
        slow = await candidate("slow", kubeconfig=plane.kubeconfig_through(proxy.url, name="slow"))
        await until(lambda: slow.leader.has_lease, within_seconds=20)
        proxy.delay_seconds = TIMES.call_seconds / 6  # each way, for the read and for the write
        await asyncio.sleep(2 * TIMES.retry_seconds + TIMES.call_seconds)

        sure_seconds: list[float] = []
        for _ in range(200):
            sure_seconds.append(slow.leader.sure_for_seconds)
            await asyncio.sleep(SAMPLE_SECONDS)

        assert slow.leader.has_lease
        assert max(sure_seconds) <= TIMES.valid_seconds - 4 * proxy.delay_seconds


async def test_a_missing_lease_is_made_only_after_it_was_missing_for_a_duration(candidate: StartsCandidate) -> None:
    first = await candidate("first", lease="never-made")

    waited_seconds = await until(lambda: first.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)

    assert waited_seconds >= TIMES.duration_seconds
    assert first.leader.led_for_seconds < TIMES.duration_seconds


class WholeSeconds(SystemClock):
    """A clock whose wall time falls on a whole second, which the API server takes in one form only."""

    @override
    def now(self) -> str:
        return "2026-01-01T00:00:00.000Z"


async def test_a_whole_second_is_written_in_the_form_the_api_server_reads(plane: ControlPlane, name: str) -> None:
    api = await connect(plane.admin_kubeconfig)
    leader = LeaseLeader(api, namespace=NAMESPACE, name=name, identity="punctual", clock=WholeSeconds(), times=TIMES)
    running = asyncio.create_task(leader.run())
    try:
        await until(lambda: leader.has_lease, within_seconds=20)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await api.close()

    assert str(lease_of(plane, name)["renewTime"]).startswith("2026-01-01T00:00:00.0000")


def test_times_under_which_one_slow_answer_ends_a_leadership_are_refused() -> None:
    with pytest.raises(ValueError, match="too short"):
        LeaseTimes(duration_seconds=11)

    assert LeaseTimes(duration_seconds=12).valid_seconds == 8


def put_back(plane: ControlPlane, name: str, spec: dict[str, object]) -> None:
    """Writes an older state of the Lease over what is there, as somebody who restores a store does."""
    patch = json.dumps([{"op": "replace", "path": "/spec", "value": spec}])
    plane.run_kubectl("patch", "lease", name, "-n", NAMESPACE, "--type=json", "-p", patch)


async def test_a_former_leader_that_an_older_state_names_does_not_lead_beside_the_new_one(
    plane: ControlPlane, name: str, candidate: StartsCandidate
) -> None:
    former = await candidate("former")
    await until(lambda: former.leader.has_lease, within_seconds=20)
    older = lease_of(plane, name)
    leader = await candidate("leader")
    await former.stop_renewing()
    await until(lambda: leader.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    former.renew_again()
    await asyncio.sleep(TIMES.retry_seconds)

    # The leader cannot see it before its next look, the former one can.
    await leader.stop_renewing()
    put_back(plane, name, older)
    await until(lambda: former.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert overlaps(leader.samples, former.samples) == []
    assert former.samples.leads


async def test_a_lease_that_somebody_cleared_is_not_taken_beside_its_leader(
    plane: ControlPlane, name: str, candidate: StartsCandidate
) -> None:
    leader, spare = await leader_and_spare(candidate)

    await leader.stop_renewing()
    put_back(plane, name, {**lease_of(plane, name), "holderIdentity": ""})
    await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert overlaps(leader.samples, spare.samples) == []


async def test_a_lease_made_anew_and_empty_is_not_taken_beside_its_leader(
    plane: ControlPlane, name: str, candidate: StartsCandidate
) -> None:
    leader, spare = await leader_and_spare(candidate)

    await leader.stop_renewing()
    put_back(plane, name, {})
    await until(lambda: spare.leader.has_lease, within_seconds=3 * TAKE_OVER_SECONDS)
    await lead_for_a_while()

    assert overlaps(leader.samples, spare.samples) == []


async def test_a_renewal_whose_answer_was_lost_counts_once_it_is_read_back(
    candidate: StartsCandidate, monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, spare = await leader_and_spare(candidate)
    replace = LeaseLeader._replace

    async def replaced_unheard(self: LeaseLeader, lease: V1Lease, spec: V1LeaseSpec) -> V1Lease:
        written = await replace(self, lease, spec)
        if self is leader.leader:
            raise TimeoutError
        return written

    monkeypatch.setattr(LeaseLeader, "_replace", replaced_unheard)
    await asyncio.sleep(TIMES.duration_seconds + 2 * TIMES.retry_seconds)

    assert len(leader.samples.spans()) == 1
    assert leader.samples.leads
    assert spare.samples.spans() == []
