"""What is kept aside is given up by a person alone, by its name, and nothing else goes with it."""

from __future__ import annotations

from maestro_operator.model.outcome import Failed
from maestro_operator.model.pair import Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.replica import Replica
from maestro_operator.model.steps import EpisodeKind
from maestro_operator.report.conditions import _moment
from support.beginnings import serving
from support.worlds import Pair

ITEM, OTHER = "rejoin-1", "failover-2-replaced"


async def keeping() -> Pair:
    """Returns a pair served by a whose b keeps two things aside."""
    pair = await serving()
    pair.world.nodes["b"].quarantine |= {ITEM: 3, OTHER: 5}
    await pair.settle()
    return pair


def kept(pair: Pair) -> set[str]:
    return {item.episode for item in pair.status.quarantine}


async def test_what_a_person_names_goes_and_the_rest_stays() -> None:
    pair = await keeping()
    assert kept(pair) == {ITEM, OTHER}

    pair.say(Say.DISCARD_QUARANTINE, ITEM, ITEM)
    await pair.run_until(lambda it: it.status.episode is None and kept(it) == {OTHER})

    entry = pair.status.history[0]
    assert (entry.kind, entry.target, entry.result) == (EpisodeKind.DISCARD, "b", "Done")
    assert pair.world.writers() == ["a"]


async def test_a_word_counts_once() -> None:
    pair = await keeping()
    pair.say(Say.DISCARD_QUARANTINE, ITEM, ITEM)
    await pair.run_until(lambda it: kept(it) == {OTHER})

    pair.world.nodes["b"].quarantine[ITEM] = 9
    await pair.settle()

    assert kept(pair) == {ITEM, OTHER}


async def test_a_word_about_what_nobody_keeps_does_nothing() -> None:
    pair = await keeping()

    pair.say(Say.DISCARD_QUARANTINE, "rejoin-9", "rejoin-9")
    await pair.settle()

    assert kept(pair) == {ITEM, OTHER}


async def test_a_word_about_a_node_that_is_away_waits_for_it() -> None:
    pair = await keeping()
    pair.world.power_cut("b")
    pair.say(Say.DISCARD_QUARANTINE, ITEM, ITEM)
    await pair.hold(Reason.STANDBY_ABSENT)
    assert ITEM in kept(pair)

    pair.world.power_on("b")

    await pair.run_until(lambda it: ITEM not in kept(it))


async def test_what_cannot_be_deleted_is_left_and_holds_nothing_up() -> None:
    pair = await keeping()

    async def broken(*_: object, **__: object) -> Failed:
        return Failed(Reason.COMMAND_FAILED, "the disk does not answer")

    pair.drivers.replication.discard = broken  # type: ignore[method-assign]
    pair.say(Say.DISCARD_QUARANTINE, ITEM, ITEM)
    await pair.run_until(lambda it: it.status.episode is None and it.status.history[0].kind is EpisodeKind.DISCARD)

    assert pair.status.history[0].result == "Abandoned"
    assert kept(pair) == {ITEM, OTHER}
    await pair.settle()


async def test_a_guard_of_another_pair_is_not_told_to_delete_anything() -> None:
    pair = await keeping()
    pair.world.lose_guard_state("b")
    pair.say(Say.DISCARD_QUARANTINE, ITEM, ITEM)

    await pair.turn()

    assert ITEM in pair.world.nodes["b"].quarantine


def test_the_moment_of_keeping_is_shown_as_people_read_it() -> None:
    assert _moment(1_700_000_000) == "2023-11-14T22:13:20Z"
    assert Replica(kept_at=(("x", 1),)).kept_at == (("x", 1),)
