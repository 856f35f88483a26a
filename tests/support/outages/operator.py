"""The operator as it ships, with a wall clock that can jump; with a fault planted, its peer's word is not heard.

`python -m support.outages.operator OFFSET_FILE [deaf-to-the-peer]`; everything else is the operator's own settings.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.logs import log_as_json
from maestro_operator.main import run
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.settings import Settings
from support.flaky.process import JumpyClock

DEAF = "deaf-to-the-peer"


def plant() -> None:
    """Let whatever the peer says count as death: then one cut in front of all others looks like an outage."""
    asked = SshNodes.peer_vote

    async def peer_vote(self: SshNodes, *words: Any) -> VoteSeen | Unknown:  # noqa: ANN401 - as the port has them
        vote = await asked(self, *words)
        return replace(vote, vote=Vote.DEAD) if isinstance(vote, VoteSeen) else vote

    SshNodes.peer_vote = peer_vote  # type: ignore[method-assign,assignment]


def main(words: list[str]) -> int:
    """Run the operator until it is told to end."""
    offset, *broken = words
    log_as_json("INFO")
    settings = Settings.from_environment(os.environ)
    logging.getLogger().setLevel(settings.log_level)
    if broken == [DEAF]:
        plant()
    return asyncio.run(run(settings, clock=JumpyClock(Path(offset))))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
