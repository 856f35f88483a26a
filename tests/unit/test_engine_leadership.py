"""An effect begins only while the leadership surely lasts, however long the write before it took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from maestro_operator.model.steps import StepName
from support.beginnings import mid_switchover

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.unit


async def test_no_effect_begins_when_the_leadership_ends_while_its_intent_is_written() -> None:
    pair = await mid_switchover(StepName.RAISE)
    begun: list[str] = []
    pair.after_effect = begun.append

    def write_takes_too_long(status: Mapping[str, Any]) -> None:
        if status["episode"]["step"] == StepName.FINAL_SYNC:
            pair.leader.sure_for_seconds = 0.5

    pair.store.after_write = write_takes_too_long
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.step is StepName.FINAL_SYNC)

    assert "final_sync" not in begun
