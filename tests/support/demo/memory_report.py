"""Judges a demo with memory nodes by what their world recorded, and says in its first claim what it was played on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.judge.downtime import find_outages, outage_into
from support.report import Claim, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.demo.memory_world import LivingWorld

SWITCH, CUT, HAND_BACK = 2, 3, 5
"""The places in the story of the parts that move the service by order, by accident, and back."""
ALL_MOVES = 4
KNOCKS_WANTED = 20
MOVES = ("Activate", "Switchover", "Failover")


@dataclass(frozen=True, slots=True)
class Told:
    """A story that was played on memory nodes."""

    why: str
    """Why not on real ones."""
    trouble: str | None
    parts: Sequence[Mapping[str, Any]]
    history: Sequence[Mapping[str, Any]]
    """Newest first, as `status` has it."""
    living: LivingWorld

    def lost_in(self, part: int) -> int | None:
        """Return how many acknowledged records a part of the story lost; None where it was not played to its end."""
        if part >= len(self.parts):
            return None
        return int(self.parts[part]["lost_records"]) - int(self.parts[part - 1]["lost_records"])

    @property
    def moves(self) -> list[Mapping[str, Any]]:
        """Return the finished moves, oldest first."""
        return [item for item in reversed(self.history) if item["kind"] in MOVES and item["result"] == "Done"]


def judge(told: Told) -> tuple[Claim, ...]:
    """Return every claim; the first says what this run is worth."""
    return (
        Claim("parts", ok=True, measured="memory nodes on a real API server", bound="said", evidence=(told.why,)),
        Claim("story-was-told", told.trouble is None, told.trouble or "to the end", "to the end"),
        _switchovers_lost_nothing(told),
        _failover_loss_was_declared(told),
        _one_writer(told),
        _returner_started_nothing(told),
        _name_followed(told),
    )


def publish(told: Told, *, seconds: float) -> int:
    """Print the table and the claims, write build/demo.json, and return the exit code: 0 when every claim holds."""
    claims = judge(told)
    print(f"\n{table(told)}\n")
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
        for line in claim.evidence:
            print(f"       {line}")
    print(f"\n{write_report('demo', claims, seconds=seconds)}")
    return 0 if all(claim.ok for claim in claims) else 1


def _switchovers_lost_nothing(told: Told) -> Claim:
    lost = [told.lost_in(SWITCH), told.lost_in(HAND_BACK)]
    shown = tuple(f"{part['title']}: {part['lost_records']} of {part['acknowledged']} lost" for part in told.parts)
    return Claim("switchovers-lost-nothing", lost == [0, 0], str(lost), "[0, 0]", shown)


def _failover_loss_was_declared(told: Told) -> Claim:
    entry = next((item for item in told.moves if item["kind"] == "Failover"), None)
    records = told.lost_in(CUT)
    if entry is None or records is None:
        return Claim("failover-loss-was-declared", ok=False, measured="no failover", bound="<= declared")
    lost, declared = _lost_seconds(told, entry), float(entry.get("declaredLossSeconds", -1))
    shown = f"{entry['id']}: lost {records} records, {lost:.3f} s; declared {declared:.3f} s"
    return Claim("failover-loss-was-declared", lost <= declared, round(lost, 3), "<= declared", (shown,))


def _lost_seconds(told: Told, failover: Mapping[str, Any]) -> float:
    """Return the time from the oldest to the newest acknowledgement that a failover lost: the last before its epoch."""
    records = told.lost_in(CUT) or 0
    before = [ack for ack in told.living.acks if ack.epoch is not None and ack.epoch < _epoch(failover)]
    lost = before[-records:] if records else []
    return (lost[-1].received_ns - lost[0].received_ns) / 1e9 if lost else 0.0


def _epoch(entry: Mapping[str, Any]) -> int:
    return int(entry["proof"]["epoch"]) if entry.get("proof") else 0


def _one_writer(told: Told) -> Claim:
    moments = told.living.world.moments_with_two_writers
    return Claim("one-writer", not moments, len(moments), 0, tuple(moments[:5]))


def _returner_started_nothing(told: Told) -> Claim:
    knocks = told.living.knocks
    ok = knocks["accepted"] == 0 and knocks["refused"] >= KNOCKS_WANTED
    measured = f"{knocks['accepted']} accepted, {knocks['refused']} refused"
    return Claim("returner-started-nothing", ok, measured, f"0 accepted, >= {KNOCKS_WANTED} refused")


def _name_followed(told: Told) -> Claim:
    """After every move but the first, which nobody wrote before, the client's writes arrived on the move's target."""
    wrong = [
        f"{entry['id']}: no write arrived on {entry['target']}"
        for entry in told.moves[1:]
        if not any((ack.node, ack.epoch) == (entry["target"], _epoch(entry)) for ack in told.living.acks)
    ]
    ok = not wrong and len(told.moves) == ALL_MOVES
    measured = f"{len(told.moves)} moves, {len(wrong)} wrong"
    return Claim("names-followed", ok, measured, f"{ALL_MOVES} moves, 0 wrong", tuple(wrong))


def table(told: Told) -> str:
    """Return the episodes with downtime, loss and proof, as the memory client saw them."""
    outages = find_outages(told.living.acks, told.living.failures)
    rows = [("episode", "from", "to", "downtime", "declared loss", "measured loss", "proof")]
    for entry in told.moves:
        outage = outage_into(outages, _epoch(entry))
        failed = entry["kind"] == "Failover"
        part = CUT if failed else HAND_BACK if entry["trigger"] == "HandBack" else SWITCH
        lost = told.lost_in(part) if entry["kind"] != "Activate" else 0
        rows.append(
            (
                entry["kind"] + (" (hand back)" if entry["trigger"] == "HandBack" else ""),
                str(entry["source"]),
                str(entry["target"]),
                f"{outage.seconds:.2f} s" if outage else "-",
                f"{float(entry.get('declaredLossSeconds', 0)):.2f} s",
                f"{lost} records, {_lost_seconds(told, entry) if failed else 0:.2f} s",
                str(entry["proof"]["method"]) if entry.get("proof") else "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
