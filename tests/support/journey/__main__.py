"""`make journey`: walks the tutorial between two plain servers and an empty cluster, and a night on call within it.

Servers, controllers, name server, API server, RBAC, Helm, Git, Prometheus and operators are real; what is typed stands
on the pages. BREAK=no-alert leaves the alert out, and then the journey must fail.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from support.controlplane.clock import monotonic_seconds
from support.docscheck.pages import ROOT, TUTORIAL, taken_apart
from support.docscheck.record import Record, read
from support.docscheck.tutorial import play_tutorial
from support.journey import judge, servers
from support.journey.alerting import alerting
from support.journey.bed_desk import BedDesk
from support.journey.reader import Walker
from support.judge.database import Postgres
from support.report import BUILD, Claim, write_report
from support.run_folder import emptied


def main() -> int:
    """Walk, judge, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.journey", description=__doc__)
    parser.add_argument("--break", dest="planted", default="", choices=["", "no-alert"])
    planted = parser.parse_args().planted
    began = monotonic_seconds()
    with emptied(BUILD / "journey") as directory:
        claims = walked(directory, planted=planted)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
        for line in claim.evidence:
            print(f"       {line}")
    target = f"journey-{planted}" if planted else "journey"
    print(write_report(target, claims, seconds=monotonic_seconds() - began))
    return 0 if all(claim.ok for claim in claims) else 1


def walked(directory: Path, *, planted: str) -> list[Claim]:
    """Walks the whole way and returns what can be claimed of it."""
    record, evidence = Record(directory / "tried.jsonl"), directory / "evidence"
    evidence.mkdir()
    page = taken_apart(TUTORIAL, (ROOT / TUTORIAL).read_text())
    with BedDesk(directory / "desk") as desk:
        servers.bring_plain(desk.bed)
        servers.prepare(desk.bed)
        left_out = judge.ALERT if planted else ""
        with alerting(directory / "prometheus", discovery=desk.discovery, leaves_out=left_out) as alerts:
            reader = Walker(desk, alerts, record, evidence=evidence)
            play_tutorial(page, desk, record, reader=reader)
            (evidence / "drawn.json").write_text(json.dumps(alerts.drawn()))
        reader.end()
        left = desk.plane.run_kubectl("get", "deployments,mp", "--all-namespaces", "-o", "name").split()
        assert desk.plane.audit_log is not None
        servers.keep(desk.bed, reader.seen.pair, audit=desk.plane.audit_log, folder=evidence)
    wanted = sum(block.language == "sh" for block in page.blocks)
    tried = read(directory / "tried.jsonl")
    postgres = Postgres()
    if not postgres.binaries.exists():
        postgres = Postgres(root=Path((evidence / "root-file-system").read_text().strip()))
    drawn = json.loads((evidence / "drawn.json").read_text())
    way = judge.walked(reader.seen, tried, wanted=wanted, unused=list(reader.unused), left=left, drawn=drawn)
    return [*way, *judge.data(evidence, postgres)]


if __name__ == "__main__":
    sys.exit(main())
