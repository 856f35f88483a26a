"""The judge of chaos: each violation planted alone is found, and nothing where nothing is wrong."""

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest

from support.chaos import canaries, verdict
from support.chaos.audit import NodeLook, complaints
from support.chaos.verdict import ChaosEvidence
from support.judge.clients import ClientEvidence
from support.judge.events import Event
from support.judge.evidence import Ack, Disk, Group, StoredRecord

SECOND = 1_000_000_000
ADDRESSES = {"a": "10.77.0.11", "b": "10.77.0.12"}


def stored(number: int, *, node: str = "a", epoch: int = 1, boot: str = "boot-1") -> StoredRecord:
    """Return a record as it is stored, accepted in its own second."""
    payload = f"c1 writes {number}"
    return StoredRecord(
        sequence=number,
        client="c1",
        number=number,
        payload=payload,
        sha256=hashlib.sha256(payload.encode()).hexdigest(),
        node=node,
        boot_id=boot,
        epoch=epoch,
        monotonic_ns=number * SECOND,
        wall_ns=number * SECOND,
    )


def acked(record: StoredRecord) -> Ack:
    """Return the acknowledgement of a record."""
    return Ack(
        client=record.client,
        number=record.number,
        sha256=record.sha256,
        address=ADDRESSES[record.node],
        sent_ns=record.monotonic_ns,
        received_ns=record.monotonic_ns,
        node=record.node,
        boot_id=record.boot_id,
        epoch=record.epoch,
        monotonic_ns=record.monotonic_ns,
        duplicate=False,
    )


def disk(records: list[StoredRecord], *, node: str) -> Disk:
    """Return a disk with these records as its live group."""
    held = {record.key: record for record in records}
    return Disk(node=node, live=Group(place=node, files=held, rows=held), writes=(), kept_aside=frozenset())


def write(second: int, *, uid: str = "first", **status: object) -> Event:
    """Return a status write that was stored in this second."""
    detail = {"received_ns": second * SECOND - 1, "user": "operator", "uid": uid, "status": status}
    return Event(source="api", kind="status-write", wall_ns=second * SECOND, detail=detail)


def proof(node: str, *, at: int, method: str = "Fenced") -> dict[str, Any]:
    """Return a proof for a node in this second of 1970."""
    moment = f"1970-01-01T00:{at // 60:02d}:{at % 60:02d}+00:00"
    return {"node": node, "method": method, "evidence": [], "epoch": 2, "episode": "f-2", "provedAt": moment}


def failover(*, declared: float) -> dict[str, Any]:
    """Return the history entry of a failover from a to b, proved in second 20."""
    return {
        "id": "f-2",
        "kind": "Failover",
        "result": "Done",
        "source": "a",
        "target": "b",
        "declaredLossSeconds": declared,
        "proof": proof("a", at=20),
    }


def mark(number: int, owner: str) -> dict[str, Any]:
    """Return an epoch in force as status has it."""
    return {"inForce": {"number": number, "owner": owner, "episode": "e"}}


RECORDS = [stored(number) for number in range(10, 20)]
AFTER = [stored(number, node="b", epoch=2) for number in range(30, 40)]


def sound() -> ChaosEvidence:
    """Return a run with one failover that lost the last two records, which it declared."""
    history = [failover(declared=5.0)]
    named = Event(source="dns", kind="name-set", wall_ns=26 * SECOND, detail={"data": ADDRESSES["b"]})
    return ChaosEvidence(
        status={"activeNode": "b", "history": history},
        addresses=ADDRESSES,
        clients=ClientEvidence(acks=tuple(acked(record) for record in (*RECORDS, *AFTER)), failures=()),
        disks={"a": disk(RECORDS[:8], node="a"), "b": disk([*RECORDS[:8], *AFTER], node="b")},
        bmc=(),
        power=(
            Event(source="power", kind="power-on", wall_ns=1 * SECOND, node="a"),
            Event(source="power", kind="power-cut", wall_ns=19 * SECOND, node="a"),
        ),
        names=(named,),
        writes=(
            write(5, activeNode="a", epoch=mark(1, "a"), term=1),
            write(25, activeNode="b", epoch=mark(2, "b"), term=1, episode={"id": "f-2", "proof": proof("a", at=20)}),
            write(40, activeNode="b", epoch=mark(2, "b"), term=2, history=history),
        ),
        chronicle=(
            {"event": "audit", "wrong": []},
            {"event": "rest", "seconds": 12.0},
            {"event": "lookout", "samples": 100},
        ),
        wall_minus_monotonic_ns=0,
    )


def failed(evidence: ChaosEvidence) -> set[str]:
    """Return the claims that do not hold."""
    return {claim.id for claim in verdict.judge(evidence) if not claim.ok}


def test_a_sound_run_holds_every_claim() -> None:
    assert failed(sound()) == set()


def test_a_loss_beyond_what_was_declared_is_found() -> None:
    evidence = sound()
    less = [failover(declared=0.5)]
    writes = (*evidence.writes[:2], write(40, activeNode="b", epoch=mark(2, "b"), term=2, history=less))
    planted = dataclasses.replace(evidence, status={"activeNode": "b", "history": less}, writes=writes)
    assert failed(planted) == {"losses-were-declared"}


def test_a_record_that_a_switchover_lost_is_found() -> None:
    evidence = sound()
    disks = {**evidence.disks, "b": disk([*RECORDS[:8], *AFTER[1:]], node="b")}
    assert failed(dataclasses.replace(evidence, disks=disks)) == {"losses-were-declared"}


def test_two_writers_are_found() -> None:
    evidence = sound()
    late = [acked(stored(number, node="a", boot="boot-2")) for number in (35, 38)]
    clients = ClientEvidence(acks=(*evidence.clients.acks, *late), failures=())
    assert "one-writer" in failed(dataclasses.replace(evidence, clients=clients))


def test_a_promotion_while_the_fenced_node_had_power_is_found() -> None:
    evidence = sound()
    assert failed(dataclasses.replace(evidence, power=evidence.power[:1])) == {"proofs-were-true"}


def test_a_promotion_without_a_proof_for_the_other_node_is_found() -> None:
    evidence = sound()
    bare = write(25, activeNode="b", epoch=mark(2, "b"), term=1)
    planted = dataclasses.replace(evidence, writes=(evidence.writes[0], bare, evidence.writes[2]))
    assert "proofs-were-true" in failed(planted)


def test_a_name_that_was_set_too_early_is_found() -> None:
    evidence = sound()
    early = dataclasses.replace(evidence.names[0], wall_ns=24 * SECOND)
    assert failed(dataclasses.replace(evidence, names=(early,))) == {"names-followed"}


def test_a_write_whose_answer_died_with_the_api_server_is_no_early_name() -> None:
    evidence = sound()
    early = dataclasses.replace(evidence.names[0], wall_ns=24 * SECOND)
    killed = {"event": "strike", "fault": "api-killed", "wall": "1970-01-01T00:00:23+00:00"}
    planted = dataclasses.replace(evidence, names=(early,), chronicle=(*evidence.chronicle, killed))
    assert failed(planted) == set()


@pytest.mark.parametrize(
    "last", [write(40, activeNode="b", epoch=mark(1, "a"), term=2), write(40, activeNode="b", term=0)]
)
def test_a_number_that_fell_is_found(last: Event) -> None:
    evidence = sound()
    planted = dataclasses.replace(evidence, writes=(*evidence.writes[:2], last))
    assert "numbers-never-fell" in failed(planted)


def test_a_pair_that_was_created_again_counts_its_terms_anew_and_its_epochs_on() -> None:
    evidence = sound()
    found = write(40, uid="second", state="WaitForUser", term=1)
    adopted = write(41, uid="second", activeNode="b", epoch=mark(3, "b"), term=2)
    planted = dataclasses.replace(evidence, writes=(*evidence.writes, found, adopted))
    assert failed(planted) == set()
    fell = write(42, uid="second", activeNode="b", term=1)
    assert failed(dataclasses.replace(planted, writes=(*planted.writes, fell))) == {"numbers-never-fell"}
    again = write(41, uid="second", activeNode="b", epoch=mark(1, "a"), term=2)
    assert failed(dataclasses.replace(evidence, writes=(*evidence.writes, again))) == {"numbers-never-fell"}


@pytest.mark.parametrize(
    ("kind", "claim"),
    [("BothRun", "never-both-run"), ("Audit", "audits-found-nothing"), ("NoRest", "always-came-to-rest")],
)
def test_what_was_found_on_the_way_fails_its_claim(kind: str, claim: str) -> None:
    evidence = sound()
    finding = {"event": "finding", "kind": kind, "what": "planted"}
    assert failed(dataclasses.replace(evidence, chronicle=(*evidence.chronicle, finding))) == {claim}


def test_a_run_that_never_looked_proves_nothing() -> None:
    assert {"never-both-run", "audits-found-nothing", "always-came-to-rest"} == failed(
        dataclasses.replace(sound(), chronicle=())
    )


# ---------------------------------------------------------------- the audit after a move


def looks(**changes: NodeLook) -> dict[str, NodeLook]:
    """Return both nodes as they are after a failover to b."""
    guard = "inforce=2,b,f-2"
    running = NodeLook(is_on=True, units="active active", listening=3, guard=guard, processes=2)
    return {"a": NodeLook(is_on=True, units="inactive inactive", guard=guard), "b": running, **changes}


@pytest.mark.parametrize(
    ("changes", "names", "found"),
    [
        ({}, ["10.77.0.12"], ""),
        ({"a": NodeLook(is_on=False)}, ["10.77.0.12"], ""),
        ({"a": NodeLook(is_on=True, listening=1, guard="inforce=2,b,f-2")}, ["10.77.0.12"], "a runs services"),
        ({"a": NodeLook(is_on=True, guard="inforce=1,a,x")}, ["10.77.0.12"], "the guard of a holds 1,a,x"),
        ({"b": NodeLook(is_on=True, guard="inforce=2,b,f-2")}, ["10.77.0.12"], "b is active and runs nothing"),
        ({}, ["10.77.0.11"], "maestro.example.org is"),
    ],
)
def test_the_audit_says_what_is_wrong(changes: dict[str, NodeLook], names: list[str], found: str) -> None:
    status = {"activeNode": "b", "epoch": mark(2, "b")}
    wrong = complaints(status, looks(**changes), names=names, address=ADDRESSES["b"])
    assert (not wrong) if not found else (len(wrong) == 1 and found in wrong[0])


def test_a_secret_in_any_file_is_found(tmp_path: Path) -> None:
    clean, dirty = tmp_path / "clean.log", tmp_path / "dirty.log"
    clean.write_text("nothing here")
    dirty.write_text("fence_redfish --password=s3cr3t-canary")
    planted = {"a-bmc": "s3cr3t-canary"}
    assert "a-bmc (plain) in dirty.log" in canaries.claim(planted, tmp_path).evidence[1]
    dirty.unlink()
    assert canaries.claim(planted, tmp_path).ok
