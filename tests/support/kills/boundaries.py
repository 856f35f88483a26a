"""Names every boundary of an episode at which the operator's process may end, from around its store and its drivers.

A boundary is the moment right before or right after one write of status or one effect of a driver. Whoever is told
of a boundary may end the operator there: raise, never return, or kill the process. Nothing of the product knows of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal

from maestro_operator.drivers.ports import Drivers

if TYPE_CHECKING:
    from maestro_operator.model.surroundings import Resource, Store

EFFECTS = frozenset(
    {
        "equip", "introduce", "order", "start", "stop", "pin", "final_sync", "promote", "restore",
        "discard", "hold_queue", "reverse", "quarantine", "sync", "off", "move", "verify", "release",
    }
)  # fmt: skip
"""The verbs of the ports that do something; the others only look."""
WRITE = "write"
END = "End"
"""Stands for the step of the write that ends an episode."""
Moment = Literal["before", "after"]
Reached = Callable[["Boundary"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Boundary:
    """One moment of one episode."""

    kind: str
    step: str
    act: str
    """`write`, or the verb of the driver with what it is done to."""
    nth: int
    """Counts the same act of the same step since the process began."""
    moment: Moment

    @property
    def name(self) -> str:
        """Returns what it is called in files and reports."""
        return f"{self.kind}.{self.step}.{self.act}.{self.nth}.{self.moment}".replace(" ", "-")


@dataclass(slots=True)
class Course:
    """Follows one pair's episodes by what is written of them, so that each act is put to its step."""

    reached: Reached
    kind: str = ""
    step: str = ""
    _counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)

    def follow(self, status: Mapping[str, Any]) -> None:
        """Takes note of a status that was read or written."""
        episode = status.get("episode") or {}
        self.kind, self.step = episode.get("kind", ""), episode.get("step", "")

    async def around_write(self, status: Mapping[str, Any], write: Callable[[], Awaitable[Resource]]) -> Resource:
        """Writes, with a boundary on either side where the write is of an episode."""
        episode = status.get("episode") or {}
        kind, step = episode.get("kind", self.kind), episode.get("step", END)
        nth = self._count(kind, step, WRITE)
        await self._tell(kind, step, WRITE, nth=nth, moment="before")
        written = await write()
        self.follow(status)
        await self._tell(kind, step, WRITE, nth=nth, moment="after")
        return written

    async def around_effect(self, act: str, effect: Callable[[], Awaitable[Any]]) -> Any:  # noqa: ANN401
        """Performs, with a boundary on either side."""
        kind, step = self.kind, self.step
        nth = self._count(kind, step, act)
        await self._tell(kind, step, act, nth=nth, moment="before")
        outcome = await effect()
        await self._tell(kind, step, act, nth=nth, moment="after")
        return outcome

    def _count(self, kind: str, step: str, act: str) -> int:
        self._counts[kind, step, act] += 1
        return self._counts[kind, step, act]

    async def _tell(self, kind: str, step: str, act: str, *, nth: int, moment: Moment) -> None:
        if kind:
            await self.reached(Boundary(kind, step, act, nth, moment))


class BoundedStore:
    """A store whose writes have a boundary on either side."""

    def __init__(self, store: Store, course: Course) -> None:
        """Keeps the store and the course that names its writes."""
        self._store = store
        self._course = course

    async def read(self) -> Resource | None:
        """Reads the resource."""
        resource = await self._store.read()
        if resource is not None:
            self._course.follow(resource.status)
        return resource

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Replaces the status, between two boundaries."""
        return await self._course.around_write(status, lambda: self._store.write_status(resource, status))

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Holds the deletion, between two boundaries."""
        held_or_let_go: Resource = await self._course.around_effect(
            "hold" if held else "let go", lambda: self._store.hold(resource, held=held)
        )
        return held_or_let_go


class _BoundedPort:
    """A port whose effects have a boundary on either side."""

    def __init__(self, port: object, course: Course) -> None:
        self._port = port
        self._course = course

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        """Returns the port's verb, between two boundaries where it is an effect."""
        verb = getattr(self._port, name)
        if name not in EFFECTS:
            return verb

        async def bounded(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
            return await self._course.around_effect(described(name, arguments), lambda: verb(*arguments, **options))

        return bounded


def bounded(drivers: Drivers, course: Course) -> Drivers:
    """Returns the same drivers, each effect of which has a boundary on either side."""
    return Drivers(**{item.name: _BoundedPort(getattr(drivers, item.name), course) for item in fields(drivers)})


def described(verb: str, arguments: tuple[Any, ...]) -> str:
    """Returns a verb with the order it gives and what it is done to: `order promise b`, `stop a`, `move dns`."""
    order = [argument.verb for argument in arguments[1:2] if verb == "order"]
    names = [argument.name for argument in arguments[:1] if hasattr(argument, "name")]
    return " ".join((verb, *order, *names))
