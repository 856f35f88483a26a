"""What the engine writes in a pair's life, in memory, is taken by a real API server, write by write."""

import copy
from collections.abc import Awaitable, Callable, Mapping

import pytest

from maestro_operator.model.pair import PairSpec, Say
from maestro_operator.model.steps import EpisodeKind, StepName
from support.manifests import GROUP_VERSION, Manifest
from support.pair_api import PairApi
from support.worlds import Pair, is_settled, pair_spec

KEYS = {
    "a": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
    "b": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi",
}


def real_spec() -> PairSpec:
    """The spec of the pairs in memory, with host keys that are some."""
    nodes = tuple(
        node.model_copy(update={"given_ssh": node.ssh.model_copy(update={"host_key": KEYS[node.name]})})
        for node in pair_spec().nodes
    )
    return pair_spec(nodes=nodes)


def settled_on(node: str) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.active_node == node and pair.status.episode is None and is_settled(pair)


class Life:
    """One pair in memory, and every write of its status with the spec at that moment."""

    def __init__(self) -> None:
        self.pair = Pair(real_spec())
        self.writes: list[tuple[Manifest, Manifest]] = []
        self.pair.store.after_write = self._keep

    def _keep(self, status: Mapping[str, object]) -> None:
        self.writes.append((dict(self.pair.store.spec.to_resource()), copy.deepcopy(dict(status))))


async def from_activation_to_hand_back(life: Life) -> None:
    pair = life.pair
    await pair.run_until(settled_on("a"))
    pair.order("b")
    await pair.run_until(settled_on("b"))
    pair.world.power_cut("b")
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)
    pair.world.power_on("b")
    await pair.run_until(settled_on("a"))
    failover = next(item for item in pair.status.history if item.kind is EpisodeKind.FAILOVER)
    pair.say(Say.HAND_BACK, failover.id)
    await pair.run_until(settled_on("b"))


async def an_order_that_is_taken_back(life: Life) -> None:
    pair = life.pair
    await pair.run_until(settled_on("a"))
    pair.order("b")
    await pair.run_until(has_begun(StepName.RAISE))
    pair.order("a")
    await pair.run_until(lambda it: it.status.active_node == "a" and it.status.episode is None)


def has_begun(step: StepName) -> Callable[[Pair], bool]:
    return lambda pair: pair.status.episode is not None and pair.status.episode.record(step) is not None


@pytest.mark.parametrize(
    ("lead", "kinds"),
    [
        (from_activation_to_hand_back, {"Activate", "Switchover", "Failover", "Rejoin"}),
        (an_order_that_is_taken_back, {"Activate", "Switchover", "Renew"}),
    ],
)
async def test_a_real_api_server_takes_every_write_of_the_engine(
    pairs: PairApi, lead: Callable[[Life], Awaitable[None]], kinds: set[str]
) -> None:
    life = Life()
    await lead(life)
    first, _ = life.writes[0]
    name = lead.__name__.replace("_", "-")

    there = pairs.create(
        {"apiVersion": GROUP_VERSION, "kind": "MaestroPair", "metadata": {"name": name}, "spec": first}
    )
    for number, (spec, status) in enumerate(life.writes):
        assert there.is_good, f"write {number}: {there.message}"
        there = pairs.replace({**there.body, "spec": spec})
        assert there.is_good, f"spec {number}: {there.message}"
        there = pairs.replace({**there.body, "status": status}, subresource="/status")

    assert there.is_good, there.message
    assert kinds <= {item.kind.value for item in life.pair.status.history}
