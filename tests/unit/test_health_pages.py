"""The health pages: what they say while turns are taken, while one hangs, and of a supervisor that stands still."""

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.fleet import TURN_SECONDS, Fleet
from maestro_operator.health import HealthServer
from maestro_operator.kube.resource import Noticed
from maestro_operator.main import BEAT_SECONDS, answers
from maestro_operator.metrics import PairMetrics
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.pair import PairKey, PairSpec

PAIR = Noticed(key=PairKey(namespace="n", name="p", uid="u"), generation=1, is_deleting=False, wake_word="")


class HangingLoop:
    """A loop whose turn has lasted for as long as the test says."""

    def __init__(self) -> None:
        self.turns = 7
        self.in_turn_for_seconds = 0.0
        self.made_of: PairSpec | None = None

    @property
    def spec(self) -> PairSpec:
        if self.made_of is None:
            raise MaestroError("no turn has read a spec yet")
        return self.made_of

    def wake(self) -> None:
        pass

    def was_listed(self, resource_version: str) -> None:
        del resource_version

    async def run(self) -> None:
        await asyncio.Event().wait()


@contextmanager
def served(fleet: Fleet, clock: MemoryClock) -> Iterator[Callable[[str], tuple[int, str]]]:
    server = HealthServer(answers(fleet, clock=clock, metrics=PairMetrics()), address="127.0.0.1", port=0)

    def page(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    try:
        yield page
    finally:
        server.close()


async def test_livez_is_well_while_turns_are_taken_and_not_when_one_hangs() -> None:
    clock, loop = MemoryClock(), HangingLoop()
    fleet = Fleet(make=lambda _: loop, forget=lambda _: None, clock=clock)
    fleet.notice(PAIR)
    said = []
    with served(fleet, clock) as page:
        for loop.in_turn_for_seconds in (0.0, TURN_SECONDS, TURN_SECONDS + 1, 0.0):
            said.append(await asyncio.to_thread(page, "/livez"))
    await fleet.close()

    assert [status for status, _ in said] == [200, 200, 503, 200]
    assert json.loads(said[2][1]) == {
        "well": False,
        "beatSeconds": 0.0,
        "longestTurnSeconds": TURN_SECONDS + 1,
        "turns": 7,
        "overdue": ["n/p"],
    }


async def test_livez_is_not_well_when_the_supervisor_stands_still() -> None:
    clock = MemoryClock()
    fleet = Fleet(make=lambda _: HangingLoop(), forget=lambda _: None, clock=clock)
    with served(fleet, clock) as page:
        before = await asyncio.to_thread(page, "/livez")
        clock.pass_seconds(BEAT_SECONDS)
        after = await asyncio.to_thread(page, "/livez")

    assert (before[0], after[0]) == (200, 503)


async def test_livez_is_answered_while_the_event_loop_is_blocked() -> None:
    """The pages have a thread of their own: a blocked loop is seen, not shared."""
    clock = MemoryClock()
    fleet = Fleet(make=lambda _: HangingLoop(), forget=lambda _: None, clock=clock)
    with served(fleet, clock) as page:
        clock.pass_seconds(BEAT_SECONDS)

        status, _ = page("/livez")  # on purpose not in a thread: this event loop now stands still

    assert status == 503


async def test_readyz_is_well_once_the_pairs_were_listed() -> None:
    clock = MemoryClock()
    fleet = Fleet(make=lambda _: HangingLoop(), forget=lambda _: None, clock=clock)
    with served(fleet, clock) as page:
        before = await asyncio.to_thread(page, "/readyz")
        fleet.listed.set()
        after = await asyncio.to_thread(page, "/readyz")

    assert (before[0], after[0]) == (503, 200)


@pytest.mark.parametrize(("path", "status"), [("/metrics", 200), ("/", 404), ("/metrics/../etc", 404)])
async def test_there_are_three_pages_and_no_more(path: str, status: int) -> None:
    clock = MemoryClock()
    fleet = Fleet(make=lambda _: HangingLoop(), forget=lambda _: None, clock=clock)
    with served(fleet, clock) as page:
        answer = await asyncio.to_thread(page, path)

    assert answer[0] == status


async def test_a_closed_server_lets_its_port_go() -> None:
    clock = MemoryClock()
    fleet = Fleet(make=lambda _: HangingLoop(), forget=lambda _: None, clock=clock)
    with served(fleet, clock) as page:
        pass

    with pytest.raises(OSError, match="refused"):
        await asyncio.to_thread(page, "/livez")
