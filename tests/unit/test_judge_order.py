"""The judge of order: the lawful failover passes, and each step out of its place fails."""

import json
from pathlib import Path
from typing import Any

import pytest

from support.judge.events import (
    Event,
    first_writes,
    read_bmc,
    read_name_changes,
    read_power,
    read_status_writes,
    wall_nanoseconds,
)
from support.judge.evidence import EvidenceBrokenError, Write
from support.judge.order import Finding, check_fenced_failover, episodes_with_proof, lies_about_power, proof_write

SECOND = 1_000_000_000
EPISODE = "failover-7"


def test_the_lawful_order_passes_and_is_shown() -> None:
    found = check()

    assert found.complaint is None
    assert found.ok
    assert found.describe() == (
        "bmc read-off a < bmc read-off a (+2.500 s) < api status-write (+0.500 s)"
        " < guard promote b (+1.000 s) < dns name-set (+1.000 s)"
    )


@pytest.mark.parametrize(
    ("bmc", "complaint"),
    [
        pytest.param([], "read off 0 time(s)", id="never read"),
        pytest.param([("read-off", 12)], "read off 1 time(s)", id="read once"),
        pytest.param([("read-off", 11), ("read-off", 12.5)], "within 1.500 s", id="read twice at once"),
        pytest.param([("read-off", 10), ("read-on", 11), ("read-off", 12.5)], "1 time(s)", id="on in between"),
        pytest.param([("read-off", 10), ("read-off", 12.5), ("read-on", 12.7)], "0 time(s)", id="on again at the end"),
        pytest.param([("read-off", 10), ("read-other", 11), ("read-off", 12.5)], "1 time(s)", id="not off in between"),
        pytest.param([("read-off", 9), ("reset", 10), ("read-off", 11.5)], "1 time(s)", id="read before the cut"),
        pytest.param([("read-off", 10), ("read-off", 13.5)], "1 time(s)", id="second reading after the proof"),
    ],
)
def test_power_off_must_be_read_twice_before_the_proof(bmc: list[tuple[str, float]], complaint: str) -> None:
    found = check(bmc=[event("bmc", kind, at=at, node="a") for kind, at in bmc])

    assert not found.ok
    assert complaint in (found.complaint or "")


def test_readings_of_the_other_node_prove_nothing() -> None:
    found = check(bmc=[event("bmc", "read-off", at=at, node="b") for at in (10, 12.5)])

    assert found.complaint == "node a was read off 0 time(s) before the proof, not twice"


def test_a_proof_of_the_wrong_node_fails() -> None:
    found = check(status_writes=[proving(at=13, node="b")])

    assert found.complaint == "the proof does not speak of node a"


def test_a_promotion_before_the_proof_was_stored_fails() -> None:
    assert check(promote_at=12.9).complaint == "the node promoted before the proof was stored"


def test_a_promotion_while_the_proof_was_being_written_fails() -> None:
    assert check(status_writes=[proving(at=14.5, received_at=13)]).complaint == (
        "the node promoted before the proof was stored"
    )


def test_a_name_set_before_the_promotion_fails() -> None:
    found = check(afterwards=[event("dns", "name-set", at=13.5)])

    assert found.complaint == "dns name-set came before the promotion"


def test_a_missing_proof_and_a_missing_promotion_fail() -> None:
    assert check(status_writes=[]).complaint == f"no status write carries a proof for episode {EPISODE}"
    assert check(status_writes=[proving(at=13, episode="failover-6")]).ok is False
    assert check(promote_at=None).complaint == "there is no evidence of a promotion"


def test_episodes_are_found_by_their_proof() -> None:
    writes = [proving(at=20, episode="second", node="b"), proving(at=13), proving(at=14)]

    assert episodes_with_proof(writes) == ((EPISODE, "a"), ("second", "b"))
    assert episodes_with_proof(writes, method="Demoted") == ()
    assert proof_write(writes, episode=EPISODE) == writes[1]


def test_a_bmc_that_says_off_while_the_node_has_power_is_a_liar(tmp_path: Path) -> None:
    log = jsonl(
        tmp_path / "bmc.jsonl",
        bmc_line(second=1, power="Off", true_power="Off"),
        bmc_line(second=2, power="Off", true_power="On"),
        bmc_line(second=3, power="On", true_power="On"),
    )

    assert [wall.wall_ns % (60 * SECOND) for wall in lies_about_power(read_bmc(log))] == [2 * SECOND]


def test_only_answered_reads_of_the_bmc_are_readings(tmp_path: Path) -> None:
    log = jsonl(
        tmp_path / "bmc.jsonl",
        {**bmc_line(second=1, power="Off"), "status": 401, "answer": {"error": {}}},
        {**bmc_line(second=2), "method": "POST", "status": 403, "answer": {"error": {}}},
        {**bmc_line(second=2), "method": "POST", "status": 204, "answer": None},
        bmc_line(second=3, power="Off"),
        bmc_line(second=4, power=None),
        {**bmc_line(second=5), "answer": {"Members": []}},
        {"wall": wall(6), "monotonic_ns": 6, "bmc": "a", "event": "mode", "mode": "lying"},
    )

    assert [(found.kind, found.node) for found in read_bmc(log)] == [
        ("reset", "a"),
        ("read-off", "a"),
        ("read-other", "a"),
    ]


def test_power_events_keep_their_node_and_moment(tmp_path: Path) -> None:
    log = jsonl(tmp_path / "power.jsonl", {"wall": wall(1), "monotonic_ns": 1, "node": "a", "event": "power-cut"})

    (found,) = read_power(log)

    assert (found.kind, found.node, found.wall_ns) == ("power-cut", "a", wall_nanoseconds(wall(1)))


def test_only_accepted_writes_of_this_pairs_status_count(tmp_path: Path) -> None:
    accepted = audit_line()
    log = jsonl(
        tmp_path / "audit.log",
        {**accepted, "responseStatus": {"code": 422}},
        {**accepted, "stage": "ResponseStarted"},
        {**accepted, "verb": "get"},
        {**accepted, "objectRef": {**accepted["objectRef"], "name": "other"}},
        {**accepted, "objectRef": {**accepted["objectRef"], "subresource": None}},
        {**accepted, "requestObject": {"metadata": {}}},
        accepted,
    )

    (found,) = read_status_writes(log, name="maestro")

    assert found.wall_ns - found.detail["received_ns"] == 4_000_000
    assert found.detail["user"] == "system:serviceaccount:maestro:operator"
    assert episodes_with_proof([found]) == ((EPISODE, "a"),)


def test_name_changes_are_read_from_binds_own_words(tmp_path: Path) -> None:
    start = "update: client @0x7f 10.77.0.1#4242/key maestro-operator: view live: updating zone 'example.org/IN':"
    log = tmp_path / "dns-updates.log"
    log.write_text(
        f"{wall(1)} {start} deleting rrset at 'maestro.example.org' A\n"
        f"{wall(1)} {start} adding an RR at 'maestro.example.org' A 10.77.0.12\n"
        f"{wall(2)} {start} adding an RR at 'other.example.org' A 10.77.0.12\n"
        f"{wall(2)} update-security: client @0x7f 10.77.0.1#4242: signer approved\n"
    )

    found = read_name_changes(log, name="maestro.example.org")

    assert [(change.kind, change.detail["data"]) for change in found] == [
        ("name-removed", None),
        ("name-set", "10.77.0.12"),
    ]


def test_the_first_record_of_each_node_and_epoch_is_an_event() -> None:
    found = first_writes([write("b", 2, at=9), write("a", 1, at=1), write("a", 1, at=2), write("b", 2, at=8)])

    assert [(first.node, first.detail["epoch"], first.wall_ns) for first in found] == [("a", 1, 1), ("b", 2, 8)]


def test_a_time_without_a_zone_is_no_evidence() -> None:
    with pytest.raises(EvidenceBrokenError, match="no time zone"):
        wall_nanoseconds("2026-11-22T19:00:00")


def check(
    *,
    bmc: list[Event] | None = None,
    status_writes: list[Event] | None = None,
    promote_at: float | None = 14,
    afterwards: list[Event] | None = None,
) -> Finding:
    """Judge a failover from a to b that is lawful but for what is given."""
    readings = [event("bmc", "read-on", at=8, node="a"), event("bmc", "reset", at=9, node="a")]
    readings += [event("bmc", "read-off", at=at, node="a") for at in (10, 12.5)]
    return check_fenced_failover(
        fenced="a",
        episode=EPISODE,
        bmc=readings if bmc is None else bmc,
        status_writes=[proving(at=13)] if status_writes is None else status_writes,
        promote=None if promote_at is None else event("guard", "promote", at=promote_at, node="b"),
        afterwards=[event("dns", "name-set", at=15)] if afterwards is None else afterwards,
    )


def event(source: str, kind: str, *, at: float, node: str | None = None) -> Event:
    return Event(source=source, kind=kind, wall_ns=int(at * SECOND), node=node)


def proving(*, at: float, received_at: float | None = None, node: str = "a", episode: str = EPISODE) -> Event:
    received_ns = int((at if received_at is None else received_at) * SECOND)
    status = {"episode": {"id": episode, "proof": {"node": node, "method": "Fenced", "episode": episode}}}
    return Event(
        source="api",
        kind="status-write",
        wall_ns=int(at * SECOND),
        detail={"received_ns": received_ns, "user": "operator", "status": status},
    )


def write(node: str, epoch: int, *, at: int) -> Write:
    return Write(
        sequence=at,
        client="c1",
        number=at,
        sha256="",
        node=node,
        boot_id="boot",
        epoch=epoch,
        monotonic_ns=at,
        wall_ns=at,
    )


def wall(second: int) -> str:
    return f"2026-11-22T19:00:{second:02d}.000000+00:00"


def bmc_line(*, second: int, power: str | None = "On", true_power: str = "Off") -> dict[str, Any]:
    return {
        "wall": wall(second),
        "monotonic_ns": second,
        "bmc": "a",
        "event": "request",
        "method": "GET",
        "path": "/redfish/v1/Systems/System.Embedded.1",
        "status": 200,
        "answer": {"PowerState": power},
        "true_power_before": true_power,
        "true_power_after": true_power,
    }


def audit_line() -> dict[str, Any]:
    return {
        "stage": "ResponseComplete",
        "verb": "patch",
        "user": {"username": "system:serviceaccount:maestro:operator"},
        "objectRef": {"resource": "maestropairs", "subresource": "status", "name": "maestro"},
        "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-11-22T19:00:13.000000Z",
        "stageTimestamp": "2026-11-22T19:00:13.004000Z",
        "requestObject": {
            "status": {"episode": {"id": EPISODE, "proof": {"node": "a", "method": "Fenced", "episode": EPISODE}}}
        },
    }


def jsonl(path: Path, *lines: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path
