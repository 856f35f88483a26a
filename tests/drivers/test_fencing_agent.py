"""One fence agent as a process: what it is told and how, and that nothing of it outlives its time."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import maestro_operator
from maestro_operator.drivers.fencing.agent import OUTPUT_LIMIT_BYTES, run_agent

pytestmark = pytest.mark.timeout(30)

SOURCE = Path(maestro_operator.__file__).parents[1]
LINGERS = """#!/bin/sh
sleep 300 & echo $! >"{folder}/child"
echo $$ >"{folder}/agent.new"; mv "{folder}/agent.new" "{folder}/agent"
wait
"""
OPERATOR = """
import asyncio, sys
from pathlib import Path
from maestro_operator.drivers.fencing.agent import run_agent
asyncio.run(run_agent(Path(sys.argv[1]), {}, deadline_seconds=float(sys.argv[2])))
"""


@pytest.fixture
def agent(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "fence_fake"
        path.write_text(text)
        path.chmod(0o755)
        return path

    return write


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a process that ends tells no event loop
            await asyncio.sleep(0.02)


def runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def started(folder: Path) -> list[int]:
    """Return the agent's and its child's process ids, once both run."""
    await until((folder / "agent").exists)
    return [int((folder / name).read_text()) for name in ("agent", "child")]


def operator(agent: Path, *, deadline_seconds: float) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", OPERATOR, str(agent), str(deadline_seconds)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
    )


async def test_an_agent_is_told_everything_on_its_standard_input_and_nothing_elsewhere(
    agent: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PASSWORD_OF_THE_OPERATOR", "hidden")
    tells = """#!/usr/bin/python3
import json, os, sys
lines = sys.stdin.read().splitlines()
print(json.dumps({"arguments": sys.argv[1:], "input": lines, "environment": sorted(os.environ)}))
"""
    ran = await run_agent(agent(tells), {"action": "status", "password": "s3cret=x"}, deadline_seconds=10)
    told = json.loads(ran.output)
    assert ran.exit_status == 0
    assert told["arguments"] == []
    assert told["input"] == ["action=status", "password=s3cret=x"]
    assert "PATH" in told["environment"]
    assert "PASSWORD_OF_THE_OPERATOR" not in told["environment"]


async def test_no_process_shows_a_password_in_its_arguments_while_an_agent_runs(
    agent: Callable[[str], Path], tmp_path: Path
) -> None:
    running = asyncio.create_task(
        run_agent(agent(LINGERS.format(folder=tmp_path)), {"password": "s3cret"}, deadline_seconds=9)
    )
    await started(tmp_path)
    shown = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [words for words in shown if b"s3cret" in words]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.parametrize("status", [0, 1, 2, 77])
async def test_an_exit_status_comes_through_as_it_is(agent: Callable[[str], Path], status: int) -> None:
    ran = await run_agent(agent(f"#!/bin/sh\necho said\nexit {status}\n"), {}, deadline_seconds=10)
    assert (ran.exit_status, ran.output) == (status, "said\n")


async def test_an_agent_that_was_killed_has_no_status_that_means_anything(agent: Callable[[str], Path]) -> None:
    ran = await run_agent(agent("#!/bin/sh\nkill -KILL $$\n"), {}, deadline_seconds=10)
    assert ran.exit_status == 128 + signal.SIGKILL


async def test_every_run_is_a_process_of_its_own(agent: Callable[[str], Path]) -> None:
    path = agent("#!/bin/sh\n")
    first, second = [await run_agent(path, {}, deadline_seconds=10) for _ in range(2)]
    assert first.process != second.process


async def test_at_its_deadline_an_agent_goes_with_all_it_started(agent: Callable[[str], Path], tmp_path: Path) -> None:
    ran = await run_agent(agent(LINGERS.format(folder=tmp_path)), {}, deadline_seconds=0.7)
    assert ran.exit_status is None
    processes = await started(tmp_path)
    await until(lambda: not any(runs(process) for process in processes))


async def test_what_an_agent_leaves_behind_goes_with_it(agent: Callable[[str], Path], tmp_path: Path) -> None:
    leaves = f'#!/bin/sh\nsleep 300 & echo $! >"{tmp_path}/child"\necho done\n'
    ran = await run_agent(agent(leaves), {}, deadline_seconds=10)
    assert (ran.exit_status, ran.output) == (0, "done\n")
    child = int((tmp_path / "child").read_text())
    await until(lambda: not runs(child))


async def test_a_cancelled_agent_goes_with_all_it_started(agent: Callable[[str], Path], tmp_path: Path) -> None:
    running = asyncio.create_task(run_agent(agent(LINGERS.format(folder=tmp_path)), {}, deadline_seconds=60))
    processes = await started(tmp_path)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await until(lambda: not any(runs(process) for process in processes))


async def test_an_agent_dies_with_the_operator_and_so_does_all_it_started(
    agent: Callable[[str], Path], tmp_path: Path
) -> None:
    process = operator(agent(LINGERS.format(folder=tmp_path)), deadline_seconds=60)
    processes = await started(tmp_path)
    process.kill()
    process.wait()
    await until(lambda: not any(runs(process) for process in processes))


async def test_the_deadline_holds_while_the_operator_is_frozen(agent: Callable[[str], Path], tmp_path: Path) -> None:
    process = operator(agent(LINGERS.format(folder=tmp_path)), deadline_seconds=1.5)
    try:
        processes = await started(tmp_path)
        process.send_signal(signal.SIGSTOP)
        assert all(runs(process) for process in processes)
        await until(lambda: not any(runs(process) for process in processes))
    finally:
        process.kill()
        process.wait()


async def test_an_agent_that_prints_without_end_fills_no_memory(agent: Callable[[str], Path]) -> None:
    floods = "#!/bin/sh\nhead -c 20000000 /dev/zero | tr '\\0' x\necho\necho Status: OFF\nexit 2\n"
    ran = await run_agent(agent(floods), {}, deadline_seconds=20)
    assert ran.exit_status == 2
    assert len(ran.output) <= OUTPUT_LIMIT_BYTES
    assert ran.output.endswith("\nStatus: OFF\n")


async def test_an_agent_that_reads_nothing_is_no_surprise(agent: Callable[[str], Path]) -> None:
    ran = await run_agent(agent("#!/bin/sh\nexec <&-\nexit 1\n"), {"plug": "x" * 200_000}, deadline_seconds=10)
    assert ran.exit_status == 1


@pytest.mark.parametrize("value", ["x\naction=on", "x\raction=on", "x\0", " x", '"x"'])
async def test_a_value_that_an_agent_would_read_otherwise_is_refused(agent: Callable[[str], Path], value: str) -> None:
    with pytest.raises(ValueError, match="plug") as refused:
        await run_agent(agent("#!/bin/sh\n"), {"plug": value}, deadline_seconds=10)
    assert value.strip() not in str(refused.value)


async def test_an_agent_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="fence_none"):
        await run_agent(tmp_path / "fence_none", {}, deadline_seconds=10)
