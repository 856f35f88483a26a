"""A person's word that a node is off: recorded before it counts, good for a while, and never against a sign of life."""

from __future__ import annotations

import pytest

from maestro_operator.cli.change import answered
from maestro_operator.model.pair import Answer, Say
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import PairStatus, Word
from maestro_operator.observe.wallclock import fresh_words
from maestro_operator.report.words import words
from support.looks import NOW, seen
from support.worlds import Pair, pair_spec

SAID = Answer(episode="move-2", say=Say.CONFIRM_FENCED, of="a", by="ops", why="pulled the plug")
WORD = Word(episode="move-2", of="a", by="ops", why="pulled the plug", seen_at="2026-01-01T00:00:00.000Z")


async def waiting() -> Pair:
    """Returns a pair whose owner is dead, and whose fence device as well: a person is waited for."""
    pair = Pair()
    await pair.settle()
    pair.world.devices["a"] = "dead"
    pair.world.power_cut("a")
    pair.order("b")
    await pair.hold(Reason.FENCE_UNPROVEN)
    return pair


def test_a_word_is_recorded_with_who_why_and_the_client_that_wrote_it() -> None:
    (word,) = words(seen(spec=pair_spec(answers=(SAID,)), answers_by="kubectl-patch at 2026-01-01T00:16:00Z"))

    assert (word.by, word.why, word.seen_at) == ("ops", "pulled the plug", NOW)
    assert word.written_by == "kubectl-patch at 2026-01-01T00:16:00Z"


def test_a_word_keeps_the_moment_at_which_it_was_first_seen_and_goes_with_its_answer() -> None:
    known = PairStatus(words=(WORD,))
    assert words(seen(spec=pair_spec(answers=(SAID,)), status=known)) == (WORD,)
    assert words(seen(spec=pair_spec(), status=known)) == ()
    anew = SAID.model_copy(update={"why": "looked again"})
    (word,) = words(seen(spec=pair_spec(answers=(anew,)), status=known))
    assert word.seen_at == NOW


@pytest.mark.parametrize(
    ("now", "counts"),
    [
        ("2026-01-01T00:00:01.000Z", True),
        ("2026-01-01T00:15:00.000Z", True),
        ("2026-01-01T00:15:01.000Z", False),
        ("2025-12-31T23:59:58.000Z", True),
        ("2025-12-31T23:00:00.000Z", False),
    ],
)
def test_a_word_counts_for_fifteen_minutes_and_not_before_it_was_said(now: str, *, counts: bool) -> None:
    assert fresh_words(PairStatus(words=(WORD,)), now) == ((WORD,) if counts else ())


async def test_a_failover_goes_on_by_a_word_that_is_in_the_history_afterwards() -> None:
    pair = await waiting()
    assert pair.status.episode is not None
    pair.say(Say.CONFIRM_FENCED, pair.status.episode.id, "a")

    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    proof = pair.status.history[0].proof
    assert proof is not None
    assert proof.method is Method.HUMAN
    assert proof.evidence[0] == "ops@example.org says that a is off: looked at it"
    assert proof.evidence[1].startswith("seen 2026-")
    assert pair.world.moments_with_two_writers == []


async def test_a_word_that_lay_there_while_nobody_could_act_on_it_is_too_old() -> None:
    pair = await waiting()
    assert pair.status.episode is not None
    pair.world.nodes["b"].is_on = False
    pair.say(Say.CONFIRM_FENCED, pair.status.episode.id, "a")
    await pair.turn()
    pair.let_pass(16 * 60)
    pair.world.power_on("b")

    await pair.hold(Reason.FENCE_UNPROVEN)

    assert pair.status.active_node == "a"


def test_the_same_word_again_changes_nothing_and_another_wording_takes_its_place() -> None:
    said = {"episode": "move-2", "say": "ConfirmFenced", "of": "a", "by": "ops", "why": "pulled the plug"}
    other = {"episode": "move-1", "say": "Acknowledge"}
    pair = {"spec": {"answers": [said, other]}}
    anew = {**said, "why": "looked again"}

    assert answered(pair, said).spec == {}
    assert answered(pair, anew).spec == {"answers": [other, anew]}
