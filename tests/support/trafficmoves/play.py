"""The moves: one driver, moved so often while clients go on, and what happened written down as it happens."""

import asyncio
import json
import time
from pathlib import Path

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Way
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.transport.session import Sessions
from support.bed import clock
from support.segment import segment
from support.trafficmoves.hosts import ADDRESSES, A, B, ended, routed, spawned
from support.trafficmoves.stages import STAGES

CLIENTS = 2
REQUESTS = 10
"""How many requests each client makes between two moves."""
SETTLE_SECONDS = 60.0
MOVE_SECONDS = 20.0
LIES_EVERY = 5


async def play(driver: str, folder: Path, *, moves: int, lies: bool) -> None:
    """Move one driver so often, and keep what happened; with `lies` every fifth move is only said to have happened."""
    folder.mkdir(parents=True, exist_ok=True)
    async with segment(folder, ADDRESSES) as hosts, routed(hosts):
        sessions = Sessions(secrets=hosts.secrets, namespace="pairs", clock=SystemClock())
        nodes = {name: hosts.hosts[name].node.model_copy(update={"address": at}) for name, at in (("a", A), ("b", B))}
        ways = {"a": Way(nodes["a"], nodes["b"]), "b": Way(nodes["b"], nodes["a"])}
        async with STAGES[driver](hosts, sessions, folder) as steered:

            async def move(target: str) -> Outcome:
                return await steered.port.move(steered.entry, ways[target], deadline_seconds=MOVE_SECONDS)

            await move("a")
            files = [folder / f"requests-{number}.jsonl" for number in range(CLIENTS)]
            load = [spawned(hosts, steered.client, "load", str(file), steered.where) for file in files]
            try:
                await _settled(files)
                for number in range(moves):
                    target = "b" if number % 2 == 0 else "a"
                    is_said = lies and number % LIES_EVERY == LIES_EVERY - 1
                    _note(folder, {"number": number, "target": target, "began": time.monotonic_ns()})
                    outcome = Done() if is_said else await move(target)
                    _note(folder, {"number": number, "ended": time.monotonic_ns(), **_said(outcome)})
                    await _settled(files)
            finally:
                for client in load:
                    ended(client)
        await sessions.close()


async def _settled(files: list[Path]) -> None:
    """Let every client go on for a while."""

    def made() -> list[int]:
        return [file.read_bytes().count(b"\n") if file.exists() else 0 for file in files]

    enough = [count + REQUESTS for count in made()]
    await asyncio.to_thread(
        clock.wait_until,
        lambda: all(now >= wanted for now, wanted in zip(made(), enough, strict=True)),
        timeout_seconds=SETTLE_SECONDS,
        what="requests of clients",
    )


def _said(outcome: Outcome) -> dict[str, object]:
    done = isinstance(outcome, Done)
    return {"done": done, "said": "" if isinstance(outcome, Done) else outcome.message}


def _note(folder: Path, record: dict[str, object]) -> None:
    with (folder / "moves.jsonl").open("a") as moves:
        moves.write(json.dumps(record) + "\n")
