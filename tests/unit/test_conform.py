"""What `make conform` makes of random lives, and that it notices a twin that differs."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from unittest import mock

from maestro_operator.drivers.memory import guard_twin
from maestro_operator.drivers.memory.guard_twin import GuardState, Mark
from maestro_operator.drivers.ports import Order
from support.conform import guards, schema
from support.conform.traces import Given, Recorded, Trace, trace
from support.modelcheck.beginnings import checked_spec


def a_life(seed: str = "1-0") -> Trace:
    """Returns a short random life."""
    return trace(Recorded(), checked_spec(), random.Random(seed), most_moves=5)


def test_a_seed_gives_the_same_life_again() -> None:
    one, other = a_life(), a_life()

    assert [move.text for move in one.moves] == [move.text for move in other.moves]
    assert (one.given, one.written) == (other.given, other.written)


def test_every_write_of_a_life_follows_the_one_before() -> None:
    found = trace(Recorded(), checked_spec(), random.Random("1-0"), most_moves=5).written

    assert found[0].before == {}
    assert all(one.after == other.before for one, other in itertools.pairwise(found))


def test_a_guards_twin_that_obeys_lower_epochs_is_noticed(tmp_path: Path) -> None:
    mark = Mark(3, "a", "switchover-3")
    state = GuardState(pair="p-1", node="b", term=1, promised=mark, inforce=mark)
    demoted = list(
        guards.turned_wrong(Given(state, Order("demote", "p-1", "b", 1, "move-3", epoch=3, owner="a"), "b-1"))
    )

    assert guards.differing(tmp_path / "sound", demoted) == []
    with mock.patch.object(guard_twin, "_check_not_lower", return_value=None):
        assert guards.differing(tmp_path / "blind", demoted) != []


def test_a_status_is_turned_wrong_in_many_ways_and_stays_as_it_was() -> None:
    status = {"activeNode": "a", "term": 2, "epoch": {"inForce": {"number": 1, "owner": "a", "episode": "x"}}}

    wrong = dict(schema.turned_wrong(status))

    assert len(wrong) == len(schema.CHANGES)
    assert wrong["term lowered"]["term"] == 1
    assert "epoch" not in wrong["the whole epoch dropped"]
    assert status["term"] == 2
