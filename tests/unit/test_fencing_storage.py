"""The judge of the shared disk's cells sees what is wrong, from what two kernels and the storage said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.fencematrix import judge
from support.fencematrix.cells import STORAGE_CELLS, Cell

HONEST = next(cell for cell in STORAGE_CELLS if cell.id == "storage-honest")
DENYING = next(cell for cell in STORAGE_CELLS if cell.id == "storage-denying")
LYING = next(cell for cell in STORAGE_CELLS if cell.id == "storage-lying")
SECOND = 1_000_000_000
FENCED, REACHED, ORDERED, BACK, ENDED = 5, 10, 14, 15, 20
"""The moments of the story: b is promoted, a is reached again, ordered, promoted; the end."""
REFUSED = "dd: error writing '/dev/sda': Invalid exchange"


def tried(node: str, at: float, *, wrote: bool, said: str = REFUSED) -> dict[str, Any]:
    words = ["1+0 records in"] if wrote else [said]
    began, ended = int(at * SECOND), int((at + 0.2) * SECOND)
    return {"event": "tried", "node": node, "wrote": wrote, "said": words, "began_ns": began, "monotonic_ns": ended}


def looked(at: float, holder: str, *more: str) -> dict[str, Any]:
    iqn = "iqn.2026-11.dev.maestropair:node-"
    told = {
        "res_holder": f"SPC-3 Reservation: iSCSI Initiator: {iqn}{holder},i,0x00023d\n",
        "res_pr_registered_i_pts": "SPC-3 PR Registrations:\n"
        + "".join(f"iSCSI Node: {iqn}{node},i,0x00023d Key: 0x01 PRgen: 0x01\n" for node in (holder, *more)),
    }
    moment = int(at * SECOND)
    return {"event": "target", "began_ns": moment, "monotonic_ns": moment + 1, "controllers": {"first": told}}


def honest() -> list[dict[str, Any]]:
    """What the disk's cell leaves where everything goes well."""
    owners = [(moment + 0.5, "b" if FENCED - 1 <= moment <= BACK else "a") for moment in range(1, ENDED - 1)]
    tries = [tried(node, at, wrote=node == owner) for at, owner in owners for node in "ab"]
    return [*tries, *(looked(at + apart, owner) for at, owner in owners for apart in (-0.1, 0.3))]


def write(path: Path, lines: Sequence[dict[str, Any]]) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in sorted(lines, key=lambda line: line["monotonic_ns"])))


def evidence(folder: Path, cell: Cell, disk: Sequence[dict[str, Any]], *, is_promoted: bool = True) -> Path:
    """Writes what a played cell leaves."""
    place = folder / cell.id
    place.mkdir()
    readings = [
        f"{device}: preempted at {at:.3f}, process {process}"
        for at, process, device in ((1, 7, "disk x"), (1.1, 8, "gateway y"), (3.1, 9, "disk x"), (3.2, 10, "gateway y"))
    ]
    told: list[dict[str, Any]] = [{"event": "begin", "monotonic_ns": SECOND}]
    if is_promoted:
        proof = {"evidence": readings}
        told += [
            {"event": "write", "monotonic_ns": FENCED * SECOND, "step": "Promote", "target": "b", "proof": proof},
            {"event": "write", "monotonic_ns": BACK * SECOND, "step": "Promote", "target": "a"},
            {"event": "reached-again", "monotonic_ns": REACHED * SECOND},
            {"event": "ordered-back", "monotonic_ns": ORDERED * SECOND},
        ]
    told += [
        {"event": "concluded", "monotonic_ns": 8 * SECOND},
        {"event": "end", "monotonic_ns": ENDED * SECOND, "concluded": "Fenced", "agents": 0},
    ]
    write(place / "told.jsonl", told)
    write(place / "disk.jsonl", disk)
    moments = [(moment, moment < FENCED - 1) for moment in range(1, REACHED)]
    write(
        place / "reach.jsonl",
        [
            {"source": source, "reached": reached, "began_ns": at * SECOND, "monotonic_ns": at * SECOND + 1}
            for at, reached in moments
            for source in judge.REACHING
        ],
    )
    (place / "power.jsonl").write_text("")
    return folder


def false_claims(folder: Path, cell: Cell) -> set[str]:
    return {claim.id.partition(".")[2] for claim in judge.claims(folder, [cell]) if not claim.ok} - {""}


def test_a_lawful_story_is_found_lawful_and_makes_every_claim_that_is_listed(tmp_path: Path) -> None:
    folder = evidence(tmp_path, HONEST, honest())

    assert false_claims(folder, HONEST) == set()
    assert {claim.id for claim in judge.claims(folder, [HONEST])} == set(judge.claim_ids([HONEST]))


def test_a_write_of_the_fenced_kernel_that_the_storage_let_through_is_found(tmp_path: Path) -> None:
    folder = evidence(tmp_path, HONEST, [*honest(), tried("a", FENCED + 1.5, wrote=True)])

    found = false_claims(folder, HONEST)
    assert {"off-before-promotion", "refused-by-the-storage", "only-the-holder-wrote"} <= found


def test_another_error_than_the_storage_s_refusal_shows_nothing(tmp_path: Path) -> None:
    folder = evidence(tmp_path, HONEST, [*honest(), tried("a", FENCED + 1.5, wrote=False, said="Input/output error")])

    assert "refused-by-the-storage" in false_claims(folder, HONEST)


def test_a_storage_that_still_has_the_old_owner_registered_is_found(tmp_path: Path) -> None:
    folder = evidence(tmp_path, HONEST, [*honest(), looked(FENCED + 1.55, "b", "a")])

    assert false_claims(folder, HONEST) == {"held-by-the-survivor"}


def test_an_old_owner_that_writes_before_it_is_ordered_is_found(tmp_path: Path) -> None:
    early = [tried("a", REACHED + 1.5, wrote=True)]

    assert "kept-out-until-ordered" in false_claims(evidence(tmp_path, HONEST, [*honest(), *early]), HONEST)


def test_a_promotion_where_the_storage_denied_is_found(tmp_path: Path) -> None:
    assert "promoted" in false_claims(evidence(tmp_path, DENYING, honest()), DENYING)


def test_a_storage_that_was_said_to_lie_and_kept_its_word_shows_nothing(tmp_path: Path) -> None:
    alone = [tried(node, at + 0.5, wrote=node == "a") for at in range(1, ENDED - 1) for node in "ab"]
    folder = evidence(tmp_path, LYING, alone, is_promoted=False)

    assert false_claims(folder, LYING) == {"both-could-write"}
