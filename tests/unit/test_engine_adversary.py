"""Whatever happens, and in whatever order: never two writers, and no dead end once all is well again."""

from __future__ import annotations

import random

import pytest

from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.reasons import Reason
from support.beginnings import serving
from support.worlds import Pair

SEEDS = range(60)
PEOPLE_DECIDE = (Reason.FLAPPING, Reason.ORDER_NOT_DONE)
LINKS = (("a", "b"), (OPERATOR, "a"), (OPERATOR, "b"))


def strike(pair: Pair, chance: random.Random) -> None:
    node, world = chance.choice("ab"), pair.world
    match chance.randrange(10):
        case 0 | 1:
            pair.order(node)
        case 2:
            world.reboot(node)
        case 3:
            world.power_cut(node)
        case 4:
            world.power_on(node)
        case 5:
            world.cut(*chance.choice(LINKS))
        case 6:
            world.heal()
        case 7:
            pair.restart_operator()
        case 8:
            world.is_dns_up = not world.is_dns_up
        case _:
            (world.thaw if world.nodes[node].is_frozen else world.freeze)(node)


def mend(pair: Pair) -> None:
    pair.world.heal()
    pair.world.is_dns_up = True
    for name in pair.world.nodes:
        pair.world.thaw(name)
        pair.world.power_on(name)


def is_at_rest(pair: Pair) -> bool:
    said = pair.recorder.decided[-1]
    if said.rule == "standby_absent":
        mend(pair)  # the fence switched it off after all was mended
    return said.rule == "steady" or any(pair.holds(reason) for reason in PEOPLE_DECIDE)


@pytest.mark.parametrize("seed", SEEDS)
async def test_no_order_of_blows_makes_two_writers_or_a_dead_end(seed: int) -> None:
    chance = random.Random(seed)
    pair = await serving()

    for _ in range(chance.randint(3, 12)):
        strike(pair, chance)
        for _ in range(chance.choice((1, 2, 3, 5, 8, 20))):
            await pair.turn()
    mend(pair)
    await pair.turn()
    await pair.run_until(is_at_rest, max_turns=200)

    assert pair.world.moments_with_two_writers == []
    assert len(pair.world.writers()) == 1
