"""A virtual machine that a cluster keeps: followed where it runs, moved by orders, never fenced or started."""

from __future__ import annotations

from typing import Any

import pytest

from maestro_operator.admission.secrets import named_secrets
from maestro_operator.admission.spec import spec_faults
from maestro_operator.cli.plan import plan
from maestro_operator.decide.prove import NoProof, prove
from maestro_operator.drivers.memory.machine import MachineWorld
from maestro_operator.drivers.memory.world import OPERATOR, MemoryClock
from maestro_operator.model.claims import claims_held
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.contracts.machine import ANY_UUID, kubevirt_spec, machine_spec
from support.libvirt.hosts import GUEST
from support.worlds import ADDRESSES, Killed, Pair


class MachinePair(Pair):
    """A pair over a world with a machine."""

    world: MachineWorld

    def condition(self, name: str) -> tuple[str, str]:
        """Returns a condition's status and reason."""
        found = next(item for item in self.status.conditions if item.type == name)
        return found.status, found.reason


def fresh(**changes: Any) -> MachinePair:  # noqa: ANN401
    world = MachineWorld(nodes=ADDRESSES.items(), machine=GUEST, clock=MemoryClock())
    return MachinePair(machine_spec(**changes), world=world)


async def kept() -> MachinePair:
    """Returns a pair whose machine runs on a, as is declared."""
    pair = fresh()
    await pair.settle()
    return pair


async def ordered_to(pair: MachinePair, host: str) -> None:
    """Orders the machine to a host and waits until that is done."""
    pair.order(host)
    await pair.run_until(lambda it: it.status.observed_active_node == host and it.status.episode is None)


def kinds(pair: Pair) -> list[tuple[EpisodeKind, str]]:
    return [(entry.kind, entry.result) for entry in pair.status.history]


# ---------------------------------------------------------------- found and followed


async def test_a_machine_is_taken_over_as_it_runs_and_nothing_is_done_to_its_hosts() -> None:
    pair = await kept()

    assert (pair.status.active_node, kinds(pair)) == ("a", [(EpisodeKind.FOLLOW, "Done")])
    proof = pair.status.history[0].proof
    assert proof is not None
    assert (proof.node, proof.method) == ("b", Method.DEMOTED)
    assert not any(node.is_equipped or node.pins for node in pair.world.nodes.values())


async def test_what_its_cluster_keeps_is_said_to_be_unknown_and_not_good() -> None:
    pair = await kept()

    assert pair.condition("Available") == ("True", "Answers")
    assert pair.condition("Ready") == ("True", "Answers")
    assert pair.condition("PeerReady")[0] == "True"
    for name in ("Protected", "DataInSync", "FencingReady"):
        assert pair.condition(name) == ("Unknown", "ClusterDecides"), name
    assert pair.condition("AutomaticFailoverAllowed") == ("False", "ClusterDecides")
    assert pair.status.replication is not None
    assert (pair.status.replication.driver, pair.status.replication.in_sync) == ("virtualMachine", None)


@pytest.mark.parametrize(("dark", "reason"), [(("b",), Reason.PEER_UNREADABLE), (("a", "b"), Reason.NOBODY_READABLE)])
async def test_nothing_is_taken_over_before_both_hosts_were_read(dark: tuple[str, ...], reason: Reason) -> None:
    pair = fresh()
    for name in dark:
        pair.world.cut(OPERATOR, name)

    await pair.hold(reason)

    assert pair.status.active_node is None


async def test_a_machine_on_the_host_that_is_not_declared_waits_for_people() -> None:
    pair = fresh()
    pair.world.cluster_moves("b")

    held = await pair.hold(Reason.WAIT_FOR_USER)
    assert "set activeNode to b" in held.message

    pair.order("b")
    await pair.settle()
    assert pair.status.active_node == "b"


async def test_a_machine_that_runs_nowhere_is_started_by_nobody() -> None:
    pair = fresh()
    pair.world.cluster_stops("a")

    held = await pair.hold(Reason.MACHINE_DOWN)

    assert "its cluster decides" in held.message
    assert pair.world.host() is None
    assert pair.condition("Available") == ("False", "MachineDown")


async def test_a_machine_that_its_cluster_moved_is_followed_and_handed_back_by_an_answer() -> None:
    pair = await kept()
    pair.world.cluster_moves("b")

    await pair.settle()
    assert (pair.status.active_node, pair.status.epoch.in_force.number if pair.status.epoch.in_force else 0) == ("b", 2)
    assert pair.condition("ActiveNodeOverridden")[0] == "True"

    pair.say(Say.HAND_BACK, pair.status.history[0].id)
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)
    assert pair.world.host() == "a"
    assert kinds(pair)[0] == (EpisodeKind.MIGRATE, "Done")


async def test_the_outage_of_a_host_is_its_clusters_and_the_new_host_is_written_down_when_the_old_one_is_known() -> (
    None
):
    pair = await kept()
    pair.world.power_cut("a")
    held = await pair.hold(Reason.MACHINE_DOWN)
    assert "never started or fenced" in held.message
    assert pair.condition("Available")[0] == "Unknown"

    pair.world.cluster_starts("b")
    held = await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    assert pair.condition("Available") == ("True", "Answers")
    assert pair.status.active_node == "a"

    pair.world.power_on("a")
    await pair.settle()
    assert pair.status.active_node == "b"
    assert pair.world.host() == "b"


async def test_a_person_may_say_of_a_dark_host_that_it_is_off() -> None:
    pair = await kept()
    pair.world.power_cut("a")
    pair.world.cluster_starts("b")
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    episode = pair.status.episode
    assert episode is not None

    pair.say(Say.CONFIRM_FENCED, episode.id, "a")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)

    proof = pair.status.history[0].proof
    assert proof is not None
    assert proof.method is Method.HUMAN


async def test_a_machine_on_both_hosts_is_touched_by_nobody() -> None:
    pair = await kept()
    pair.world.cluster_starts("b")
    pair.order("b")

    await pair.hold(Reason.SPLIT_BRAIN)

    assert pair.condition("SplitBrainDetected")[0] == "True"
    assert all(node.running for node in pair.world.nodes.values())
    assert pair.status.active_node == "a"


# ---------------------------------------------------------------- moved by an order


async def test_an_order_moves_the_machine_and_then_says_so() -> None:
    pair = await kept()

    pair.order("b")
    await pair.run_until(lambda it: it.status.observed_active_node == "b" and it.status.episode is None)

    assert (pair.world.host(), pair.status.active_node) == ("b", "b")
    assert [step.name for step in pair.status.history[0].steps] == [
        StepName.PREFLIGHT,
        StepName.MIGRATE,
        StepName.PROMOTE,
        StepName.VERIFY,
    ]
    assert pair.world.moments_with_two_writers == []


async def test_a_machine_of_kubevirt_moves_by_the_same_rules_on_hosts_that_nobody_reaches() -> None:
    world = MachineWorld(nodes=ADDRESSES.items(), machine=GUEST, clock=MemoryClock())
    pair = MachinePair(kubevirt_spec(ANY_UUID), world=world)
    await pair.settle()

    pair.order("b")
    await pair.run_until(lambda it: it.status.observed_active_node == "b" and it.status.episode is None)

    assert (pair.world.host(), pair.status.active_node) == ("b", "b")
    assert kinds(pair) == [(EpisodeKind.MIGRATE, "Done"), (EpisodeKind.FOLLOW, "Done")]
    assert not list(named_secrets(pair.store.spec))
    assert list(spec_faults(pair.store.spec)) == []
    assert {(it.platform, it.platform_reason) for it in pair.status.nodes} == {("KubeVirt", "PlatformUnverified")}


async def test_hosts_of_libvirt_are_of_a_platform_that_was_tried() -> None:
    pair = await kept()

    assert {(it.platform, it.platform_reason) for it in pair.status.nodes} == {(None, None)}


async def test_an_order_waits_while_the_ordered_host_cannot_be_read() -> None:
    pair = await kept()
    pair.world.cut(OPERATOR, "b")
    pair.order("b")

    held = await pair.hold(Reason.TARGET_UNREADABLE)

    assert "the order waits" in held.message
    assert pair.world.host() == "a"


async def test_an_order_for_a_machine_that_is_down_waits_for_its_cluster() -> None:
    pair = await kept()
    pair.world.cluster_stops("a")
    pair.order("b")

    await pair.hold(Reason.MACHINE_DOWN)

    assert pair.world.host() is None


async def test_a_move_that_fails_leaves_the_machine_where_it_is_and_is_tried_again_when_a_person_says_so() -> None:
    pair = await kept()
    pair.world.refuses_to_move = "Unsafe migration"
    pair.order("b")

    held = await pair.hold(Reason.ORDER_NOT_DONE)
    assert kinds(pair)[0] == (EpisodeKind.MIGRATE, "RolledBack")
    assert pair.world.host() == pair.status.active_node == "a"
    left = pair.status.order_not_done
    assert left is not None
    assert left in held.message

    pair.world.refuses_to_move = ""
    pair.say(Say.RETRY, left)
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    assert pair.world.host() == "b"


async def test_an_order_that_is_taken_back_before_the_move_ends_it() -> None:
    pair = await kept()
    pair.world.refuses_to_move = "busy"
    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None)

    pair.order("a")
    await pair.settle()

    assert kinds(pair)[0] == (EpisodeKind.MIGRATE, "RolledBack")
    assert pair.world.host() == "a"


async def test_an_answer_to_move_waits_too_while_the_host_cannot_be_read() -> None:
    pair = await kept()
    pair.world.cluster_moves("b")
    await pair.settle()
    pair.world.cut(OPERATOR, "a")
    pair.say(Say.HAND_BACK, pair.status.history[0].id)

    await pair.hold(Reason.TARGET_UNREADABLE)

    assert pair.world.host() == "b"


async def test_a_third_move_within_an_hour_waits_for_people() -> None:
    pair = await kept()
    for host in ("b", "a"):
        await ordered_to(pair, host)

    pair.order("b")

    await pair.hold(Reason.FLAPPING)


async def test_a_machine_that_goes_back_by_itself_ends_what_followed_it() -> None:
    pair = await kept()
    pair.world.failing_checks.add(("b", "hub"))
    pair.world.cluster_moves("b")
    await pair.run_until(lambda it: it.status.active_node == "b")

    pair.world.cluster_moves("a")
    await pair.settle()

    assert pair.status.active_node == "a"
    assert (EpisodeKind.FOLLOW, "Abandoned") in kinds(pair)


async def test_a_machine_that_stops_while_it_is_moved_waits_for_its_cluster() -> None:
    pair = await kept()
    pair.world.refuses_to_move = "busy"
    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.step is StepName.MIGRATE)
    pair.world.cluster_stops("a")

    await pair.hold(Reason.MACHINE_DOWN)

    pair.world.cluster_starts("b")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)


# ---------------------------------------------------------------- whatever happens to the operator


@pytest.mark.parametrize("effect", ["migrate", "verify"])
async def test_an_operator_that_is_killed_right_after_an_effect_goes_on(effect: str) -> None:
    pair = await kept()

    def kill(verb: str) -> None:
        if verb == effect and pair.kills == 0:
            raise Killed

    pair.after_effect = kill
    pair.order("b")
    await pair.run_until(lambda it: it.status.observed_active_node == "b" and it.status.episode is None)

    assert pair.kills == 1
    assert pair.world.host() == "b"
    assert pair.world.moments_with_two_writers == []


async def test_a_move_of_a_former_leader_is_waited_for() -> None:
    pair = await kept()
    pair.world.refuses_to_move = "busy"
    pair.order("b")
    await pair.run_until(lambda it: it.status.episode is not None and it.status.episode.step is StepName.MIGRATE)

    pair.restart_operator()

    await pair.hold(Reason.INHERITED_STEP)


async def test_a_pair_that_is_to_be_released_has_nothing_to_take_off() -> None:
    pair = await kept()
    pair.change(management=Management.RELEASE)

    held = await pair.hold(Reason.RELEASED)

    assert "delete the resource" in held.message


async def test_a_pair_that_is_only_observed_says_what_it_would_do() -> None:
    pair = await kept()
    pair.change(management=Management.OBSERVE, active_node="b")

    await pair.hold(Reason.OBSERVE_ONLY)

    assert (pair.status.plan or "").startswith("would begin: Migrate to b")
    assert pair.world.host() == "a"


# ---------------------------------------------------------------- what is not believed


async def test_two_hosts_that_show_one_identity_prove_nothing() -> None:
    pair = fresh()
    pair.world.nodes["b"].machine_id = pair.world.nodes["a"].machine_id

    await pair.hold(Reason.NODES_INDISTINCT)

    assert pair.status.active_node is None


async def test_a_machine_that_is_there_in_pieces_is_not_off() -> None:
    pair = fresh()
    pair.world.nodes["b"].running.add("left over")

    held = await pair.hold(Reason.DEMOTION_UNPROVEN)

    assert "b has the machine too" in held.message


async def test_a_machine_that_answers_its_clients_badly_is_not_available() -> None:
    pair = await kept()
    pair.world.ailments["a"] = Reason.PROBE_FAILED

    await pair.hold(Reason.PROBE_FAILED)

    assert pair.condition("Available") == ("False", "ProbeFailed")


async def test_a_host_that_has_something_of_the_machine_is_not_ready_for_it() -> None:
    pair = await kept()
    pair.world.nodes["b"].running.add("left over")
    await pair.turn()

    assert pair.condition("PeerReady") == ("False", "PeerNotReady")


async def test_the_machine_stops_between_its_move_and_the_word_of_it() -> None:
    pair = await kept()

    def stop(verb: str) -> None:
        if verb == "migrate":
            pair.world.cluster_stops("b")

    pair.after_effect = stop
    pair.order("b")

    await pair.hold(Reason.MACHINE_DOWN)

    assert pair.status.active_node == "a"


async def test_a_machine_that_stops_again_before_it_was_followed_is_waited_for() -> None:
    pair = await kept()
    pair.world.power_cut("a")
    pair.world.cluster_starts("b")
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)

    pair.world.cluster_stops("b")
    await pair.hold(Reason.MACHINE_DOWN)

    look = pair.recorder.seen[-1]
    assert look.status.episode is not None
    unproven = prove(look, look.status.episode)
    assert isinstance(unproven, NoProof)
    assert unproven.reason is Reason.MACHINE_DOWN


def test_a_machine_is_one_pairs_alone_and_its_hosts_are_not() -> None:
    spec = machine_spec()
    assert spec.machine is not None

    held = claims_held(spec, ("0123",))

    assert spec.machine.name == GUEST
    assert held == ("host 10.77.0.20", f"machine {spec.machine.identity[0]}")


async def test_a_plan_says_how_the_machine_would_move_and_what_stands_in_the_way() -> None:
    pair = await kept()
    steps = [item.step for item in plan(pair.recorder.seen[-1], "b").steps]
    assert steps == [StepName.PREFLIGHT, StepName.MIGRATE, StepName.PROMOTE, StepName.VERIFY]
    assert plan(pair.recorder.seen[-1], "b").in_the_way is None

    pair.world.cut(OPERATOR, "b")
    await pair.turn()

    assert "TargetUnreadable" in (plan(pair.recorder.seen[-1], "b").in_the_way or "")
