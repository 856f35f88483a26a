"""How a life in memory is compared with the same life on nodes, and that what differs is found and told."""

from __future__ import annotations

import asyncio
import random
from typing import Any
from unittest import mock

from typing_extensions import override

from maestro_operator.drivers.memory.guard_twin import GuardState
from support.conform.deeds import Deed, life
from support.conform.judge import Names, ended_apart, first_difference
from support.conform.memory_side import MemorySide
from support.conform.nodes import play
from support.conform.physics import KNOWN, REAL

PAIR = "11111111-2222-3333-4444-555555555555"


def act(verb: str, node: str, port: str = "nodes", **words: Any) -> Deed:  # noqa: ANN401
    """Returns a driver's verb as a deed."""
    return Deed("act", f"{verb} {node}", {"port": port, "verb": verb, "node": node, **words})


def order(verb: str, node: str, **words: Any) -> Deed:  # noqa: ANN401
    """Returns an order as a deed."""
    given = {"verb": verb, "pair_uid": PAIR, "node": node, "term": 1, "episode": "activate-1", **words}
    return act("order", node, order=given)._replace(name=f"order {verb} {node}")


LED = (
    *(act("equip", name, pair_uid=PAIR) for name in ("a", "b")),
    *(order("create", name) for name in ("a", "b")),
    *(act("introduce", name, peer=peer) for name, peer in (("a", "b"), ("b", "a"))),
    order("promise", "a", epoch=1, owner="a"),
    order("demote", "b", epoch=1, owner="a"),
    order("promote", "a", epoch=1),
    order("permit", "a", epoch=1),
    act("start", "a"),
)
STRUCK = Deed("blow", "a and b are cut off from each other", {}), Deed("blow", "a reboots", {})


def played(deeds: tuple[Deed, ...], other: MemorySide | None = None) -> list[dict[str, Any]]:
    """Plays deeds on two sides that are both in memory."""
    return asyncio.run(play(MemorySide(), other or MemorySide(), deeds))


def test_two_equal_sides_have_no_difference() -> None:
    steps = played((*LED, *STRUCK))

    assert [step["deed"] for step in steps][-2:] == [deed.name for deed in STRUCK]
    assert first_difference(7, steps) is None


def test_a_guard_that_takes_an_earlier_boots_permit_is_found_and_told_as_a_story() -> None:
    class Forgets(MemorySide):
        @override
        async def look(self, *, at_devices: bool) -> dict[str, Any]:
            with mock.patch.object(GuardState, "may_run", lambda guard, _boot: guard.permit is not None):
                return await super().look(at_devices=at_devices)

    with mock.patch("support.conform.nodes.PATIENCE_SECONDS", 0.0):
        steps = played((*LED, *STRUCK, Deed("blow", "b reboots", {})), Forgets())
    found = first_difference(7, steps)

    assert found is not None
    assert found.story[0] == "life 7:"
    assert found.story[-2:] == (
        f"{len(steps)}. a reboots",
        "   node a, guard may_run: in memory False, on the nodes True",
    )


def test_a_blow_that_is_not_possible_is_no_deed() -> None:
    assert [step["deed"] for step in played((Deed("blow", "a gets power", {}),))] == ["nothing yet"]


def test_ids_are_called_by_the_order_in_which_they_were_seen() -> None:
    names = Names()

    assert [names.of("boot", value) for value in ("x", "y", "x", None)] == ["boot-1", "boot-2", "boot-1", None]


def test_an_end_that_differs_is_told_and_one_in_other_words_is_not() -> None:
    refused = {"is": "Refused", "reason": "RefusedByGuard", "remote_reason": "NoPermit", "message": "a has none"}
    silent = {"is": "Failed", "reason": "TimedOut", "message": "no answer"}

    def apart(memory: dict[str, Any], nodes: dict[str, Any]) -> list[str]:
        return ended_apart({"memory": {"ended": memory}, "nodes": {"ended": nodes}})

    assert apart(refused, {**refused, "message": "no permit"}) == []
    assert apart(silent, {**silent, "reason": "ConnectionRefused"}) == []
    assert apart(refused, silent) != []
    assert apart(refused, {**refused, "remote_reason": "NotOwner"}) == [
        "how it ended, word: in memory 'NoPermit', on the nodes 'NotOwner'"
    ]


def test_every_blow_of_the_nodes_is_one_that_memory_knows() -> None:
    assert set(REAL) <= set(KNOWN)


def test_a_seed_gives_the_same_deeds_again() -> None:
    with mock.patch("support.conform.deeds.MOST_MOVES", 3):
        one, other = (life(random.Random("1-3")) for _ in range(2))

    assert one == other
    assert one[0].name == "equip b"
