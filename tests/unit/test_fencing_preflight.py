"""A ladder on which nothing can give a proof holds a failover before its first effect."""

import pytest

from maestro_operator.decide.ability import preflight
from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.model.decision import Hold
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import Episode
from maestro_operator.model.steps import StepName
from maestro_operator.observe.gather import Observer
from support.looks import move, outage
from support.worlds import ADDRESSES, UNITS, pair_spec

REFUSED = Unknown(Reason.INVALID_SPEC, "a, rung bmc, fence_redfish: parameters.lan_plus is unknown", ("a", "bmc"))


def without_human() -> Episode:
    episode = move(step=StepName.PREFLIGHT)
    frozen = tuple(item.model_copy(update={"fencing": item.fencing[:-1]}) for item in episode.frozen)
    return episode.model_copy(update={"frozen": frozen})


def test_a_ladder_whose_every_rung_is_refused_holds_at_preflight_with_the_field() -> None:
    held = preflight(outage(devices=(REFUSED,)), without_human())

    assert isinstance(held, Hold)
    assert (held.reason, "parameters.lan_plus" in held.message) == (Reason.INVALID_SPEC, True)


@pytest.mark.parametrize(
    "device",
    [
        Unknown(Reason.DEVICE_FAILED, "it does not answer", ("a", "bmc")),
        Unknown(Reason.INVALID_SPEC, "of the survivor", ("b", "bmc")),
        Unknown(Reason.INVALID_SPEC, "of another rung", ("a", "pdu")),
    ],
)
def test_a_ladder_that_may_yet_give_a_proof_is_climbed(device: Unknown) -> None:
    assert preflight(outage(devices=(device,)), without_human()) is None


def test_a_ladder_that_ends_at_a_person_is_climbed() -> None:
    assert preflight(outage(devices=(REFUSED,)), move(step=StepName.PREFLIGHT)) is None


async def test_the_vantage_points_speak_of_the_doubted_node_too() -> None:
    clock = MemoryClock()
    world = MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=clock)
    observer = Observer(pair_spec(), memory_drivers(world), clock=clock, pairs=lambda: 1, wake=lambda: None)

    look = await observer.look("a", doubted="b")
    for _ in range(5):
        clock.pass_seconds(1)
        look = await observer.look("a", doubted="b")
    observer.close()

    assert {(vote.vantage_point, vote.node) for vote in look.votes} == {
        (point, name) for point in ("operator", "peer") for name in ("a", "b")
    }
