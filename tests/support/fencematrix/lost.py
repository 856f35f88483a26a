"""The operator is killed or frozen while its agent runs: the agent goes with it, and nothing lands afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from support.fencematrix.agents_alive import agents_alive, agents_left
from support.report import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from maestro_operator.model.pair import FencingDevice
    from support.bed import Bed

DEADLINE_SECONDS = 12
BEGINS_TRIES = 200
FROZEN_SECONDS = DEADLINE_SECONDS + 4.0
LANDS_SECONDS = 5.0
"""How long the honest controller is watched for an order that comes late."""
ENDINGS = {"operator-killed": signal.SIGKILL, "operator-frozen": signal.SIGSTOP}
WORDS = {"operator-killed": "AgentGone", "operator-frozen": "AgentGone"}


async def lose(twist: str, device: FencingDevice, *, bed: Bed, password: str, place: Path) -> tuple[str, int]:
    """Plays it against a controller that hangs; returns what it came to and how many agents are left."""
    told = {
        "device": device.model_dump(mode="json", by_alias=True),
        "password": password,
        "agents": "/usr/sbin",
        "deadline": DEADLINE_SECONDS,
    }
    config = place / "lone.json"
    config.touch(mode=0o600)
    config.write_text(json.dumps(told))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT / 'tests'}"}
    with (
        (place / "lone.log").open("wb") as log,
        subprocess.Popen(
            (sys.executable, "-m", "support.fencematrix.lone", str(config)), stdout=log, stderr=log, env=environment
        ) as operator,
    ):
        try:
            began = await _began()
            os.kill(operator.pid, ENDINGS[twist])
            if twist == "operator-frozen":
                # Its own clock stands still; the guardian's does not.
                await asyncio.sleep(FROZEN_SECONDS)
            left = await agents_left()
            bed.bmcs["a"].set_mode("honest")
            await asyncio.sleep(LANDS_SECONDS)
        finally:
            operator.kill()
    config.unlink()
    return (WORDS[twist] if began else "NoAgent"), left


async def _began() -> bool:
    """Waits until the agent runs."""
    for _ in range(BEGINS_TRIES):
        if agents_alive():
            return True
        await asyncio.sleep(0.05)
    return False
