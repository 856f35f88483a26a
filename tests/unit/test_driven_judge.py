"""The judge of the drivers' table sees a loss nobody declared, one where none may be, and a cell without an end."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support.driven.cells import CELLS, claim_ids
from support.driven.judge import Evidence, claims, lines, printed
from support.driven.rows_disk import rows_are_whole
from support.judge.clients import ClientEvidence
from support.judge.events import Event
from support.judge.evidence import Ack, Disk, Group, StoredRecord

if TYPE_CHECKING:
    from collections.abc import Iterable

SECOND = 1_000_000_000
BEGAN = 1_700_000_000
NAMES = ("switchover", "power-cut")


def wall(second: float) -> str:
    minutes, seconds = divmod(second, 60)
    return f"2023-11-14T22:{13 + int(minutes):02}:{20 + seconds:09.6f}+00:00"


def acked(number: int, *, epoch: int, node: str, at: float | None = None) -> Ack:
    payload = hashlib.sha256(f"c1 writes {number}".encode()).hexdigest()
    received = int((number if at is None else at) * SECOND)
    return Ack(
        "c1", number, payload, "10.0.0.1", received - 1, received, node, f"boot-{node}", epoch, 7, duplicate=False
    )


def stored(ack: Ack) -> StoredRecord:
    return StoredRecord(
        ack.number, "c1", ack.number, f"c1 writes {ack.number}", ack.sha256, ack.node, ack.boot_id, ack.epoch, 7, 7
    )


def entry(kind: str, second: int, *, proved: int, declared: float | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "id": f"{kind}-{second}",
        "kind": kind,
        "result": "Done",
        "finishedAt": wall(second)[:19] + "Z",
    }
    found |= {"proof": {"provedAt": wall(proved)[:19] + "Z"}}
    return found if declared is None else {**found, "declaredLossSeconds": declared}


ACKS = (
    *(acked(number, epoch=1, node="a") for number in range(1, 6)),
    *(acked(number, epoch=2, node="b") for number in range(8, 16)),
    *(acked(number, epoch=3, node="a") for number in range(25, 30)),
)
"""A switchover after second 5, and the power cut of b after second 15."""


def evidence(*, lost: Iterable[int] = (), declared: float = 8.0, ends: tuple[str, ...] = NAMES) -> Evidence:
    kept = {ack.key: stored(ack) for ack in ACKS if ack.number not in set(lost)}
    live = Group(place="live", files=kept, rows=kept)
    status = {"activeNode": "a", "history": [entry("Failover", 24, proved=20, declared=declared)]}
    told = [{"event": "begin", "cell": "switchover", "monotonic_ns": 2 * SECOND, "wall": wall(2)}]
    told += [{"event": "end", "cell": "switchover", "monotonic_ns": 12 * SECOND, "wall": wall(12)}]
    told += [{"event": "begin", "cell": "power-cut", "monotonic_ns": 13 * SECOND, "wall": wall(13)}]
    told += [{"event": "end", "cell": "power-cut", "monotonic_ns": 29 * SECOND, "wall": wall(29)}]
    before = Event("api", "status-write", BEGAN, detail={"status": {"history": [entry("Switchover", 8, proved=6)]}})
    return Evidence(
        status=status,
        clients=ClientEvidence(acks=ACKS, failures=()),
        disks={"a": Disk("a", live, (), frozenset()), "b": Disk("b", None, (), frozenset())},
        bmc=(),
        writes=(before,),
        told=tuple(line for line in told if line["event"] == "begin" or line["cell"] in ends),
    )


def failing(found: Evidence) -> set[str]:
    return {claim.id for claim in claims(found, NAMES) if not claim.ok}


def test_a_sound_run_has_its_downtime_and_no_loss() -> None:
    first, second = lines(evidence(), NAMES)

    assert failing(evidence()) == set()
    assert first is not None
    assert second is not None
    assert ([move.kind for move in first.moves], first.downtime_seconds, first.lost_records) == (["Switchover"], 3.0, 0)
    assert ([move.kind for move in second.moves], second.downtime_seconds) == (["Failover"], 10.0)
    assert second.declared_seconds == 8.0


@pytest.mark.parametrize(
    ("lost", "declared", "wrong"),
    [
        ((13, 14, 15), 8.0, set()),
        # Acknowledged before the cell of the failover began; it is the failover's all the same.
        ((12,), 8.0, set()),
        ((13, 14, 15), 5.0, {"power-cut.loss"}),
        ((15,), 0.0, {"power-cut.loss"}),
        ((4,), 100.0, {"switchover.loss"}),
        ((27,), 100.0, {"lost-in-no-cell"}),
    ],
)
def test_a_loss_is_held_against_what_was_declared_where_it_was(
    lost: tuple[int, ...], declared: float, wrong: set[str]
) -> None:
    assert failing(evidence(lost=lost, declared=declared)) == wrong


@pytest.mark.parametrize(
    ("lost", "second", "wrong"),
    [
        # Four seconds before the first proof, which declared two: the second went back further, and says so.
        ((16,), 20.0, set()),
        ((16,), 5.0, {"power-cut.loss"}),
        ((19,), 0.0, set()),
        ((4,), 100.0, {"switchover.loss"}),
    ],
)
def test_a_second_failover_answers_for_what_it_went_back_to(
    lost: tuple[int, ...], second: float, wrong: set[str]
) -> None:
    acks = (*ACKS, *(acked(number, epoch=2, node="b") for number in range(16, 20)))
    kept = {ack.key: stored(ack) for ack in acks if ack.number not in set(lost)}
    first = entry("Failover", 24, proved=20, declared=2.0)
    again = entry("Failover", 28, proved=27, declared=second)
    found = replace(
        evidence(),
        clients=ClientEvidence(acks=acks, failures=()),
        disks={
            "a": Disk("a", Group(place="live", files=kept, rows=kept), (), frozenset()),
            "b": Disk("b", None, (), frozenset()),
        },
        status={"activeNode": "a", "history": [again, first]},
    )

    assert failing(found) == wrong


def test_a_cell_that_did_not_come_to_its_end_is_a_claim_that_fails() -> None:
    found = evidence(ends=("switchover",))

    assert {"power-cut.played", "power-cut.loss"} <= failing(found)
    assert "did not come to its end" in printed(lines(found, NAMES), NAMES)


def test_every_cell_of_the_issue_has_its_line() -> None:
    wanted = {"switchover", "power-cut", "partition", "cut-in-sync", "cut-in-resync", "failback", "operator-killed"}

    assert wanted < {cell.id for cell in CELLS}
    assert len([cell for cell in CELLS if cell.id.startswith("both-")]) == 2
    assert {claim.id for claim in claims(evidence(), NAMES)} == set(claim_ids(NAMES))


def test_an_accident_right_at_a_cell_s_begin_is_that_cell_s_downtime() -> None:
    found = evidence()
    late = [dict(line) for line in found.told]
    late[1] |= {"monotonic_ns": int(15.2 * SECOND), "wall": wall(15.2)}
    late[2] |= {"monotonic_ns": int(15.3 * SECOND), "wall": wall(15.3)}

    first, second = lines(replace(found, told=tuple(late)), NAMES)

    assert first is not None
    assert second is not None
    assert (first.downtime_seconds, second.downtime_seconds) == (3.0, 10.0)


def test_rows_alone_are_judged_by_their_digests_and_by_what_is_kept_aside() -> None:
    sound = evidence(lost=(13, 14))
    standby = Disk("b", None, (), frozenset({("c1", 13)}))
    found = replace(sound, disks={**sound.disks, "b": standby})
    rows = {ack.key: stored(ack) for ack in ACKS}
    torn = {key: replace(row, payload="other") if row.number == 3 else row for key, row in rows.items()}
    spoilt = Disk("a", Group(place="live", files=torn, rows=torn), (), frozenset())

    said = {claim.id: claim for claim in claims(found, NAMES, driver="command")}

    assert (said["lost-is-kept"].ok, said["lost-is-kept"].evidence) == (False, ("c1 14",))
    assert said["rows-are-whole"].ok
    assert not rows_are_whole(spoilt).ok
    assert not rows_are_whole(Disk("a", None, (), frozenset())).ok


def test_each_driver_has_its_own_cells_and_claims() -> None:
    assert "standby-lost.loss" in claim_ids(driver="command")
    assert "standby-lost.loss" not in claim_ids()
    assert ("files-and-rows-agree" in claim_ids(), "lost-is-kept" in claim_ids()) == (True, False)
