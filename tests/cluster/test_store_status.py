"""A pair's status on a real API server: replaced by compare-and-swap, for this very object, or not at all."""

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient
from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.kube.connection import ApiException, CannotConnect, connect
from maestro_operator.kube.resource import PairStore, list_pairs
from maestro_operator.loop import PairLoop
from maestro_operator.model.decision import Decided
from maestro_operator.model.errors import StatusConflict
from maestro_operator.model.pair import PairKey
from maestro_operator.model.seen import Seen
from maestro_operator.model.status import PairStatus
from maestro_operator.model.surroundings import Resource
from support.controlplane import ControlPlane
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi

NAMESPACE = "stores"


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture
async def api(schema_plane: ControlPlane) -> AsyncIterator[ApiClient]:
    made = await connect(schema_plane.admin_kubeconfig)
    yield made
    await made.close()


def new_pair(*, name: str = "") -> Manifest:
    (pair,) = example("maestro-by-hand.yaml")
    return changed(pair, "metadata.name", name or f"p-{uuid.uuid4().hex[:8]}")


def created(stored: PairApi, pair: Manifest) -> PairKey:
    answer = stored.create(pair)
    assert answer.is_good, answer.message
    meta = answer.body["metadata"]
    return PairKey(namespace=NAMESPACE, name=meta["name"], uid=meta["uid"])


async def read(store: PairStore) -> Resource:
    found = await store.read()
    assert found is not None
    return found


async def test_a_status_is_replaced_whole_and_nothing_beside_it(stored: PairApi, api: ApiClient) -> None:
    labelled = changed(new_pair(), "metadata.labels", {"kept": "label"})
    key = created(stored, changed(labelled, "metadata.annotations", {"kept": "annotation"}))
    store = PairStore(api, key)
    first = await store.write_status(await read(store), {"plan": "first", "orderNotDone": "x"})

    second = await store.write_status(first, {"plan": "second"})

    found = stored.read(key.name).body
    assert found["status"] == second.status
    assert second.status["plan"] == "second"
    assert "orderNotDone" not in found["status"]
    assert found["spec"] == first.spec
    assert found["metadata"]["generation"] == 1
    assert (found["metadata"]["labels"], found["metadata"]["annotations"]) == (
        {"kept": "label"},
        {"kept": "annotation"},
    )


async def test_a_write_after_somebody_elses_is_refused(stored: PairApi, api: ApiClient) -> None:
    key = created(stored, new_pair())
    mine, theirs = PairStore(api, key), PairStore(api, key)
    stale = await read(mine)
    await theirs.write_status(await read(theirs), {"plan": "theirs"})

    with pytest.raises(StatusConflict):
        await mine.write_status(stale, {"plan": "mine"})

    assert (await read(mine)).status["plan"] == "theirs"


async def test_a_write_after_a_person_changed_the_spec_is_refused(stored: PairApi, api: ApiClient) -> None:
    key = created(stored, new_pair())
    store = PairStore(api, key)
    stale = await read(store)
    assert stored.patch(key.name, {"spec": {"activeNode": "b"}}).is_good

    with pytest.raises(StatusConflict):
        await store.write_status(stale, {"plan": "carry out the old order"})


async def test_an_object_created_again_is_another_one(stored: PairApi, api: ApiClient) -> None:
    pair = new_pair()
    store = PairStore(api, created(stored, pair))
    before = await read(store)
    stored.delete(pair["metadata"]["name"])
    created(stored, pair)

    assert await store.read() is None
    with pytest.raises(StatusConflict):
        await store.write_status(before, {"plan": "about the old one"})
    # Even where the versions would fit, the uid does not.
    now_there = stored.read(pair["metadata"]["name"]).body
    fits = Resource(
        key=before.key,
        resource_version=now_there["metadata"]["resourceVersion"],
        generation=1,
        is_deleting=False,
        annotations={},
        spec=before.spec,
        status={},
    )
    with pytest.raises(StatusConflict):
        await store.write_status(fits, {"plan": "about the old one"})
    assert "plan" not in stored.read(pair["metadata"]["name"]).body.get("status", {})


async def test_a_write_to_a_gone_object_is_a_conflict(stored: PairApi, api: ApiClient) -> None:
    key = created(stored, new_pair())
    store = PairStore(api, key)
    before = await read(store)
    stored.delete(key.name)

    with pytest.raises(StatusConflict):
        await store.write_status(before, {"plan": "too late"})
    assert await store.read() is None


async def test_a_field_the_schema_does_not_know_is_refused_not_pruned(stored: PairApi, api: ApiClient) -> None:
    key = created(stored, new_pair())
    store = PairStore(api, key)

    with pytest.raises(ApiException) as refused:
        await store.write_status(await read(store), {"nonsense": 1})

    assert refused.value.status == 400
    assert "nonsense" in str(refused.value.body)


async def test_every_pair_is_listed_with_what_is_a_reason_to_wake(stored: PairApi, api: ApiClient) -> None:
    woken = changed(new_pair(), "metadata.annotations", {"maestropair.dev/look-again": "now"})
    keys = {created(stored, new_pair()), created(stored, woken)}

    in_one, everywhere = await list_pairs(api, NAMESPACE), await list_pairs(api, None)

    assert keys <= {one.key for one in in_one}
    assert {one.key for one in in_one} <= {one.key for one in everywhere}
    words = {one.key.name: (one.generation, one.is_deleting, one.wake_word) for one in in_one}
    assert words[woken["metadata"]["name"]] == (1, False, "now")


@pytest.mark.parametrize("namespace", [NAMESPACE, None], ids=["one namespace", "all"])
async def test_a_list_of_many_answers_is_that_of_one(stored: PairApi, api: ApiClient, namespace: str | None) -> None:
    for _ in range(3):
        created(stored, new_pair())

    whole = await list_pairs(api, namespace)

    assert len(whole) >= 3
    assert await list_pairs(api, namespace, page=2) == whole


# ---------------------------------------------------------------- the loop over it


class AlwaysLeads:
    has_lease = True
    led_for_seconds = 1000.0
    sure_for_seconds = 1000.0

    async def lost(self) -> None:
        await asyncio.Event().wait()


class CountsNothing:
    def commands_run(self, node: str) -> int:
        del node
        return 0


class Remembers:
    """Publishes into a list."""

    def __init__(self) -> None:
        self.rules: list[str] = []

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        del seen, status
        self.rules.append(decided.rule)

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        pass


class FaultyStore(PairStore):
    """Writes a field that the schema does not know, for a while."""

    faults = 2

    @override
    async def write_status(self, resource: Resource, status: Mapping[str, Any]) -> Resource:
        if self.faults > 0:
            self.faults -= 1
            return await super().write_status(resource, {**status, "nonsense": 1})
        return await super().write_status(resource, status)


def loop_over(store: PairStore, published: Remembers) -> PairLoop:
    nodes = (("a", "192.0.2.10"), ("b", "192.0.2.20"))
    world = MemoryWorld(nodes=nodes, units=("maestro.service",), clock=MemoryClock())
    return PairLoop(
        store=store,
        drivers=memory_drivers(world),
        leader=AlwaysLeads(),
        clock=SystemClock(),
        publisher=published,
        commands=CountsNothing(),
    )


async def test_a_refused_write_is_logged_and_the_loop_goes_on(
    stored: PairApi, api: ApiClient, caplog: pytest.LogCaptureFixture
) -> None:
    key = created(stored, new_pair())
    published = Remembers()
    loop = loop_over(FaultyStore(api, key), published)
    running = asyncio.create_task(loop.run())
    try:
        async with asyncio.timeout(20):
            while not published.rules:  # noqa: ASYNC110 - the loop tells nobody
                await asyncio.sleep(0.02)
        assert loop.turns >= FaultyStore.faults
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    surprises = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(surprises) == FaultyStore.faults
    assert all(record.exc_info and "nonsense" in str(record.exc_info[1]) for record in surprises)
    assert stored.read(key.name).body["status"]["term"] >= 1


async def test_the_loop_of_a_gone_object_ends(stored: PairApi, api: ApiClient) -> None:
    key = created(stored, new_pair())
    loop = loop_over(PairStore(api, key), Remembers())
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(20):
        while not stored.read(key.name).body.get("status"):  # noqa: ASYNC110 - the API server tells nobody
            await asyncio.sleep(0.05)

    stored.delete(key.name)
    loop.wake()

    await asyncio.wait_for(running, timeout=10)


async def test_a_kubeconfig_that_is_not_there_is_told_apart_from_a_dead_server(tmp_path: Path) -> None:
    with pytest.raises(CannotConnect, match="absent"):
        await connect(tmp_path / "absent")
