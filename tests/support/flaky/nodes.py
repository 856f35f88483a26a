"""Memory nodes that processes reach over a socket, with a raw record of every effect and of who asked for it.

A guard's order can be held on its way, as a packet can, and arrives when nobody waits for it any more; any other
command ends with the connection that asked for it.
"""

from __future__ import annotations

import asyncio
import contextlib
import copyreg
import pickle
import struct
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.memory.ports import memory_drivers
from maestro_operator.drivers.ports import Drivers, Order
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from support.bed.clock import monotonic_nanoseconds
from support.demo.memory_world import LivingWorld

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOOKS = frozenset({"read", "peer_vote", "vote", "check", "credentials", "verify"})
"""The verbs of the ports that only look."""
FAMILIES = tuple(item.name for item in fields(Drivers))
HEAD = struct.Struct(">I")

Line = dict[str, Any]


def view_of(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    """Returns a view that nobody can change, such as an outcome's facts are."""
    return MappingProxyType(items)


# Such a view does not go over a wire by itself.
copyreg.pickle(MappingProxyType, lambda view: (view_of, (dict(view),)))


@dataclass(frozen=True, slots=True)
class Call:
    """One verb of one port, on its way to the nodes."""

    number: int
    operator: str
    world: str
    family: str
    verb: str
    words: tuple[Any, ...]
    options: dict[str, Any]
    term: int
    """The highest term that the asking process has written to status for this pair."""
    asked_ns: int


async def receive(reader: asyncio.StreamReader) -> Any:  # noqa: ANN401 - whatever the other side has sent
    """Returns the next message.

    Raises asyncio.IncompleteReadError where the other side has gone.
    """
    (length,) = HEAD.unpack(await reader.readexactly(HEAD.size))
    return pickle.loads(await reader.readexactly(length))  # noqa: S301 - both ends are this test's own processes


def packed(message: object) -> bytes:
    """Returns a message as it goes over the socket."""
    content = pickle.dumps(message)
    return HEAD.pack(len(content)) + content


@dataclass
class _World:
    living: LivingWorld
    drivers: Drivers
    task: asyncio.Task[None]


@dataclass
class NodesServer:
    """Every world by name, served on one socket; everything here runs in one event loop."""

    accepts_any_term: bool = False
    """The planted fault: the guards forget which leader spoke last."""
    record: list[Line] = field(default_factory=list)
    effect_seconds: float = 0.05
    """How long each effect is on its way to a node."""
    on_effect: Callable[[Line], None] | None = None
    """Told of each effect right after it was carried out and before it is answered."""
    hold_order_of: dict[str, float] = field(default_factory=dict)
    """Per operator: its next order to a guard arrives right after another operator's order there, or so many seconds
    late where none comes."""
    on_held: Callable[[], None] | None = None
    """Told when such an order has left its sender."""
    _worlds: dict[str, _World] = field(default_factory=dict)
    _server: asyncio.Server | None = None
    _carried_out: asyncio.Condition = field(default_factory=asyncio.Condition)
    _on_their_way: set[asyncio.Task[Any]] = field(default_factory=set)

    async def open(self, path: Path) -> None:
        """Begins to serve."""
        self._server = await asyncio.start_unix_server(self._serve, path)

    async def close(self) -> None:
        """Ends every world."""
        if self._server is not None:
            self._server.close()
        tasks = [*self._on_their_way, *(world.task for world in self._worlds.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def world(self, name: str) -> LivingWorld:
        """Returns the world of that name; makes it where it is new."""
        if name not in self._worlds:
            living = LivingWorld()
            task = asyncio.get_running_loop().create_task(living.live(), name=f"world {name}")
            self._worlds[name] = _World(living, memory_drivers(living.world), task)
        return self._worlds[name].living

    def worlds(self) -> list[LivingWorld]:
        """Returns every world there is."""
        return [world.living for world in self._worlds.values()]

    # ------------------------------------------------------------ one connection

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: set[asyncio.Task[None]] = set()
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                call: Call = await receive(reader)
                task = asyncio.create_task(self._answer(call, writer))
                (self._on_their_way if call.verb == "order" else mine).add(task)
                task.add_done_callback((self._on_their_way if call.verb == "order" else mine).discard)
        for task in mine:
            task.cancel()
        writer.close()

    async def _answer(self, call: Call, writer: asyncio.StreamWriter) -> None:
        try:
            value = await self._carry_out(call)
        except Exception as error:  # noqa: BLE001 - the one who asked gets it
            value = error
        with contextlib.suppress(OSError):
            writer.write(packed((call.number, value)))
            await writer.drain()

    async def _carry_out(self, call: Call) -> object:
        self.world(call.world)
        port = getattr(self._worlds[call.world].drivers, call.family)
        if call.verb in LOOKS:
            return await getattr(port, call.verb)(*call.words, **call.options)
        line = self._line(call)
        held_seconds = self.hold_order_of.pop(call.operator, 0.0) if call.verb == "order" else 0.0
        await asyncio.sleep(self.effect_seconds)
        if held_seconds:
            if self.on_held is not None:
                self.on_held()
            await self._overtaken(line, within_seconds=held_seconds)
        line["arrived_ns"] = monotonic_nanoseconds()
        value = await getattr(port, call.verb)(*self._believed(call), **call.options)
        line["outcome"], line["word"] = _outcome(value)
        line["carried_out_ns"] = monotonic_nanoseconds()
        async with self._carried_out:
            self._carried_out.notify_all()
        if self.on_effect is not None:
            self.on_effect(line)
        return value

    async def _overtaken(self, line: Line, *, within_seconds: float) -> None:
        """Wait until another operator's order was carried out at the same node, or the time is over."""

        def is_later(other: Line) -> bool:
            is_there = (other["world"], other["node"]) == (line["world"], line["node"])
            return is_there and other["is_order"] and other["operator"] != line["operator"]

        def is_overtaken() -> bool:
            begun = next(at for at, one in enumerate(self.record) if one is line)
            return any(is_later(other) and other.get("outcome") == "Done" for other in self.record[begun:])

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_seconds), self._carried_out:
                await self._carried_out.wait_for(is_overtaken)

    def _believed(self, call: Call) -> tuple[Any, ...]:
        """Returns the call's words as the guards take them: as they are, but for the planted fault."""
        if not self.accepts_any_term or call.verb != "order":
            return call.words
        node, order = call.words
        known = self._worlds[call.world].living.world.nodes[node.name].guard.term
        return node, replace(order, term=max(order.term, known))

    def _line(self, call: Call) -> Line:
        order = next((word for word in call.words if isinstance(word, Order)), None)
        node = call.words[0] if call.family != "traffic" else None
        line: Line = {
            "operator": call.operator,
            "world": call.world,
            "verb": order.verb if order else call.verb,
            "is_order": order is not None,
            "node": getattr(node, "name", None),
            "term": order.term if order else call.term,
            "epoch": order.epoch if order else None,
            "episode": order.episode if order else call.options.get("episode"),
            "asked_ns": call.asked_ns,
        }
        self.record.append(line)
        return line


def _outcome(value: Outcome | None) -> tuple[str, str]:
    match value:
        case Done():
            return "Done", ""
        case Refused():
            return "Refused", value.remote_reason or value.reason.value
        case Failed():
            return "Failed", value.reason.value
        case InProgress():
            return "InProgress", value.message
        case _:
            return type(value).__name__, ""
