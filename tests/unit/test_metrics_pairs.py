"""The metrics: all declared, one pair's series replaced as a whole, and gone with the pair."""

import re
from pathlib import Path
from unittest.mock import Mock

from prometheus_client import generate_latest

from maestro_operator.metrics import (
    CHECK,
    GAUGES,
    LEADER,
    OWN,
    PAIR,
    TURN_SECONDS,
    TURNS,
    PairMetrics,
)
from maestro_operator.model.checks import Click
from maestro_operator.model.decision import Assessment, Decided, Decision, Hold, Judged, Steady
from maestro_operator.model.outcome import Done, Failed
from maestro_operator.model.pair import Check, PairKey
from maestro_operator.model.probes import HttpCheck
from maestro_operator.model.reasons import Reason
from maestro_operator.model.rehearsal import Rehearsal, RehearsalKind, RehearsalResult
from maestro_operator.model.seen import LastOutcome, Mirror, NodeSeen, Replica, Seen, TrafficSeen, TriedRestore
from maestro_operator.model.status import Condition, Epoch, EpochMark, HistoryEntry, NodeStatus, PairStatus, State
from maestro_operator.model.steps import EpisodeKind, StepName
from support.frozen import node_at

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "metrics.md"
KEY = PairKey(namespace="lists", name="maestro", uid="one")
AGAIN = PairKey(namespace="lists", name="maestro", uid="two")


def decided(decision: Decision) -> Decided:
    assessment = Assessment(
        verdicts={},
        reasons={},
        service=Judged("Healthy", Reason.ANSWERS, "a runs its services"),
        no_outage=None,
        brakes=(),
        peer_not_ready=None,
        out_of_sync=None,
        fencing_ready={},
    )
    return Decided(rule="some_rule", decision=decision, assessment=assessment)


STEADY = decided(Steady(Reason.AS_ORDERED, "a serves"))
HELD = decided(Hold(Reason.PAUSED, "paused"))


def seen(key: PairKey = KEY, *, age_seconds: float | None = 12.5, mirror: Mirror | None = None) -> Seen:
    """Nodes a and b, of which only b's replica matters here."""
    standby = Mock(spec=NodeSeen, replica=Replica(announced_age_seconds=age_seconds, mirror=mirror))
    return mocked(key=key, nodes={"b": standby})


def mocked(**fields: object) -> Mock:
    """A look at a pair that makes no checks at rest, with one entry of traffic that points at a."""
    nodes = tuple(node_at(name, address) for name, address in (("a", "192.0.2.1"), ("b", "192.0.2.2")))
    spec = {"spec.names": ("a", "b"), "spec.nodes": nodes, "spec.machine": None}
    return Mock(spec=Seen, checked=None, traffic=(TrafficSeen("dns", ("192.0.2.1",)),), **spec, **fields)


def entry(kind: EpisodeKind, *, downtime: float | None, loss: float | None = None) -> HistoryEntry:
    return HistoryEntry(
        id=f"{kind}-{downtime}",
        kind=kind,
        source="a",
        target="b",
        trigger="Ordered",
        started_at="t",
        finished_at="t",
        result="Done",
        downtime_seconds=downtime,
        declared_loss_seconds=loss,
    )


def status(state: State = State.ACTIVE, *history: HistoryEntry) -> PairStatus:
    return PairStatus(
        active_node="a",
        state=state,
        epoch=Epoch(in_force=EpochMark(number=3, owner="a", episode="e")),
        conditions=(Condition(type="Ready", status="True", reason="AllGood", message="", last_transition_time="t"),),
        history=history,
    )


def series(metrics: PairMetrics) -> dict[str, float]:
    """Every series of a pair, by its name and labels."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    found = (line.rpartition(" ") for line in lines if line.startswith("maestro_pair_") and "turn_seconds" not in line)
    return {name: float(value) for name, _, value in found}


def test_a_pair_shows_what_its_status_says() -> None:
    metrics = PairMetrics()

    metrics.show(seen(), HELD, status())

    where = 'name="maestro",namespace="lists"'
    assert series(metrics) == {
        f'maestro_pair_condition{{{where},status="True",type="Ready"}}': 1,
        f'maestro_pair_condition{{{where},status="False",type="Ready"}}': 0,
        f'maestro_pair_condition{{{where},status="Unknown",type="Ready"}}': 0,
        f'maestro_pair_hold{{{where},reason="Paused"}}': 1,
        f'maestro_pair_state{{{where},state="Active"}}': 1,
        f'maestro_pair_active{{{where},node="a"}}': 1,
        f"maestro_pair_epoch{{{where}}}": 3,
        f"maestro_pair_replication_lag_seconds{{{where}}}": 12.5,
        f'maestro_pair_traffic_on_node{{entry="dns",{where},node="a"}}': 1,
    }


def test_a_mirror_shows_what_differs() -> None:
    metrics = PairMetrics()

    side = Mirror("Connected", "Secondary", "UpToDate", out_of_sync_bytes=4096, verified_age_seconds=60.0)
    metrics.show(seen(mirror=side), STEADY, status())

    where = 'name="maestro",namespace="lists",node="b"'
    assert series(metrics)[f"maestro_pair_replication_out_of_sync_bytes{{{where}}}"] == 4096
    assert series(metrics)[f"maestro_pair_replication_verified_age_seconds{{{where}}}"] == 60


def test_a_node_that_comes_and_goes_is_shown_for_as_long_as_nothing_moves_to_it() -> None:
    metrics = PairMetrics()
    flapped = NodeStatus(name="a", reachable=True, reason="Answers", quarantined_until="2026-01-01T00:16:40.000Z")

    metrics.show(seen(), STEADY, status().model_copy(update={"nodes": (flapped,)}))
    during = {name: value for name, value in series(metrics).items() if "quarantined" in name}
    metrics.show(
        seen(), STEADY, status().model_copy(update={"nodes": (NodeStatus(name="a", reachable=True, reason="Answers"),)})
    )
    after = [name for name in series(metrics) if "quarantined" in name]

    assert (list(during.values()), after) == ([1.0], [])
    assert 'node="a"' in next(iter(during))


def test_what_is_no_more_is_not_shown_any_more() -> None:
    metrics = PairMetrics()
    metrics.show(seen(), HELD, status())

    metrics.show(seen(age_seconds=None), STEADY, status(State.LOST))

    shown = "\n".join(series(metrics))
    assert "maestro_pair_hold" not in shown
    assert 'state="Active"' not in shown
    assert 'state="Lost"' in shown
    assert "lag_seconds" not in shown


def test_each_kind_shows_its_last_episode_that_has_the_figure() -> None:
    metrics = PairMetrics()
    history = (
        entry(EpisodeKind.SWITCHOVER, downtime=1.5),
        entry(EpisodeKind.FAILOVER, downtime=None, loss=2.0),
        entry(EpisodeKind.FAILOVER, downtime=20.0, loss=9.0),
        entry(EpisodeKind.SWITCHOVER, downtime=99.0),
    )

    metrics.show(seen(), STEADY, status(State.ACTIVE, *history))

    figures = {name: value for name, value in series(metrics).items() if "last_episode" in name}
    assert sorted(figures.values()) == [1.5, 2.0, 20.0]
    assert all("99" not in str(value) for value in figures.values())


def test_a_forgotten_pair_leaves_no_series_whatever_was_counted_of_it() -> None:
    metrics = PairMetrics()
    metrics.show(seen(), STEADY, status())
    metrics.count_turn(KEY, seconds=0.1, failed=False)

    metrics.forget(KEY)
    metrics.forget(KEY)

    assert series(metrics) == {}


def test_a_pair_created_again_keeps_its_own_series_when_the_old_one_is_forgotten() -> None:
    metrics = PairMetrics()
    metrics.show(seen(), STEADY, status())
    metrics.count_turn(KEY, seconds=0.1, failed=False)
    metrics.show(seen(AGAIN), STEADY, status())
    metrics.count_turn(AGAIN, seconds=0.1, failed=True)

    metrics.forget(KEY)

    shown = series(metrics)
    assert shown['maestro_pair_epoch{name="maestro",namespace="lists"}'] == 3
    assert shown['maestro_pair_turns_total{name="maestro",namespace="lists",result="failed"}'] == 1
    assert not any('result="ok"' in name for name in shown)


def test_the_age_of_the_last_drill_that_passed_is_shown_and_no_zero_for_never() -> None:
    metrics = PairMetrics()
    ended = Rehearsal(id="", kind=RehearsalKind.DRILL, node="a", started_at="2026-01-01T00:00:00.000Z")
    failed = ended.model_copy(
        update={"id": "two", "finished_at": "2026-01-03T00:00:00.000Z", "result": RehearsalResult.FAILED}
    )
    passed = ended.model_copy(
        update={"id": "one", "finished_at": "2026-01-02T00:00:00.000Z", "result": RehearsalResult.PASSED}
    )
    look = mocked(key=KEY, nodes=seen().nodes, now="2026-01-03T00:00:10.000Z")

    metrics.show(look, STEADY, PairStatus(rehearsals=(failed,)))
    never = [name for name in series(metrics) if "rehearsal" in name]
    metrics.show(look, STEADY, PairStatus(rehearsals=(failed, passed)))

    assert never == []
    name = 'maestro_pair_rehearsal_age_seconds{kind="Drill",name="maestro",namespace="lists"}'
    assert series(metrics)[name] == 86410


def test_the_age_of_the_last_restore_test_that_passed_is_shown() -> None:
    metrics = PairMetrics()
    shown = {}
    for result in ("CheckFailed", "passed"):
        standby = Mock(spec=NodeSeen, replica=Replica(tested=TriedRestore("20261129", 3600.0, result)))
        metrics.show(mocked(key=KEY, nodes={"b": standby}), STEADY, PairStatus())
        shown[result] = {value for name, value in series(metrics).items() if "rehearsal" in name}

    assert shown == {"CheckFailed": set(), "passed": {3600.0}}


def test_turns_are_counted_by_how_they_ended() -> None:
    metrics = PairMetrics()

    for failed in (False, True, False):
        metrics.count_turn(KEY, seconds=0.1, failed=failed)

    assert sorted(series(metrics).values()) == [1, 2]
    assert metrics.registry.get_sample_value("maestro_pair_turn_seconds_count") == 3


def test_the_operators_own_figures_are_asked_for_when_the_page_is() -> None:
    metrics = PairMetrics()
    leads = [0.0]
    metrics.own[LEADER] = lambda: leads[0]
    leads[0] = 1.0

    assert metrics.registry.get_sample_value("maestro_operator_leader") == 1


def test_the_page_has_every_metric_with_its_labels_and_its_words() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)

    def words(*labels: str) -> str:
        return ", ".join(f"`{label}`" for label in labels) or "none"

    expected = [(one.name, "gauge", words(*PAIR, *one.labels), one.help) for one in GAUGES]
    expected.append((f"{TURNS.name}_total", "counter", words(*PAIR, *TURNS.labels), TURNS.help))
    expected.append((TURN_SECONDS.name, "histogram", words(), TURN_SECONDS.help))
    expected += [(one.name, "gauge", words(), one.help) for one in OWN]
    assert rows == expected


def test_each_check_shows_how_it_was_last_made_until_it_is_taken_out_of_the_spec() -> None:
    metrics = PairMetrics()
    failed = Failed(Reason.VERIFICATION_FAILED, "click: it leads nowhere", {"page": "True", "click": "False"})
    look = mocked(key=KEY, nodes={})
    look.spec.verification = (Check(name="page", http=HttpCheck()), Check(name="click", click=Click()))

    look.last = LastOutcome("switchover-2", StepName.VERIFY, 1, failed, age_seconds=0)
    metrics.show(look, STEADY, PairStatus())
    look.last = LastOutcome("switchover-2", StepName.REVERSE, 1, Done(), age_seconds=0)
    metrics.show(look, STEADY, PairStatus())
    both = checks_of(metrics)
    look.spec.verification = look.spec.verification[:1]
    metrics.show(look, STEADY, PairStatus())

    assert both == {"page": 1.0, "click": 0.0}
    assert checks_of(metrics) == {"page": 1.0}
    metrics.forget(KEY)
    assert checks_of(metrics) == {}


def checks_of(metrics: PairMetrics) -> dict[str, float]:
    (family,) = [one for one in metrics.collect() if one.name == CHECK.name]
    return {sample.labels["check"]: sample.value for sample in family.samples}


def test_a_pair_that_a_cluster_keeps_is_shown_as_one() -> None:
    metrics, look = PairMetrics(), mocked(key=KEY, nodes={}, last=None)
    look.spec.machine = object()

    metrics.show(look, HELD, status())

    assert series(metrics)['maestro_pair_kept_by_cluster{name="maestro",namespace="lists"}'] == 1
