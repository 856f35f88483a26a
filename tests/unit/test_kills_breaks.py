"""Each fault that `BREAK=` plants into the operator of the kill matrix is seen by a law, or the story has no end."""

from __future__ import annotations

import pytest

from support.kills import laws
from support.kills.breaks import EffectBeforeIntent, ForgetsJournal, Sound
from support.kills.enumeration import deaths
from support.kills.stories import STORIES, ToldPair, is_at_rest
from support.worlds import Pair

STORY = "renew-rollback"


async def is_told_well(pair: ToldPair) -> bool:
    """Within the few turns that it takes; what has no end is not told on."""

    def done(it: Pair) -> bool:
        return it.status.episode is None and it.world.writers() == [STORIES[STORY].owner] and is_at_rest(it)

    try:
        await pair.run_until(done, max_turns=40)
    except AssertionError:
        return False
    well = ("Renew", "Done") in [(item.kind, item.result) for item in pair.status.history]
    return well and not laws.broken(pair.diary.lines, pair.logged.log)


async def left_by_the_dead(boundary: str, fault: Sound) -> ToldPair:
    """The world as the dead operator left it, with a new operator that has the fault."""
    (pair,) = [pair for found, pair in await deaths(STORY) if found.name == boundary]
    new = pair.forked(fault=fault)
    new.restart_operator()
    return new


@pytest.mark.parametrize(("fault", "well"), [(Sound(), True), (ForgetsJournal(), False)])
async def test_an_operator_that_forgets_the_journal_is_seen_and_a_sound_one_is_not(fault: Sound, *, well: bool) -> None:
    pair = await left_by_the_dead("Renew.SwapPermit.write.1.before", fault)

    assert await is_told_well(pair) == well


@pytest.mark.parametrize(("fault", "broken"), [(Sound(), False), (EffectBeforeIntent(), True)])
async def test_an_operator_that_acts_before_it_writes_breaks_the_law_of_the_intent(
    fault: Sound, *, broken: bool
) -> None:
    pair = (await STORIES[STORY].told()).forked(fault=fault)

    await is_told_well(pair)

    assert ("intent-first" in laws.broken(pair.diary.lines, pair.logged.log)) == broken
