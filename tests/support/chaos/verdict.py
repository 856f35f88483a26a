"""Judges a chaos run from raw evidence alone, with the judge's own tools; `status` is held against it.

Everything the pair ever said is read from the API server's audit log: the last ten episodes of `status`
would be too few. A run that was cut short is judged as far as it came.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.judge import jsonlines
from support.judge.clients import ClientEvidence, read_clients
from support.judge.disk import read_disk
from support.judge.events import Event, read_bmc, read_name_changes, read_power, read_status_writes, wall_nanoseconds
from support.judge.records import Audit, LostRecord, audit
from support.judge.verify import fence_was_true, files_and_rows_agree, one_writer
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from support.judge.database import Postgres
    from support.judge.evidence import Disk

PAIR = "maestro"
PUBLIC_NAME = "maestro.example.org"
NODES = ("a", "b")
MOVES = ("Activate", "Adopt", "Switchover", "Failover")
ROUNDING_NS = 1_000_000_000
"""Moments in `status` are whole seconds."""
IS_OFF, IS_ON = ("power-cut", "off"), ("power-on", "rebooted")


@dataclass(frozen=True, slots=True)
class ChaosEvidence:
    """Everything a run left behind, read once."""

    status: Mapping[str, Any]
    addresses: Mapping[str, str]
    clients: ClientEvidence
    disks: Mapping[str, Disk]
    bmc: tuple[Event, ...]
    power: tuple[Event, ...]
    names: tuple[Event, ...]
    writes: tuple[Event, ...]
    chronicle: tuple[Mapping[str, Any], ...]
    wall_minus_monotonic_ns: int

    @property
    def audit(self) -> Audit:
        """Judge the acknowledgements by the last owner's disk."""
        last = str(self.status["activeNode"])
        others = [disk for name, disk in self.disks.items() if name != last]
        return audit(self.clients.acks, survivor=self.disks[last], others=others)

    def history(self) -> list[Mapping[str, Any]]:
        """Return every finished episode that was ever in `status`, oldest first."""
        found: dict[str, Mapping[str, Any]] = {}
        for write in self.writes:
            for entry in reversed(write.detail["status"].get("history", [])):
                found.setdefault(str(entry["id"]), entry)
        for entry in reversed(self.status.get("history", [])):
            found.setdefault(str(entry["id"]), entry)
        return list(found.values())

    def noted(self, event: str) -> list[Mapping[str, Any]]:
        """Return the chronicle's lines of one kind."""
        return [line for line in self.chronicle if line["event"] == event]


def read_evidence(folder: Path, postgres: Postgres) -> ChaosEvidence:
    """Read the whole folder; a missing piece is an error, never an empty list."""
    pair = json.loads((folder / "pair.json").read_text())
    chronicle = jsonlines.read(folder / "chaos.jsonl")
    first = chronicle[0]
    return ChaosEvidence(
        status=pair["status"],
        addresses={node["name"]: node["address"] for node in pair["spec"]["nodes"]},
        clients=read_clients(sorted(folder.glob("acks-*.jsonl"))),
        disks={name: read_disk(folder / "disks" / name, node=name, postgres=postgres) for name in NODES},
        bmc=read_bmc(folder / "bmc.jsonl"),
        power=read_power(folder / "power.jsonl"),
        names=read_name_changes(folder / "dns-updates.log", name=PUBLIC_NAME),
        writes=read_status_writes(folder / "audit.jsonl", name=PAIR),
        chronicle=chronicle,
        wall_minus_monotonic_ns=wall_nanoseconds(str(first["wall"])) - int(first["monotonic_ns"]),
    )


# ---------------------------------------------------------------- what is claimed


def never_both_run(evidence: ChaosEvidence) -> Claim:
    """No sample of the kernel's process lists found services living on both nodes."""
    found = [line["what"] for line in evidence.noted("finding") if line["kind"] == "BothRun"]
    samples = sum(int(line["samples"]) for line in evidence.noted("lookout"))
    return Claim("never-both-run", not found and samples > 0, len(found), 0, (f"{samples} samples", *found[:5]))


def losses_were_declared(evidence: ChaosEvidence) -> Claim:
    """Every acknowledged record that is lost lies within what a failover after it declared; switchovers lose none."""
    windows = list(_windows(evidence))
    lost = evidence.audit.lost
    unexcused = [record for record in lost if not _is_declared(record, evidence, windows)]
    measured = f"{len(unexcused)} of {len(lost)} lost undeclared, {len(evidence.clients.acks)} acknowledged"
    shown = [f"{item.client}/{item.number} of epoch {item.epoch}: {item.missing}" for item in unexcused[:5]]
    shown += [f"{name}: declared {seconds:.1f} s" for name, _, seconds in windows]
    return Claim("losses-were-declared", not unexcused, measured, "0 undeclared", tuple(shown))


def _windows(evidence: ChaosEvidence) -> Iterator[tuple[str, int, float]]:
    """Yield each failover with the moment of its proof and what it declared to lose, in seconds."""
    for entry in evidence.history():
        if entry["kind"] == "Failover" and entry["result"] == "Done" and entry.get("proof"):
            declared = float(entry.get("declaredLossSeconds") or 0.0)
            yield str(entry["id"]), wall_nanoseconds(str(entry["proof"]["provedAt"])), declared


def _is_declared(record: LostRecord, evidence: ChaosEvidence, windows: Sequence[tuple[str, int, float]]) -> bool:
    received_ns = record.received_ns + evidence.wall_minus_monotonic_ns
    return any(
        proved_ns - declared * 1e9 - ROUNDING_NS <= received_ns <= proved_ns + ROUNDING_NS
        for _, proved_ns, declared in windows
    )


def promotions_had_true_proofs(evidence: ChaosEvidence) -> Claim:
    """Whenever status named a new owner on the word of a fence or of a person, the other node had no power."""
    wrong, count, before = [], 0, None
    for write in evidence.writes:
        status = write.detail["status"]
        active, proof = status.get("activeNode"), (status.get("episode") or {}).get("proof")
        if active is None or active == before:
            continue
        count += 1
        if before is not None and (proof is None or proof["node"] != before):
            wrong.append(f"{active} was named without a proof for {before}")
        elif proof and proof["method"] in ("Fenced", "Human") and has_power(evidence.power, before, at=write):
            wrong.append(f"{active} was named while {before} had power: {proof['evidence']}")
        before = active
    return Claim("proofs-were-true", not wrong and count > 0, len(wrong), 0, (f"{count} promotions", *wrong[:5]))


def has_power(power: Sequence[Event], node: str | None, *, at: Event) -> bool:
    """Tell whether a node had power when a status write reached the API server, by the supplies' own log."""
    asked_ns = int(at.detail["received_ns"])
    on = True
    for event in power:
        if event.node == node and event.wall_ns < asked_ns:
            on = event.kind in IS_ON or (on and event.kind not in IS_OFF)
    return on


def names_followed(evidence: ChaosEvidence) -> Claim:
    """The name was only ever set to the node that was promoted last.

    A write whose answer died with the API server is not in its log; the one after it shows what was stored.
    """
    wrong = []
    changes = [item for item in evidence.names if item.kind == "name-set"]
    for change in changes:
        before = [item for item in evidence.writes if item.wall_ns < change.wall_ns][-1:]
        after = [item for item in evidence.writes if item.wall_ns >= change.wall_ns][:1]
        gap = before + after if _died_between(evidence, before, change) else before
        owners = {evidence.addresses.get(str(item.detail["status"].get("activeNode"))) for item in gap}
        if change.detail["data"] not in owners:
            wrong.append(f"set to {change.detail['data']} at {change.wall_ns} while {owners} was active")
    final = evidence.addresses[str(evidence.status["activeNode"])]
    ok = not wrong and bool(changes) and changes[-1].detail["data"] == final
    return Claim(
        "names-followed", ok, f"{len(changes)} changes, {len(wrong)} wrong", "each to its owner", tuple(wrong[:5])
    )


def _died_between(evidence: ChaosEvidence, before: Sequence[Event], change: Event) -> bool:
    start_ns = before[0].wall_ns if before else 0
    kills = [line for line in evidence.noted("strike") if str(line["fault"]).startswith("api-")]
    return any(start_ns - 10**9 <= wall_nanoseconds(str(line["wall"])) <= change.wall_ns for line in kills)


def epochs_never_fell(evidence: ChaosEvidence) -> Claim:
    """Epoch in force never fell in what was written, nor one object's term, and one epoch has one owner.

    A pair that is created again takes the term of its nodes, which may never have heard the last one that was
    written; who still has that one speaks for an object that the nodes no longer obey.
    """
    wrong: list[str] = []
    owners: dict[int, str] = {}
    number = 0
    terms: dict[str | None, int] = {}
    for write in evidence.writes:
        status = write.detail["status"]
        mark = (status.get("epoch") or {}).get("inForce")
        if mark is not None:
            if mark["number"] < number:
                wrong.append(f"epoch {mark['number']} after {number}")
            if owners.setdefault(mark["number"], mark["owner"]) != mark["owner"]:
                wrong.append(f"epoch {mark['number']} has two owners")
            number = max(number, mark["number"])
        uid, said = write.detail["uid"], int(status.get("term", 0))
        if said < terms.setdefault(uid, said):
            wrong.append(f"term {said} after {terms[uid]} of {uid}")
        terms[uid] = max(terms[uid], said)
    highest = ", ".join(f"term {term} of {uid}" for uid, term in terms.items())
    return Claim("numbers-never-fell", not wrong, len(wrong), 0, (f"epoch {number}, {highest}", *wrong[:5]))


def audits_found_nothing(evidence: ChaosEvidence) -> Claim:
    """After every move the look from outside agreed with what the pair said."""
    wrong = [str(line["what"]) for line in evidence.noted("finding") if line["kind"] == "Audit"]
    count = len(evidence.noted("audit"))
    return Claim("audits-found-nothing", not wrong and count > 0, len(wrong), 0, (f"{count} audits", *wrong[:5]))


def always_came_to_rest(evidence: ChaosEvidence) -> Claim:
    """After every round the pair came to rest within the bound, with the person doing what its holds ask for."""
    wrong = [str(line["what"]) for line in evidence.noted("finding") if line["kind"] in ("NoRest", "Stuck")]
    rests = [float(line["seconds"]) for line in evidence.noted("rest")]
    shown = (f"{len(rests)} rests, the longest {max(rests, default=0.0):.0f} s", *wrong[:5])
    return Claim("always-came-to-rest", not wrong and bool(rests), len(wrong), 0, shown)


CLAIMS: tuple[Callable[[ChaosEvidence], Claim], ...] = (
    one_writer,
    never_both_run,
    losses_were_declared,
    files_and_rows_agree,
    promotions_had_true_proofs,
    fence_was_true,
    names_followed,
    epochs_never_fell,
    audits_found_nothing,
    always_came_to_rest,
)


def judge(evidence: ChaosEvidence) -> tuple[Claim, ...]:
    """Return every claim about what happened."""
    return tuple(claim(evidence) for claim in CLAIMS)
