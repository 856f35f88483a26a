"""What an outage was spent on, as each side's own log tells it, with a fault in it each."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from support.peers.judge import NotSeenError
from support.peers.parts import Parts, parts_of
from support.peers.spent import Spent, spent_claims

if TYPE_CHECKING:
    from pathlib import Path

BEGAN_NS = 100_000_000_000
PACEMAKER = """\
Nov 30 07:28:59.000000 node-a pacemaker-controld[662]:  notice: Node node-b state is now lost
Nov 30 07:29:04.500000 node-a pacemaker-controld[662]:  notice: Node node-b state is now lost
Nov 30 07:29:06.000000 node-a pacemaker-fenced[658]:  notice: Operation 'reboot' targeting node-b by node-a for x: OK
Nov 30 07:29:06.200000 node-a systemd[1]: whatever
"""


def _folder(folder: Path, side: str, *, served_seconds: float) -> Path:
    play = {"side": side, "old": "b", "final": "a", "began_ns": BEGAN_NS, "began_wall": "2026-11-30T07:29:01+00:00"}
    (folder / "play.json").write_text(json.dumps(play))
    with (folder / "answers.jsonl").open("w") as file:
        for seconds, by in ((-1.0, "b"), (1.0, ""), (served_seconds, "a"), (served_seconds + 1, "a")):
            sent = BEGAN_NS + int(seconds * 1e9)
            file.write(json.dumps({"sent_ns": sent, "ended_ns": sent, "by": by}) + "\n")
    return folder


def _pair(folder: Path, *, evidence: list[str]) -> None:
    history = [
        {"kind": "Rejoin", "id": "rejoin-3", "startedAt": "2026-11-30T07:29:40.000Z"},
        {
            "kind": "Failover",
            "id": "failover-3",
            "startedAt": "2026-11-30T07:29:06.000Z",
            "proof": {"evidence": evidence},
        },
        {"kind": "Failover", "id": "failover-2", "startedAt": "2026-11-30T07:00:00.000Z"},
    ]
    (folder / "pair.json").write_text(json.dumps({"status": {"history": history}}))


def test_the_operators_parts_are_those_of_its_own_history_and_both_readings(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "operator", served_seconds=12.0)
    _pair(folder, evidence=[f"fence_redfish x: off at {moment}, process 1" for moment in ("106.500", "108.750")])

    parts = parts_of(folder)

    assert parts == Parts(detection=5.0, fence=1.5, proof=2.25, start=3.25)
    assert parts.after_verdict == 4.75


def test_a_failover_without_a_reading_is_not_seen(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "operator", served_seconds=12.0)
    _pair(folder, evidence=["somebody says that b is off"])

    with pytest.raises(NotSeenError, match="failover-3 names no reading"):
        parts_of(folder)


def test_pacemakers_parts_are_those_of_the_log_since_the_accident(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "pacemaker", served_seconds=5.5)
    (folder / "pacemaker-a.log").write_text(PACEMAKER)

    assert parts_of(folder) == Parts(detection=3.5, fence=1.5, proof=0.0, start=0.5)


def test_who_fences_nobody_has_neither_fence_nor_proof(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "keepalived", served_seconds=4.0)
    log = "Nov 30 07:29:04.600000 node-a Keepalived_vrrp[398]: (hello) Entering MASTER STATE\n"
    (folder / "keepalived-a.log").write_text(log)

    parts = parts_of(folder)

    assert (parts.detection, parts.fence, parts.proof) == (3.6, None, None)
    assert parts.start == pytest.approx(0.4)


def test_a_log_that_says_nothing_or_the_impossible_is_no_figure(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "pacemaker", served_seconds=3.0)
    (folder / "pacemaker-a.log").write_text(PACEMAKER)
    with pytest.raises(NotSeenError, match="out of order"):
        parts_of(folder)

    (folder / "pacemaker-a.log").write_text("")
    with pytest.raises(NotSeenError, match="does not say"):
        parts_of(folder)


def test_seconds_after_the_verdict_are_compared_round_by_round_without_the_second_look() -> None:
    ours = Parts(detection=9.0, fence=1.0, proof=2.0, start=3.0)
    theirs = Parts(detection=3.0, fence=0.5, proof=0.0, start=1.5)
    sides = [
        Spent(side="operator", parts={0: ours, 1: ours}),
        Spent(side="pacemaker", parts={1: theirs}, unseen=("round 0: the log does not say it",)),
    ]

    own, peer, ratio = spent_claims(sides, 1)

    assert "proof 2.00 (2.00 to 2.00, n=2)" in str(own.measured)
    assert peer.ok
    assert str(ratio.measured).endswith("2.00 (2.00 to 2.00, n=1); goal 1.0 in the median: missed")
    assert [claim.ok for claim in spent_claims(sides, 2)] == [True, False, False]
