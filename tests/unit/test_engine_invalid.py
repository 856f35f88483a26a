"""A resource that this version cannot carry out says why, and nothing else is done."""

from __future__ import annotations

from dataclasses import replace

import pytest

from maestro_operator.model.reasons import Reason
from support.worlds import Pair

pytestmark = pytest.mark.unit


async def spoiled() -> Pair:
    """Return a settled pair whose spec was written by a version that knows more."""
    pair = Pair()
    await pair.settle()
    read = pair.store.read

    async def read_spoiled() -> object:
        resource = await read()
        assert resource is not None
        return replace(resource, spec={**resource.spec, "colour": "blue"})

    pair.store.read = read_spoiled  # type: ignore[method-assign, assignment]
    pair.loop.wake()
    return pair


async def test_a_spec_that_cannot_be_read_says_which_field_and_holds() -> None:
    pair = await spoiled()

    await pair.loop.turn()

    shown = {item.type: (item.status, item.reason) for item in pair.status.conditions}
    assert shown["Ready"] == ("False", Reason.INVALID_SPEC.value)
    assert shown["Stalled"] == ("True", Reason.INVALID_SPEC.value)
    assert "spec.colour" in next(item.message for item in pair.status.conditions if item.type == "Ready")
    assert pair.world.writers() == ["a"]


async def test_the_same_refusal_is_written_once() -> None:
    pair = await spoiled()

    await pair.loop.turn()
    writes = pair.store.writes
    for _ in range(3):
        pair.loop.wake()
        await pair.loop.turn()

    assert pair.store.writes == writes
