"""All pairs of one operator: one supervised loop each, made when a pair appears, ended when it goes.

A watch can go silent, and lose a change or a deletion, so everything is listed anew every so often
and compared. A loop that ends is made again while its pair is there.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from maestro_operator.admission.claims import ClaimBook
from maestro_operator.logs import context_of
from maestro_operator.model.errors import MaestroError
from maestro_operator.model.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.kube.resource import Noticed
    from maestro_operator.model.pair import PairKey, PairSpec

log = logging.getLogger(__name__)

ROUND_SECONDS = 1.0
"""How often the supervisor goes round."""
LIST_AGAIN_SECONDS = 2.0
"""A list that failed is asked for again after this long."""
CLOSE_SECONDS = 1.5
"""How long the loops have to end when the operator does."""
TURN_SECONDS = 120.0
"""How long a turn may take beside the longest step that its spec asks for."""


class Loop(Protocol):
    """What runs one pair."""

    turns: int
    """How many turns ended."""

    @property
    def in_turn_for_seconds(self) -> float:
        """Return how long the turn under way has lasted, 0 between turns."""

    @property
    def spec(self) -> PairSpec:
        """Return the spec of the turn under way; MaestroError before the first."""

    def wake(self) -> None:
        """Take the next turn now and read the resource anew."""

    def was_listed(self, resource_version: str) -> None:
        """Read the resource anew where it is remembered in another state than it was listed in."""

    async def run(self) -> None:
        """Take turns until the resource is gone or the task is cancelled."""


@dataclass(slots=True)
class _Member:
    """One pair's loop, and what was last noticed of the pair."""

    noticed: Noticed
    since_seconds: float
    loop: Loop
    task: asyncio.Task[None]


class Fleet:
    """The loops of all pairs, by uid."""

    def __init__(
        self,
        *,
        make: Callable[[PairKey], Loop],
        forget: Callable[[PairKey], None],
        clock: Clock,
        claims: ClaimBook | None = None,
        shard: Shard | None = None,
    ) -> None:
        """Keep how to make a loop and how to forget a pair; of pairs of other shares only their claims are noted."""
        self._make = make
        self._forget = forget
        self._claims = claims or ClaimBook()
        self._clock = clock
        self._shard = shard or Shard()
        self._members: dict[str, _Member] = {}
        self._others: dict[str, float] = {}
        """The pairs of other shares, and since when each is known."""
        self._due_seconds = 0.0
        self.beat_seconds = clock.monotonic_seconds()
        """When the supervisor last went round; liveness looks at it."""
        self.listed = asyncio.Event()
        """Set when the pairs were listed once since the start."""

    def notice(self, noticed: Noticed) -> None:
        """Take note of a pair; wake its loop where something that people change has changed."""
        if noticed.claimant is not None:
            # Before its loop is made: the first turn asks who has what.
            self._claims.note(noticed.claimant)
        if not self._shard.has(noticed.key.uid):
            self._others.setdefault(noticed.key.uid, self._clock.monotonic_seconds())
            return
        member = self._members.get(noticed.key.uid)
        if member is None or member.task.done():
            self._members[noticed.key.uid] = self._made(noticed)
        elif member.noticed != noticed:
            member.noticed = noticed
            member.loop.wake()

    def gone(self, uid: str) -> None:
        """End the loop of a pair that is gone; its nodes run on.

        A pair that is only being deleted is not gone: its loop goes on to the next resting point and lets it go there.
        """
        self._claims.forget(uid)
        self._others.pop(uid, None)
        member = self._members.pop(uid, None)
        if member is not None:
            member.task.cancel()
            self._forget(member.noticed.key)
            key = member.noticed.key
            log.info("%s is gone; its nodes run on as they are", key, extra={"pair": str(key)})

    def _made(self, noticed: Noticed) -> _Member:
        loop = self._make(noticed.key)
        about = context_of(str(noticed.key))
        task = asyncio.get_running_loop().create_task(loop.run(), name=f"pair {noticed.key}", context=about)
        task.add_done_callback(_say_why, context=about)
        return _Member(noticed, self._clock.monotonic_seconds(), loop, task)

    def list_soon(self) -> None:
        """List everything in the next round, whenever it was to be."""
        self._due_seconds = 0.0

    async def supervise(self, relist: Callable[[], Awaitable[Sequence[Noticed]]], *, period_seconds: float) -> None:
        """List everything every so often; make what is missing, wake what changed, end what is gone."""
        while True:
            self.beat_seconds = self._clock.monotonic_seconds()
            if self.beat_seconds >= self._due_seconds:
                self._due_seconds = self.beat_seconds + period_seconds
                if not await self._compare(relist):
                    self._due_seconds = self.beat_seconds + LIST_AGAIN_SECONDS
            await self._clock.sleep(ROUND_SECONDS)

    async def _compare(self, relist: Callable[[], Awaitable[Sequence[Noticed]]]) -> bool:
        asked_seconds = self._clock.monotonic_seconds()
        try:
            found = {noticed.key.uid: noticed for noticed in await relist()}
        except Exception as error:  # noqa: BLE001 - whatever the API server does, the loops go on
            log.warning("the pairs could not be listed; the loops go on: %s", str(error).partition("\n")[0])
            return False
        self.listed.set()
        # What the watch brought while the list was on its way is younger than the list.
        known = {uid: member.since_seconds for uid, member in self._members.items()} | self._others
        for uid, since_seconds in known.items():
            if uid not in found and since_seconds < asked_seconds:
                self.gone(uid)
        for uid, noticed in found.items():
            self.notice(noticed)
            if uid in self._members:
                self._members[uid].loop.was_listed(noticed.resource_version)
        return True

    def overdue(self) -> list[str]:
        """Return the pairs whose turn lasts longer than any of its steps may; asked from any thread."""
        members = list(self._members.values())
        return [
            str(one.noticed.key) for one in members if one.loop.in_turn_for_seconds > longest_turn_seconds(one.loop)
        ]

    def longest_turn_seconds(self) -> float:
        """Return how long the longest turn under way has lasted; asked from any thread."""
        return max((member.loop.in_turn_for_seconds for member in list(self._members.values())), default=0.0)

    def turns(self) -> int:
        """Return how many turns the loops have ended; asked from any thread."""
        return sum(member.loop.turns for member in list(self._members.values()))

    def pairs(self) -> int:
        """Return how many pairs there are; asked from any thread."""
        return len(self._members)

    async def close(self) -> bool:
        """End every loop; tell whether each has ended in time."""
        tasks = {member.task for member in self._members.values()}
        for task in tasks:
            task.cancel()
        if not tasks:
            return True
        _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        return not late


def longest_turn_seconds(loop: Loop) -> float:
    """Return how long a turn of this loop may take: its spec's own deadlines and what a look takes."""
    try:
        spec = loop.spec
    except MaestroError:
        return TURN_SECONDS
    services = sum(max(item.start_timeout_seconds, item.stop_timeout_seconds) for item in spec.services)
    rungs = [rung.deadline_seconds for node in spec.nodes for rung in node.fencing]
    copy = spec.replication.rsync.deadline_seconds if spec.replication.rsync is not None else 0
    checks = [check.deadline_seconds for check in spec.verification]
    return TURN_SECONDS + max([services, copy, *rungs, *checks])


def _say_why(task: asyncio.Task[None]) -> None:
    """Say why a loop ended, where it was a surprise; it is made again while its pair is there."""
    if not task.cancelled() and task.exception() is not None:
        log.error("%s ended in a surprise", task.get_name(), exc_info=task.exception())
