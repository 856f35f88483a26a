"""A discovery in whose middle another machine comes to stand in a node's place: it is not taken for the first."""

from __future__ import annotations

import pytest

from maestro_operator.drivers.memory.guard_twin import NEVER
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import StepName
from support.beginnings import found_running, is_at
from support.worlds import Pair


def replace_machine(pair: Pair, name: str) -> None:
    """Puts a machine with nothing on its disk in a node's place."""
    node = pair.world.nodes[name]
    pair.world.power_cut(name)
    node.machine_id, node.guard, node.is_equipped, node.has_peer_key = "another", NEVER, False, False
    node.records = None
    pair.world.power_on(name)


@pytest.mark.parametrize(
    ("step", "reason", "says"),
    [
        (StepName.EQUIP, Reason.COPY_NOT_WHOLE, "a has no data of the application: put them there"),
        (StepName.ADOPT, Reason.STATE_LOST, "put the data back on a and make the resource anew"),
    ],
)
async def test_a_machine_that_was_replaced_while_it_was_adopted_is_not_adopted(
    step: StepName, reason: Reason, says: str
) -> None:
    pair = await found_running()
    await pair.run_until(lambda it: is_at(it, step))

    replace_machine(pair, "a")

    held = await pair.hold(reason)
    assert says in held.message
    assert pair.world.writers() == []
