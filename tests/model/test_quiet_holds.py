"""A pair that waits, for a person or for nothing at all, is not written at each look: what is said of it stands.

Each golden world in which nothing is done is looked at again as it ages, by nothing but the time that passes.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.model.decision import Hold, Steady
from maestro_operator.model.recorded import from_plain, to_plain
from maestro_operator.report.conditions import reported
from support.golden import World, worlds

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen

WAITING = [world for world in worlds() if isinstance(decide(world.look()).decision, Hold | Steady)]
GROWS = frozenset(
    {"uptime_seconds", "for_seconds", "led_for_seconds", "monotonic_seconds", "age_seconds", "announced_age_seconds",
     "torn_age_seconds"}
)  # fmt: skip
LOOKS_SECONDS = (1, 2, 3, 4, 5, 6, 7)
MOST_WRITES = 1
"""A word that is true no more may come to be said in any of them."""


def older(told: Any, *, seconds: int, name: str = "") -> Any:  # noqa: ANN401
    """Returns a look as it is kept, with every age in it so much greater."""
    if isinstance(told, dict):
        return {key: older(item, seconds=seconds, name=key) for key, item in told.items()}
    if isinstance(told, list):
        return [older(item, seconds=seconds, name=name) for item in told]
    return told + seconds if name in GROWS and isinstance(told, int | float) else told


def aged(look: Seen, *, seconds: int) -> Seen:
    """Returns what is seen so much later, when nothing happened."""
    told = to_plain(look)
    kept = {name: told[name] for name in ("spec", "status")}
    now = datetime.fromisoformat(look.now) + timedelta(seconds=seconds)
    aged_look: Seen = from_plain(
        {**older(told, seconds=seconds), **kept, "now": now.isoformat().replace("+00:00", "Z")}
    )
    return aged_look


@pytest.mark.parametrize("world", WAITING, ids=lambda world: world.name)
def test_what_is_said_of_a_pair_that_waits_does_not_change_with_each_look(world: World) -> None:
    look = world.look()
    first = decide(look)
    status, writes = reported(look, first, look.status), []

    for seconds in LOOKS_SECONDS:
        later = replace(aged(look, seconds=seconds), status=status)
        found = decide(later)
        if (found.rule, type(found.decision)) != (first.rule, type(first.decision)):
            break
        said = reported(later, found, status)
        writes += [found.decision.message] if said.to_resource() != status.to_resource() else []
        status = said

    assert len(writes) <= MOST_WRITES, writes
