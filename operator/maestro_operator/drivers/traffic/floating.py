"""An address that moves between the nodes, probed before it is taken and announced until everybody knows.

The law of this file: the address is withdrawn from the old holder, or that one is proven off, before the new one takes
it; and it is taken only where nobody on the segment answers for it, or where it was this pair's alone until it was
withdrawn. An old holder that cannot be asked still holds it.
Clients wait for a move, so what is announced and asked again afterwards goes on beside it; and a node that is silent
is waited for once.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import TrafficSeen, Unknown
from maestro_operator.transport.answers import BadAnswerError, Lines, shortened
from maestro_operator.transport.bundle import scripted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Way
    from maestro_operator.model.pair import Ssh, Traffic
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.model.traffic import FloatingAddress
    from maestro_operator.transport.session import Sessions

READ_SECONDS = 2.5
STEP_SECONDS = 5.0
"""For what a move does beside taking: a node that was just promoted is busy, and a cut costs a whole attempt."""
TAKE_SECONDS = 12.0
ELSEWHERE = 21
_REFUSING = {20: Reason.INVALID_SPEC, 22: Reason.STEP_REFUSED}
SOMEBODY = "somebody else"


@dataclass(frozen=True, slots=True)
class Found:
    """What one node said of the address."""

    is_held: bool
    others: bool = False
    had: bool = False
    """It was withdrawn there just now."""


@dataclass(frozen=True, slots=True)
class _Silent:
    """A node that did not say: why not, and the question that was put to it since."""

    said: Failed | Refused
    asked: asyncio.Task[Found | Failed | Refused]


class FloatingTraffic:
    """Entries of kind floatingAddress, over the pair's SSH sessions."""

    def __init__(self, sessions: Sessions, *, clock: Clock) -> None:
        """Keep the way to the nodes; when each entry is announced next is learnt by looking."""
        self._sessions = sessions
        self._clock = clock
        self._announce_at: dict[str, float] = {}
        self._answered_for: dict[str, bool] = {}
        """By entry: whether somebody else answered for the address when its holder asked last, since it moved."""
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._former: set[asyncio.Task[None]] = set()
        """What former holders are still asked, which counts no more."""
        self._announcing: dict[str, asyncio.Task[Found | Failed | Refused]] = {}
        self._silent: dict[tuple[str, Ssh], _Silent] = {}

    async def read(self, entry: Traffic, nodes: Sequence[FrozenNode]) -> TrafficSeen | Unknown:
        """Say which node holds the address; its holder now and then announces it, and asks whether it is alone."""
        item = entry.floating_address
        if item is None:
            return Unknown(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        found = await asyncio.gather(*(self._heard(entry.name, node, item) for node in nodes))
        holders = [node for node, it in zip(nodes, found, strict=True) if isinstance(it, Found) and it.is_held]
        unread = [it for it in found if not isinstance(it, Found)]
        if len(unread) == len(nodes):
            return Unknown(unread[0].reason, unread[0].message)
        if len(holders) == 1 and self._clock.monotonic_seconds() >= self._announce_at.get(entry.name, 0.0):
            self._keep_known(entry.name, item, holders[0])
        addresses = [node.address for node in holders]
        if holders and self._answered_for.get(entry.name):
            addresses.append(SOMEBODY)
        silent = tuple(it.message for it in unread)
        return TrafficSeen(entry.name, tuple(sorted(addresses)), silent=silent)

    async def _heard(self, name: str, node: FrozenNode, item: FloatingAddress) -> Found | Failed | Refused:
        """Return what a node says now; one that did not say last time is asked on, and not waited for."""
        key = (name, node.ssh)
        before = self._silent.get(key)
        if before is not None and not before.asked.done():
            return before.said
        said = None if before is None else before.asked.result()
        if not isinstance(said, Failed | Refused):
            # Good news of before this look is asked once more, too.
            said = await self._asked(node, item, "read", seconds=READ_SECONDS)
        if isinstance(said, Found):
            self._silent.pop(key, None)
        else:
            again = asyncio.ensure_future(self._asked(node, item, "read", seconds=READ_SECONDS))
            self._silent[key] = _Silent(said, again)
        return said

    def _keep_known(self, name: str, item: FloatingAddress, holder: FrozenNode) -> None:
        """Let the holder announce the address and ask whether it is alone, beside whatever goes on."""
        if name not in self._keeping or self._keeping[name].done():
            self._announce_at[name] = self._clock.monotonic_seconds() + item.refresh_seconds
            self._keeping[name] = asyncio.ensure_future(self._kept(name, item, holder))

    async def _kept(self, name: str, item: FloatingAddress, holder: FrozenNode) -> None:
        announcing = asyncio.ensure_future(self._asked(holder, item, "announce", seconds=READ_SECONDS))
        self._announcing[name] = announcing
        await announcing
        alone = await self._asked(holder, item, "probe", seconds=READ_SECONDS)
        # Where it moved meanwhile, whoever answered a former holder may be the new one.
        if isinstance(alone, Found) and self._keeping.get(name) is asyncio.current_task():
            self._answered_for[name] = alone.others

    def _begin_anew(self, name: str) -> None:
        """Forget what a former holder asked, or still asks."""
        self._answered_for.pop(name, None)
        former = self._keeping.pop(name, None)
        if former is not None and not former.done():
            self._former.add(former)
            former.add_done_callback(self._former.discard)

    def is_alone(self, name: str) -> bool:
        """Tell whether the holder of an entry's address asked since it took it, and nobody else answered."""
        return self._answered_for.get(name) is False

    async def move(self, entry: Traffic, way: Way, *, deadline_seconds: float) -> Outcome:
        """Withdraw the address from the source, then take it on the target."""
        item = entry.floating_address
        if item is None:
            return Refused(Reason.NOT_CONFIGURED, f"traffic {entry.name} has no driver")
        if entry.name in self._announcing:
            # What a former holder still says would take clients back to it.
            await asyncio.wait({self._announcing[entry.name]})
        verb = "take"
        if not way.source_is_off:
            dropped = await self._asked(way.source, item, "drop", seconds=STEP_SECONDS)
            if not isinstance(dropped, Found) and not way.keeps_owner:
                held = await self._asked(way.target, item, "read", seconds=STEP_SECONDS)
                if isinstance(held, Refused):
                    return held
                # One that holds it already took it lawfully; a silent standby of old times is asked for there.
                if not isinstance(held, Found) or not held.is_held:
                    return Failed(Reason.TRAFFIC_UNPROVEN, f"{item.address} was not withdrawn: {dropped.message}")
            if isinstance(dropped, Found) and dropped.had and not dropped.is_held and self.is_alone(entry.name):
                verb = "succeed"
        taken = await self._asked(way.target, item, verb, seconds=min(TAKE_SECONDS, deadline_seconds))
        if isinstance(taken, Failed | Refused):
            return taken
        if not taken.is_held:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{way.target.name} did not take {item.address}")
        self._begin_anew(entry.name)
        self._keep_known(entry.name, item, way.target)
        self._announce_at[entry.name] = self._clock.monotonic_seconds() + item.again_after_seconds
        return Done({"address": way.target.address})

    async def _asked(
        self, node: FrozenNode, item: FloatingAddress, verb: str, *, seconds: float
    ) -> Found | Failed | Refused:
        words = scripted("address", verb, item.address, str(item.prefix_length), item.interface)
        send = self._sessions.ask if verb == "read" else self._sessions.run
        answer = await send(node, words, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return Failed(answer.reason, answer.message)
        what = f"{node.name}: {item.address}"
        try:
            said = Lines(answer.stdout)
        except BadAnswerError as error:
            return Failed(Reason.BAD_ANSWER, f"{what}: {error}")
        if answer.exit_status == ELSEWHERE:
            return Failed(Reason.TRAFFIC_UNPROVEN, f"{node.name}: {said.text('message')}")
        if answer.exit_status in _REFUSING:
            return Refused(_REFUSING[answer.exit_status], f"{node.name}: {said.text('message')}")
        if answer.exit_status != 0:
            return Failed(Reason.COMMAND_FAILED, f"{what}: {verb}: {shortened(answer)}")
        return Found(said.text("held") == "yes", said.text("others") == "yes", said.text("had") == "yes")
