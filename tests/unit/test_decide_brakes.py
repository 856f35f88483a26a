"""The brakes on an automatic failover: each holds by itself, and together they are told in the documented order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from maestro_operator.decide import decide
from maestro_operator.decide.brakes import standing
from maestro_operator.model.pair import HUMAN, Automatic, FencingRung, Management, Platform, UnverifiedPlatforms
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Maintenance, Vote
from maestro_operator.model.status import AutomaticMove
from support.looks import GONE, NOW, outage, vote

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen


def spec(look: Seen, **changes: object) -> Seen:
    return replace(look, spec=look.spec.model_copy(update=changes))


def allowed(look: Seen) -> Seen:
    """Let people have allowed it."""
    return spec(look, failover=look.spec.failover.model_copy(update={"automatic": Automatic.ENABLED}))


def on_windows(look: Seen, **changes: object) -> Seen:
    nodes = tuple(item.model_copy(update={"platform": Platform.WINDOWS}) for item in look.spec.nodes)
    return spec(look, nodes=nodes, failover=look.spec.failover.model_copy(update=changes))


def moved_lately(look: Seen, *, left_seconds: float = 60.0, acknowledged: bool = False) -> Seen:
    move = AutomaticMove(episode="move-1", finished_at=NOW, acknowledged=acknowledged)
    status = look.status.model_copy(update={"automatic_move": move})
    return replace(look, status=status, block_remaining_seconds=left_seconds)


BRAKED: Mapping[Reason, Callable[[Seen], Seen]] = {
    Reason.AUTOMATIC_DISABLED: lambda look: spec(
        look, failover=look.spec.failover.model_copy(update={"automatic": Automatic.DISABLED})
    ),
    Reason.PAUSED: lambda look: spec(look, management=Management.PAUSED),
    Reason.MAINTENANCE: lambda look: replace(look, maintenance=Maintenance("the kernel is changed", 60.0)),
    Reason.PLATFORM_UNVERIFIED: on_windows,
    Reason.FENCING_NOT_READY: lambda look: replace(look, devices=()),
    Reason.PEER_NOT_READY: lambda look: replace(look, nodes={**look.nodes, "b": GONE}),
    Reason.OBSERVER_ISOLATED: lambda look: replace(look, operator_is_isolated=True),
    Reason.TOO_MANY_AT_ONCE: lambda look: replace(look, pairs_silent=2, pairs_known=3),
    Reason.LEADERSHIP_TOO_YOUNG: lambda look: replace(look, leadership=replace(look.leadership, led_for_seconds=0.0)),
    Reason.RECENT_AUTOMATIC_MOVE: moved_lately,
    Reason.TOO_FEW_VOTES: lambda look: replace(look, votes=(vote(Vote.DEAD),)),
}
"""Each brake with a change that makes it hold, in the order in which they are told."""


def reasons(look: Seen) -> list[Reason]:
    return [hold.reason for hold in standing(look)]


def test_an_outage_of_a_pair_that_may_move_is_held_by_nothing_and_moves() -> None:
    look = allowed(outage())
    assert reasons(look) == []
    assert decide(look).rule == "outage"


@pytest.mark.parametrize("reason", BRAKED)
def test_each_brake_holds_by_itself(reason: Reason) -> None:
    look = BRAKED[reason](allowed(outage()))
    assert set(reasons(look)) == {reason}
    assert decide(look).rule != "outage"


def test_a_ladder_of_a_person_s_word_alone_fences_nobody_by_itself() -> None:
    look = allowed(outage())
    by_hand = (FencingRung(name=HUMAN),)
    nodes = tuple(item.model_copy(update={"fencing": by_hand}) for item in look.spec.nodes)
    assert reasons(spec(look, nodes=nodes)) == [Reason.FENCING_NOT_READY]


def test_what_people_chose_is_told_before_what_is_broken_and_that_before_what_time_mends() -> None:
    look = allowed(outage())
    for brake in BRAKED.values():
        look = brake(look)
    assert reasons(look) == list(BRAKED)


@pytest.mark.parametrize(
    "look",
    [
        moved_lately(allowed(outage()), left_seconds=0.0),
        moved_lately(allowed(outage()), acknowledged=True),
        on_windows(allowed(outage()), automatic=Automatic.ENABLED, unverified_platforms=UnverifiedPlatforms.ALLOW),
        replace(allowed(outage()), pairs_silent=2, pairs_known=4),
        replace(allowed(outage()), pairs_silent=1, pairs_known=1),
    ],
    ids=["its-time-is-over", "acknowledged", "platforms-allowed", "half-of-all", "alone"],
)
def test_a_brake_lets_go(look: Seen) -> None:
    assert reasons(look) == []
