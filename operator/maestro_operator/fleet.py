"""All pairs of one operator: one supervised loop each, made when a pair appears, ended when it goes.

A watch can go silent and lose a deletion, so everything is listed anew every so often and the uids
are compared. A loop that ends is made again while its pair is there.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.clock import Clock
    from maestro_operator.loop import PairLoop
    from maestro_operator.model.pair import PairKey

log = logging.getLogger(__name__)


class Fleet:
    """The loops of all pairs, by uid."""

    def __init__(
        self,
        *,
        make: Callable[[PairKey], PairLoop],
        forget: Callable[[PairKey], None],
        clock: Clock,
    ) -> None:
        """Keep how to make a loop and how to forget a pair."""
        self._make = make
        self._forget = forget
        self._clock = clock
        self._loops: dict[str, tuple[PairKey, PairLoop, asyncio.Task[None]]] = {}
        self._seen: dict[str, tuple[int, bool, str]] = {}
        self.beat_seconds = clock.monotonic_seconds()
        """When the supervisor last went round; liveness looks at it."""
        self.has_listed = False
        """The pairs were listed once since the start."""

    def notice(self, key: PairKey, *, generation: int, is_deleting: bool, wake_word: str) -> None:
        """Take note of a pair; wake its loop where something that people change has changed."""
        self._ensure(key)
        fresh = (generation, is_deleting, wake_word)
        if self._seen.get(key.uid) != fresh:
            self._seen[key.uid] = fresh
            self._loops[key.uid][1].wake()

    def gone(self, uid: str) -> None:
        """End the loop of a pair that is gone; its nodes run on."""
        entry = self._loops.pop(uid, None)
        self._seen.pop(uid, None)
        if entry is not None:
            entry[2].cancel()
            self._forget(entry[0])
            log.info("%s is gone; its nodes run on as they are", entry[0])

    def _ensure(self, key: PairKey) -> None:
        entry = self._loops.get(key.uid)
        if entry is not None and not entry[2].done():
            return
        loop = self._make(key)
        task = asyncio.get_running_loop().create_task(loop.run(), name=f"pair {key}")
        self._loops[key.uid] = (key, loop, task)

    async def supervise(
        self, relist: Callable[[], Awaitable[list[PairKey]]], *, period_seconds: float
    ) -> None:
        """List everything every so often; make what is missing and end what is gone."""
        due = 0.0
        while True:
            self.beat_seconds = self._clock.monotonic_seconds()
            if self.beat_seconds >= due:
                due = self.beat_seconds + period_seconds
                await self._compare(relist)
            await self._clock.sleep(1.0)

    async def _compare(self, relist: Callable[[], Awaitable[list[PairKey]]]) -> None:
        try:
            keys = {key.uid: key for key in await relist()}
        except Exception:
            log.exception("the pairs could not be listed; the loops go on")
            return
        self.has_listed = True
        for uid in set(self._loops) - set(keys):
            self.gone(uid)
        for key in keys.values():
            self._ensure(key)

    def longest_turn_seconds(self) -> float:
        """Return how long the longest turn under way has lasted."""
        return max((loop.in_turn_for_seconds for _, loop, _ in self._loops.values()), default=0.0)

    def turns(self) -> int:
        """Return how many turns all loops have ended."""
        return sum(loop.turns for _, loop, _ in self._loops.values())

    async def close(self) -> None:
        """End every loop and wait until each has ended."""
        tasks = [task for _, _, task in self._loops.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
