"""The contract of a replicated volume, held over memory and over a stand-in for csi-addons on a real API server.

No real csi-addons and no real storage is in it: what is real is the API server, which keeps versions, generations and
the status apart as it does everywhere.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from maestro_operator.drivers.replication.volume_text import PRIMARY, RESYNC, SECONDARY, VolumeSide, side_of
from maestro_operator.kube.connection import connect
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from support.contracts.volumes import ClusterVolumePair, Killed, MemoryVolumePair, Receipt, VolumePair
from support.controlplane import ControlPlane
from support.csiaddons import NAMESPACES, Standin, definition
from support.csiaddons.storage import SYNC_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.timeout(120)
NOBODY = "https://127.0.0.1:9"
LOOKS = 200


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Standin]]:
    """A real API server with csi-addons' kind, and the stand-in for its controller."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), own_processes=True) as plane:
        kind = definition()
        plane.run_kubectl("apply", "--server-side", "-f", "-", input_text=json.dumps(kind))
        plane.run_kubectl("wait", "--for=condition=Established", f"crd/{kind['metadata']['name']}")
        for namespace in NAMESPACES.values():
            plane.ensure_namespace(namespace)
        with Standin(plane.admin_kubeconfig) as standin:
            yield plane, standin


@pytest.fixture(params=["memory", "standin"])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[VolumePair]:
    if request.param == "memory":
        made: VolumePair = MemoryVolumePair()
        await begun(made)
        yield made
        return
    plane, controller = request.getfixturevalue("standin")
    api, silent = await connect(plane.admin_kubeconfig), await connect(plane.admin_kubeconfig)
    silent.configuration.host = NOBODY
    real = ClusterVolumePair(controller, api, silent)
    await begun(real)
    yield real
    await api.close()
    await silent.close()


async def begun(pair: VolumePair) -> None:
    """Waits until a is the primary with three records that b has too."""
    await looked(pair, "a", lambda side: side.is_carried_out)
    for _ in range(3):
        assert pair.storage.write("a")
    pair.storage.mirror()
    await looked(pair, "b", lambda side: side.gave_up)


async def looked(pair: VolumePair, name: str, reached: Callable[[VolumeSide], bool]) -> VolumeSide:
    """Returns what a side says once it says that."""
    side: VolumeSide | Unknown | None = None
    for _ in range(LOOKS):
        side = await pair.orders(name).look()
        if isinstance(side, VolumeSide) and reached(side):
            return side
        await asyncio.sleep(0.02)
    raise AssertionError(side)


def records(pair: VolumePair, name: str) -> list[str]:
    return list(pair.storage.volumes[name].records)


async def promoted(pair: VolumePair, name: str, receipt: Receipt, *, seconds: float | None = None) -> Outcome:
    other = "b" if name == "a" else "a"
    return await pair.orders(name).promote(
        peer=pair.orders(other), receipt=receipt, deadline_seconds=seconds or pair.deadline_seconds
    )


async def split(pair: VolumePair) -> None:
    """Has b promoted by a person's word while a was cut off and wrote on, and a found to be split."""
    pair.silence("a")
    pair.storage.is_cut = True
    pair.storage.write("a")
    assert isinstance(await promoted(pair, "b", Receipt(given=True), seconds=pair.patience_seconds), Done)
    pair.storage.write("b")
    pair.heal()
    assert isinstance(await pair.orders("a").stand_by(), Done)
    await looked(pair, "a", lambda side: side.is_split)


# ---------------------------------------------------------------- a planned switch


async def test_a_side_has_given_up_only_when_the_other_one_has_everything(pair: VolumePair) -> None:
    pair.storage.write("a")

    outcome = await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds)

    assert isinstance(outcome, Done), outcome
    assert (pair.storage.writers(), records(pair, "b")) == ([], ["a0", "a1", "a2", "a3"])


async def test_a_switch_needs_no_receipt_and_loses_nothing(pair: VolumePair) -> None:
    pair.storage.write("a")
    receipt = Receipt(given=False)
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds), Done)

    outcome = await promoted(pair, "b", receipt)

    assert isinstance(outcome, Done), outcome
    assert (pair.storage.writers(), len(records(pair, "b"))) == (["b"], 4)
    assert (receipt.asked, pair.storage.forced, pair.storage.lost) == (0, [], [])


async def test_what_does_not_arrive_has_not_been_given_up_though_completed_is_true(pair: VolumePair) -> None:
    pair.storage.is_cut = True
    pair.storage.write("a")

    outcome = await pair.orders("a").demote(deadline_seconds=pair.patience_seconds)

    assert isinstance(outcome, Failed)
    side = await pair.orders("a").look()
    assert isinstance(side, VolumeSide)
    assert (side.is_carried_out, side.gave_up) == (True, False)
    pair.heal()
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds), Done)


async def test_a_switch_that_was_given_up_gives_the_old_primary_back_whatever_did_not_arrive(pair: VolumePair) -> None:
    pair.storage.is_cut = True
    pair.storage.write("a")
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.patience_seconds), Failed)
    receipt = Receipt(given=False)

    outcome = await pair.orders("a").take_back(
        peer=pair.orders("b"), receipt=receipt, deadline_seconds=pair.deadline_seconds
    )

    assert isinstance(outcome, Done), outcome
    assert (pair.storage.writers(), len(records(pair, "a")), receipt.asked) == (["a"], 4, 0)


async def test_an_old_primary_is_not_given_back_where_the_other_side_may_be_one(pair: VolumePair) -> None:
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds), Done)
    assert isinstance(await promoted(pair, "b", Receipt(given=False)), Done)
    receipt = Receipt(given=False)

    outcome = await pair.orders("a").take_back(
        peer=pair.orders("b"), receipt=receipt, deadline_seconds=pair.deadline_seconds
    )

    assert isinstance(outcome, Refused)
    assert (pair.storage.writers(), receipt.asked) == (["b"], 1)


async def test_a_controller_that_looks_at_nothing_has_carried_out_nothing(pair: VolumePair) -> None:
    """What it said of the generation before stays in the object, `Completed` and all."""
    pair.storage.asleep.add("a")

    outcome = await pair.orders("a").demote(deadline_seconds=pair.patience_seconds)

    assert isinstance(outcome, Failed)
    assert (await pair.ordered("a"), pair.storage.writers()) == ((SECONDARY, 2), ["a"])


# ---------------------------------------------------------------- force, and whose word it needs


async def test_the_other_side_that_answers_is_asked_to_give_up_first(pair: VolumePair) -> None:
    pair.storage.write("a")
    receipt = Receipt(given=True)

    outcome = await promoted(pair, "b", receipt)

    assert isinstance(outcome, Done), outcome
    assert (receipt.asked, pair.storage.forced, len(records(pair, "b"))) == (0, [], 4)


async def test_nothing_is_forced_without_a_receipt(pair: VolumePair) -> None:
    pair.silence("a")

    outcome = await promoted(pair, "b", Receipt(given=False), seconds=pair.patience_seconds)

    assert isinstance(outcome, Refused)
    assert outcome.message.endswith("no receipt")
    assert (await pair.ordered("b"), pair.storage.writers()) == ((SECONDARY, 1), ["a"])


async def test_a_receipt_forces_once_where_the_other_side_is_silent(pair: VolumePair) -> None:
    pair.silence("a")
    pair.storage.is_cut = True
    receipt = Receipt(given=True)

    outcome = await promoted(pair, "b", receipt, seconds=pair.patience_seconds)

    assert isinstance(outcome, Done), outcome
    assert (receipt.asked, receipt.given, pair.storage.forced) == (1, False, ["b"])
    # The order stands: it is waited for, and nothing is used up a second time.
    again = await promoted(pair, "b", receipt, seconds=pair.patience_seconds)
    assert (isinstance(again, Done), receipt.asked) == (True, 1)


async def test_a_side_that_cannot_give_up_is_forced_past_on_a_receipt_alone(pair: VolumePair) -> None:
    pair.storage.is_cut = True
    pair.storage.write("a")

    without = await promoted(pair, "b", Receipt(given=False), seconds=pair.patience_seconds)

    assert isinstance(without, Refused)
    assert (await pair.ordered("b"))[0] == SECONDARY
    assert isinstance(await promoted(pair, "b", Receipt(given=True), seconds=pair.patience_seconds), Done)
    assert (pair.storage.writers(), pair.storage.forced) == (["b"], ["b"])


async def test_a_side_that_is_still_syncing_is_promoted_by_nobody(pair: VolumePair) -> None:
    await split(pair)
    pair.storage.is_cut = True
    await looked(pair, "a", lambda side: not side.is_in_sync)
    receipt = Receipt(given=True)

    outcome = await promoted(pair, "a", receipt, seconds=pair.patience_seconds)

    assert isinstance(outcome, Refused)
    assert (outcome.reason, receipt.asked, pair.storage.writers()) == (Reason.COPY_NOT_WHOLE, 0, ["b"])


# ---------------------------------------------------------------- the way back


async def test_an_old_primary_with_nothing_of_its_own_becomes_the_secondary(pair: VolumePair) -> None:
    pair.silence("a")
    pair.storage.is_cut = True
    assert isinstance(await promoted(pair, "b", Receipt(given=True), seconds=pair.patience_seconds), Done)
    pair.storage.write("b")
    pair.heal()

    assert isinstance(await pair.orders("a").stand_by(), Done)

    await looked(pair, "a", lambda side: side.gave_up)
    assert (records(pair, "a"), pair.storage.lost) == (records(pair, "b"), [])


async def test_what_only_one_side_has_stays_until_a_person_gives_it_up(pair: VolumePair) -> None:
    await split(pair)
    assert (records(pair, "a")[-1], pair.storage.lost) == ("a3", [])
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.patience_seconds), Refused)

    begun = await pair.orders("a").give_up_own_data(peer=pair.orders("b"))

    assert isinstance(begun, InProgress), begun
    for _ in range(LOOKS):
        if isinstance(await pair.orders("a").give_up_own_data(peer=pair.orders("b")), Done):
            break
        await asyncio.sleep(0.02)
    await looked(pair, "a", lambda side: side.gave_up)
    assert (records(pair, "a"), pair.storage.lost) == (records(pair, "b"), ["a3"])
    # Left standing it would overwrite by force whenever the controller looks.
    assert (await pair.ordered("a"))[0] == SECONDARY


async def test_nothing_is_given_up_for_a_side_that_is_not_known_to_be_the_primary(pair: VolumePair) -> None:
    await split(pair)
    pair.silence("b")

    outcome = await pair.orders("a").give_up_own_data(peer=pair.orders("b"))

    assert isinstance(outcome, Refused)
    assert ((await pair.ordered("a"))[0], pair.storage.lost) == (SECONDARY, [])


async def test_a_side_that_is_not_split_gives_nothing_up(pair: VolumePair) -> None:
    assert isinstance(await pair.orders("a").give_up_own_data(peer=pair.orders("b")), Refused)
    assert isinstance(await pair.orders("b").give_up_own_data(peer=pair.orders("a")), Done)
    assert ((await pair.ordered("a"))[0], (await pair.ordered("b"))[0]) == (PRIMARY, SECONDARY)


# ---------------------------------------------------------------- what is refused, and what is not overwritten


async def test_a_volume_that_resyncs_by_itself_is_ordered_nothing(pair: VolumePair) -> None:
    await pair.touch("a", {"spec": {"autoResync": True}})

    outcome = await pair.orders("a").demote(deadline_seconds=pair.patience_seconds)

    assert isinstance(outcome, Refused)
    assert (outcome.reason, (await pair.ordered("a"))[0]) == (Reason.INVALID_SPEC, PRIMARY)


async def test_a_side_that_was_written_since_it_was_judged_is_left_as_it_is(pair: VolumePair) -> None:
    async def meanwhile() -> Outcome:
        await pair.touch("b", {"metadata": {"labels": {"somebody": "else"}}})
        return Done()

    pair.silence("a")

    outcome = await pair.orders("b").promote(
        peer=pair.orders("a"), receipt=meanwhile, deadline_seconds=pair.patience_seconds
    )

    assert isinstance(outcome, Failed)
    assert (await pair.ordered("b"), pair.storage.writers()) == ((SECONDARY, 1), ["a"])


async def test_a_primary_whose_status_is_written_all_the_time_gives_way_all_the_same(pair: VolumePair) -> None:
    written: list[int] = []

    async def meanwhile(at: int) -> None:
        written.append(at)
        if len(written) == 1:
            await pair.touch("a", {"metadata": {"labels": {"written": str(at)}}})

    outcome = await pair.orders("a", after_read=meanwhile).demote(deadline_seconds=pair.deadline_seconds)

    assert isinstance(outcome, Done), outcome
    assert (await pair.ordered("a"), pair.storage.writers()) == ((SECONDARY, 2), [])


async def test_of_a_side_that_does_not_answer_nothing_is_known(pair: VolumePair) -> None:
    pair.silence("a")

    side = await pair.orders("a").look()

    assert isinstance(side, Unknown)
    assert side.reason is Reason.TIMED_OUT


async def test_a_primary_alone_says_how_old_the_other_side_s_data_are(pair: VolumePair) -> None:
    here = await looked(pair, "a", lambda side: side.synced_at is not None)
    there = await looked(pair, "b", lambda side: side.gave_up)

    age = here.copy_age_seconds(now=here.synced_at or "")

    assert (age, there.copy_age_seconds(now=here.synced_at or "")) == (SYNC_SECONDS, None)


# ---------------------------------------------------------------- the operator is killed, and another one goes on


async def test_killed_right_after_the_order_to_give_up_another_one_waits_for_it(pair: VolumePair) -> None:
    pair.storage.write("a")
    with pytest.raises(Killed):
        await pair.orders("a", dies=True).demote(deadline_seconds=pair.deadline_seconds)

    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds), Done)

    assert (await pair.ordered("a"), len(records(pair, "b"))) == ((SECONDARY, 2), 4)


async def test_killed_between_the_last_copy_and_the_promotion_another_one_promotes_without_loss(
    pair: VolumePair,
) -> None:
    pair.storage.write("a")
    assert isinstance(await pair.orders("a").demote(deadline_seconds=pair.deadline_seconds), Done)
    receipt = Receipt(given=False)
    with pytest.raises(Killed):
        await pair.orders("b", dies=True).promote(
            peer=pair.orders("a"), receipt=receipt, deadline_seconds=pair.deadline_seconds
        )

    assert isinstance(await promoted(pair, "b", receipt), Done)

    assert (pair.storage.writers(), len(records(pair, "b")), receipt.asked) == (["b"], 4, 0)
    assert (await pair.ordered("b")) == (PRIMARY, 2)


async def test_killed_in_the_middle_of_a_failback_another_one_ends_it(pair: VolumePair) -> None:
    await split(pair)
    with pytest.raises(Killed):
        await pair.orders("a", dies=True).give_up_own_data(peer=pair.orders("b"))
    assert (await pair.ordered("a"))[0] == RESYNC
    for _ in range(LOOKS):
        if isinstance(await pair.orders("a").stand_by(), Done):
            break
        await asyncio.sleep(0.02)
    await looked(pair, "a", lambda side: side.gave_up)
    assert isinstance(await pair.orders("b").demote(deadline_seconds=pair.deadline_seconds), Done)

    assert isinstance(await promoted(pair, "a", Receipt(given=False)), Done)

    assert (pair.storage.writers(), pair.storage.lost) == (["a"], ["a3"])
    assert records(pair, "a") == records(pair, "b")


async def test_killed_after_a_forced_order_the_receipt_is_not_needed_again(pair: VolumePair) -> None:
    pair.silence("a")
    pair.storage.is_cut = True
    receipt = Receipt(given=True)
    with pytest.raises(Killed):
        await pair.orders("b", dies=True).promote(
            peer=pair.orders("a"), receipt=receipt, deadline_seconds=pair.patience_seconds
        )

    assert isinstance(await promoted(pair, "b", receipt, seconds=pair.patience_seconds), Done)

    assert (receipt.asked, pair.storage.forced) == (1, ["b"])


# ---------------------------------------------------------------- what an object may say


def said(**status: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"metadata": {"generation": 3}, "spec": {"replicationState": SECONDARY}, "status": status}


def condition(kind: str, answer: str, *, generation: int = 3, reason: str = "") -> dict[str, Any]:
    return {"type": kind, "status": answer, "reason": reason, "observedGeneration": generation}


WELL = [condition("Completed", "True"), condition("Degraded", "False"), condition("Resyncing", "False")]


@pytest.mark.parametrize(
    ("status", "gave_up"),
    [
        ({"state": "Secondary", "observedGeneration": 3, "conditions": WELL}, True),
        ({"state": "Secondary", "observedGeneration": 2, "conditions": WELL}, False),
        ({"state": "Unknown", "observedGeneration": 3, "conditions": WELL}, False),
        ({"state": "Secondary", "observedGeneration": 3, "conditions": WELL[:2]}, False),
        (
            {
                "state": "Secondary",
                "observedGeneration": 3,
                "conditions": [condition("Completed", "True", generation=2), *WELL[1:]],
            },
            False,
        ),
        (
            {
                "state": "Secondary",
                "observedGeneration": 3,
                "conditions": [*WELL[:2], condition("Resyncing", "False", generation=2)],
            },
            False,
        ),
        ({}, False),
    ],
)
def test_a_side_gave_up_where_everything_was_said_of_this_generation(status: dict[str, Any], *, gave_up: bool) -> None:
    side = side_of(said(**status))

    assert isinstance(side, VolumeSide)
    assert side.gave_up is gave_up


@pytest.mark.parametrize(
    ("text", "seconds"), [("1m2.5s", 62.5), ("0s", 0.0), ("150ms", 0.15), ("2h", 7200.0), ("5", None), ("soon", None)]
)
def test_a_duration_is_read_as_go_writes_it_or_not_at_all(text: str, seconds: float | None) -> None:
    side = side_of(said(lastSyncDuration=text))

    assert (side.synced_in_seconds if isinstance(side, VolumeSide) else None) == seconds


def test_an_object_of_another_word_is_not_understood() -> None:
    assert isinstance(side_of({"metadata": {"generation": 1}, "spec": {"replicationState": "promoted"}}), str)
    assert isinstance(side_of({"spec": {"replicationState": SECONDARY}}), str)
