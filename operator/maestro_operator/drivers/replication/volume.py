"""Orders to the two VolumeReplications of one replicated volume, each read back from its own API server.

The law of this file: `primary` is csi-addons' forced mode, since its controller forces by itself where the storage
refuses. So it is written only where the other side was read to have given up with everything sent, or on a receipt that
serves once and that stands for a person's word; never for a side that is still syncing. `resync` throws one side's data
away, and is written only for a side that the storage calls split, while the other one is the primary. Each write names
the version that was read.

No order of this file can be reached from a MaestroPair in this version. The types are csi-addons' own
(replication.storage.openshift.io/v1alpha1); a stand-in for its controller is all that this was tried against.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from maestro_operator.drivers.replication.volume_text import (
    PRIMARY,
    RESYNC,
    SECONDARY,
    VOLUMES,
    VolumeSide,
    side_of,
)
from maestro_operator.kube.objects import Kind, NotAllowed
from maestro_operator.model.errors import ApiTrouble, StatusConflict
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from maestro_operator.clock import Clock

READ_SECONDS = 8.0
POLL_SECONDS = 0.5


class Cluster(Protocol):
    """The namespace of one cluster that has one side of the volume."""

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return an object, or None where there is none."""

    async def write(self, kind: Kind, name: str, body: Mapping[str, Any], *, version: str | None) -> None:
        """Replace the object that has this resource version."""


class VolumeOrders:
    """What may be ordered of one side of a volume, the other side read or not."""

    def __init__(self, cluster: Cluster, name: str, *, what: str, clock: Clock) -> None:
        """Keep the way to the object; `what` is how messages call this side."""
        self._cluster = cluster
        self._name = name
        self._what = what
        self._clock = clock

    async def look(self) -> VolumeSide | Unknown:
        """Read this side; nothing is known of one whose API server or object cannot be read."""
        found = await self._found()
        return found if isinstance(found, Unknown) else found[0]

    async def demote(self, *, deadline_seconds: float) -> Outcome:
        """Let this side give up: done where it is read to be demoted and the other side has everything.

        Nothing may hold the volume any more. A side that is split is refused, and nothing of it is overwritten.
        """
        ordered = await self._give_way(deadline_seconds=deadline_seconds)
        if not isinstance(ordered, Done):
            return ordered
        return await self._until(SECONDARY, lambda side: side.gave_up, deadline_seconds=deadline_seconds)

    async def promote(
        self, *, peer: VolumeOrders, receipt: Callable[[], Awaitable[Outcome]], deadline_seconds: float
    ) -> Outcome:
        """Make this side the primary, after the other one gave up; else on a receipt, which is asked for last.

        An order that stands already is only waited for: whoever gave it had what it needs. So a side that was the
        primary once has to be told to stand by before anybody promotes it again.
        """
        here = await self._found()
        if isinstance(here, Unknown):
            return Failed(here.reason, here.message)
        if here[0].ordered != PRIMARY:
            if not here[0].gave_up:
                text = f"{self._what} is syncing, split, or its controller does not say: it is nobody's to promote"
                return Refused(Reason.COPY_NOT_WHOLE, text)
            given = await peer.demote(deadline_seconds=deadline_seconds / 2)
            stands = None if isinstance(given, Done) else await _without_receipt(receipt, _said(given))
            if stands is not None:
                return stands
        return await self._made_primary(here, deadline_seconds=deadline_seconds / 2)

    async def take_back(
        self, *, peer: VolumeOrders, receipt: Callable[[], Awaitable[Outcome]], deadline_seconds: float
    ) -> Outcome:
        """Make this side the primary again, which was it last, after a switch that was given up before its promotion.

        Both sides are demoted then, so nothing was overwritten here, sent or not. Where the other side is not read to
        be a secondary, a receipt says that it was never promoted since.
        """
        here, there = await self._found(), await peer.look()
        if isinstance(here, Unknown):
            return Failed(here.reason, here.message)
        if here[0].ordered == RESYNC or here[0].is_split:
            return Refused(Reason.COPY_NOT_WHOLE, f"{self._what} is split, or given the other side's data")
        if here[0].ordered != PRIMARY and not (
            isinstance(there, VolumeSide) and there.ordered == SECONDARY and there.is_carried_out
        ):
            said = there.message if isinstance(there, Unknown) else f"the other side is ordered {there.ordered}"
            stands = await _without_receipt(receipt, said)
            if stands is not None:
                return stands
        return await self._made_primary(here, deadline_seconds=deadline_seconds)

    async def _made_primary(self, here: tuple[VolumeSide, Mapping[str, Any]], *, deadline_seconds: float) -> Outcome:
        # This side may have been written meanwhile: the version that was judged is the one that is replaced.
        ordered = await self._order(PRIMARY, here)
        if not isinstance(ordered, Done):
            return ordered
        return await self._until(PRIMARY, lambda side: side.is_carried_out, deadline_seconds=deadline_seconds)

    async def stand_by(self) -> Outcome:
        """Let an old primary be the other one's secondary, whose data it gets; what only it has stays, as a split.

        Done as soon as that is ordered and known to be a split or not: how far it came is read with `look`. A resync
        that was ordered goes on first.
        """
        here = await self._found()
        if isinstance(here, Unknown):
            return Failed(here.reason, here.message)
        if here[0].ordered == RESYNC:
            return await self._end_resync(here)
        return await self._give_way(deadline_seconds=READ_SECONDS)

    async def give_up_own_data(self, *, peer: VolumeOrders) -> Outcome:
        """Overwrite what only this side has with the other one's data, as a person asked; done where that is over."""
        here, there = await self._found(), await peer.look()
        if isinstance(here, Unknown):
            return Failed(here.reason, here.message)
        if here[0].ordered == RESYNC:
            return await self._end_resync(here)
        if here[0].gave_up:
            return Done()
        if isinstance(there, Unknown) or not (there.ordered == PRIMARY and there.is_carried_out):
            said = there.message if isinstance(there, Unknown) else f"it is {there.state}"
            return Refused(Reason.STEP_REFUSED, f"{self._what}: the other side is not known to be the primary: {said}")
        if here[0].ordered != SECONDARY or not here[0].is_split:
            return Refused(Reason.STEP_REFUSED, f"{self._what} is not split: nothing of it has to be given up")
        ordered = await self._order(RESYNC, here)
        return InProgress(f"{self._what} gets the other side's data") if isinstance(ordered, Done) else ordered

    async def _end_resync(self, here: tuple[VolumeSide, Mapping[str, Any]]) -> Outcome:
        """Make a resync that is over a secondary again: left standing, it would be repeated by force at any time."""
        side = here[0]
        if not (side.is_carried_out and side.is_in_sync):
            return InProgress(f"{self._what} gets the other side's data {side.trouble}".strip())
        return await self._order(SECONDARY, here)

    # ------------------------------------------------------------ one read, one write, and the wait

    async def _found(self) -> tuple[VolumeSide, Mapping[str, Any]] | Unknown:
        try:
            async with asyncio.timeout(READ_SECONDS):
                found = await self._cluster.read(VOLUMES, self._name)
        except NotAllowed as error:
            return Unknown(Reason.NOT_CONFIGURED, f"{self._what}: {error}")
        except (ApiTrouble, TimeoutError) as error:
            said = str(error) or "no answer in time"
            return Unknown(Reason.TIMED_OUT, f"{self._what}: the API server: {said}")
        if found is None:
            return Unknown(Reason.NOT_CONFIGURED, f"{self._what}: there is no VolumeReplication {self._name}")
        side = side_of(found)
        if isinstance(side, str):
            return Unknown(Reason.BAD_ANSWER, f"{self._what}: {side}")
        return side, found

    async def _give_way(self, *, deadline_seconds: float) -> Outcome:
        """Order this side to be a secondary, whatever it is but a resync; one that was written meanwhile is read anew.

        The controller writes a primary's last sync all the time, and nothing of that is what was judged.
        """
        ends_at = self._clock.monotonic_seconds() + deadline_seconds
        while True:
            here = await self._found()
            if isinstance(here, Unknown):
                return Failed(here.reason, here.message)
            if here[0].ordered == RESYNC:
                return Failed(Reason.RESYNCING, f"{self._what} is given the other side's data, as a person asked")
            try:
                return await self._write(SECONDARY, here)
            except StatusConflict as error:
                if self._clock.monotonic_seconds() >= ends_at:
                    return Failed(Reason.COMMAND_FAILED, f"{self._what}: ordering {SECONDARY}: {error}")
            await self._clock.sleep(POLL_SECONDS)

    async def _order(self, word: str, found: tuple[VolumeSide, Mapping[str, Any]]) -> Outcome:
        """Write one order into the object as it was judged; one that was written meanwhile is judged anew by nobody."""
        try:
            return await self._write(word, found)
        except StatusConflict as error:
            return Failed(Reason.COMMAND_FAILED, f"{self._what}: ordering {word}: {error}")

    async def _write(self, word: str, found: tuple[VolumeSide, Mapping[str, Any]]) -> Outcome:
        """Write one order into the object as it was read; one that stands is done.

        Raises:
            StatusConflict: somebody wrote the object since.

        """
        side, body = found
        if side.resyncs_by_itself:
            text = f"{self._what}: autoResync would overwrite unasked what only one side has: set it to false"
            return Refused(Reason.INVALID_SPEC, text)
        if side.ordered == word:
            return Done()
        spec = {**body["spec"], "replicationState": word}
        try:
            async with asyncio.timeout(READ_SECONDS):
                await self._cluster.write(
                    VOLUMES, self._name, {**body, "spec": spec}, version=body["metadata"]["resourceVersion"]
                )
        except NotAllowed as error:
            return Refused(Reason.NOT_PERMITTED, f"{self._what}: {error}")
        except (ApiTrouble, TimeoutError) as error:
            said = str(error) or "no answer in time"
            return Failed(Reason.COMMAND_FAILED, f"{self._what}: ordering {word}: {said}")
        return Done()

    async def _until(self, word: str, reached: Callable[[VolumeSide], bool], *, deadline_seconds: float) -> Outcome:
        """Wait until the order is read to be carried out; what somebody else orders meanwhile is no success."""
        ends_at = self._clock.monotonic_seconds() + deadline_seconds
        while True:
            side = await self.look()
            if isinstance(side, VolumeSide):
                if side.ordered != word:
                    text = f"{self._what}: somebody ordered {side.ordered} instead of {word}"
                    return Failed(Reason.COMMAND_FAILED, text)
                if side.is_split:
                    return Refused(Reason.STEP_REFUSED, f"{self._what} is split: {side.trouble}")
                if reached(side):
                    return Done({"state": side.state})
            if self._clock.monotonic_seconds() >= ends_at:
                said = side.message if isinstance(side, Unknown) else side.trouble or f"it is {side.state}, and syncing"
                return Failed(Reason.TIMED_OUT, f"{self._what}: {word} was not carried out in time: {said}")
            await self._clock.sleep(POLL_SECONDS)


async def _without_receipt(receipt: Callable[[], Awaitable[Outcome]], because: str) -> Outcome | None:
    """Use the one receipt there may be; return why nothing may be forced, None where it may."""
    used = await receipt()
    return None if isinstance(used, Done) else Refused(Reason.STEP_REFUSED, f"{because}; {_said(used)}")


def _said(outcome: Outcome) -> str:
    return "" if isinstance(outcome, Done) else outcome.message
