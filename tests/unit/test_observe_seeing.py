"""Windows, graces, flapping and suspicion: what an observer makes of time."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime, timedelta
from typing import Any

import pytest

from maestro_operator.drivers.memory.ports import MemoryProbes
from maestro_operator.model.detection import Detection, MaintenanceWindow, VantagePoint
from maestro_operator.model.pair import Probe, TcpProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Grace, NodeSeen, Unknown, Vote
from maestro_operator.model.status import NodeStatus
from maestro_operator.observe.flaps import FlapMemory
from maestro_operator.observe.grace import BootMemory
from maestro_operator.observe.maintenance import FOR_EVER, maintenance
from maestro_operator.observe.wallclock import quarantined
from maestro_operator.windows import fault_of_window
from support.beginnings import serving
from support.looks import GONE, NOW, node, standby, status
from support.worlds import Pair, pair_spec

PROBES = (Probe(tcp=TcpProbe(port=80)),)
NIGHT = MaintenanceWindow(name="night", schedule="30 2 * * *", duration_seconds=3600, time_zone="Europe/Berlin")


def left(window: MaintenanceWindow, now: str) -> float:
    spec = pair_spec(detection=Detection(maintenance_windows=(window,)))
    found = maintenance(spec, now)
    return found.left_seconds if found is not None else 0.0


@pytest.mark.parametrize(
    ("now", "seconds"),
    [
        ("2026-01-10T01:29:59Z", 0.0),
        ("2026-01-10T01:30:00Z", 3600.0),
        ("2026-01-10T02:29:59Z", 1.0),
        ("2026-01-10T02:30:00Z", 0.0),
        # Summer: half past two is half past midnight in UTC.
        ("2026-07-10T00:45:00Z", 2700.0),
        # The night in which 2:30 does not exist: it begins right after the jump, at 3:00 there.
        ("2026-03-29T00:59:59Z", 0.0),
        ("2026-03-29T01:00:00Z", 3600.0),
        ("2026-03-29T01:59:59Z", 1.0),
        # The night in which 2:30 comes twice: it begins with the first, and lasts as long as an hour is.
        ("2026-10-25T00:30:00Z", 3600.0),
        ("2026-10-25T01:29:59Z", 1.0),
        ("2026-10-25T01:31:00Z", 0.0),
    ],
)
def test_a_window_follows_the_clock_on_the_wall_and_lasts_as_long_as_really_passes(now: str, seconds: float) -> None:
    assert left(NIGHT, now) == seconds


def test_a_weekly_window_holds_for_its_two_hours_in_every_week() -> None:
    weekly = NIGHT.model_copy(update={"schedule": "0 22 * * SAT", "duration_seconds": 7200})
    begin = datetime.fromisoformat("2026-01-01T00:00:00+00:00")
    held = sum(left(weekly, (begin + timedelta(hours=hour, minutes=30)).isoformat()) > 0 for hour in range(8 * 7 * 24))

    assert held == 2 * 8


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"time_zone": "Europe/Atlantis"}, "timeZone"),
        ({"schedule": "61 2 * * *"}, "no cron expression"),
        ({"schedule": "0 0 30 2 *"}, "no cron expression"),
    ],
)
def test_a_window_that_cannot_be_followed_is_refused_and_holds_for_ever(change: dict[str, Any], words: str) -> None:
    window = NIGHT.model_copy(update=change)

    fault = fault_of_window(window)

    assert fault is not None
    assert words in fault
    assert left(window, NOW) == FOR_EVER


def test_the_maintenance_that_holds_longest_is_told() -> None:
    always = NIGHT.model_copy(update={"name": "always", "schedule": "* * * * *", "duration_seconds": 600})
    detection = Detection(maintenance_until="2026-01-01T00:17:40Z", maintenance_windows=(always,))

    found = maintenance(pair_spec(detection=detection), NOW)

    assert found is not None
    assert "always" in found.message
    assert maintenance(pair_spec(), NOW) is None


# ---------------------------------------------------------------- grace


def grace(memory: BootMemory, *, now: float, **nodes: Any) -> Grace | None:  # noqa: ANN401
    return memory.grace("a", {"a": GONE, "b": standby(), **nodes}, grace_seconds=60, now_seconds=now)


def test_a_boot_is_excused_from_its_beginning_and_not_from_its_last_reading() -> None:
    memory = BootMemory()
    assert grace(memory, now=100) is None

    memory.note({"a": node("a", uptime_seconds=40.0), "b": GONE}, now_seconds=100)

    found = grace(memory, now=110)
    assert found is not None
    assert (found.reason, found.left_seconds) == (Reason.STARTING, 10.0)
    assert grace(memory, now=120) is None


def test_a_shutdown_that_was_announced_is_excused_until_its_time_is_over() -> None:
    memory = BootMemory()

    found = grace(memory, now=1000, b=standby(peer_left_seconds=50.0))

    assert found is not None
    assert (found.reason, found.left_seconds) == (Reason.REBOOTING, 10.0)
    assert grace(memory, now=1000, b=standby(peer_left_seconds=60.0)) is None
    assert grace(memory, now=1000, b=GONE) is None


async def test_an_announced_reboot_is_no_outage_and_one_that_does_not_end_is() -> None:
    pair = await serving()
    pair.change(detection=pair.store.spec.detection.model_copy(update={"startup_grace_seconds": 40}))
    await pair.turn()
    pair.world.shut_down("a")

    await pair.hold(Reason.REBOOTING)
    assert pair.status.episode is None

    await pair.run_until(lambda it: it.status.active_node == "b")


# ---------------------------------------------------------------- flapping


def test_a_node_that_comes_back_from_silence_often_enough_flaps_and_is_forgiven() -> None:
    memory = FlapMemory()
    there: dict[str, NodeSeen | Unknown] = {"a": node("a"), "b": standby()}
    gone: dict[str, NodeSeen | Unknown] = {"a": node("a"), "b": GONE}
    for now in range(6):
        memory.note(gone if now % 2 else there, now_seconds=float(now))
        assert memory.flapping(limit=3, now_seconds=float(now)) == ()

    memory.note(there, now_seconds=6.0)

    assert memory.flapping(limit=3, now_seconds=6.0) == ("b",)
    assert memory.flapping(limit=3, now_seconds=3700.0) == ()


def test_a_silence_that_is_excused_is_no_flap() -> None:
    memory = FlapMemory()
    memory.note({"a": GONE}, now_seconds=0.0, excused=frozenset({"a"}))
    memory.note({"a": node("a")}, now_seconds=1.0)

    assert memory.flapping(limit=1, now_seconds=1.0) == ()


def test_a_quarantine_that_was_written_down_lasts_until_its_moment() -> None:
    written = NodeStatus(name="b", reachable=True, reason="Answers", quarantined_until="2026-01-01T00:17:00+00:00")

    assert quarantined(status(nodes=(written,)), NOW) == ("b",)
    assert quarantined(status(nodes=(written,)), "2026-01-01T00:17:00Z") == ()


async def test_nothing_moves_by_itself_to_a_node_that_flaps_and_an_order_still_does() -> None:
    pair = await serving()
    await pair.turn()
    for _ in range(3):
        pair.world.isolate("b")
        await pair.run_until(lambda it: isinstance(it.recorder.seen[-1].nodes["b"], Unknown), max_turns=30)
        pair.world.heal()
        await pair.run_until(lambda it: not isinstance(it.recorder.seen[-1].nodes["b"], Unknown), max_turns=60)
    await pair.turn()
    assert pair.status.nodes[1].quarantined_until is not None
    pair.restart_operator()
    pair.world.power_cut("a")

    await pair.hold(Reason.NODE_FLAPPING, max_turns=80)
    pair.order("b")

    await pair.run_until(lambda it: it.status.active_node == "b")


# ---------------------------------------------------------------- suspicion


class Counted(MemoryProbes):
    """Keeps how often and how the operator's own look was taken."""

    def __init__(self, pair: Pair) -> None:
        super().__init__(pair.world)
        self.asked: list[tuple[float, float, int]] = []

    async def vote(self, node: Any, probes: Any, *, timeout_seconds: float, slow_seconds: float) -> Any:  # type: ignore[explicit-override]  # noqa: ANN401
        self.asked.append((self._world.clock.monotonic_seconds(), timeout_seconds, len(probes)))
        return await super().vote(node, probes, timeout_seconds=timeout_seconds, slow_seconds=slow_seconds)


async def test_on_suspicion_it_is_asked_again_harder() -> None:
    pair = await serving()
    detection = pair.store.spec.detection.model_copy(
        update={"period_seconds": 8, "timeout_seconds": 2, "down_for_seconds": 30}
    )
    service = pair.store.spec.services[0].model_copy(update={"readiness": PROBES})
    pair.change(detection=detection, services=(service, *pair.store.spec.services[1:]))
    counted = Counted(pair)
    object.__setattr__(pair.drivers, "probes", counted)
    for _ in range(10):
        await pair.turn()
    calm = list(counted.asked)

    pair.world.power_cut("a")
    for _ in range(20):
        await pair.turn()
        await asyncio.sleep(0)

    hard = counted.asked[len(calm) + 1 :]
    assert {(timeout, count) for _, timeout, count in calm} == {(2.0, 1)}
    assert {(timeout, count) for _, timeout, count in hard} == {(4.0, 2)}
    gaps = [later[0] - before[0] for before, later in itertools.pairwise(hard)]
    assert max(gaps) < 8.0


# ---------------------------------------------------------------- witnesses


def with_witness(pair: Pair) -> None:
    witness = {
        "name": "third",
        "host": "third.example.net",
        "hostKey": "ssh-ed25519 third",
        "credentialsSecret": {"name": "ssh"},
    }
    points = (
        VantagePoint.model_validate({"operator": {}}),
        VantagePoint.model_validate({"peer": {}}),
        VantagePoint.model_validate({"ssh": witness}),
        VantagePoint.model_validate({"prometheus": {"name": "metrics", "url": "http://metrics", "query": "up"}}),
        VantagePoint.model_validate({"drbd": {"resource": "r0"}}),
    )
    pair.change(detection=pair.store.spec.detection.model_copy(update={"vantage_points": points}))


def votes(pair: Pair) -> dict[str, str]:
    return {item.vantage_point: item.vote for item in pair.status.nodes[0].votes}


async def watched() -> Pair:
    pair = await serving()
    with_witness(pair)
    for _ in range(8):
        await pair.turn()
    return pair


async def test_every_vantage_point_votes() -> None:
    pair = await watched()

    assert votes(pair) == dict.fromkeys(("operator", "peer", "third", "metrics", "drbd"), "Alive")


async def test_a_witness_that_is_gone_says_nothing_and_keeps_nobody_from_moving() -> None:
    pair = await watched()
    pair.world.cut("operator", "third")
    pair.world.cut("operator", "metrics")
    pair.world.power_cut("a")

    await pair.run_until(lambda it: it.status.active_node == "b")


async def test_a_witness_that_sees_the_node_alive_keeps_the_operator_from_moving() -> None:
    pair = await watched()
    pair.world.cut("operator", "a")
    pair.world.cut("b", "a")

    await pair.hold(Reason.SEEN_ALIVE, max_turns=80)
    for _ in range(20):
        await pair.turn()

    assert votes(pair) == {"operator": "Dead", "peer": "Dead", "third": "Alive", "metrics": "Alive", "drbd": "Dead"}
    assert pair.status.active_node == "a"


async def test_a_service_that_says_what_ails_it_is_sick_and_not_moved() -> None:
    pair = await watched()
    pair.world.ailments["a"] = Reason.TOO_MANY_CONNECTIONS

    held = await pair.hold(Reason.TOO_MANY_CONNECTIONS, max_turns=60)

    assert "too" in held.message.lower()
    assert pair.status.service is not None
    assert pair.status.service.verdict == "Sick"
    assert Vote.SICK.value in votes(pair).values()
