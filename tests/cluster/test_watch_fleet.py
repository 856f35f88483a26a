"""The watch and the fleet on a real API server: what people change wakes a loop, and nothing is missed for good."""

import asyncio
import dataclasses
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress

import pytest
from kubernetes.aio.client import ApiClient

from maestro_operator.clock import SystemClock
from maestro_operator.fleet import Fleet
from maestro_operator.handlers import watch as watching
from maestro_operator.kube.connection import connect
from maestro_operator.kube.resource import Noticed, PairStore, list_pairs
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.pair import PairKey, PairSpec
from support.controlplane import ControlPlane
from support.left_connections import LEAVES_CONNECTIONS
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi, install_schema

# kopf leaves its last TLS connections to the garbage collector when its loop ends.
pytestmark = LEAVES_CONNECTIONS

NAMESPACE = "watched"
QUIET_SECONDS = 1.5
"""Longer than any wake takes to arrive."""


class CountingLoop:
    """Counts how often it is woken, instead of taking turns."""

    turns = 0
    in_turn_for_seconds = 0.0

    def __init__(self, key: PairKey) -> None:
        self.key = key
        self.wakes: list[float] = []
        self.ended = False

    @property
    def spec(self) -> PairSpec:
        raise MaestroError("no turn was taken")

    def wake(self) -> None:
        self.wakes.append(time.monotonic())

    def was_listed(self, resource_version: str) -> None:
        del resource_version

    async def run(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.ended = True


@dataclasses.dataclass
class Watched:
    """A fleet under a real watch, and what became of its loops."""

    fleet: Fleet
    loops: dict[str, CountingLoop]
    lists: list[float]
    forgotten: list[str]
    api: ApiClient
    stop_watching: Callable[[], object]

    def loop(self, name: str) -> CountingLoop | None:
        return next((loop for loop in self.loops.values() if loop.key.name == name), None)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One of its own: it is killed and restarted here."""
    with ControlPlane.start(tmp_path_factory.mktemp("watch-plane"), own_processes=True) as started:
        install_schema(started)
        started.ensure_namespace(NAMESPACE)
        yield started


@pytest.fixture
def pairs(plane: ControlPlane) -> PairApi:
    return PairApi(plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture
async def watched(plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watched]:
    """A fleet that lists once and then relies on the watch, until told to list again."""
    monkeypatch.setenv("KUBECONFIG", str(plane.admin_kubeconfig))
    clock, api = SystemClock(), await connect(plane.admin_kubeconfig)
    loops: dict[str, CountingLoop] = {}
    lists: list[float] = []
    forgotten: list[str] = []

    def make(key: PairKey) -> CountingLoop:
        loops[key.uid] = CountingLoop(key)
        return loops[key.uid]

    async def relist() -> list[Noticed]:
        found = await list_pairs(api, NAMESPACE)
        lists.append(time.monotonic())
        return found

    fleet = Fleet(make=make, forget=lambda key: forgotten.append(key.name), clock=clock)
    supervisor = asyncio.create_task(fleet.supervise(relist, period_seconds=3600))
    watch = asyncio.create_task(watching.watch(fleet, namespace=NAMESPACE, clock=clock))
    yield Watched(fleet, loops, lists, forgotten, api, watch.cancel)
    for task in (supervisor, watch):
        task.cancel()
    await asyncio.gather(supervisor, watch, return_exceptions=True)
    assert await fleet.close()
    await api.close()


def new_pair() -> Manifest:
    (pair,) = example("maestro-by-hand.yaml")
    return changed(pair, "metadata.name", f"p-{uuid.uuid4().hex[:8]}")


async def until(condition: Callable[[], object], *, within_seconds: float) -> float:
    """Waits for a condition; returns how long it took."""
    began = time.monotonic()
    async with asyncio.timeout(within_seconds):
        while not condition():  # noqa: ASYNC110 - the condition is the API server's
            await asyncio.sleep(0.01)
    return time.monotonic() - began


async def a_watched_pair(watched: Watched, pairs: PairApi) -> CountingLoop:
    """Creates a pair and waits until the watch has brought it and is known to be up."""
    pair = new_pair()
    assert pairs.create(pair).is_good
    await until(lambda: watched.loop(pair["metadata"]["name"]), within_seconds=15)
    loop = watched.loop(pair["metadata"]["name"])
    assert loop is not None
    deadline = time.monotonic() + 15
    word = 0
    while not loop.wakes and time.monotonic() < deadline:
        word += 1
        annotate(pairs, loop, f"warm-up {word}")
        with suppress(TimeoutError):
            await until(lambda: loop.wakes, within_seconds=1)
    await asyncio.sleep(QUIET_SECONDS)
    loop.wakes.clear()
    return loop


def annotate(pairs: PairApi, loop: CountingLoop, word: str) -> None:
    answer = pairs.patch(loop.key.name, {"metadata": {"annotations": {"maestropair.dev/look-again": word}}})
    assert answer.is_good, answer.message


async def test_an_applied_object_has_a_loop_and_a_changed_spec_wakes_it_within_a_second(
    watched: Watched, pairs: PairApi
) -> None:
    await a_watched_pair(watched, pairs)
    pair = new_pair()

    assert pairs.create(pair).is_good
    made_seconds = await until(lambda: watched.loop(pair["metadata"]["name"]), within_seconds=5)
    loop = watched.loop(pair["metadata"]["name"])
    assert loop is not None
    assert pairs.patch(loop.key.name, {"spec": {"activeNode": "b"}}).is_good
    woken_seconds = await until(lambda: loop.wakes, within_seconds=5)

    assert len(watched.lists) == 1
    assert made_seconds < 1
    assert woken_seconds < 1


async def test_own_status_writes_and_other_annotations_wake_nobody(watched: Watched, pairs: PairApi) -> None:
    loop = await a_watched_pair(watched, pairs)
    store = PairStore(watched.api, loop.key)
    resource = await store.read()
    assert resource is not None

    for number in range(5):
        resource = await store.write_status(resource, {"plan": f"write {number}"})
    assert pairs.patch(loop.key.name, {"metadata": {"annotations": {"somebody": "else"}}}).is_good
    await asyncio.sleep(QUIET_SECONDS)

    assert loop.wakes == []


async def test_the_named_annotation_wakes_once_for_each_change(watched: Watched, pairs: PairApi) -> None:
    loop = await a_watched_pair(watched, pairs)

    for word in ("look", "again"):
        annotate(pairs, loop, word)
        await until(lambda: loop.wakes, within_seconds=5)
        await asyncio.sleep(QUIET_SECONDS)
        assert len(loop.wakes) == 1
        loop.wakes.clear()


async def test_a_deleted_pair_ends_its_loop_and_a_new_one_of_its_name_gets_its_own(
    watched: Watched, pairs: PairApi
) -> None:
    loop = await a_watched_pair(watched, pairs)

    pairs.delete(loop.key.name)
    await until(lambda: loop.ended, within_seconds=5)
    again = new_pair()
    again["metadata"]["name"] = loop.key.name
    assert pairs.create(again).is_good
    await until(
        lambda: any(one.key.name == loop.key.name and not one.ended for one in watched.loops.values()), within_seconds=5
    )

    assert watched.forgotten == [loop.key.name]


async def test_what_happened_while_the_watch_was_down_is_found_by_the_list(watched: Watched, pairs: PairApi) -> None:
    goes, changes = await a_watched_pair(watched, pairs), await a_watched_pair(watched, pairs)
    watched.stop_watching()
    await asyncio.sleep(0.5)
    comes = new_pair()

    pairs.delete(goes.key.name)
    assert pairs.patch(changes.key.name, {"spec": {"activeNode": "b"}}).is_good
    assert pairs.create(comes).is_good
    await asyncio.sleep(QUIET_SECONDS)
    assert (goes.ended, changes.wakes, watched.loop(comes["metadata"]["name"])) == (False, [], None)
    watched.fleet.list_soon()

    await until(lambda: goes.ended and changes.wakes, within_seconds=5)
    assert len(changes.wakes) == 1
    assert watched.loop(comes["metadata"]["name"]) is not None
    assert goes.key.name in watched.forgotten


async def test_the_watch_goes_on_after_the_api_server_was_away(
    plane: ControlPlane, watched: Watched, pairs: PairApi
) -> None:
    loop = await a_watched_pair(watched, pairs)

    plane.kill_apiserver()
    await asyncio.sleep(8)  # longer than all of kopf's own tries
    await asyncio.to_thread(plane.restart_apiserver)
    annotate(pairs, loop, "after")
    await until(lambda: loop.wakes, within_seconds=20)
    await asyncio.sleep(QUIET_SECONDS)
    loop.wakes.clear()
    annotate(pairs, loop, "and once more")
    again_seconds = await until(lambda: loop.wakes, within_seconds=20)

    assert not loop.ended
    assert again_seconds < 1


async def test_a_pair_younger_than_the_list_is_not_taken_for_gone() -> None:
    """The watch brings a pair while an older list is on its way."""
    key = PairKey(namespace="n", name="young", uid="u")
    loop = CountingLoop(key)
    forgotten: list[PairKey] = []
    fleet = Fleet(make=lambda _: loop, forget=forgotten.append, clock=SystemClock())
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow_list() -> list[Noticed]:
        asked.set()
        await answer.wait()
        return []

    supervisor = asyncio.create_task(fleet.supervise(slow_list, period_seconds=3600))
    await asked.wait()
    fleet.notice(Noticed(key=key, generation=1, is_deleting=False, wake_word=""))
    answer.set()
    await asyncio.wait_for(fleet.listed.wait(), timeout=5)

    assert (loop.ended, forgotten, fleet.pairs()) == (False, [], 1)
    supervisor.cancel()
    await fleet.close()
