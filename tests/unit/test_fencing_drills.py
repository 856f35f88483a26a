"""A device that cannot tell which machine it serves counts only after it was seen to switch the node."""

from dataclasses import replace

import pytest

from maestro_operator.decide.brakes import fencing_ready
from maestro_operator.decide.prove import NoProof, prove
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec
from maestro_operator.model.proof import Proof
from maestro_operator.model.seen import DeviceSeen, NodeSeen, Seen, Unknown
from maestro_operator.model.status import Drill
from maestro_operator.report.drills import drills, why_not_ready
from support.looks import GONE, NOW, fenced, move, node, outage, reading, seen, standby, status
from support.worlds import pair_spec

PDU = FencingDevice(agent="fence_apc", identity="machine-a", parameters={"ip": "192.0.2.9", "plug": "7"})
OFF_TWICE = (
    reading("off", 10.0, 101, tells_identity=False),
    reading("off", 12.05, 102, tells_identity=False),
)


def spec(device: FencingDevice = PDU) -> PairSpec:
    rungs = (FencingRung(name="bmc", devices=(device,)), FencingRung(name="human"))
    first, second = pair_spec().nodes
    return pair_spec(nodes=(first.model_copy(update={"fencing": rungs}), second))


def device_says(state: str, *, at_seconds: float = 990.0, tells: bool = False) -> tuple[DeviceSeen, ...]:
    return (DeviceSeen("a", "bmc", "fence_apc", state, "machine-a", tells, at_seconds),)


def look(state: str, there: NodeSeen | Unknown, before: tuple[Drill, ...] = (), **changes: object) -> Seen:
    nodes = {"a": there, "b": standby()}
    devices = device_says(state)
    return seen(spec=spec(), nodes=nodes, status=status(drills=before), **{"devices": devices, **changes})


UP = node("a", is_running=True)
UP_AGAIN = node("a", is_running=True, boot_id="boot-a-2", uptime_seconds=3.0)


def drilled() -> tuple[Drill, ...]:
    known = drills(look("on", UP))
    known = drills(look("off", GONE, known))
    return drills(look("on", UP_AGAIN, known))


def test_on_while_it_answers_off_while_it_is_silent_and_on_from_another_boot_is_a_drill() -> None:
    (found,) = drilled()

    assert (found.boot_id, found.cut_at, found.proven_at) == ("boot-a", NOW, NOW)
    assert fencing_ready(look("on", UP, (found,)), "a")
    assert not why_not_ready(look("on", UP, (found,)))


@pytest.mark.parametrize(
    "story",
    [
        [("on", UP)],
        [("off", GONE)],
        [("on", UP), ("on", GONE), ("on", UP_AGAIN)],
        [("on", UP), ("off", GONE)],
        [("on", UP), ("off", GONE), ("on", UP)],
        [("off", GONE), ("on", UP_AGAIN)],
    ],
)
def test_less_than_the_whole_story_is_no_drill(story: list[tuple[str, NodeSeen | Unknown]]) -> None:
    known: tuple[Drill, ...] = ()
    for state, there in story:
        known = drills(look(state, there, known))

    assert not [item for item in known if item.proven_at]
    assert not fencing_ready(look("on", UP, known), "a")


def test_a_device_that_says_off_of_a_node_that_is_up_all_along_loses_its_drill() -> None:
    assert drills(look("off", UP, drilled())) == ()


def test_an_old_word_off_says_nothing_against_a_node_that_has_booted_since() -> None:
    assert drills(look("off", UP_AGAIN, drilled())) == drilled()


def test_a_device_at_another_plug_is_another_device() -> None:
    moved = PDU.model_copy(update={"parameters": {**PDU.parameters, "plug": "8"}})

    found = drills(replace(look("on", UP, drilled()), spec=spec(moved)))

    assert [item.proven_at for item in found] == [None]


def test_a_device_that_tells_its_machine_itself_needs_no_drill() -> None:
    told = replace(look("on", UP), devices=device_says("on", tells=True))

    assert drills(told) == ()
    assert fencing_ready(told, "a")


def test_what_is_due_is_said_in_words() -> None:
    (text,) = why_not_ready(look("on", UP))

    assert "fence drill" in text


@pytest.mark.parametrize("is_drilled", [True, False])
def test_the_word_of_such_a_device_proves_something_only_after_its_drill(*, is_drilled: bool) -> None:
    episode = move()
    ladder = (FencingRung(name="bmc", devices=(PDU,)), FencingRung(name="human"))
    frozen = tuple(item.model_copy(update={"fencing": ladder}) for item in episode.frozen)
    known = status(drills=drilled() if is_drilled else ())

    found = prove(outage(last=fenced(*OFF_TWICE), status=known), episode.model_copy(update={"frozen": frozen}))

    assert isinstance(found, Proof if is_drilled else NoProof)
