"""A watch that ended in an error really ends, so that the next one begins: kopf's waiter for its flag is let go."""

import asyncio
import threading
from typing import NoReturn

import kopf
import pytest

from maestro_operator.handlers import watch

ENDS_SECONDS = 1.0


async def forbidden_while_the_server_starts(*, stop_flag: threading.Event, **_: object) -> NoReturn:
    """Fail as kopf does: its waiter for the flag sits in a thread of the loop's own executor."""
    waiter = asyncio.get_running_loop().run_in_executor(None, stop_flag.wait)
    await asyncio.sleep(0)
    waiter.cancel()
    raise kopf.PermanentError("403")


async def test_a_watch_that_failed_ends_although_kopf_still_waits_for_its_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kopf, "operator", forbidden_while_the_server_starts)

    async with asyncio.timeout(ENDS_SECONDS):
        await watch._watch_once(lambda _: None, namespace="maestro")
