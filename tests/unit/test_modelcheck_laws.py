"""The laws as the enumeration asserts them, each on two moments of two nodes; and the walk in several processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.drivers.memory.guard_twin import GuardState, Mark, Permit
from support.modelcheck import laws
from support.modelcheck.explore import Found
from support.modelcheck.jobs import in_processes
from support.modelcheck.laws import Event, Facts, NodeFacts
from support.modelcheck.result import Ending, Hold, Result, added

OWNED, NEXT = Mark(1, "a", "activate-1"), Mark(2, "b", "switchover-2")
GUARD = GuardState(pair="p", node="a", term=1, promised=OWNED, inforce=OWNED)


def stands(name: str, guard: GuardState, *, runs: bool = False, may_run: bool = False) -> NodeFacts:
    """Returns what stands on a node."""
    return NodeFacts(
        name=name,
        address=f"address of {name}",
        machine=name,
        is_on=True,
        runs=runs,
        may_run=may_run,
        guard=guard,
        records=1,
        aside={},
        copies=(),
        promoted=None,
    )


def between(before: tuple[NodeFacts, ...], after: tuple[NodeFacts, ...], what: str = "order permit a") -> Event:
    """Returns an event between two moments."""
    return Event(what, Facts(before, {}), Facts(after, {}), (), forgot=False)


def test_nobody_is_let_in_below_an_epoch_that_the_other_node_owns() -> None:
    other = stands("b", replace(GUARD, node="b", promised=NEXT, inforce=NEXT))
    let_in = stands("a", replace(GUARD, permit=Permit(1, "boot-1")))

    (said,) = laws.last_good_owner_leads(between((stands("a", GUARD), other), (let_in, other)))

    assert said == "a was let in under epoch 1, and b owns epoch 2"


def test_nobody_is_found_to_lead_who_was_let_in_before_the_other_one() -> None:
    found = Mark(3, "a", "adopt-3")
    other = stands("b", replace(GUARD, node="b", maxpermit=Permit(2, "boot-1")))._replace(records=2)
    leads = stands("a", replace(GUARD, promised=found, inforce=found, maxpermit=Permit(1, "boot-1")))
    event = between((stands("a", replace(GUARD, maxpermit=Permit(1, "boot-1"))), other), (leads, other))

    assert list(laws.last_good_owner_leads(event)) == ["a was found to lead, and b was let in after it and has more"]


@pytest.mark.parametrize(("what", "count"), [("the guards went round", 1), ("order revoke a", 0)])
def test_the_guards_stop_no_owner_by_themselves(what: str, count: int) -> None:
    other = stands("b", replace(GUARD, node="b"))
    event = between((stands("a", GUARD, runs=True, may_run=True), other), (stands("a", GUARD), other), what)

    assert len(list(laws.guards_stop_no_owner(event))) == count


def test_a_hold_is_told_by_one_word_in_a_condition_with_a_sentence() -> None:
    told = {
        "conditions": [{"reason": "StateLost", "message": "its guard is lost"}, {"reason": "Paused", "message": ""}]
    }

    assert laws.unsaid("StateLost", told) is None
    assert laws.unsaid("Paused", told) == "no condition says Paused"
    assert laws.unsaid("state lost", told) == "state lost is no word"


def part(number: int) -> Result:
    """Returns what one process found: one world that all came to, and one of its own."""
    cells = {b"shared": ("", "", ""), bytes([number]): ("Switchover", "Raise", "kill")}
    ending = Ending("a serves", (), "held")
    holds = {("order", "Flapping"): Hold({b"shared"}, dead_ends={bytes([number]): ending})}
    return Result(cells, transitions=5, found=[Found("1 one writer", "two", "a serves", ())], holds=holds)


@pytest.mark.parametrize("jobs", [1, 2])
def test_parts_of_a_walk_add_up_and_what_several_came_to_counts_once(jobs: int) -> None:
    total = added(in_processes(part, jobs))

    assert len(total.cells) == 1 + jobs
    assert total.transitions == 5 * jobs
    assert len(total.found) == 1
    assert total.violations == 1 + jobs


def _fails(_number: int) -> int:
    raise ValueError("as planned")


def test_a_process_that_ends_without_an_answer_is_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RuntimeError, match="process 0 ended"):
        in_processes(_fails, 2)

    capfd.readouterr()
