"""What a log line says beside its message: whose pair it is about, whoever wrote it."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.fleet import Fleet
from maestro_operator.kube.resource import Noticed
from maestro_operator.logs import json_handler
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.pair import PairKey, PairSpec

log = logging.getLogger("maestro_operator.drivers.of_a_node")


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Give what is written, as the operator's own handler writes it."""
    caplog.set_level(logging.INFO)
    handler = json_handler()
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(io.StringIO())
    logging.getLogger().addHandler(handler)
    yield handler.stream
    logging.getLogger().removeHandler(handler)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


class TellingLoop:
    """Says something itself, in a task of its own and in a thread, and ends in a surprise."""

    turns = 0
    in_turn_for_seconds = 0.0

    @property
    def spec(self) -> PairSpec:
        raise MaestroError("no turn has read a spec yet")

    def wake(self) -> None:
        pass

    def was_listed(self, resource_version: str) -> None:
        del resource_version

    async def run(self) -> None:
        log.info("in the loop")
        await asyncio.create_task(self._in_a_task())
        await asyncio.to_thread(log.info, "in a thread")
        log.info("of another one", extra={"pair": "n/other"})
        raise RuntimeError("a surprise")

    async def _in_a_task(self) -> None:
        log.info("in a task")


async def test_whatever_a_loop_calls_is_logged_with_its_pair(written: io.StringIO) -> None:
    fleet = Fleet(make=lambda _: TellingLoop(), forget=lambda _: None, clock=MemoryClock())
    keys = [PairKey(namespace="n", name=name, uid=name) for name in ("p", "q")]

    for key in keys:
        fleet.notice(Noticed(key=key, generation=1, is_deleting=False, wake_word=""))
    async with asyncio.timeout(5):
        while written.getvalue().count("ended in a surprise") < len(keys):  # noqa: ASYNC110 - a log has no event
            await asyncio.sleep(0)
    fleet.gone("p")
    log.info("outside of every loop")

    said = [(line.get("pair"), line["message"]) for line in lines(written)]
    for pair in ("n/p", "n/q"):
        assert [text for name, text in said if name == pair and "gone" not in text] == [
            *("in the loop", "in a task", "in a thread"),
            f"pair {pair} ended in a surprise",
        ]
    assert [text for name, text in said if name == "n/other"] == ["of another one"] * 2
    assert ("n/p", "n/p is gone; its nodes run on as they are") in said
    assert (None, "outside of every loop") in said
    await fleet.close()
