"""One action: what it needs, where it ends, and what it says of how it ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from typing_extensions import override

from maestro_operator.act import effects
from maestro_operator.act.acting import Acting
from maestro_operator.act.effects import perform
from maestro_operator.drivers.ports import Drivers, Order
from maestro_operator.model.decision import Perform
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.proof import Method, Proof
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState
from maestro_operator.model.status import Episode, Epoch, FrozenNode, Generation
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import GONE, NEXT, NOW, OWNED, move, node, outage, seen, standby, standby_guard, status
from support.worlds import Pair, pair_spec

PROOF = Proof(node="a", method=Method.FENCED, evidence=("off",), epoch=2, episode=NEXT.episode, term=1, proved_at=NOW)


class Nodes:
    """A node port that writes down what it is told, and answers what it is given for a verb."""

    def __init__(self, **answers: Outcome) -> None:
        self.told: list[str] = []
        self._answers = answers

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        del deadline_seconds
        self.told.append(f"{node.name}: {order.verb}")
        return self._answers.get(order.verb, Done())

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401
        async def told(node: FrozenNode, *_arguments: Any, **_options: Any) -> Outcome:  # noqa: ANN401
            self.told.append(f"{node.name}: {verb}")
            return self._answers.get(verb, Done())

        return told


def drivers(nodes: Nodes, replication: Nodes | None = None) -> Drivers:
    ports = dict.fromkeys(("fencing", "traffic", "probes", "verification", "machine", "rehearsals"), SimpleNamespace())
    found: Any = {"nodes": nodes, "replication": replication or nodes, **ports}
    return Drivers(**found)


def action(step: StepName, episode: Episode | None = None, proof: Proof | None = None) -> Perform:
    found = episode or move(step=step)
    return Perform(step, found, status(episode=found), Reason.STEP_TAKEN, "", proof=proof)


@pytest.mark.parametrize("step", [StepName.PROMOTE, StepName.ADOPT])
@pytest.mark.parametrize("proof", [None, PROOF.model_copy(update={"node": "b"}), PROOF.model_copy(update={"epoch": 1})])
async def test_nothing_is_promoted_without_a_proof_for_the_other_node(step: StepName, proof: Proof | None) -> None:
    nodes = Nodes()

    with pytest.raises(MaestroError):
        await perform(drivers(nodes), outage(), action(step, proof=proof))

    assert nodes.told == []


async def test_a_promotion_orders_the_guard_before_the_data() -> None:
    nodes, copies = Nodes(), Nodes()
    episode = move(step=StepName.PROMOTE, generation=Generation(epoch=1, counter=7))

    look = outage(nodes={"a": GONE, "b": standby(guard=standby_guard(promised=NEXT))})
    assert await perform(drivers(nodes, copies), look, action(StepName.PROMOTE, episode, proof=PROOF)) == Done()

    assert (nodes.told, copies.told) == (["b: promote"], ["b: promote"])


@pytest.mark.parametrize(
    ("guard", "before"),
    [(Guard(GuardState.LOST), ["b: create", "b: promise"]), (standby_guard(), ["b: promise"])],
    ids=["its state is lost", "it was put back"],
)
async def test_a_target_that_lost_what_it_was_told_is_told_again(guard: Guard, before: list[str]) -> None:
    nodes = Nodes()
    episode = move(step=StepName.PROMOTE, generation=Generation(epoch=1, counter=7))

    look = outage(nodes={"a": GONE, "b": standby(guard=guard)})

    await perform(drivers(nodes), look, action(StepName.PROMOTE, episode, proof=PROOF))

    assert nodes.told == [*before, "b: promote", "b: promote"]


async def test_a_promotion_without_the_name_of_its_copy_is_refused() -> None:
    found = await perform(drivers(Nodes()), outage(), action(StepName.PROMOTE, proof=PROOF))

    assert isinstance(found, Refused)
    assert found.reason is Reason.COPY_NOT_WHOLE


async def test_an_effect_ends_at_the_first_verb_that_is_not_done() -> None:
    refused = Refused(Reason.REFUSED_BY_GUARD, "no", "NotInForce")
    nodes = Nodes(quiesce=refused)

    assert await perform(drivers(nodes, Nodes()), seen(), action(StepName.QUIESCE)) == refused

    assert nodes.told == ["a: quiesce"]


async def test_a_source_reaches_for_its_target_before_it_stops_and_stops_whatever_comes_of_that() -> None:
    nodes = Nodes(connect=Failed(Reason.COMMAND_FAILED, "no way"))

    assert await perform(drivers(nodes), seen(), action(StepName.QUIESCE)) == Done()

    assert nodes.told == ["a: connect", "a: quiesce", "a: stop"]


async def test_a_graceful_fence_demotes_also_where_the_last_copy_failed() -> None:
    nodes, copies = Nodes(), Nodes(final_sync=Failed(Reason.COMMAND_FAILED, "no way"))

    found = await perform(drivers(nodes, copies), seen(), action(StepName.FENCE, move(rung="graceful")))

    assert found == Done()
    assert nodes.told == ["a: quiesce", "a: stop", "a: demote"]


async def test_a_fence_without_a_rung_is_refused() -> None:
    found = await perform(drivers(Nodes()), outage(), action(StepName.FENCE, move(rung=None)))

    assert found == Refused(Reason.FENCE_UNPROVEN, "the ladder has no rung to try")


async def test_an_owner_that_rebooted_takes_the_long_way_to_its_permit() -> None:
    nodes = Nodes(renew=Refused(Reason.REFUSED_BY_GUARD, "rebooted", "NotPermittedThisBoot"))

    assert await perform(drivers(nodes), seen(), action(StepName.SWAP_PERMIT, proof=PROOF)) == Done()

    assert nodes.told == ["b: renew", "b: revoke", "b: promise", "b: promote", "b: permit"]


async def test_an_owner_takes_no_long_way_while_nothing_proves_the_other_side_out() -> None:
    nodes = Nodes(renew=Refused(Reason.REFUSED_BY_GUARD, "rebooted", "NotPermittedThisBoot"))

    found = await perform(drivers(nodes), seen(), action(StepName.SWAP_PERMIT))

    assert found == Refused(Reason.CONFIRMATION_UNPROVEN, "nothing proves a out: rebooted")
    assert nodes.told == ["b: renew"]


@pytest.mark.parametrize("step", [StepName.PROMOTE, StepName.START_SERVICES])
async def test_an_old_side_that_came_back_behind_is_demoted_and_looked_at_before_anything_else(step: StepName) -> None:
    nodes, episode = Nodes(), move(step=step, generation=Generation(epoch=1, counter=7))
    intended = status(active_node="b", episode=episode, epoch=Epoch(promised=NEXT, in_force=NEXT))

    found = await perform(drivers(nodes), seen(), replace(action(step, episode, proof=PROOF), status=intended))

    assert isinstance(found, InProgress)
    assert nodes.told == ["a: demote"]


async def test_a_reverse_without_its_generation_is_left_to_the_rejoin() -> None:
    found = await perform(drivers(Nodes()), seen(), action(StepName.REVERSE, move(EpisodeKind.SWITCHOVER)))

    assert isinstance(found, Refused)


async def test_an_effect_that_takes_too_long_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Nodes):
        @override
        async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
            await asyncio.sleep(60)
            return await super().order(node, order, deadline_seconds=deadline_seconds)

    monkeypatch.setattr(effects, "DEADLINE_SECONDS", {StepName.RAISE: 0.01})

    found = await perform(drivers(Slow()), seen(), action(StepName.RAISE))

    assert isinstance(found, Failed)
    assert found.reason is Reason.TIMED_OUT


async def test_an_episode_that_froze_no_nodes_cannot_be_acted_on() -> None:
    with pytest.raises(MaestroError):
        await perform(drivers(Nodes()), seen(), action(StepName.RAISE, move(frozen=())))


async def test_a_step_that_needs_an_epoch_in_force_says_so() -> None:
    bare = replace(action(StepName.GRANT), status=status(epoch=status().epoch.model_copy(update={"in_force": None})))

    with pytest.raises(MaestroError):
        await perform(drivers(Nodes()), seen(), bare)


async def test_an_effect_is_cut_off_when_the_leadership_ends() -> None:
    pair = Pair()
    pair.after_effect = lambda _verb: pair.leader.lose()

    for _ in range(6):
        await pair.turn()

    assert pair.recorder.decided[-1].rule == "not_leading"
    assert pair.world.writers() == []


async def test_a_step_waits_for_a_leadership_that_surely_outlasts_its_beginning() -> None:
    pair = Pair()
    pair.leader.sure_for_seconds = 1.9

    for _ in range(6):
        await pair.turn()

    assert pair.world.commands == 2 * 6
    pair.leader.sure_for_seconds = 30.0
    await pair.settle()


async def test_an_intent_that_cannot_be_written_has_no_effect() -> None:
    pair = Pair()
    await pair.turn()
    pair.store.before_write = lambda _status: pair.store.apply(
        pair.store.spec.model_copy(update={"active_node": "a", "answers": (*pair.store.spec.answers,)})
    )
    looked = pair.world.commands

    pair.store.delete()
    await pair.turn()

    assert pair.world.commands == looked + 2
    assert not pair.world.nodes["a"].is_equipped


async def test_an_owner_that_gave_way_is_renewed_only_where_it_was_permitted_last() -> None:
    left = {"renew": Refused(Reason.REFUSED_BY_GUARD, "gave way", "NotOwner")}
    never, permitted = Nodes(**left), Nodes(**left)
    last = standby(guard=standby_guard(max_permit_epoch=2))

    swap = action(StepName.SWAP_PERMIT, proof=PROOF)
    kept = await perform(drivers(never), seen(), swap)
    done = await perform(drivers(permitted), seen(nodes={"a": node("a"), "b": last}), swap)
    blind = await perform(drivers(Nodes(**left)), outage(), swap)

    assert isinstance(kept, Refused)
    assert isinstance(blind, Refused)
    assert never.told == ["b: renew"]
    assert done == Done()
    assert permitted.told == ["b: renew", "b: revoke", "b: promise", "b: promote", "b: permit"]


async def test_a_graceful_fence_copies_nothing_from_an_owner_that_never_had_its_data() -> None:
    nodes, copies = Nodes(), Nodes()
    moved = OWNED.model_copy(update={"number": 9, "episode": "switchover-9"})
    look = seen(status=status(epoch=Epoch(promised=moved, in_force=moved)))
    fence = action(StepName.FENCE, move(rung="graceful", epoch=10))
    found = await perform(drivers(nodes, copies), look, replace(fence, status=look.status))

    assert found == Done()
    assert copies.told == []
    assert nodes.told == ["a: quiesce", "a: stop", "a: demote"]


@pytest.mark.parametrize(
    ("state", "told"),
    [(GuardState.VALID, ["b: revoke", "b: stop"]), (GuardState.LOST, ["b: stop"]), (GuardState.ABSENT, ["b: stop"])],
)
async def test_a_node_without_a_guards_state_is_stopped_all_the_same(state: GuardState, told: list[str]) -> None:
    nodes = Nodes()
    look = seen(nodes={"a": node("a", is_running=True), "b": standby(guard=standby_guard(state=state))})

    await perform(drivers(nodes), look, action(StepName.STOP, move(EpisodeKind.SEPARATE, step=StepName.STOP)))

    assert nodes.told == told


async def test_a_right_that_cannot_be_taken_away_is_not_followed_by_a_stop() -> None:
    nodes = Nodes(revoke=Failed(Reason.TIMED_OUT, "no answer"))

    found = await perform(drivers(nodes), seen(), action(StepName.STOP, move(EpisodeKind.REJOIN, step=StepName.STOP)))

    assert isinstance(found, Failed)
    assert nodes.told == ["b: revoke"]


def test_the_way_to_the_very_same_machine_may_be_mended_in_mid_episode() -> None:
    known = tuple(item.model_copy(update={"machine_id": f"machine-{item.name}"}) for item in move().frozen)
    mended = pair_spec().node("b").ssh.model_copy(update={"host_key": "ssh-ed25519 new"})
    nodes = tuple(
        item.model_copy(update={"given_ssh": mended}) if item.name == "b" else item for item in pair_spec().nodes
    )
    look = seen(spec=pair_spec(nodes=nodes))
    step = action(StepName.RAISE, move(frozen=known))
    stranger = {**look.nodes, "b": standby(machine_id="machine-c")}

    same = Acting(drivers(Nodes()), look, step, 1.0)
    other = Acting(drivers(Nodes()), replace(look, nodes=stranger), step, 1.0)

    assert same.target.ssh == mended
    assert other.target.ssh == pair_spec().node("b").ssh


def test_a_unit_that_a_node_shows_and_the_spec_does_not_name_is_stopped_too() -> None:
    acting = Acting(
        drivers(Nodes()), seen(spec=pair_spec(services=pair_spec().services[:1])), action(StepName.STOP), 1.0
    )
    blind = Acting(drivers(Nodes()), outage(), action(StepName.STOP), 1.0)

    assert [service.unit for service in acting.to_stop("b")] == ["mariadb.service", "maestro.service"]
    assert [service.unit for service in blind.to_stop("a")] == ["mariadb.service", "maestro.service"]
