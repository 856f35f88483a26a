"""Where a state moves on: one turn of the real loop over the state's own world, and what an adversary does to it.

There is one stage a process. The drivers, the store, the clock and the leader that the loops keep are its own and lead
to whatever state is on it, so that a state can be put back by putting it on the stage.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.ports import Drivers
from maestro_operator.loop import PairLoop
from maestro_operator.model.decision import Hold, Perform, Record, Steady
from maestro_operator.model.errors import StatusConflict
from maestro_operator.model.outcome import Failed
from maestro_operator.model.pair import Management
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown
from support.kills.boundaries import EFFECTS
from support.modelcheck import laws
from support.modelcheck.blows import lie_from_now_on
from support.modelcheck.instant import instant_loop
from support.modelcheck.lies import fenced_by_a_liar
from support.modelcheck.state import Call, Late, Operator, Rest
from support.worlds import Killed

if TYPE_CHECKING:
    from maestro_operator.model.decision import Decided
    from maestro_operator.model.pair import PairKey
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus
    from maestro_operator.model.surroundings import Resource
    from support.modelcheck.state import State
    from support.worlds import MemoryStore

WRITE, HOLD = "write status", "hold"
BEGINS_NOTHING = "11 nothing begins at rest"
LEAST_PAUSE_SECONDS = 0.05
LATE_SECONDS = 30.0
"""The shortest of the deadlines that a command carries with it."""
LIES = "lies: "
"""Before the name of a lie: the fault of a device that from this act on lies so."""
UNREAD = "unread "
"""Before the verb and the name of what this turn does not get to read."""
OVER_SSH = ("nodes", "replication")


class Violation(Exception):
    """A law was broken."""

    def __init__(self, law: str, said: str) -> None:
        """Keeps which law and what shows it."""
        super().__init__(f"law {law}: {said}")
        self.law, self.said = law, said


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong in one turn: at its n-th act, counted from 0, in this way."""

    act: int
    fault: str
    blow: Callable[[State], None] | None = None


@dataclass(frozen=True, slots=True)
class Turned:
    """What one turn did."""

    acts: tuple[str, ...]
    """Every write and every effect that it came to, in order."""
    said: str
    """The rule that decided and what it decided, in one line."""
    rest: Rest | None
    is_idle: bool
    """Whether it only looked: it holds, or all is as ordered."""


class Stage:
    """Moves one state at a time on."""

    def __init__(self, make_loop: Callable[..., PairLoop] = PairLoop) -> None:
        """Makes the parts that every loop keeps."""
        self._make_loop = make_loop
        self.state: State
        self.events = instant_loop(seconds=self._seconds, let_pass=self._let_pass)
        self.seats = tuple(Seat(self, number) for number in range(2))
        self._plan: Plan | None = None
        self._acts: list[str] = []
        self._read: set[str] = set()
        self._is_dead = self._rests = False
        self._seat = 0
        self._drivers: Drivers
        self._facts: laws.Facts
        self.decided: Decided | None = None

    # ------------------------------------------------------------ the state on the stage

    def put(self, state: State) -> None:
        """Puts a state on the stage, to be moved on in place."""
        self.state = state
        self._drivers = memory_drivers(state.world)
        self._facts = laws.facts_of(state.world)

    def new_operator(self, seat: int, *, store: int) -> Operator:
        """Returns an operator that was started just now and remembers nothing."""
        own = self.seats[seat]
        loop = self._make_loop(store=own, drivers=own.drivers, leader=own, clock=own, publisher=self, commands=own)
        return Operator(loop, store, since_seconds=self._seconds())

    def _seconds(self) -> float:
        return self.state.world.clock.monotonic_seconds()

    def _let_pass(self, seconds: float) -> None:
        self.state.world.clock.pass_seconds(seconds)

    # ------------------------------------------------------------ a turn

    def turn(self, seat: int = 0, plan: Plan | None = None) -> Turned:
        """Lets one operator take one turn, in which at most one thing goes wrong, and then lets time pass.

        Raises:
            Violation: a law was broken.

        """
        self._plan, self._acts, self._is_dead, self._seat = plan, [], False, seat
        self._read.clear()
        self.decided = None
        operator = self.state.operators[seat]
        specs = [store.spec for store in self.state.stores]
        self._rests = _may_begin_nothing(self.state.stores[operator.store])
        pause: float | None = 0.0
        try:
            pause = self.events.finish(operator.loop.turn())
        except Killed:
            self._replace(seat, self.new_operator(seat, store=operator.store))
        except StatusConflict:
            operator.loop.wake()
        except AssertionError as refused:
            raise Violation("3 the API server's lock", str(refused)) from refused
        if any(store.spec is not spec for store, spec in zip(self.state.stores, specs, strict=True)):
            raise Violation("10 the spec belongs to people", "a turn changed the spec")
        turned = self._turned()
        self.let_pass(max(pause or 0.0, LEAST_PAUSE_SECONDS))
        return turned

    def _replace(self, seat: int, operator: Operator) -> None:
        operators = list(self.state.operators)
        operators[seat] = operator
        self.state.operators = tuple(operators)

    def _turned(self) -> Turned:
        decided, acts = self.decided, tuple(self._acts)
        if decided is None:
            return Turned(acts, "the turn ended early", None, is_idle=False)
        decision = decided.decision
        match decision:
            case Hold() | Steady():
                said = f"{decided.rule} holds, {decision.reason}: {decision.message}"
                rest = Rest(decided.rule, decision.reason.value, decision.message)
                return Turned(acts, said, rest, is_idle=True)
            case Record() | Perform():
                return Turned(acts, f"{decided.rule}: {decision.message}", None, is_idle=False)

    def let_pass(self, seconds: float) -> None:
        """Lets time pass for the nodes and the clients: guards go round, and what takes a second, syncs."""
        world = self.state.world
        world.clock.pass_seconds(seconds)
        world.write()
        world.run_guards()
        self._after("the guards went round")
        if seconds >= 1:
            world.run_syncs()
            self._after("the syncs ran")

    def strike(self, blow: Callable[[State], None]) -> None:
        """Lets the adversary do something to the world: nobody's fault, unless a guard lets a second writer in by it.

        Raises:
            Violation: a node may run after the blow that might not before it, beside one that can write.

        """
        blow(self.state)
        before, self._facts = self._facts, laws.facts_of(self.state.world)
        for said in laws.one_writer(laws.Event("a blow", before, self._facts, (), forgot=False)):
            raise Violation("1 one writer", said)

    def deliver(self, late: Late) -> None:
        """Lets a late command reach its node after all."""
        self._is_dead, self._plan = False, None
        self.events.finish(self._real(late.call))
        self._after(f"late {late.call.name}")

    # ------------------------------------------------------------ what the loop meets

    async def publish(self, seen: Seen, decided: Decided, status: PairStatus) -> None:
        """Keeps what a turn decided."""
        del seen, status
        self.decided = decided

    def count_turn(self, key: PairKey, *, seconds: float, failed: bool) -> None:
        """Counts nothing."""

    async def call(self, seat: int, call: Call) -> Any:  # noqa: ANN401
        """Lets an operator call a driver, unless something goes wrong there."""
        if self._is_dead:
            if call.verb in EFFECTS:
                raise Killed
            return Unknown(Reason.TIMED_OUT, "the process that asked is gone")
        if call.verb not in EFFECTS:
            return await self._look(call)
        if self._rests:
            raise Violation(BEGINS_NOTHING, f"{call.name}, although the pair rests and nothing may begin")
        fault = self._begun(call.name)
        if fault.startswith(LIES):
            self.strike(lambda state: lie_from_now_on(state, str(call.about), fault.removeprefix(LIES)))
        if self._is_locked(call):
            return Failed(Reason.WRONG_CREDENTIALS, f"{call.about} refuses the credentials")
        if fault in ("late", "twice"):
            self._keep_late(call, sender=seat)
        if fault in ("fails", "late"):
            return Failed(Reason.TIMED_OUT, f"{call.name}: no answer")
        outcome = await self._effect(call)
        self._after(call.name)
        if fault == "kills":
            self._die()
        return Failed(Reason.TIMED_OUT, f"{call.name}: no answer") if fault == "unheard" else outcome

    def _begun(self, act: str) -> str:
        """Notes an act, lets the blow fall that was planned for this moment, and returns what else goes wrong."""
        number, plan = len(self._acts), self._plan
        self._acts.append(act)
        if plan is None or plan.act != number:
            return ""
        if plan.blow is not None:
            self.strike(plan.blow)
        return plan.fault

    def _is_locked(self, call: Call) -> bool:
        return call.port in OVER_SSH and call.about in self.state.adversary.locked

    async def _effect(self, call: Call) -> Any:  # noqa: ANN401
        lie = self.state.adversary.lies.get(call.about or "") if call.verb == "off" else None
        if lie is not None:
            return await fenced_by_a_liar(self.state.world, call.arguments[0], lie=lie, off=lambda: self._real(call))
        return await self._real(call)

    async def _look(self, call: Call) -> Any:  # noqa: ANN401
        if self._is_locked(call):
            return Unknown(Reason.WRONG_CREDENTIALS, f"{call.about} refuses the credentials")
        if self._plan is not None and self._plan.fault == f"{UNREAD}{call.verb} {call.about}":
            return Unknown(Reason.TIMED_OUT, "no answer")
        seen = await self._real(call)
        if isinstance(seen, NodeSeen):
            self._read.add(seen.name)
        return seen

    async def _real(self, call: Call) -> Any:  # noqa: ANN401
        verb = getattr(getattr(self._drivers, call.port), call.verb)
        return await verb(*call.arguments, **call.options)

    def _keep_late(self, call: Call, *, sender: int) -> None:
        there = self.state.world.nodes.get(call.about or "")
        boot = there.boot_id if there else None
        late = Late(call, boot=boot, until_seconds=self._seconds() + LATE_SECONDS, sender=sender)
        adversary = self.state.adversary
        self.state.adversary = replace(adversary, late=(*adversary.late, late))

    def _die(self) -> None:
        self._is_dead = True
        raise Killed

    def _after(self, what: str) -> None:
        before, self._facts = self._facts, laws.facts_of(self.state.world)
        statuses = [store.status for store in self.state.stores]
        event = laws.Event(what, before, self._facts, statuses, forgot=self.state.adversary.forgot)
        for law, said in laws.broken(event):
            raise Violation(law, f"{said} ({what})")

    # ------------------------------------------------------------ the API server

    async def write(
        self, seat: int, what: str, *, status: Mapping[str, Any] | None, act: Callable[[], Awaitable[Resource]]
    ) -> Resource:
        """Lets an operator write to its API server, unless something goes wrong there."""
        if self._is_dead:
            raise Killed
        fault = self._begun(what)
        if fault == "fails":
            raise StatusConflict("the API server did not take it")
        store = self.state.stores[self.state.operators[seat].store]
        before = store.status
        written = await act()
        if status is not None:
            found = laws.broken_by_a_write(self._facts, before=before, after=status, read=frozenset(self._read))
            for law, said in found:
                raise Violation(law, said)
        if fault == "kills":
            self._die()
        if fault == "unheard":
            raise StatusConflict("nobody heard that the API server took it")
        return written


def _may_begin_nothing(store: MemoryStore) -> bool:
    """Tells whether people paused, observe or delete a pair that is at rest (law 11)."""
    left_alone = store.spec.management in (Management.PAUSED, Management.OBSERVE) or store.is_deleting
    return left_alone and not store.status.get("episode")


class Seat:
    """What one operator's loop keeps: its store, drivers, clock and Lease, all of the state that is on the stage."""

    def __init__(self, stage: Stage, number: int) -> None:
        """Keeps which operator it is."""
        self._stage = stage
        self._number = number
        self.drivers = Drivers(**{item.name: _Port(stage, number, item.name) for item in fields(Drivers)})

    # the clock

    def now(self) -> str:
        """Returns the wall clock of the world on the stage."""
        return self._stage.state.world.clock.now()

    def monotonic_seconds(self) -> float:
        """Returns the monotonic clock of the world on the stage."""
        return self._stage.state.world.clock.monotonic_seconds()

    async def sleep(self, seconds: float) -> None:
        """Lets that much time pass at once."""
        self._stage.state.world.clock.pass_seconds(seconds)

    # the Lease

    @property
    def _own(self) -> Operator:
        return self._stage.state.operators[self._number]

    @property
    def has_lease(self) -> bool:
        """Tells whether the operator believes that it leads."""
        return self._own.has_lease

    @property
    def led_for_seconds(self) -> float:
        """Returns how long it has led."""
        return self.monotonic_seconds() - self._own.since_seconds

    @property
    def sure_for_seconds(self) -> float:
        """Returns how long it surely leads."""
        return 30.0 if self._own.has_lease else 0.0

    async def lost(self) -> None:
        """Waits until the leadership has ended: within one effect it never does here."""
        await asyncio.get_running_loop().create_future()

    # the API server

    async def read(self) -> Resource | None:
        """Reads the resource."""
        return await self._stage.state.stores[self._own.store].read()

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replaces the status by compare-and-swap."""
        store = self._stage.state.stores[self._own.store]
        return await self._stage.write(
            self._number, WRITE, status=status, act=lambda: store.write_status(resource, status)
        )

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Holds a deletion, or lets it go."""
        store = self._stage.state.stores[self._own.store]
        return await self._stage.write(self._number, HOLD, status=None, act=lambda: store.hold(resource, held=held))

    def commands_run(self, node: str) -> int:
        """Returns 0: what a step cost is of no interest here."""
        del node
        return 0


class _Port:
    """One family of drivers, as one operator calls it."""

    def __init__(self, stage: Stage, seat: int, name: str) -> None:
        self._stage = stage
        self._seat = seat
        self._name = name

    def __getattr__(self, verb: str) -> Any:  # noqa: ANN401
        """Returns a verb of the family."""

        async def called(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            return await self._stage.call(self._seat, Call(self._name, verb, arguments, options))

        return called
