"""Entries of all six kinds in one pair: moved one after the other, in their order, and finished by a later turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from maestro_operator.drivers.memory.steering import API_SERVER
from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.entries import ADDRESSES, FLOATING, SIX_KINDS
from support.worlds import Killed, Pair, pair_spec

pytestmark = pytest.mark.unit

KINDS = tuple(SIX_KINDS)
KEPT_BY = {"nat": "traffic by-nat", "command": "traffic by-command", "endpointSlice": API_SERVER}


async def served_through_all() -> Pair:
    """Returns a pair served by a, to which an entry of each kind sends clients."""
    pair = Pair(pair_spec(traffic=tuple(SIX_KINDS.values())))
    await pair.settle()
    return pair


def pointing(pair: Pair, address: str) -> list[str]:
    """Returns the kinds that send clients to an address, in the order of the entries."""
    return [kind for kind in KINDS if address in set(_pointed(pair, kind))]


def _pointed(pair: Pair, kind: str) -> Iterator[str]:
    if kind == "dns":
        yield from pair.world.names.values()
    elif kind == "floatingAddress":
        yield from (node.address for node in pair.world.nodes.values() if FLOATING in node.addresses)
    else:
        yield from (address for name, address in pair.world.steered.items() if name == SIX_KINDS[kind].name)


def watched(pair: Pair) -> list[list[str]]:
    """Returns what will point at b after each move, as it grows."""
    seen: list[list[str]] = []

    def note(verb: str) -> None:
        if verb == "move":
            mark = pair.world.nodes["b"].guard.inforce_epoch
            assert pair.world.nodes["b"].guard.owns(mark) or not pointing(pair, ADDRESSES["b"])
            seen.append(pointing(pair, ADDRESSES["b"]))

    pair.after_effect = note
    return seen


def steps_of(pair: Pair, kind: EpisodeKind) -> dict[StepName, str]:
    entry = next(item for item in pair.status.history if item.kind is kind)
    return {step.name: step.state for step in entry.steps}


async def test_all_move_in_their_order_and_clients_go_on_at_the_new_side() -> None:
    pair = await served_through_all()
    assert pointing(pair, ADDRESSES["a"]) == list(KINDS)
    seen = watched(pair)

    pair.order("b")
    await pair.settle()

    assert seen == [list(KINDS[: count + 1]) for count in range(len(KINDS))]
    assert pointing(pair, ADDRESSES["a"]) == []
    assert pair.world.clients_go_to() == ADDRESSES["b"]
    assert pair.world.lost_records() == 0
    assert steps_of(pair, EpisodeKind.SWITCHOVER)[StepName.MOVE_TRAFFIC] == "Done"


async def test_after_a_failover_all_point_at_the_survivor_though_the_dead_side_answers_nobody() -> None:
    pair = await served_through_all()

    pair.world.power_cut("a")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    assert pointing(pair, ADDRESSES["b"]) == list(KINDS)
    assert pointing(pair, ADDRESSES["a"]) == []


@pytest.mark.parametrize("kind", KEPT_BY)
async def test_one_that_cannot_be_asked_keeps_none_behind_it_back_and_a_later_turn_finishes(kind: str) -> None:
    pair = await served_through_all()
    out_of_reach = {kind} if kind != "endpointSlice" else {"endpointSlice", "externalDNS"}
    pair.world.cut(OPERATOR, KEPT_BY[kind])

    pair.order("b")
    await pair.run_until(lambda it: bool(pointing(it, ADDRESSES["b"])))
    assert pointing(pair, ADDRESSES["b"]) == [it for it in KINDS if it not in out_of_reach]
    pair.world.heal()
    await pair.settle()

    assert pointing(pair, ADDRESSES["b"]) == list(KINDS)
    assert steps_of(pair, EpisodeKind.SWITCHOVER)[StepName.MOVE_TRAFFIC] == "Done"
    assert EpisodeKind.REPAIR not in [item.kind for item in pair.status.history]


async def test_one_that_stays_away_holds_no_start_and_is_put_right_when_it_is_back() -> None:
    pair = await served_through_all()
    pair.world.cut(OPERATOR, KEPT_BY["nat"])

    pair.order("b")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    assert pair.world.writers() == ["b"]
    assert steps_of(pair, EpisodeKind.SWITCHOVER)[StepName.MOVE_TRAFFIC] == "Failed"
    pair.world.heal()
    await pair.settle()

    assert pointing(pair, ADDRESSES["b"]) == list(KINDS)
    assert steps_of(pair, EpisodeKind.REPAIR)[StepName.MOVE_TRAFFIC] == "Done"


@pytest.mark.parametrize("count", range(1, len(KINDS) + 1))
async def test_an_operator_that_died_after_some_moves_goes_on_where_they_ended(count: int) -> None:
    pair = await served_through_all()
    seen = watched(pair)
    note = pair.after_effect

    def end(verb: str) -> None:
        note(verb)
        if len(seen) == count and not pair.kills:
            raise Killed

    pair.after_effect = end
    pair.order("b")
    await pair.run_until(lambda it: bool(it.kills))
    assert pointing(pair, ADDRESSES["b"]) == list(KINDS[:count])
    await pair.settle()

    assert pointing(pair, ADDRESSES["b"]) == list(KINDS)
    assert pointing(pair, ADDRESSES["a"]) == []


async def test_an_address_that_is_taken_from_its_holder_is_put_back() -> None:
    pair = await served_through_all()

    pair.world.nodes["a"].addresses.clear()
    pair.world.steered["by-nat"] = ADDRESSES["b"]
    await pair.settle()

    assert pointing(pair, ADDRESSES["a"]) == list(KINDS)
    assert pointing(pair, ADDRESSES["b"]) == []


async def test_an_address_that_may_be_at_a_silent_standby_is_looked_for_when_that_one_answers() -> None:
    pair = await served_through_all()
    repaired = len(pair.status.history)

    pair.world.nodes["a"].addresses.clear()
    pair.world.cut(OPERATOR, "b")
    for _ in range(10):
        await pair.turn()
    assert len(pair.status.history) == repaired
    pair.world.heal()
    await pair.settle()

    assert pointing(pair, ADDRESSES["a"]) == list(KINDS)


async def test_a_strangers_translation_is_left_and_said() -> None:
    pair = await served_through_all()

    pair.world.steered["by-nat"] = "10.77.0.99"
    await pair.hold(Reason.TRAFFIC_ELSEWHERE)

    assert pair.world.steered["by-nat"] == "10.77.0.99"
    assert pair.world.writers() == ["a"]
