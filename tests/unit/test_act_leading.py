"""An effect goes on only while its operator leads."""

import asyncio

import pytest

from maestro_operator.act.leading import WhileLeading


class Commands:
    """Two commands to a node, and tidying up."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.answer = asyncio.Event()
        self.tidied = asyncio.Event()

    async def run(self) -> str:
        try:
            self.said.append("first")
            await self.answer.wait()
            self.said.append("second")
        finally:
            self.said.append("tidies up")
            await self.tidied.wait()
            self.said.append("is tidy")
        return "both"


async def test_who_wakes_without_the_leadership_says_no_second_command() -> None:
    commands, leads = Commands(), [True]
    leading = WhileLeading(commands.run(), leads=lambda: leads[0])
    effect = asyncio.ensure_future(leading)
    await asyncio.sleep(0)

    leads[0] = False
    commands.answer.set()
    await asyncio.sleep(0.01)
    assert leading.is_ending
    commands.tidied.set()
    await asyncio.wait({effect})

    assert commands.said == ["first", "tidies up", "is tidy"]
    assert effect.cancelled()


async def test_who_leads_gets_the_effects_own_result_error_and_cancellation() -> None:
    commands = Commands()
    commands.answer.set()
    commands.tidied.set()

    assert await WhileLeading(commands.run(), leads=lambda: True) == "both"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await WhileLeading(asyncio.sleep(60), leads=lambda: True)
    with pytest.raises(ZeroDivisionError):
        await WhileLeading(_fails(), leads=lambda: True)


async def _fails() -> float:
    await asyncio.sleep(0)
    return 1 / 0


async def test_who_does_not_lead_begins_nothing() -> None:
    commands = Commands()
    effect = asyncio.ensure_future(WhileLeading(commands.run(), leads=lambda: False))

    await asyncio.wait({effect})

    assert (commands.said, effect.cancelled()) == ([], True)
