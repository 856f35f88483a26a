"""Several verbs as one: in order up to the first that is not done, or all at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


async def in_order(*verbs: Callable[[], Awaitable[Outcome]]) -> Outcome:
    """Run verbs one after the other up to the first that is not done; give the last outcome."""
    outcome: Outcome = Done()
    for verb in verbs:
        outcome = await verb()
        if not isinstance(outcome, Done):
            return outcome
    return outcome


def first_bad(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the first outcome that is not done."""
    return next((item for item in outcomes if not isinstance(item, Done)), Done())
