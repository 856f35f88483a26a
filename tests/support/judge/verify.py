"""`make verify-demo`: recomputes every claim of the demo from its raw evidence alone.

Nothing here knows what the operator thinks: the clients' acknowledgements, the disks after power-off,
the BMCs', the name server's and the API server's own logs speak. `status` is read for what it
declares, and held against them.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from support.judge import jsonlines, steps
from support.judge.clients import ClientEvidence, read_clients
from support.judge.database import Postgres
from support.judge.disk import read_disk
from support.judge.downtime import find_outages, outage_into
from support.judge.events import Event, read_bmc, read_name_changes, read_status_writes
from support.judge.evidence import Disk, EvidenceBrokenError
from support.judge.order import check_fenced_failover, lies_about_power
from support.judge.records import Audit, audit, disagreements
from support.judge.writers import find_two_writers
from support.report import Claim, write_report

PAIR = "maestro"
PUBLIC_NAME = "maestro.example.org"
NODES = ("a", "b")
OVERHEAD_SECONDS = 2.0
KNOCKS_WANTED = 20
NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything the demo left behind, read once."""

    folder: Path
    story: dict[str, Any]
    status: dict[str, Any]
    addresses: dict[str, str]
    clients: ClientEvidence
    disks: dict[str, Disk]
    bmc: tuple[Event, ...]
    names: tuple[Event, ...]
    writes: tuple[Event, ...]

    @property
    def history(self) -> list[dict[str, Any]]:
        """Return the finished moves, oldest first, as `status` declares them."""
        moves = ("Activate", "Switchover", "Failover")
        done = [item for item in self.status.get("history", []) if item["kind"] in moves]
        return [item for item in reversed(done) if item["result"] == "Done"]

    def epoch_of(self, entry: dict[str, Any]) -> int | None:
        """Return the epoch that a finished move put in force."""
        return entry["proof"]["epoch"] if entry.get("proof") else None

    @property
    def audit(self) -> Audit:
        """Judge the acknowledgements by the last owner's disk."""
        last = str(self.status["activeNode"])
        others = [disk for name, disk in self.disks.items() if name != last]
        return audit(self.clients.acks, survivor=self.disks[last], others=others)


def read_evidence(folder: Path, postgres: Postgres) -> Evidence:
    """Read the whole folder; a missing piece is an error, never an empty list."""
    pair = json.loads((folder / "pair.json").read_text())
    return Evidence(
        folder=folder,
        story=json.loads((folder / "story.json").read_text()),
        status=pair["status"],
        addresses={node["name"]: node["address"] for node in pair["spec"]["nodes"]},
        clients=read_clients(sorted(folder.glob("acks-*.jsonl"))),
        disks={name: read_disk(folder / "disks" / name, node=name, postgres=postgres) for name in NODES},
        bmc=read_bmc(folder / "bmc.jsonl"),
        names=read_name_changes(folder / "dns-updates.log", name=PUBLIC_NAME),
        writes=read_status_writes(folder / "audit.jsonl", name=PAIR),
    )


def told(evidence: Evidence) -> Claim:
    """The story was told to its end."""
    story = evidence.story
    return Claim("story-was-told", bool(story["told"]), story["trouble"] or "to the end", "to the end")


def switchovers_lost_nothing(evidence: Evidence) -> Claim:
    """No record that was acknowledged under an epoch that ended by a switchover, or goes on, is lost."""
    failed = {previous for previous, entry in _ends(evidence) if entry["kind"] == "Failover"}
    lost = [record for record in evidence.audit.lost if record.epoch not in failed]
    shown = tuple(f"{item.client}/{item.number} of epoch {item.epoch}: {item.missing}" for item in lost[:5])
    return Claim("switchovers-lost-nothing", not lost, len(lost), 0, shown)


def failover_loss_was_declared(evidence: Evidence) -> Claim:
    """What a failover really lost is never more than what it declared."""
    shown, ok, measured = [], True, 0.0
    for previous, entry in _ends(evidence):
        if entry["kind"] == "Failover":
            loss = evidence.audit.lost_in(previous)
            declared = float(entry.get("declaredLossSeconds", -1))
            ok &= loss.seconds <= declared
            measured = max(measured, loss.seconds)
            shown.append(f"{entry['id']}: lost {loss.records} records, {loss.seconds:.3f} s; declared {declared:.3f} s")
    return Claim("failover-loss-was-declared", ok and bool(shown), round(measured, 3), "<= declared", tuple(shown))


def _ends(evidence: Evidence) -> Iterator[tuple[int | None, dict[str, Any]]]:
    """Return each move with the epoch that it ended."""
    previous: int | None = None
    for entry in evidence.history:
        yield previous, entry
        previous = evidence.epoch_of(entry)


class Remains(Protocol):
    """What any run leaves behind, however it was told: the laws of one writer and of whole data are held to it."""

    @property
    def clients(self) -> ClientEvidence:
        """Return what the clients were told."""

    @property
    def disks(self) -> Mapping[str, Disk]:
        """Return the nodes' disks after power-off."""

    @property
    def bmc(self) -> tuple[Event, ...]:
        """Return the BMCs' own log."""

    @property
    def audit(self) -> Audit:
        """Return the acknowledgements, judged by the last owner's disk."""


def one_writer(evidence: Remains) -> Claim:
    """No two nodes accepted records at once, and no epoch came back."""
    writes = [write for disk in evidence.disks.values() for write in disk.writes]
    found = find_two_writers(evidence.clients.acks, writes)
    return Claim("one-writer", not found, len(found), 0, tuple(item.describe() for item in found[:5]))


def files_and_rows_agree(evidence: Remains) -> Claim:
    """Every live group's files and rows agree, and nothing exists twice with two contents."""
    found = list(evidence.audit.contradictions)
    for disk in evidence.disks.values():
        if disk.live is not None:
            found += disagreements(disk.live)
    shown = tuple(f"{item.place}: {item.what}" for item in found[:5])
    return Claim("files-and-rows-agree", not found, len(found), 0, shown)


def fence_was_true(evidence: Remains) -> Claim:
    """No BMC said off of a node that had power."""
    lies = lies_about_power(evidence.bmc)
    shown = tuple(f"bmc of {item.node} at {item.detail['wall']}" for item in lies[:5])
    return Claim("fence-was-true", not lies, len(lies), 0, shown)


def failover_kept_its_order(evidence: Evidence) -> Claim:
    """BMC off read twice < status write with the proof < promote on the node < the name moved."""
    failovers = [entry for entry in evidence.history if entry["kind"] == "Failover"]
    if not failovers:
        return Claim(
            "failover-kept-its-order", ok=False, measured="no failover", bound="BMC off twice < proof < promote"
        )
    shown, complaints = [], []
    for entry in failovers:
        promote = _promotion(evidence, entry["target"], entry["id"])
        after = promote.wall_ns if promote else 0
        address = evidence.addresses[entry["target"]]
        moved = [item for item in evidence.names if item.kind == "name-set" and item.detail["data"] == address]
        finding = check_fenced_failover(
            fenced=entry["source"],
            episode=entry["id"],
            bmc=evidence.bmc,
            status_writes=evidence.writes,
            promote=promote,
            afterwards=[item for item in moved if item.wall_ns > after][:1],
        )
        shown.append(finding.describe())
        complaints += [finding.complaint] if finding.complaint else []
    return Claim(
        "failover-kept-its-order", not complaints, complaints[0] if complaints else "kept", "kept", tuple(shown)
    )


def _promotion(evidence: Evidence, node: str, episode: str) -> Event | None:
    """Return the node's own record of a promotion, as it stood on its disk right afterwards."""
    path = evidence.folder / f"promoted-{node}.txt"
    if not path.exists():
        return None
    values = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    if values.get("episode") != episode:
        return None
    seconds, _, part = values["written"].partition(".")
    wall_ns = int(seconds) * 10**9 + int(part)
    return Event(source="node", kind="promoted", wall_ns=wall_ns, node=node, detail=values)


def names_followed(evidence: Evidence) -> Claim:
    """The name was only ever set to the node whose promotion stands in the last write before it."""
    wrong = []
    changes = [item for item in evidence.names if item.kind == "name-set"]
    for change in changes:
        before = [item for item in evidence.writes if item.wall_ns < change.wall_ns]
        active = before[-1].detail["status"].get("activeNode") if before else None
        if evidence.addresses.get(str(active)) != change.detail["data"]:
            wrong.append(f"set to {change.detail['data']} while {active} was active")
    final = evidence.addresses[str(evidence.status["activeNode"])]
    last = changes[-1].detail["data"] if changes else None
    ok = not wrong and last == final and len(changes) >= len(evidence.history)
    reached = {ack.address for ack in evidence.clients.acks[-1:]}
    ok = ok and reached == {final}
    measured = f"{len(changes)} changes, {len(wrong)} wrong"
    return Claim("names-followed", ok, measured, "each to the promoted node", tuple(wrong[:5]))


def returner_started_nothing(evidence: Evidence) -> Claim:
    """The node that came back from the dead answered, and no service of it did."""
    knocks = [line for path in evidence.folder.glob("knocks-*.jsonl") for line in jsonlines.read(path)]
    opened = [line for line in knocks if line["answer"] == "accepted"]
    alive = [line for line in knocks if line["answer"] == "refused"]
    measured = f"{len(opened)} accepted, {len(alive)} refused"
    ok = not opened and len(alive) >= KNOCKS_WANTED
    return Claim("returner-started-nothing", ok, measured, f"0 accepted, >= {KNOCKS_WANTED} refused")


def planned_switch_is_cheap(evidence: Evidence) -> Claim:
    """A planned switch spends under 2 s outside the services' own stop and start and the last sync.

    Counted are the steps beside those in which the services stop and start and the last sync runs; what the operator
    adds within those steps, by the nodes' own systemd, is shown beside. The story has two planned switches, and of each
    step the shorter span counts: what else runs on the machine only ever adds.
    """
    planned = [entry["id"] for entry in evidence.history if entry["kind"] == "Switchover"]
    costs = [steps.cost(evidence.folder, evidence.writes, episode) for episode in planned]
    measured = round(steps.outside(steps.shortest(costs)), 3)
    ok = bool(costs) and measured < OVERHEAD_SECONDS
    shown = tuple(cost.describe() for cost in costs)
    return Claim("planned-switch-is-cheap", ok, measured, f"< {OVERHEAD_SECONDS}", shown)


def steps_say_their_cost(evidence: Evidence) -> Claim:
    """Every step of every move says its seconds, remote commands and API writes, as others saw them.

    The API server's log has each write with its step, and the nodes' own logs have every command they were sent.
    """
    wrong = [text for entry in evidence.history for text in steps.misstated(entry, evidence.writes)]
    counted = sum(len(entry["steps"]) for entry in evidence.history)
    said = sum(step.get("remoteCommands", 0) for entry in evidence.history for step in entry["steps"])
    logged = steps.commands_logged(evidence.folder)
    if not 0 < said <= logged:
        wrong.append(f"{said} remote commands are said, the nodes logged {logged}")
    measured = f"{counted} steps, {said} of {logged} remote commands, {len(wrong)} wrong"
    return Claim("steps-say-their-cost", counted > 0 and not wrong, measured, "0 wrong", tuple(wrong[:5]))


CLAIMS: tuple[Callable[[Evidence], Claim], ...] = (
    told,
    switchovers_lost_nothing,
    failover_loss_was_declared,
    one_writer,
    files_and_rows_agree,
    fence_was_true,
    failover_kept_its_order,
    names_followed,
    returner_started_nothing,
    planned_switch_is_cheap,
    steps_say_their_cost,
)


def judge(evidence: Evidence) -> tuple[Claim, ...]:
    """Return every claim, judged; one whose evidence is broken has failed and says so."""
    return tuple(_guarded(claim, evidence) for claim in CLAIMS)


def _guarded(claim: Callable[[Evidence], Claim], evidence: Evidence) -> Claim:
    try:
        return claim(evidence)
    except (EvidenceBrokenError, KeyError, ValueError, OSError) as problem:
        return Claim(claim.__name__.replace("_", "-"), ok=False, measured=f"{problem!r}"[:200], bound="whole evidence")


def table(evidence: Evidence) -> str:
    """Return the episodes with downtime, loss and proof, as the clients and the disks saw them."""
    outages = find_outages(evidence.clients.acks, evidence.clients.failures)
    rows = [("episode", "from", "to", "downtime", "declared loss", "measured loss", "proof")]
    for previous, entry in _ends(evidence):
        epoch = evidence.epoch_of(entry)
        outage = outage_into(outages, epoch) if epoch is not None else None
        loss = evidence.audit.lost_in(previous)
        declared = entry.get("declaredLossSeconds")
        rows.append(
            (
                entry["kind"] + (" (hand back)" if entry["trigger"] == "HandBack" else ""),
                entry["source"],
                entry["target"],
                f"{outage.seconds:.2f} s" if outage else "-",
                f"{declared:.2f} s" if declared is not None else "0 s",
                f"{loss.records} records, {loss.seconds:.2f} s",
                entry["proof"]["method"] if entry.get("proof") else "-",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def main(arguments: list[str]) -> int:
    """Judge a folder, print the table and the claims, write the report."""
    options = _parser().parse_args(arguments)
    claims = _judged(options.evidence)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
        for line in claim.evidence:
            print(f"       {line}")
    path = write_report(options.target, claims, seconds=options.seconds)
    print(f"\n{path}")
    return 0 if all(claim.ok for claim in claims) else 1


def _judged(folder: Path) -> tuple[Claim, ...]:
    """Return every claim, judged, or the one that says why nothing can be."""
    try:
        if json.loads((folder / "story.json").read_text()).get("nodes") == "memory":
            measured = "none: the demo was played with memory nodes"
            return (Claim("evidence-of-real-parts", ok=False, measured=measured, bound="disks and logs of real parts"),)
        evidence = read_evidence(folder, _postgres(folder))
    except (EvidenceBrokenError, OSError, KeyError, ValueError) as problem:
        return (Claim("evidence-is-whole", ok=False, measured=f"{problem!r}"[:300], bound="whole"),)
    print(f"\n{table(evidence)}\n")
    return judge(evidence)


def _postgres(folder: Path) -> Postgres:
    """Return PostgreSQL's programs: this machine's, else the ones in the nodes' own root file system."""
    machine = Postgres()
    if machine.binaries.exists():
        return machine
    return Postgres(root=Path((folder / "root-file-system").read_text().strip()))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="support.judge.verify", description=__doc__)
    parser.add_argument("evidence", type=Path, help="the folder of raw evidence")
    parser.add_argument("--target", default="verify-demo", help="the name of the report under build/")
    parser.add_argument("--seconds", type=float, default=0.0, help="how long the command that is reported took")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
