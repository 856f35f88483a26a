"""One pair's loop: observe, decide, act, report; one turn, one action, then look again.

The law of this file: nothing is acted on but what this turn saw; the intent is written by
compare-and-swap before the first effect, and where that write fails the effect does not happen;
leadership is looked at again right before each effect and an effect is cut off when it ends.
Nothing that happens in a turn ends the loop.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from pydantic import ValidationError

from maestro_operator.act.beside import Beside
from maestro_operator.act.effects import perform
from maestro_operator.act.leading import LEAST_SURE_SECONDS, while_leading
from maestro_operator.act.telling import log_outcome
from maestro_operator.decide import decide
from maestro_operator.model.decision import Decided, Hold, Perform, Record, Steady
from maestro_operator.model.errors import ApiTrouble, MaestroError, StatusConflict
from maestro_operator.model.pair import PairSpec
from maestro_operator.model.parsed import Parsed
from maestro_operator.model.printable import first_fault, one_line
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import LastOutcome, Leadership, NodeSeen, Seen, Unknown
from maestro_operator.model.status import PairStatus
from maestro_operator.observe.census import Census
from maestro_operator.observe.gather import Observer, looks_alike, unlooked
from maestro_operator.observe.maintenance import maintenance
from maestro_operator.observe.wallclock import (
    block_remaining_seconds,
    checks_due,
    deadline_passed,
    fresh_words,
    quarantined,
)
from maestro_operator.report.conditions import reported
from maestro_operator.report.refusal import refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Drivers
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.surroundings import Admits, CountsCommands, Leader, Publisher, Resource, Store

log = logging.getLogger(__name__)

HOLD_SECONDS = 1.0
EPISODE_HOLD_SECONDS = 0.2
SURPRISE_SECONDS = 2.0
NEVER_READ = "a pair that was never read"


@dataclass(slots=True)
class _Memory:
    """What a loop keeps between turns; all of it may be lost at any moment."""

    resource: Resource | None = None
    term: int = 0
    last: LastOutcome | None = None
    last_at_seconds: float = 0.0
    writes: int = 0
    trouble: str = ""
    """What was said last of an API server that cannot be used."""
    untouched: frozenset[str] = frozenset()
    """What the last step left alone: the traffic, and nodes on whose reading no proof or permit rests next."""
    at_rest: bool = False
    """The last turn found nothing to do."""


class PairLoop:
    """Runs the turns of one pair until it is told to stop."""

    def __init__(
        self,
        *,
        store: Store,
        drivers: Drivers,
        leader: Leader,
        clock: Clock,
        publisher: Publisher,
        commands: CountsCommands,
        gate: Admits | None = None,
        census: Census | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """Keep what the turns need; nothing is read yet."""
        self._store = store
        self._drivers = drivers
        self._leader = leader
        self._clock = clock
        self._publisher = publisher
        self._commands = commands
        self._gate = gate
        self._census = census or Census()
        self._uid = ""
        self._close = close
        self._spec: PairSpec | None = None
        self._key: PairKey | None = None
        self._memory = _Memory()
        self._specs, self._statuses = Parsed(PairSpec), Parsed(PairStatus)
        self._observer: tuple[PairSpec, Observer] | None = None
        self._wake, self._beside = asyncio.Event(), Beside(drivers)
        self._turn_began_seconds: float | None = None
        self.turns = 0
        """How many turns ended, well or not; liveness wants it to grow."""

    @property
    def in_turn_for_seconds(self) -> float:
        """Return how long the turn under way has lasted, 0 between turns."""
        began = self._turn_began_seconds
        return 0.0 if began is None else self._clock.monotonic_seconds() - began

    def wake(self) -> None:
        """Take the next turn now and read the resource anew."""
        self._memory.resource = None
        self._wake.set()

    def was_listed(self, resource_version: str) -> None:
        """Read the resource anew where it is remembered in another state than it was listed in.

        A store that was put back to an older state tells nobody.
        """
        resource = self._memory.resource
        if resource is not None and resource.resource_version != resource_version:
            self.wake()

    async def run(self) -> None:
        """Take turns until the resource is gone or the task is cancelled."""
        try:
            while (pause := await self._guarded_turn()) is not None:
                await self._rest(pause)
        finally:
            self.close_observer()
            self._census.forget(self._uid)
            if self._close is not None:
                await self._close()

    @property
    def spec(self) -> PairSpec:
        """Return the spec of the turn under way.

        Raises:
            MaestroError: no turn has read one yet.

        """
        if self._spec is None:
            message = "no turn has read a spec yet"
            raise MaestroError(message)
        return self._spec

    async def _rest(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    async def _guarded_turn(self) -> float | None:
        """Take one turn; a surprise is logged and the loop goes on."""
        self._turn_began_seconds = self._clock.monotonic_seconds()
        try:
            return await self.turn()
        except StatusConflict as conflict:
            log.info("somebody else wrote; looking again: %s", conflict)
            self._memory.resource = None
            return EPISODE_HOLD_SECONDS
        except ApiTrouble as trouble:
            return self._wait_for_the_api(str(trouble))
        except Exception:
            log.exception("%s: a turn ended in a surprise; the next one looks anew", self._key or NEVER_READ)
            return self._failed()
        finally:
            self.turns += 1
            self._turn_began_seconds = None

    def _wait_for_the_api(self, why: str) -> float:
        """Say once that nothing can be begun, and look anew when the API server can be used again."""
        if self._memory.trouble != why:
            text = "%s: the API server cannot be used: %s; nothing is begun, what runs runs on"
            log.warning(text, self._key or NEVER_READ, why)
        self._memory.trouble = why
        return self._failed()

    def _failed(self) -> float:
        self._memory.resource = None
        if self._key is not None:
            self._publisher.count_turn(self._key, seconds=self.in_turn_for_seconds, failed=True)
        return SURPRISE_SECONDS

    async def turn(self) -> float | None:
        """Take one turn; return how long to rest, or None where the resource is gone."""
        began = self._clock.monotonic_seconds()
        at_rest, self._memory.at_rest = self._memory.at_rest and self._memory.resource is not None, False
        resource = self._memory.resource or await self._store.read()
        if resource is None:
            return None
        resource = await self._held(resource)
        self._memory.resource, self._memory.trouble, self._key = resource, "", resource.key
        status = self._statuses.of(resource.status)
        try:
            spec = self._specs.of(resource.spec)
        except ValidationError as error:
            return await self._refuse(resource, status, message=f"spec.{first_fault(error)}")
        self._spec = spec
        seen, is_brief = await self._see(resource, spec, status, at_rest=at_rest)
        decided = decide(seen)
        if is_brief and not isinstance(decided.decision, Steady):
            # Nothing is begun, held or written down on readings of another turn.
            seen, _ = await self._see(resource, spec, status, at_rest=False)
            decided = decide(seen)
        pause = await self._act(seen, decided, resource)
        self._publisher.count_turn(resource.key, seconds=self._clock.monotonic_seconds() - began, failed=False)
        return pause

    async def _refuse(self, resource: Resource, status: PairStatus, *, message: str) -> float:
        """Say that this version cannot carry the resource out; nothing else is done."""
        log.error("%s cannot be carried out: %s", resource.key, message)
        shown = refused(status, generation=resource.generation, now=self._clock.now(), message=message)
        body = shown.to_resource()
        if body != resource.status and self._leader.has_lease:
            self._memory.resource = resource = await self._store.write_status(resource, body)
        if status.episode is None and self._leader.has_lease:
            await self._let_go(resource)
        return SURPRISE_SECONDS

    async def _held(self, resource: Resource) -> Resource:
        """Hold a pair's deletion from the first turn on; one that cannot be held is looked after all the same."""
        if resource.is_held or resource.is_deleting or not self._leader.has_lease:
            return resource
        try:
            return await self._store.hold(resource, held=True)
        except StatusConflict:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the API server says, the pair comes first
            log.warning("%s: a deletion in mid-episode could not be held back: %s", resource.key, one_line(error))
            return resource

    async def _let_go(self, resource: Resource) -> None:
        """Let a pair that is being deleted go: nothing is under way, its nodes run on and their guards stay."""
        if resource.is_deleting and resource.is_held:
            log.info("%s is deleted at rest; its nodes run on and their guards stay", resource.key)
            await self._store.hold(resource, held=False)
            self._memory.resource = None

    async def _see(self, resource: Resource, spec: PairSpec, status: PairStatus, *, at_rest: bool) -> tuple[Seen, bool]:
        """Return what there is to see, and whether the nodes were left unread for it."""
        untouched, self._memory.untouched = self._memory.untouched, frozenset()
        barred = await self._gate.before(resource.key, spec, status) if self._gate else None
        if barred is not None and (barred.forbids_contact or status.active_node is None):
            self.close_observer()
            look = unlooked(spec, barred)
        else:
            doubted = spec.other(status.episode.target).name if status.episode else None
            since = checks_due(spec, status, self._clock.now(), leads=self._leader.has_lease)
            observer = self._observer_for(spec)
            look = await observer.look(
                status.judged_node, doubted=doubted, untouched=untouched, check_since=since, at_rest=at_rest
            )
        if barred is None and self._gate is not None:
            barred = self._gate.after(resource.key, status, nodes=look.nodes, traffic=look.traffic)
        self._count(resource, look.nodes.get(status.active_node or "") if barred is None else None)
        now, monotonic = self._clock.now(), self._clock.monotonic_seconds()
        memory, leader = self._memory, self._leader
        last = memory.last and replace(memory.last, age_seconds=monotonic - memory.last_at_seconds)
        seen = Seen(
            key=resource.key,
            generation=resource.generation,
            spec=spec,
            status=status,
            is_deleting=resource.is_deleting,
            annotations=resource.annotations,
            leadership=Leadership(
                term=memory.term,
                has_lease=leader.has_lease,
                led_for_seconds=leader.led_for_seconds,
                sure_for_seconds=leader.sure_for_seconds,
            ),
            nodes=look.nodes,
            votes=look.votes,
            traffic=look.traffic,
            devices=look.devices,
            last=last,
            now=now,
            monotonic_seconds=monotonic,
            operator_is_isolated=look.operator_is_isolated,
            checked=look.checked,
            rehearsed=self._beside.last,
            deadline_passed=deadline_passed(status, now),
            block_remaining_seconds=block_remaining_seconds(spec, status, now),
            barred=barred,
            answers_by=resource.answers_by,
            fresh_words=fresh_words(status, now),
            maintenance=maintenance(spec, now),
            grace=look.grace,
            quarantined=quarantined(status, now),
            flapping=look.flapping,
            pairs_silent=self._census.silent,
            pairs_known=self._census.known,
        )
        return seen, look.is_brief

    def _count(self, resource: Resource, active: NodeSeen | Unknown | None) -> None:
        """Take what this look gave of the active node down among those of all pairs."""
        self._uid = resource.key.uid
        if active is None:
            self._census.forget(self._uid)
        else:
            self._census.note(self._uid, is_silent=isinstance(active, Unknown))

    def _observer_for(self, spec: PairSpec) -> Observer:
        """Return the observer of this spec; what asks for other looks is looked at with new eyes."""
        observer = self._observer[1] if self._observer and looks_alike(self._observer[0], spec) else None
        if observer is None:
            self.close_observer()
            known, wake = (lambda: self._census.known), self._wake.set
            observer = Observer(spec, self._drivers, clock=self._clock, pairs=known, wake=wake)
        self._observer = (spec, observer)
        return observer

    def close_observer(self) -> None:
        """End every look under way, and what is tried beside the pair."""
        self._beside.close()
        if self._observer is not None:
            self._observer[1].close()
            self._observer = None

    async def _act(self, seen: Seen, decided: Decided, resource: Resource) -> float:
        """Carry one decision out and report it; return how long to rest."""
        decision = decided.decision
        self._beside.go_on(seen, decided)
        match decision:
            case Steady() | Hold():
                await self._report(seen, decided, resource=resource, status=seen.status)
                if isinstance(decision, Hold) and decision.reason is Reason.DELETING:
                    await self._let_go(self._memory.resource or resource)
                self._memory.at_rest = isinstance(decision, Steady)
                if isinstance(decision, Steady):
                    return min(float(seen.spec.detection.period_seconds), 5.0)
                return EPISODE_HOLD_SECONDS if seen.status.episode is not None else HOLD_SECONDS
            case Record():
                await self._report(seen, decided, resource=resource, status=decision.status)
                if decided.rule == "take_term":
                    self._memory.term = decision.status.term
                return 0.0
            case Perform():
                return await self._perform(seen, decided, action=decision, resource=resource)
            case _:
                assert_never(decision)

    async def _report(self, seen: Seen, decided: Decided, *, resource: Resource, status: PairStatus) -> None:
        """Write the status with its conditions, where anything in it changed, and publish."""
        full = reported(seen, decided, status)
        body = full.to_resource()
        if body != resource.status and seen.leadership.has_lease:
            self._memory.resource = await self._store.write_status(resource, body)
            self._memory.writes += 1
        await self._publisher.publish(seen, decided, full)

    async def _perform(self, seen: Seen, decided: Decided, *, action: Perform, resource: Resource) -> float:
        """Write the intent, look at the leadership once more, perform, remember the outcome."""
        if self._leader.sure_for_seconds < LEAST_SURE_SECONDS:
            log.info("%s waits: the leadership might not outlast it", action.step)
            return EPISODE_HOLD_SECONDS
        commands, writes = self._commands_run(seen), self._memory.writes
        began = self._clock.monotonic_seconds()
        await self._report(seen, decided, resource=resource, status=action.status)
        outcome = await while_leading(
            lambda: perform(self._drivers, seen, action), leader=self._leader, what=action.step
        )
        ended = self._clock.monotonic_seconds()
        record = action.episode.record(action.step)
        self._memory.last = LastOutcome(
            episode=action.episode.id,
            step=action.step,
            attempt=record.attempts if record else 1,
            outcome=outcome,
            age_seconds=0.0,
            seconds=ended - began,
            remote_commands=self._commands_run(seen) - commands,
            api_writes=self._memory.writes - writes,
        )
        self._memory.last_at_seconds = ended
        self._memory.untouched = action.episode.left_alone(action.step)
        log_outcome(action, outcome, ended - began)
        return 0.0

    def _commands_run(self, seen: Seen) -> int:
        return sum(self._commands.commands_run(name) for name in seen.spec.names)
