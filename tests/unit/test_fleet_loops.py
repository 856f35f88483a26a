"""The fleet: one loop a pair, made again when it ends, woken by what people change, ended with its pair."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from typing_extensions import override

from maestro_operator.admission.claims import ClaimBook
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.fleet import TURN_SECONDS, Fleet, longest_turn_seconds
from maestro_operator.kube.resource import Noticed
from maestro_operator.model.claims import Claimant
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.pair import PairKey, PairSpec
from maestro_operator.model.shards import Shard
from support.manifests import example


def noticed(uid: str = "u", *, generation: int = 1, is_deleting: bool = False, word: str = "") -> Noticed:
    key = PairKey(namespace="n", name=f"pair-{uid}", uid=uid)
    return Noticed(key=key, generation=generation, is_deleting=is_deleting, wake_word=word)


class SomeLoop:
    """Waits to be ended, from outside or by itself."""

    def __init__(self, spec: PairSpec | None = None) -> None:
        self.turns = 1
        self.in_turn_for_seconds = 0.0
        self.wakes = 0
        self.end = asyncio.Event()
        self.surprise: Exception | None = None
        self.was_cancelled = False
        self._spec = spec

    @property
    def spec(self) -> PairSpec:
        if self._spec is None:
            raise MaestroError("no turn has read a spec yet")
        return self._spec

    def wake(self) -> None:
        self.wakes += 1

    def was_listed(self, resource_version: str) -> None:
        del resource_version

    async def run(self) -> None:
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if self.surprise is not None:
            raise self.surprise


class Made:
    """A fleet of such loops, in the order they were made."""

    def __init__(self, shard: Shard | None = None) -> None:
        self.loops: list[SomeLoop] = []
        self.claims = ClaimBook()
        self.forgotten: list[str] = []
        self.clock = MemoryClock()
        self.fleet = Fleet(
            make=self._make,
            forget=lambda key: self.forgotten.append(key.uid),
            clock=self.clock,
            claims=self.claims,
            shard=shard,
        )

    def _make(self, _: PairKey) -> SomeLoop:
        self.loops.append(SomeLoop())
        return self.loops[-1]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    "change",
    [noticed(generation=2), noticed(is_deleting=True), noticed(word="look")],
    ids=["spec", "deletion", "annotation"],
)
async def test_what_people_change_wakes_and_the_same_again_does_not(change: Noticed) -> None:
    made = Made()

    for one in (noticed(), noticed(), change, change):
        made.fleet.notice(one)

    assert [loop.wakes for loop in made.loops] == [1]
    await made.fleet.close()


async def test_a_loop_that_ended_is_made_again_and_says_why(caplog: pytest.LogCaptureFixture) -> None:
    made = Made()
    made.fleet.notice(noticed())
    await settle()
    made.loops[0].surprise = RuntimeError("out of luck")
    made.loops[0].end.set()
    await settle()

    made.fleet.notice(noticed())

    assert len(made.loops) == 2
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "out of luck" in str(record.exc_info)
    await made.fleet.close()


async def test_a_pair_that_is_gone_is_ended_and_forgotten_once() -> None:
    made = Made()
    made.fleet.notice(noticed())
    await settle()

    made.fleet.gone("u")
    made.fleet.gone("u")
    await settle()

    assert made.loops[0].was_cancelled
    assert (made.forgotten, made.fleet.pairs()) == (["u"], 0)


async def supervised(made: Made, lists: Sequence[Callable[[], list[Noticed]]], *, period_seconds: float) -> list[float]:
    """Lets the supervisor go until every list was asked for; returns when each was, on the memory clock."""
    asked: list[float] = []
    left = list(lists)

    async def relist() -> list[Noticed]:
        asked.append(made.clock.monotonic_seconds())
        found = left.pop(0)
        if not left:
            supervisor.cancel()
        return found()

    class Yields(MemoryClock):
        @override
        async def sleep(self, seconds: float) -> None:
            made.clock.pass_seconds(seconds)
            await asyncio.sleep(0)

        @override
        def monotonic_seconds(self) -> float:
            return made.clock.monotonic_seconds()

    made.fleet._clock = Yields()
    supervisor = asyncio.create_task(made.fleet.supervise(relist, period_seconds=period_seconds))
    await asyncio.gather(supervisor, return_exceptions=True)
    return asked


def fails() -> list[Noticed]:
    raise OSError("no API server")


async def test_a_list_makes_what_is_missing_and_ends_what_is_gone() -> None:
    made = Made()

    await supervised(
        made,
        [lambda: [noticed("a"), noticed("b")], lambda: [noticed("b", generation=2), noticed("c")]],
        period_seconds=10,
    )
    await settle()

    assert [loop.was_cancelled for loop in made.loops] == [True, False, False]
    assert [loop.wakes for loop in made.loops] == [0, 1, 0]
    assert made.forgotten == ["a"]
    await made.fleet.close()


def of_another_share() -> tuple[Noticed, Noticed]:
    """Returns a pair of the first half that claims a host, and one of the second half that claims it too."""
    uids = [str(number) for number in range(100)]
    other, mine = (next(uid for uid in uids if Shard(number, 2).has(uid)) for number in (1, 2))
    claimed = []
    for uid, created in ((other, "2026-01-01T00:00:00Z"), (mine, "2026-01-02T00:00:00Z")):
        one = noticed(uid)
        claimant = Claimant(key=one.key, created_at=created, wants=frozenset({"host x"}), holds=frozenset())
        claimed.append(replace(one, claimant=claimant))
    return claimed[0], claimed[1]


async def test_a_pair_of_another_share_has_no_loop_here_and_its_claims_count() -> None:
    made, (other, mine) = Made(Shard(2, 2)), of_another_share()

    await supervised(made, [lambda: [other, mine], lambda: [other, mine]], period_seconds=10)
    made.fleet.notice(other)

    assert (len(made.loops), made.fleet.pairs()) == (1, 1)
    assert made.claims.conflict(mine.key.uid, {"host x": "spec.nodes[a].ssh.host"}) is not None
    await made.fleet.close()


@pytest.mark.parametrize("is_heard", [True, False], ids=["the watch says so", "a list says so"])
async def test_a_pair_of_another_share_that_is_gone_claims_nothing_any_more(is_heard: bool) -> None:  # noqa: FBT001
    made, (other, mine) = Made(Shard(2, 2)), of_another_share()
    await supervised(made, [lambda: [other, mine], lambda: [other, mine]], period_seconds=10)
    made.clock.pass_seconds(1)

    if is_heard:
        made.fleet.gone(other.key.uid)
    else:
        await supervised(made, [lambda: [mine], lambda: [mine]], period_seconds=10)

    assert made.claims.conflict(mine.key.uid, {"host x": "spec.nodes[a].ssh.host"}) is None
    assert made.forgotten == []
    await made.fleet.close()


async def test_a_list_that_failed_ends_no_loop_and_is_asked_for_again_soon() -> None:
    made = Made()

    asked = await supervised(made, [lambda: [noticed("a")], fails, fails, lambda: [noticed("a")]], period_seconds=60)

    assert [round(later - sooner) for sooner, later in itertools.pairwise(asked)] == [60, 2, 2]
    assert not made.loops[0].was_cancelled
    assert len(made.loops) == 1
    await made.fleet.close()


async def test_a_turn_may_take_as_long_as_its_specs_longest_step() -> None:
    (pair,) = example("maestro-by-hand.yaml")
    spec = PairSpec.model_validate(pair["spec"])
    service = spec.services[0].model_copy(update={"start_timeout_seconds": 1000})
    patient = spec.model_copy(update={"services": (service, service)})

    assert longest_turn_seconds(SomeLoop()) == TURN_SECONDS
    assert longest_turn_seconds(SomeLoop(patient)) == TURN_SECONDS + 2000


@pytest.mark.parametrize("heeds", [True, False])
async def test_closing_says_whether_every_loop_has_ended(heeds: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
    """The Lease is given up only then: a loop that goes on may be in the middle of an effect."""
    monkeypatch.setattr("maestro_operator.fleet.CLOSE_SECONDS", 0.05)
    may_end = asyncio.Event()

    class Stubborn(SomeLoop):
        @override
        async def run(self) -> None:
            while True:
                try:
                    await may_end.wait()
                    break
                except asyncio.CancelledError:
                    if heeds:
                        raise

    fleet = Fleet(make=lambda _: Stubborn(), forget=lambda _: None, clock=MemoryClock())
    fleet.notice(noticed())
    await settle()

    have_ended = await fleet.close()
    may_end.set()
    await settle()

    assert have_ended == heeds
