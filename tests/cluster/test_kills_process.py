"""A real operator process is killed by SIGKILL in the middle of episodes of several kinds, on the real API server.

A handful of what `make kill-matrix` does at every boundary: seven pairs, each at a boundary of its own, one death.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from support.controlplane import ControlPlane
from support.kills import enumeration
from support.kills.batch import Batch, Cell
from support.kills.evidence import evidence_of
from support.kills.verdict import Evidence, complaints
from support.kills.worlds_apart import Worlds

DEATHS = {
    "adopt": "Adopt.Adopt.write.1.after",
    "activate": "Activate.StartServices.order-permit-a.1.before",
    "switchover": "Switchover.Promote.promote-b.1.after",
    "take-back": "TakeBack.Promote.write.1.before",
    "rejoin": "Rejoin.Quarantine.quarantine-a.1.after",
    "renew-rollback": "Renew.SwapPermit.write.1.after",
    "separate": "Separate.StoreEpoch.write.1.before",
}


@pytest.fixture(scope="module")
def told(schema_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Evidence]:
    """What each pair leaves behind, by its story."""
    folder: Path = tmp_path_factory.mktemp("kills")
    cells = [
        Cell(story, boundary, number, enumeration.beginning(story))
        for number, (story, name) in enumerate(DEATHS.items(), start=1)
        for boundary in enumeration.boundaries(story)
        if boundary.name == name
    ]
    with Worlds(folder / "w.sock") as worlds:
        Batch(schema_plane, worlds, name="handful", folder=folder).play(cells)
        return {cell.story: evidence_of(cell, worlds.living[cell.name]) for cell in cells}


@pytest.mark.parametrize("story", DEATHS)
def test_a_new_operator_finishes_what_the_killed_one_left(told: Mapping[str, Evidence], story: str) -> None:
    assert complaints(told[story]) == {}
    assert told[story]["boundary"] == DEATHS[story]
