"""The judge of records: each fault planted alone, each found, and nothing found where nothing is wrong."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support.judge import jsonlines
from support.judge.clients import read_clients
from support.judge.evidence import Ack, Disk, EvidenceBrokenError, Group, Key, StoredRecord, Write
from support.judge.records import Audit, LostRecord, audit, disagreements

SECOND = 1_000_000_000


def test_a_sound_run_has_nothing_to_report() -> None:
    records = [stored(number) for number in range(1, 6)]

    found = audit([acked(record) for record in records], survivor=disk(records))

    assert found == Audit(acknowledged=5, lost=(), disagreements=(), contradictions=())


def test_an_acknowledged_record_that_is_nowhere_is_lost() -> None:
    records = [stored(number) for number in range(1, 6)]

    found = audit([acked(record) for record in records], survivor=disk(records[:4]))

    lost = LostRecord(
        client="c1", number=5, node="a", epoch=1, received_ns=5 * SECOND, missing="file and row", kept_aside=False
    )
    assert found.lost == (lost,)


def test_the_loss_is_the_time_between_the_oldest_and_the_newest_lost_acknowledgement() -> None:
    records = [stored(number) for number in range(1, 8)]

    found = audit([acked(record) for record in records], survivor=disk(records[:4]))

    assert found.lost_seconds == 2.0


def test_each_failover_has_its_own_loss() -> None:
    first = [stored(number, epoch=1) for number in range(1, 4)]
    second = [stored(number, epoch=2, node="b") for number in range(4, 8)]
    survivor = disk([*first[:2], *second[:2]])

    found = audit([acked(record) for record in (*first, *second)], survivor=survivor)

    assert [(loss.epoch, loss.records, loss.seconds) for loss in found.losses()] == [(1, 1, 0.0), (2, 2, 1.0)]
    assert found.lost_in(3).records == 0


def test_a_lost_record_that_quarantine_kept_is_lost_but_not_thrown_away() -> None:
    record = stored(1)
    old_side = dataclasses.replace(disk([], node="a"), live=None, kept_aside=frozenset({record.key}))

    found = audit([acked(record)], survivor=disk([], node="b"), others=[old_side])

    assert [lost.kept_aside for lost in found.lost] == [True]


@pytest.mark.parametrize("half", ["file", "row"])
def test_half_a_record_is_lost(half: str) -> None:
    records = [stored(number) for number in range(1, 4)]
    group = group_of(records)
    broken = (
        dataclasses.replace(group, files=without(group.files, records[1]))
        if half == "file"
        else dataclasses.replace(group, rows=without(group.rows, records[1]))
    )

    found = audit([acked(record) for record in records], survivor=disk(records, live=broken))

    assert [(lost.number, lost.missing) for lost in found.lost] == [(2, half)]


def test_a_row_without_a_file_is_a_disagreement() -> None:
    records = [stored(1), stored(2)]
    group = group_of(records)

    found = disagreements(dataclasses.replace(group, files=without(group.files, records[0])))

    assert [complaint.what for complaint in found] == ["record c1/1: a row without a file"]


def test_the_one_file_in_flight_at_a_power_cut_is_no_disagreement() -> None:
    records = [stored(1), stored(2)]
    group = group_of(records)

    assert disagreements(dataclasses.replace(group, rows=without(group.rows, records[1]))) == ()


def test_files_from_a_later_moment_than_the_rows_are_a_disagreement() -> None:
    records = [stored(number) for number in range(1, 5)]
    group = group_of(records)

    found = disagreements(dataclasses.replace(group, rows={records[0].key: records[0]}))

    assert [complaint.what for complaint in found] == [
        "record c1/3: a file without a row",
        "record c1/4: a file without a row",
    ]


def test_a_file_and_a_row_that_differ_are_a_disagreement() -> None:
    record = stored(1)
    group = dataclasses.replace(group_of([record]), rows={record.key: dataclasses.replace(record, node="b")})

    assert [complaint.what for complaint in disagreements(group)] == ["record c1/1: file and row differ in node"]


def test_a_record_that_rotted_on_disk_is_a_disagreement() -> None:
    rotten = dataclasses.replace(stored(1), payload="rotten")

    whats = [complaint.what for complaint in disagreements(group_of([rotten]))]

    assert whats == [
        "record c1/1: the file contradicts its own digest",
        "record c1/1: the row contradicts its own digest",
    ]


def test_an_unreadable_database_is_a_disagreement_and_not_an_empty_one() -> None:
    group = dataclasses.replace(group_of([]), database_problem="PANIC: no checkpoint")

    assert [complaint.what for complaint in disagreements(group)] == [
        "the database cannot be read: PANIC: no checkpoint"
    ]


def test_content_that_is_not_what_was_acknowledged_is_a_disagreement() -> None:
    record = stored(1)

    found = audit([acked(stored(1, payload="other"))], survivor=disk([record]))

    assert [complaint.what for complaint in found.disagreements] == [
        "record c1/1: the file is not what the client was acknowledged",
        "record c1/1: the row is not what the client was acknowledged",
    ]


def test_a_number_stored_twice_with_different_content_is_a_contradiction() -> None:
    record = stored(1)
    old_side = dataclasses.replace(disk([], node="a"), live=None, writes=(written(stored(1, payload="other")),))

    found = audit([acked(record)], survivor=disk([record], node="b"), others=[old_side])

    assert [complaint.what for complaint in found.contradictions] == ["record c1/1: 2 contents"]


def test_a_number_stored_twice_with_the_same_content_is_a_retry() -> None:
    record = stored(1, node="b", epoch=2)
    old_side = dataclasses.replace(disk([], node="a"), live=None, writes=(written(stored(1)),))

    found = audit([acked(record)], survivor=disk([record], node="b"), others=[old_side])

    assert (found.lost, found.contradictions) == ((), ())


def test_a_survivor_without_data_is_no_evidence() -> None:
    with pytest.raises(EvidenceBrokenError, match="holds no live data"):
        audit([acked(stored(1))], survivor=dataclasses.replace(disk([]), live=None))


def test_clients_that_were_never_answered_are_no_evidence(tmp_path: Path) -> None:
    acks = tmp_path / "acks.jsonl"
    acks.write_text("")

    with pytest.raises(EvidenceBrokenError, match="nothing to judge"):
        read_clients([acks])


def test_an_acknowledgement_for_another_record_is_refused(tmp_path: Path) -> None:
    acks = tmp_path / "acks.jsonl"
    line = ack_line(1)
    line["answer"] = {**line["answer"], "number": 2}
    acks.write_text(json.dumps(line) + "\n")

    with pytest.raises(EvidenceBrokenError, match="another record"):
        read_clients([acks])


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    acks = tmp_path / "acks.jsonl"
    acks.write_text(json.dumps(ack_line(1)) + "\n" + json.dumps(ack_line(2))[:40])

    assert [ack.number for ack in read_clients([acks]).acks] == [1]


def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path) -> None:
    acks = tmp_path / "acks.jsonl"
    acks.write_text(json.dumps(ack_line(1))[:40] + "\n" + json.dumps(ack_line(2)) + "\n")

    with pytest.raises(EvidenceBrokenError, match=r"acks.jsonl:1"):
        jsonlines.read(acks)


def digest(payload: str) -> str:
    return hashlib.sha256(payload.encode()).hexdigest()


def stored(number: int, *, epoch: int | None = 1, node: str = "a", payload: str | None = None) -> StoredRecord:
    content = f"c1 writes {number}" if payload is None else payload
    return StoredRecord(
        sequence=number,
        client="c1",
        number=number,
        payload=content,
        sha256=digest(content),
        node=node,
        boot_id=f"boot-{node}",
        epoch=epoch,
        monotonic_ns=number * SECOND,
        wall_ns=number * SECOND,
    )


def acked(record: StoredRecord) -> Ack:
    return Ack(
        client=record.client,
        number=record.number,
        sha256=record.sha256,
        address="10.77.0.11",
        sent_ns=record.monotonic_ns,
        received_ns=record.monotonic_ns,
        node=record.node,
        boot_id=record.boot_id,
        epoch=record.epoch,
        monotonic_ns=record.monotonic_ns,
        duplicate=False,
    )


def written(record: StoredRecord) -> Write:
    return Write(
        sequence=record.sequence,
        client=record.client,
        number=record.number,
        sha256=record.sha256,
        node=record.node,
        boot_id=record.boot_id,
        epoch=record.epoch,
        monotonic_ns=record.monotonic_ns,
        wall_ns=record.wall_ns,
    )


def group_of(records: list[StoredRecord]) -> Group:
    held = {record.key: record for record in records}
    return Group(place="/srv/maestro", files=held, rows=dict(held))


def disk(records: list[StoredRecord], *, node: str = "b", live: Group | None = None) -> Disk:
    writes = tuple(written(record) for record in records)
    return Disk(node=node, live=live or group_of(records), writes=writes, kept_aside=frozenset())


def without(held: Mapping[Key, StoredRecord], record: StoredRecord) -> dict[Key, StoredRecord]:
    return {key: value for key, value in held.items() if key != record.key}


def ack_line(number: int) -> dict[str, Any]:
    answer: dict[str, object] = {
        "node": "a",
        "boot_id": "boot-a",
        "epoch": 1,
        "monotonic_ns": number,
        "client": "c1",
        "number": number,
        "sha256": digest(f"c1 writes {number}"),
        "duplicate": False,
    }
    return {
        "kind": "ack",
        "client": "c1",
        "number": number,
        "payload": f"c1 writes {number}",
        "address": "10.77.0.11",
        "sent_ns": number,
        "received_ns": number,
        "answer": answer,
    }
