"""What the rules make of a mirror: the loss that is declared, the owner that froze, the halves that stand apart."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.decide.ability import declare, preflight
from maestro_operator.decide.brakes import out_of_sync
from maestro_operator.decide.mirror import copy_age_seconds, split, unsafe
from maestro_operator.decide.phases import PHASES
from maestro_operator.decide.verdict import Verdict, conclude
from maestro_operator.model.decision import Hold, Perform, Record
from maestro_operator.model.mirroring import Drbd, PeerLost
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import Replication
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Mirror, NodeSeen, Replica, Seen
from maestro_operator.model.status import Alone, Generation
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import GONE, move, node, outcome, seen, standby, status
from support.worlds import pair_spec

FREEZE_SECONDS = 30
PRIMARY = Mirror("Connected", "Primary", "UpToDate", "Secondary", "UpToDate")
SECONDARY = Mirror("Connected", "Secondary", "UpToDate", "Primary", "UpToDate")
FROZEN = replace(PRIMARY, connection="WFConnection", peer_role="Unknown", peer_disk="DUnknown", is_frozen=True)


def drbd(**changes: Any) -> Replication:  # noqa: ANN401
    told = {"resource": "r0", "disk": "/dev/vdb", "mount": "/srv/maestro", **changes}
    return Replication(drbd=Drbd(peer_lost_freeze_seconds=FREEZE_SECONDS, **told))


def owner(mirror: Mirror | None = PRIMARY) -> NodeSeen:
    return node("a", is_running=True, replica=Replica(live_present=True, mirror=mirror))


def other(mirror: Mirror | None = SECONDARY, *, age_seconds: float | None = 5.0) -> NodeSeen:
    found = standby()
    return replace(found, replica=replace(found.replica, mirror=mirror, announced_age_seconds=age_seconds))


def look(
    *, a: object = None, b: object = None, replication: Replication | None = None, alone: Alone | None = None
) -> Seen:
    spec = pair_spec().model_copy(update={"replication": replication or drbd()})
    return seen(spec=spec, status=status(alone=alone), nodes={"a": a or owner(), "b": b or other()})


@pytest.mark.parametrize(
    ("age_seconds", "alone", "peer_lost", "expected"),
    [
        (12.0, None, PeerLost.GO_ON, 0.0),
        (FREEZE_SECONDS + 7.5, None, PeerLost.GO_ON, 7.5),
        (FREEZE_SECONDS + 7.5, None, PeerLost.FREEZE, 0.0),
        # Status let the owner go on before its time: the freeze counts no more.
        (12.0, Alone(epoch=1, since="2026-01-01T00:00:00Z"), PeerLost.GO_ON, 12.0),
        (12.0, Alone(epoch=1, since="2026-01-01T00:00:00Z"), PeerLost.FREEZE, 12.0),
        # That was in another epoch.
        (12.0, Alone(epoch=7, since="2026-01-01T00:00:00Z"), PeerLost.GO_ON, 0.0),
        (None, None, PeerLost.FREEZE, None),
    ],
)
def test_the_declared_loss_counts_from_the_observed_contact_less_the_freeze(
    age_seconds: float | None, alone: Alone | None, peer_lost: PeerLost, expected: float | None
) -> None:
    found = look(b=other(age_seconds=age_seconds), replication=drbd(peer_lost=peer_lost), alone=alone)

    loss = declare(found, move())

    assert copy_age_seconds(found, "b") == expected
    assert (loss.declared_seconds if loss else None) == expected


@pytest.mark.parametrize(
    ("age_seconds", "peer_lost", "expected"),
    [(12.0, PeerLost.GO_ON, 0.0), (FREEZE_SECONDS - 10.0, PeerLost.GO_ON, 5.0), (12.0, PeerLost.FREEZE, 0.0)],
)
def test_what_a_fence_would_add_is_in_the_freeze_as_long_as_it_lasts(
    age_seconds: float, peer_lost: PeerLost, expected: float
) -> None:
    found = look(b=other(age_seconds=age_seconds), replication=drbd(peer_lost=peer_lost))

    assert copy_age_seconds(found, "b", later_seconds=15.0) == expected


def test_the_age_of_a_node_that_cannot_be_read_is_not_known() -> None:
    assert copy_age_seconds(look(b=GONE), "b") is None


def test_status_says_that_the_standby_is_lost_before_the_frozen_owner_may_go_on() -> None:
    begun = decide(look(a=owner(FROZEN), b=GONE))

    assert begun.rule == "standby_lost"
    action = begun.decision
    assert isinstance(action, Perform)
    assert action.step is StepName.STANDBY_LOST
    assert (action.episode.target, action.episode.epoch) == ("a", 1)
    assert action.status.alone == Alone(epoch=1, since=look().now)
    assert action.status.active_node == "a"


def test_the_step_is_done_when_the_owner_writes_again() -> None:
    episode = move(EpisodeKind.STANDBY_LOST, step=StepName.STANDBY_LOST, source="b", target="a")
    done = PHASES[StepName.STANDBY_LOST].done

    assert [done(look(a=owner(mirror)), episode) for mirror in (FROZEN, PRIMARY, None)] == [False, True, False]


def test_a_frozen_owner_is_sick_and_alive() -> None:
    found = conclude(look(a=owner(FROZEN)), "a")

    assert (found.verdict, found.reason) == (Verdict.SICK, Reason.MIRROR_FROZEN)


@pytest.mark.parametrize("mirror", [PRIMARY, None])
def test_an_owner_that_does_not_freeze_is_left_alone(mirror: Mirror | None) -> None:
    assert decide(look(a=owner(mirror))).rule == "steady"


def test_status_forgets_that_the_owner_was_alone_only_when_both_sides_have_everything() -> None:
    alone = Alone(epoch=1, since="2026-01-01T00:00:00Z")
    behind = replace(SECONDARY, disk="Inconsistent", connection="SyncTarget", resync_percent=40.0)

    again = decide(look(alone=alone)).decision
    still = [decide(look(a=a, b=b, alone=alone)).rule for a, b in ((None, other(behind)), (owner(None), None))]

    assert isinstance(again, Record)
    assert again.status.alone is None
    assert "together" not in still


def test_a_reading_without_a_right_to_run_begins_nothing() -> None:
    bare = replace(owner(FROZEN), guard=replace(owner().guard, may_run=False))

    assert decide(look(a=bare)).rule not in ("standby_lost", "together")


@pytest.mark.parametrize(
    ("mirror", "reason", "words"),
    [
        (SECONDARY, None, ""),
        (replace(SECONDARY, resync_percent=41.7), None, ""),
        (replace(SECONDARY, connection="SyncTarget", resync_percent=41.7), Reason.RESYNCING, "40 % done"),
        (replace(SECONDARY, connection="WFConnection", disk="Inconsistent"), Reason.RESYNCING, "is being synced"),
        (replace(SECONDARY, connection="StandAlone", peer_disk="DUnknown"), Reason.SYNC_BEHIND, "StandAlone"),
        (replace(SECONDARY, out_of_sync_bytes=4096), Reason.SYNC_BEHIND, "up to 1 MiB"),
        (replace(SECONDARY, unsafe=("protocol:A",)), Reason.MIRROR_UNSAFE, "protocol:A"),
        (None, Reason.STANDBY_ABSENT, "nothing is known"),
    ],
)
def test_a_mirror_that_is_not_in_sync_says_why_and_holds_a_switchover(
    mirror: Mirror | None, reason: Reason | None, words: str
) -> None:
    found = look(b=other(mirror))

    held = (out_of_sync(found), preflight(found, move(EpisodeKind.SWITCHOVER, step=StepName.PREFLIGHT)))

    for hold in held:
        assert (hold.reason if hold else None) == reason
        assert words in (hold.message if hold else "")


def test_an_owner_whose_settings_may_lose_data_is_named_at_rest() -> None:
    found = look(a=owner(replace(PRIMARY, unsafe=("fencing:dont-care",))))

    held = out_of_sync(found)

    assert held is not None
    assert held.reason is Reason.MIRROR_UNSAFE
    assert "a: fencing:dont-care" in held.message


def test_a_mirror_of_which_nothing_is_known_has_no_unsafe_setting_to_name() -> None:
    assert unsafe(look(b=GONE), "b") is None


def test_halves_that_were_joined_and_stand_alone_wait_for_a_person() -> None:
    apart = replace(SECONDARY, connection="StandAlone", peer_disk="DUnknown")
    found = look(a=owner(replace(PRIMARY, connection="StandAlone")), b=other(apart))
    episode = move(EpisodeKind.REJOIN, step=StepName.RESYNC, source="a", target="b", epoch=1)
    ready = PHASES[StepName.RESYNC].ready
    tried = replace(found, last=outcome(Done(), step=StepName.RESYNC, episode=episode.id))

    assert split(look(), episode) is None
    assert ready(found, episode) is None
    held = ready(tried, episode)
    assert isinstance(held, Hold)
    assert held.reason is Reason.MIRROR_SPLIT
    assert f"discard --episode {episode.id}" in held.message


def test_the_newest_data_of_a_mirror_is_named_by_its_own_identity() -> None:
    found = look()
    loss = declare(found, move())

    assert loss is not None
    assert loss.generation == Generation(epoch=1, counter=found.node("b").replica.newest.counter)  # type: ignore[union-attr]
