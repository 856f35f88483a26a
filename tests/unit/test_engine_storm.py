"""Everything at once, and a person who answers what is asked: never two writers, and always a way out."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any

import pytest

from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.decision import Hold
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.reasons import Reason
from support.beginnings import serving
from support.worlds import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping

SEEDS, MORE_SEEDS = range(24), range(24, 240)
MANAGED = (Management.ENFORCE, Management.OBSERVE, Management.PAUSED)
LINKS = (("a", "b"), (OPERATOR, "a"), (OPERATOR, "b"))
ANSWER = re.compile(r"episode: ([a-z0-9-]+), say: ([A-Za-z]+)")


class Storm:
    """One pair, and everything that befalls it in the order of a seed."""

    def __init__(self, pair: Pair, seed: int) -> None:
        """Begin with nothing done."""
        self.pair = pair
        self.chance = random.Random(seed)
        self.past: list[Mapping[str, Any]] = [pair.store.status]

    def strike(self) -> None:
        """Does one thing to the pair, its nodes, its operator or its resource."""
        name = self.chance.choice("ab")
        blow = self.chance.choice((self._order, self._order, self._power, self._network, self._people, self._operator))
        blow(name)
        self.past.append(self.pair.store.status)

    def _order(self, name: str) -> None:
        self.pair.order(name)

    def _power(self, name: str) -> None:
        world = self.pair.world
        revive = world.thaw if world.nodes[name].is_frozen else world.freeze
        self.chance.choice((world.reboot, world.power_cut, world.power_on, revive))(name)

    def _network(self, _name: str) -> None:
        world = self.pair.world
        match self.chance.randrange(3):
            case 0:
                world.cut(*self.chance.choice(LINKS))
            case 1:
                world.heal()
            case _:
                world.is_dns_up = not world.is_dns_up

    def _people(self, name: str) -> None:
        world, node = self.pair.world, self.pair.world.nodes[name]
        match self.chance.randrange(4):
            case 0:
                self.pair.change(management=self.chance.choice(MANAGED))
            case 1:
                world.devices[name] = self.chance.choice(("honest", "dead", "denying"))
            case 2:
                node.is_guarding = not node.is_guarding
            case _:
                self.answer()

    def _operator(self, _name: str) -> None:
        """Ends the operator; every other time the API server comes back with what it held before."""
        if self.chance.randrange(2):
            self.pair.store.restore(self.chance.choice(self.past))
        self.pair.restart_operator()

    def answer(self) -> None:
        """Says what the operator's message asks for, where it is true."""
        pair = self.pair
        last = pair.recorder.decided[-1].decision if pair.recorder.decided else None
        episode = pair.status.episode
        if not isinstance(last, Hold):
            return
        found = ANSWER.search(last.message)
        off = [name for name, node in pair.world.nodes.items() if not node.is_on]
        if found is not None:
            pair.say(Say(found[2]), found[1], next(iter(off), None))
        elif "ConfirmFenced" in last.message and episode is not None and off:
            pair.say(Say.CONFIRM_FENCED, episode.id, off[0])
        elif "set activeNode to" in last.message:
            pair.order(last.message.split("set activeNode to ")[1][0])
        elif "FailOver" in last.message and episode is not None:
            pair.say(Say.FAIL_OVER, episode.id)
        elif last.reason in (Reason.COPY_OVER_BUDGET, Reason.LOSS_NOT_ACCEPTED) and episode is not None:
            pair.say(Say.ACCEPT_LOSS, episode.id, "99999")
        elif last.reason in (Reason.NODE_ROLLED_BACK, Reason.STATE_LOST, Reason.WAIT_FOR_USER):
            pair.order("b" if pair.status.active_node == "a" else "a")
        elif last.reason is Reason.ORDER_NOT_DONE:
            pair.order(pair.status.active_node or "a")

    def mend(self) -> None:
        """Puts everything right that people can put right."""
        pair = self.pair
        pair.world.heal()
        pair.world.is_dns_up = True
        for name, node in pair.world.nodes.items():
            pair.world.thaw(name)
            pair.world.power_on(name)
            pair.world.devices[name] = "honest"
            node.is_guarding = True
        if pair.store.spec.management is not Management.ENFORCE:
            pair.change(management=Management.ENFORCE)


@pytest.mark.parametrize("seed", [*SEEDS, *(pytest.param(seed, marks=pytest.mark.long) for seed in MORE_SEEDS)])
async def test_whatever_befalls_a_pair_one_node_serves_in_the_end_and_never_two(seed: int) -> None:
    pair = await serving()
    storm = Storm(pair, seed)

    for _ in range(storm.chance.randint(4, 16)):
        storm.strike()
        for _ in range(storm.chance.choice((1, 2, 3, 5, 8, 20))):
            await pair.turn()
    for turn in range(400):
        if turn % 20 == 0:
            storm.mend()
        await pair.turn()
        if pair.recorder.decided[-1].rule == "steady":
            break
        if turn % 20 == 19:
            storm.answer()
    else:
        raise AssertionError(f"no way out: {pair.recorder.decided[-1]}; {pair.status.episode}")

    assert pair.world.moments_with_two_writers == []
    assert pair.world.writers() == [pair.status.active_node]
