"""Looks at a pair, built by hand: what one turn saw, with the fields that a test is about changed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from maestro_operator.model.outcome import Done
from maestro_operator.model.proof import FenceEvidence, PowerReading
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import (
    DeviceSeen,
    Guard,
    GuardState,
    LastOutcome,
    Leadership,
    NodeSeen,
    Replica,
    Seen,
    TrafficSeen,
    Unit,
    Unknown,
    Vote,
    VoteSeen,
)
from maestro_operator.model.status import Episode, Epoch, EpochMark, FrozenNode, Generation, PairStatus
from maestro_operator.model.steps import EpisodeKind, StepName
from support.worlds import ADDRESSES, KEY, NAME, UNITS, pair_spec

if TYPE_CHECKING:
    from maestro_operator.model.outcome import Outcome

NOW = "2026-01-01T00:16:40.000Z"
UID = KEY.uid
GONE = Unknown(Reason.TIMED_OUT, "no answer")
OWNED = EpochMark(number=1, owner="a", episode="activate-1")
NEXT = EpochMark(number=2, owner="b", episode="move-2")


def node(name: str, *, is_running: bool = False, guard: Guard | None = None, **changes: Any) -> NodeSeen:  # noqa: ANN401
    """Returns the reading of a node that is stopped or runs everything."""
    state = "active" if is_running else "inactive"
    reading = NodeSeen(
        name=name,
        machine_id=f"machine-{name}",
        boot_id=f"boot-{name}",
        uptime_seconds=900.0,
        guard=guard or owner_guard() if name == "a" else guard or standby_guard(),
        units=tuple(Unit(name=unit, active=state) for unit in UNITS),
        pins={NAME: ADDRESSES[name]},
        replica=Replica(live_present=True),
        systemd_version=252,
        disk_free_bytes=10**9,
        memory_available_bytes=10**9,
    )
    return replace(reading, **changes)


def owner_guard(**changes: Any) -> Guard:  # noqa: ANN401
    """Returns the guard of a, which runs under epoch 1."""
    guard = Guard(
        state=GuardState.VALID,
        pair_uid=UID,
        node="a",
        term=1,
        promised=OWNED,
        in_force=OWNED,
        permit_epoch=1,
        permit_boot="boot-a",
        max_permit_epoch=1,
        max_permit_boot="boot-a",
        may_run=True,
        version="1",
        peer_ready=True,
    )
    return replace(guard, **changes)


def demoted_guard(**changes: Any) -> Guard:  # noqa: ANN401
    """Returns the guard of a after its Demote: epoch 2 of b is in force there."""
    gone = {"promised": NEXT, "in_force": NEXT, "permit_epoch": None, "permit_boot": None, "may_run": False}
    return owner_guard(**{**gone, **changes})


def standby_guard(**changes: Any) -> Guard:  # noqa: ANN401
    """Returns the guard of b, a standby of epoch 1."""
    guard = Guard(
        state=GuardState.VALID,
        pair_uid=UID,
        node="b",
        term=1,
        promised=OWNED,
        in_force=OWNED,
        grant_epoch=1,
        grant_source="a",
        quarantined_epoch=1,
        version="1",
        peer_ready=True,
    )
    return replace(guard, **changes)


def standby(**changes: Any) -> NodeSeen:  # noqa: ANN401
    """Returns the reading of b as a good standby with a young copy."""
    copy = Replica(
        newest=Generation(epoch=1, counter=7),
        announced_age_seconds=5.0,
        clock="uptime",
        is_whole=True,
        live_present=True,
    )
    return node("b", **{"replica": copy, **changes})


def vote(value: Vote, *, point: str = "operator", about: str = "a", for_seconds: float = 60.0) -> VoteSeen:
    """Returns one vote."""
    return VoteSeen(point, about, value, Reason.TIMED_OUT, "as it looks", for_seconds, times=int(for_seconds) + 1)


def dead_to_all(about: str = "a") -> tuple[VoteSeen, ...]:
    """Returns the votes of both vantage points that a node is dead."""
    return tuple(vote(Vote.DEAD, point=point, about=about) for point in ("operator", "peer"))


def move(kind: EpisodeKind = EpisodeKind.FAILOVER, *, step: StepName = StepName.FENCE, **changes: Any) -> Episode:  # noqa: ANN401
    """Returns an episode from a to b under epoch 2."""
    spec = pair_spec()
    frozen = tuple(
        FrozenNode(name=item.name, address=item.address, ssh=item.ssh, fencing=item.fencing) for item in spec.nodes
    )
    episode = Episode(
        id=NEXT.episode,
        kind=kind,
        source="a",
        target="b",
        trigger="Automatic",
        started_at=NOW,
        epoch=NEXT.number,
        step=step,
        frozen=frozen,
        rung="bmc",
    )
    return episode.model_copy(update=changes)


def status(**changes: Any) -> PairStatus:  # noqa: ANN401
    """Returns the status of a pair that is served by a."""
    found = PairStatus(
        active_node="a",
        observed_active_node="a",
        pair_uid=UID,
        epoch=Epoch(promised=OWNED, in_force=OWNED),
        term=1,
    )
    return found.model_copy(update=changes)


def outcome(result: Outcome, *, step: StepName = StepName.FENCE, episode: str = NEXT.episode) -> LastOutcome:
    """Returns a leader's last outcome, a second old."""
    return LastOutcome(episode=episode, step=step, attempt=1, outcome=result, age_seconds=1.0)


def reading(state: str, at_seconds: float, process: int, **changes: Any) -> PowerReading:  # noqa: ANN401
    """Returns what the BMC of a said at a moment."""
    return replace(PowerReading("fence_redfish", "machine-a", state, at_seconds, process), **changes)


def fenced(*readings: PowerReading, **changes: Any) -> LastOutcome:  # noqa: ANN401
    """Returns the outcome of a fence whose device answered so."""
    evidence = FenceEvidence(node="a", rung="bmc", devices=("machine-a",), readings=readings)
    return outcome(Done(evidence=replace(evidence, **changes)))


def seen(**changes: Any) -> Seen:  # noqa: ANN401
    """Returns a look at a pair that is served by a, with b a good standby."""
    look = Seen(
        key=KEY,
        generation=1,
        spec=pair_spec(),
        status=status(),
        is_deleting=False,
        annotations={},
        leadership=Leadership(term=1, has_lease=True, led_for_seconds=900.0, sure_for_seconds=30.0),
        nodes={"a": node("a", is_running=True), "b": standby()},
        votes=(vote(Vote.ALIVE), vote(Vote.ALIVE, point="peer")),
        traffic=(TrafficSeen("names", (ADDRESSES["a"],), 5),),
        devices=(DeviceSeen("a", "bmc", "fence_redfish", "on"), DeviceSeen("b", "bmc", "fence_redfish", "on")),
        last=None,
        now=NOW,
        monotonic_seconds=1_000.0,
    )
    return replace(look, **changes)


def outage(**changes: Any) -> Seen:  # noqa: ANN401
    """Returns a look at a pair whose owner a is dead to everybody."""
    return seen(**{"nodes": {"a": GONE, "b": standby()}, "votes": dead_to_all(), **changes})
