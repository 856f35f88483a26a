"""What is installed on the nodes: put right where it is not as it should be, and taken off when a person wants that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.decide import decide
from maestro_operator.model.decision import Hold
from maestro_operator.model.pair import Management, Version
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState
from maestro_operator.model.status import State
from maestro_operator.model.steps import EpisodeKind, StepName
from maestro_operator.report.versions import versions_match
from support.beginnings import mid_switchover, serving
from support.looks import node, seen, standby
from support.worlds import Killed, Pair, pair_spec


def guards(pair: Pair) -> list[str]:
    return [name for name, one in pair.world.nodes.items() if one.is_equipped]


# ---------------------------------------------------------------- release


async def test_a_release_takes_the_guards_off_and_what_runs_runs_on() -> None:
    pair = await serving()

    pair.change(management=Management.RELEASE)
    held = await pair.hold(Reason.RELEASED)

    assert guards(pair) == []
    assert pair.world.writers() == ["a"]
    assert pair.status.state is State.RELEASED
    assert "delete the resource" in held.message
    assert [(node.pins, node.copies) for node in pair.world.nodes.values()] == [({}, ()), ({}, ())]
    pair.store.delete()
    pair.loop.wake()
    await pair.hold(Reason.DELETING)
    assert pair.store.is_gone


async def test_a_pair_that_is_released_is_never_said_to_be_lost() -> None:
    pair = await serving()
    states: list[str] = []
    pair.store.after_write = lambda status: states.append(str(status["state"]))

    pair.change(management=Management.RELEASE)
    await pair.hold(Reason.RELEASED)

    assert set(states) == {"Active", "Released"}
    assert states[-1] == "Released"


async def test_a_release_in_mid_switchover_waits_for_its_end() -> None:
    pair = await mid_switchover(StepName.QUIESCE)

    pair.change(management=Management.RELEASE)
    await pair.hold(Reason.RELEASED)

    assert pair.status.active_node == "b"
    assert pair.world.writers() == ["b"]
    assert guards(pair) == []


async def test_nothing_is_released_before_both_nodes_were_read() -> None:
    pair = await serving()
    pair.world.isolate("b")

    pair.change(management=Management.RELEASE)
    held = await pair.hold(Reason.PEER_UNREADABLE)

    assert guards(pair) == ["a", "b"]
    assert "/usr/local/lib/maestro-guard/release" in held.message
    pair.world.heal()
    await pair.hold(Reason.RELEASED)
    assert guards(pair) == []


async def test_a_standby_that_runs_something_is_not_released() -> None:
    pair = await serving()
    # Else its own guard would stop it.
    pair.world.lose_guard_state("b")
    pair.world.nodes["b"].running.add("maestro.service")

    pair.change(management=Management.RELEASE)
    await pair.hold(Reason.SPLIT_BRAIN)

    assert guards(pair) == ["a", "b"]


async def test_the_nodes_of_another_pair_are_not_released() -> None:
    pair = await serving()
    pair.store.recreate()
    pair.loop.wake()

    pair.change(management=Management.RELEASE)
    await pair.hold(Reason.FOREIGN_PAIR)

    assert guards(pair) == ["a", "b"]


async def test_a_release_that_was_killed_between_the_nodes_is_gone_on_with() -> None:
    pair = await serving()
    killed: list[str] = []

    def kill(verb: str) -> None:
        if verb == "release" and not killed:
            killed.append(verb)
            raise Killed

    pair.after_effect = kill
    pair.change(management=Management.RELEASE)
    await pair.hold(Reason.RELEASED)

    assert (pair.kills, guards(pair), pair.world.writers()) == (1, [], ["a"])


async def test_a_release_that_is_taken_back_between_the_nodes_has_an_owner_and_a_standby_again() -> None:
    pair = await serving()
    pair.after_effect = lambda verb: pair.world.isolate("a") if verb == "release" else None
    pair.change(management=Management.RELEASE)
    await pair.run_until(lambda it: guards(it) == ["a"])
    await pair.hold(Reason.PEER_UNREADABLE)

    pair.after_effect = lambda _verb: None
    pair.world.heal()
    pair.change(management=Management.ENFORCE)
    await pair.settle()

    assert guards(pair) == ["a", "b"]
    assert pair.world.writers() == ["a"]
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- refit


@pytest.mark.parametrize("name", ["a", "b"])
async def test_a_node_with_another_version_is_equipped_at_rest_and_what_runs_runs_on(name: str) -> None:
    pair = await serving()
    pair.world.nodes[name].is_outdated = True
    state = pair.world.nodes[name].guard

    await pair.run_until(lambda it: not it.world.nodes[name].is_outdated)
    await pair.settle()

    assert pair.status.history[0].kind is EpisodeKind.REFIT
    assert pair.world.nodes[name].guard == replace(state, term=pair.status.term)
    assert pair.world.writers() == ["a"]


async def test_a_pair_that_is_paused_is_not_refitted() -> None:
    pair = await serving()
    pair.change(management=Management.PAUSED)
    pair.world.nodes["b"].is_outdated = True

    await pair.hold(Reason.PAUSED)

    assert pair.world.nodes["b"].is_outdated


async def test_a_refit_that_lost_a_node_is_given_up_and_made_when_the_node_is_back() -> None:
    pair = await serving()
    pair.world.nodes["b"].is_outdated = True
    pair.after_effect = lambda verb: pair.world.isolate("b") if verb == "equip" else None
    await pair.run_until(lambda it: bool(it.status.history) and it.status.history[0].result == "Abandoned")

    pair.after_effect = lambda _verb: None
    pair.world.heal()
    await pair.settle()

    assert not pair.world.nodes["b"].is_outdated
    assert pair.world.writers() == ["a"]


def test_a_state_that_a_newer_guard_wrote_is_left_alone() -> None:
    newer = standby()
    newer = replace(newer, guard=replace(newer.guard, state=GuardState.NEWER))

    decided = decide(seen(nodes={"a": node("a", is_running=True), "b": newer}))

    assert isinstance(decided.decision, Hold)
    assert decided.decision.reason is Reason.GUARD_NEWER
    assert "b" in decided.decision.message


# ---------------------------------------------------------------- versions


def versions(a: dict[str, str], b: dict[str, str]) -> tuple[str, Reason, str]:
    spec = pair_spec(
        versions=(Version(name="db", package="mariadb-server"), Version(name="lui", file="/opt/lui/version"))
    )
    one, other = node("a", is_running=True), standby()
    nodes = {"a": replace(one, versions=a), "b": replace(other, versions=b)}
    nodes = {name: replace(it, guard=replace(it.guard, version="1")) for name, it in nodes.items()}
    return versions_match(seen(spec=spec, nodes=nodes))


def test_different_versions_are_named_with_their_nodes() -> None:
    truth, reason, message = versions({"db": "10.11", "lui": "11.1-2"}, {"db": "10.11", "lui": "11.1-1"})

    assert (truth, reason) == ("False", Reason.VERSIONS_DIFFER)
    assert message == "lui: a 11.1-2, b 11.1-1"


def test_equal_versions_match() -> None:
    same = {"db": "10.11", "lui": "11"}

    assert versions(same, same)[0] == "True"


def test_a_version_that_one_node_does_not_say_is_not_known() -> None:
    truth, reason, message = versions({"db": "10.11", "lui": "11"}, {"db": "10.11"})

    assert (truth, reason) == ("Unknown", Reason.NOT_YET_KNOWN)
    assert message == "not known on both nodes: lui"
