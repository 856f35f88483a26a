"""The faults that `BREAK=` plants: with each of them the walk must find a broken law."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest import mock

from maestro_operator.act import effects
from maestro_operator.decide import prove, rules
from maestro_operator.drivers.memory import guard_twin, guarding
from maestro_operator.model.outcome import Outcome
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.report import conditions
from support.worlds import MemoryStore

if TYPE_CHECKING:
    from maestro_operator.act.acting import Acting
    from maestro_operator.drivers.memory.guard_twin import GuardState
    from maestro_operator.model.surroundings import Resource


@contextmanager
def _sound() -> Iterator[None]:
    yield


@contextmanager
def _no_epoch_test() -> Iterator[None]:
    """The guard obeys a lower epoch, and another owner of an equal one."""
    with mock.patch.object(guard_twin, "_check_not_lower", return_value=None):
        yield


@contextmanager
def _permit_outlives_boot() -> Iterator[None]:
    """The guard lets a permit of an earlier boot count."""

    def may_run(state: GuardState, _boot: str) -> bool:
        return state.permit is not None and state.owns(state.permit.epoch)

    with mock.patch.object(guard_twin.GuardState, "may_run", may_run):
        yield


@contextmanager
def _peer_always_vouches() -> Iterator[None]:
    """The guard confirms its permit without asking what the peer knows."""

    def confirmed(node: Any, _peer: Any) -> str:  # noqa: ANN401
        node.guard = guard_twin.confirmed(node.guard, boot=node.boot_id)
        node.running |= set(node.units)
        return "confirmed by nobody"

    with mock.patch.object(guarding, "_ask_to_confirm", confirmed):
        yield


@contextmanager
def _believes_one_look() -> Iterator[None]:
    """One reading of a device counts as two."""

    def once(seen: Any, episode: Any, node: str, *, evidence: Any) -> Any:  # noqa: ANN401
        says_off = any(item.state == "off" for item in evidence.readings)
        lines = tuple(item.state for item in evidence.readings)
        if says_off:
            return prove._proof(seen, episode, node, method=Method.FENCED, evidence=lines)
        return prove.NoProof(Reason.FENCE_UNPROVEN, "nothing says off")

    with mock.patch.object(prove, "_from_evidence", once):
        yield


@contextmanager
def _writes_blindly() -> Iterator[None]:
    """The API server takes every write, however old what it was made from."""
    sound = MemoryStore.write_status

    async def write(self: MemoryStore, resource: Resource, status: Mapping[str, object]) -> Resource:
        return await sound(self, replace(resource, resource_version=str(self._version)), status)

    with mock.patch.object(MemoryStore, "write_status", write):
        yield


@contextmanager
def _name_before_promote() -> Iterator[None]:
    """The name moves as soon as the target is asked to promise."""
    sound = effects.EFFECTS

    async def both(acting: Acting) -> Outcome:
        await sound[effects.S.MOVE_TRAFFIC](acting)
        return await sound[effects.S.RAISE](acting)

    with mock.patch.object(effects, "EFFECTS", {**sound, effects.S.RAISE: both}):
        yield


@contextmanager
def _deaf_to_pause() -> Iterator[None]:
    """What people pause or delete goes on as ever."""
    with mock.patch.object(rules, "RULES", tuple(rule for rule in rules.RULES if rule is not rules.resting)):
        yield


@contextmanager
def _says_nothing() -> Iterator[None]:
    """What is held back is told in no condition."""
    sound = conditions.reported

    def silent(seen: Any, decided: Any, status: Any) -> Any:  # noqa: ANN401
        return sound(seen, decided, status).model_copy(update={"conditions": ()})

    with mock.patch("maestro_operator.loop.reported", silent):
        yield


BREAKS: Mapping[str, Callable[[], Any]] = {
    "": _sound,
    "guard-forgets-epochs": _no_epoch_test,
    "permit-outlives-boot": _permit_outlives_boot,
    "peer-always-vouches": _peer_always_vouches,
    "believes-one-look": _believes_one_look,
    "writes-blindly": _writes_blindly,
    "name-before-promote": _name_before_promote,
    "deaf-to-pause": _deaf_to_pause,
    "says-nothing": _says_nothing,
}
