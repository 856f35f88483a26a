"""The faults that `BREAK=` plants into the operator under test: with each of them the matrix must fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.act.effects import perform
from maestro_operator.loop import PairLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.decision import Decided, Perform
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.surroundings import Resource, Store

FIRST, SECOND = "first", "second"
"""The operators of a story: the one that dies, and the ones that come after."""


class Sound:
    """No fault: the loop and the store as they are."""

    name = ""
    catches: tuple[str, ...] = ()
    """The claims of which at least one must fail."""
    stories: tuple[str, ...] = ()
    """The stories that are told with it; empty for all."""

    def store(self, store: Store, *, process: str) -> Store:
        """Returns the store that the loop of a process gets."""
        del process
        return store

    def loop(self, **parts: Any) -> PairLoop:  # noqa: ANN401
        """Returns a new loop."""
        return PairLoop(**parts)


class _Forgetful:
    """A store that shows no episode."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def read(self) -> Resource | None:
        """Reads the resource, and forgets the journal."""
        resource = await self._store.read()
        if resource is None:
            return None
        return replace(resource, status={key: value for key, value in resource.status.items() if key != "episode"})

    async def write_status(self, resource: Resource, status: Mapping[str, object]) -> Resource:
        """Writes as it is told to."""
        return await self._store.write_status(resource, status)

    async def hold(self, resource: Resource, *, held: bool) -> Resource:
        """Holds the deletion."""
        return await self._store.hold(resource, held=held)


class ForgetsJournal(Sound):
    """A new operator begins anew instead of reading the journal."""

    name = "forgets-journal"
    catches = ("memory-renew-rollback",)
    stories = ("renew-rollback",)

    @override
    def store(self, store: Store, *, process: str) -> Store:
        return store if process == FIRST else _Forgetful(store)


class _Hasty(PairLoop):
    """A loop that acts before it has written what it is about to do."""

    @override
    async def _perform(self, seen: Seen, decided: Decided, *, action: Perform, resource: Resource) -> float:
        await perform(self._drivers, seen, action)
        return await super()._perform(seen, decided, action=action, resource=resource)


class EffectBeforeIntent(Sound):
    """The effect of a step comes before the write of its intent."""

    name = "effect-before-intent"
    catches = ("memory-intent-first",)
    stories = ("repair", "renew-rollback")

    @override
    def loop(self, **parts: Any) -> PairLoop:
        return _Hasty(**parts)


BREAKS: Mapping[str, Callable[[], Sound]] = {fault.name: fault for fault in (Sound, ForgetsJournal, EffectBeforeIntent)}
