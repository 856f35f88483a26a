"""The memory store refuses what the schema refuses: a planted write for each of its rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from maestro_operator.model.proof import Method, Proof
from maestro_operator.model.status import Epoch, EpochMark, PairStatus
from maestro_operator.model.steps import EpisodeKind, StepName
from support.law_three import refusal
from support.looks import NEXT, NOW, OWNED, move, status

PROOF = Proof(node="a", method=Method.DEMOTED, evidence=("seen",), epoch=2, episode=NEXT.episode, term=1, proved_at=NOW)
BEFORE = status()
PROMOTED = status(
    active_node="b",
    epoch=Epoch(promised=NEXT, in_force=NEXT),
    episode=move(EpisodeKind.SWITCHOVER, step=StepName.PROMOTE, proof=PROOF),
)


def changed(**episode: Any) -> PairStatus:  # noqa: ANN401
    assert PROMOTED.episode is not None
    return PROMOTED.model_copy(update={"episode": PROMOTED.episode.model_copy(update=episode)})


def proven(**proof: Any) -> PairStatus:  # noqa: ANN401
    return changed(proof=PROOF.model_copy(update=proof))


REFUSED: Mapping[str, tuple[PairStatus, PairStatus]] = {
    "no active node any more": (BEFORE, status(active_node=None)),
    "no pair uid any more": (BEFORE, status(pair_uid=None)),
    "no epoch any more": (BEFORE, status(epoch=Epoch())),
    "another owner than active node": (BEFORE, status(active_node="b")),
    "in force and not promised": (PairStatus(), PairStatus(active_node="a", epoch=Epoch(in_force=OWNED))),
    "a lower term": (BEFORE, status(term=0)),
    "a lower promise": (status(epoch=Epoch(promised=NEXT, in_force=OWNED)), BEFORE),
    "a number with two owners": (
        BEFORE,
        status(epoch=Epoch(promised=EpochMark(number=1, owner="b", episode="x"), in_force=OWNED)),
    ),
    "another step": (BEFORE, changed(step=StepName.DEMOTE)),
    "a renewal for another owner": (BEFORE, changed(step=StepName.SWAP_PERMIT)),
    "another pair": (BEFORE, status(pair_uid="other")),
    "no episode": (BEFORE, PROMOTED.model_copy(update={"episode": None})),
    "no proof": (BEFORE, changed(proof=None)),
    "a proof about the target": (BEFORE, proven(node="b")),
    "a proof of another epoch": (BEFORE, proven(epoch=1)),
    "a proof of another episode": (BEFORE, proven(episode="move-1")),
    "an adoption's proof": (BEFORE, proven(method=Method.ADOPTED)),
    "a first activation's proof": (BEFORE, proven(method=Method.NEVER_RAN)),
    "another target": (BEFORE, changed(target="a", source="b")),
    "a first owner without a proof": (PairStatus(), BEFORE),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_write_that_breaks_the_law_is_refused(what: str) -> None:
    before, after = REFUSED[what]

    assert refusal(before.to_resource(), after.to_resource()) is not None


@pytest.mark.parametrize(
    "after", [BEFORE, PROMOTED, status(term=2), status(epoch=Epoch(promised=NEXT, in_force=OWNED))]
)
def test_a_write_that_keeps_the_law_is_taken(after: PairStatus) -> None:
    assert refusal(BEFORE.to_resource(), after.to_resource()) is None
