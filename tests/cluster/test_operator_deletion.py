"""A pair that is deleted, on a real API server, by the operator as it ships over memory nodes."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.ports import MemoryNodes
from maestro_operator.model.outcome import Outcome
from maestro_operator.model.pair import Service
from maestro_operator.model.status import FrozenNode
from maestro_operator.model.surroundings import FINALIZER
from maestro_operator.settings import Settings
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.memory_operator import MemoryOperator
from support.demo.memory_world import LivingWorld, memory_pair
from support.demo.story import NAMESPACE
from support.manifests import Manifest
from support.operator_environment import belonging
from support.pair_api import PairApi

NAME = "deleted"
WITHIN_SECONDS = 40


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own: here an operator leads, and no other may."""
    with ControlPlane.start(tmp_path_factory.mktemp("deletion-plane"), own_processes=True) as started:
        serve_pairs(started)
        yield started


@pytest.fixture
def pairs(plane: ControlPlane) -> PairApi:
    return PairApi(plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture(scope="module")
def living() -> LivingWorld:
    return LivingWorld()


@pytest.fixture(scope="module")
def operator(
    plane: ControlPlane, living: LivingWorld, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MemoryOperator]:
    kubeconfig = plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
    settings = Settings.from_environment(belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE))
    log: Path = tmp_path_factory.mktemp("deletion") / "operator.log"
    running = MemoryOperator(settings, living, log=log)
    yield running
    running.stop()


@pytest.fixture
def may_stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A switchover stays in Quiesce until this is set."""
    may = threading.Event()
    stop = MemoryNodes.stop

    async def patiently(
        self: MemoryNodes, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float
    ) -> Outcome:
        while not may.is_set():  # noqa: ASYNC110 - set by the test's thread
            await asyncio.sleep(0.05)
        return await stop(self, node, services, deadline_seconds=deadline_seconds)

    monkeypatch.setattr(MemoryNodes, "stop", patiently)
    yield may
    may.set()


def status(pairs: PairApi) -> Manifest:
    return dict(pairs.read(NAME).body.get("status", {}))


def condition(pairs: PairApi, name: str) -> Manifest:
    return next((item for item in status(pairs).get("conditions", []) if item["type"] == name), {})


def reconciling(pairs: PairApi) -> str:
    return str(condition(pairs, "Reconciling").get("message", ""))


def is_protected(pairs: PairApi) -> bool:
    return bool(condition(pairs, "Protected").get("status") == "True" and not status(pairs).get("episode"))


def awaited(condition: object, *, within_seconds: float = WITHIN_SECONDS) -> bool:
    assert callable(condition)
    return bool(await_condition(lambda: bool(condition()), within_seconds=within_seconds, every_seconds=0.1))


def test_a_deleted_pair_ends_at_rest_and_its_nodes_run_on_until_a_person_adopts_them(
    plane: ControlPlane, pairs: PairApi, operator: MemoryOperator, living: LivingWorld, may_stop: threading.Event
) -> None:
    """One story in three parts: each begins where the one before it ended."""
    a_deletion_in_mid_switchover_waits_for_its_end(pairs, operator, living, may_stop)
    an_object_of_the_same_name_orders_nothing_until_a_person_adopts(pairs, operator, living)
    without_an_operator_the_deletion_waits_and_the_documented_patch_ends_the_wait(plane, pairs, operator, living)


def a_deletion_in_mid_switchover_waits_for_its_end(
    pairs: PairApi, operator: MemoryOperator, living: LivingWorld, may_stop: threading.Event
) -> None:
    assert pairs.create(memory_pair(NAME, namespace=NAMESPACE)).is_good
    assert awaited(lambda: is_protected(pairs)), status(pairs)
    assert pairs.read(NAME).body["metadata"]["finalizers"] == [FINALIZER]
    assert pairs.patch(NAME, {"spec": {"activeNode": "b"}}).is_good
    assert awaited(lambda: status(pairs).get("episode", {}).get("step") == "Quiesce"), status(pairs)

    pairs.delete(NAME)
    may_stop.set()
    assert awaited(
        lambda: "the deletion waits" in condition(pairs, "Reconciling").get("message", "") or not status(pairs)
    )
    assert awaited(lambda: pairs.read(NAME).status == 404), status(pairs)

    nodes = living.world.nodes
    assert operator.call(lambda: {name: bool(node.running) for name, node in nodes.items()}) == {"a": False, "b": True}
    assert operator.call(lambda: all(node.is_equipped for node in nodes.values()))
    assert living.world.moments_with_two_writers == []


def an_object_of_the_same_name_orders_nothing_until_a_person_adopts(
    pairs: PairApi, operator: MemoryOperator, living: LivingWorld
) -> None:
    (uid,) = operator.call(lambda: {node.guard.pair for node in living.world.nodes.values()})

    assert pairs.create(memory_pair(NAME, namespace=NAMESPACE, active_node="b")).is_good
    assert awaited(lambda: condition(pairs, "Stalled").get("reason") == "ForeignPair"), status(pairs)
    assert f"say: Adopt, of: {uid}" in condition(pairs, "Stalled")["message"]
    before = operator.call(lambda: [node.guard for node in living.world.nodes.values()])
    assert operator.call(lambda: [node.guard for node in living.world.nodes.values()]) == before
    word = {"episode": f"adopt-{uid}", "say": "Adopt", "of": uid}
    assert pairs.patch(NAME, {"spec": {"answers": [word]}}).is_good

    assert awaited(lambda: is_protected(pairs)), status(pairs)
    assert status(pairs)["pairUID"] == uid
    assert status(pairs)["activeNode"] == "b"
    assert living.world.moments_with_two_writers == []


def without_an_operator_the_deletion_waits_and_the_documented_patch_ends_the_wait(
    plane: ControlPlane, pairs: PairApi, operator: MemoryOperator, living: LivingWorld
) -> None:
    operator.stop()

    pairs.delete(NAME)
    waits = pairs.read(NAME)
    plane.run_kubectl(*("-n", NAMESPACE, "patch", "mp", NAME, "--type=merge", "-p", '{"metadata":{"finalizers":null}}'))

    assert waits.body["metadata"]["deletionTimestamp"]
    assert pairs.read(NAME).status == 404
    assert {name for name, node in living.world.nodes.items() if node.running} == {"b"}
