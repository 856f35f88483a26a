"""`make journey`: walks the tutorial in an empty cluster, waits for its alert, follows the alert's runbook, goes on.

API server, RBAC, Helm, Git, Prometheus and the operator are real; the two servers are the operator's memory nodes, and
the report says so first. BREAK=no-alert leaves the alert out, and then the journey must fail.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from support.controlplane.clock import monotonic_seconds
from support.docscheck.desk import Desk
from support.docscheck.pages import ROOT, TUTORIAL, taken_apart
from support.docscheck.play import filled_in, is_at_desk
from support.docscheck.record import Record, Tried, read
from support.docscheck.tutorial import PAIR, play_tutorial
from support.journey.alerting import Alerts, alerting
from support.prometheus_server import free_port
from support.report import BUILD, Claim, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from support.docscheck.pages import Block

ALERT = "MaestroPairDown"
ALERT_SECONDS = 240.0
PARTS = "real API server, RBAC, Helm, Git, Prometheus and operator; nodes in memory"
MOVES = [("Switchover", "a", "b"), ("Failover", "b", "a"), ("Switchover", "a", "b")]


class Journey:
    """What is looked at between the tutorial's own blocks."""

    def __init__(self, desk: Desk, alerts: Alerts, record: Record) -> None:
        """Begin with nothing seen."""
        self._desk, self._alerts, self._record = desk, alerts, record
        self.alert: dict[str, Any] = {}
        self.history: list[dict[str, Any]] = []
        self.subjects: list[str] = []
        self.writers_at_once: list[str] | None = None

    def after(self, block: Block) -> None:
        """Waits for the alert after the accident and does as its runbook says; keeps what is there before the end."""
        if (block.language, block.text) == ("accident", "power-cut b"):
            self.alert = self._alerts.fires(ALERT, pair=PAIR, within_seconds=ALERT_SECONDS)
            if self.alert:
                self._follow(self.alert["annotations"]["runbook_url"])
        elif "helm upgrade maestro-operator" in block.text:
            self.history = list(self._desk.status(PAIR)["history"])  # type: ignore[call-overload]
            self.writers_at_once = self._desk.writers_at_once(PAIR)
            log = ("git", "-C", str(self._desk.folder / "pairs"), "log", "--reverse", "--format=%s")
            self.subjects = subprocess.run(log, check=True, capture_output=True, text=True).stdout.splitlines()

    def _follow(self, runbook: str) -> None:
        for block in taken_apart(runbook, (ROOT / runbook).read_text()).blocks:
            if is_at_desk(block):
                text = filled_in(block.text, PAIR, self._desk.status(PAIR))
                code, said = self._desk.run(text)
                self._record.note(Tried("command", runbook, block.line, text, code, said))


def main() -> int:
    """Walk, judge, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.journey", description=__doc__)
    parser.add_argument("--break", dest="planted", default="", choices=["", "no-alert"])
    planted = parser.parse_args().planted
    began, directory = monotonic_seconds(), BUILD / "journey"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    claims = walked(directory, planted=planted)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
    build = directory if planted else BUILD
    print(write_report("journey", claims, seconds=monotonic_seconds() - began, build=build))
    return 0 if all(claim.ok for claim in claims) else 1


def walked(directory: Path, *, planted: str) -> list[Claim]:
    """Walks the whole way and returns what can be claimed of it."""
    record = Record(directory / "tried.jsonl")
    page = taken_apart(TUTORIAL, (ROOT / TUTORIAL).read_text())
    port, left_out = free_port(), ALERT if planted else ""
    with (
        alerting(directory / "prometheus", scraped_port=port, leaves_out=left_out) as alerts,
        Desk(directory / "desk", port=port) as desk,
    ):
        journey = Journey(desk, alerts, record)
        play_tutorial(page, desk, record, after=journey.after)
        left = desk.plane.run_kubectl("get", "deployments,mp", "--all-namespaces", "-o", "name").split()
    wanted = sum(block.language == "sh" for block in page.blocks)
    return judge(journey, read(directory / "tried.jsonl"), wanted=wanted, left=left)


def judge(journey: Journey, tried: list[Tried], *, wanted: int, left: list[str]) -> list[Claim]:
    """Returns the claims, from the commands' own ends, Git's log, Prometheus' word, status and the nodes' record."""
    mine, runbook = [one for one in tried if one.page == TUTORIAL], [one for one in tried if one.page != TUTORIAL]
    good = sum(one.code == 0 for one in mine)
    bad = tuple(f"{one.page}:{one.line}: {one.said[-300:]}" for one in tried if one.code)
    carried_out = [one for one in reversed(journey.history) if one["result"] == "Done"]
    moves = [(one["kind"], one["source"], one["target"]) for one in carried_out]
    done = [move for move in moves if move[0] in ("Switchover", "Failover")]
    url = str(journey.alert.get("annotations", {}).get("runbook_url", "none"))
    ran = sum(one.code == 0 for one in runbook)
    at_once = -1 if journey.writers_at_once is None else len(journey.writers_at_once)
    return [
        Claim("parts", ok=True, measured=PARTS, bound="said"),
        Claim("every-block-of-the-tutorial-ran", good == wanted, good, wanted, bad),
        Claim("the-alert-fired", bool(journey.alert), json.dumps(journey.alert.get("labels", {})), ALERT),
        Claim("its-runbook-was-followed", 0 < ran == len(runbook), f"{ran} of {len(runbook)} of {url}", "all, > 0"),
        Claim("the-moves-were-those-of-git", done == MOVES, str(done), str(MOVES), tuple(journey.subjects)),
        Claim("one-writer", at_once == 0, at_once, 0),
        Claim("nothing-is-left", not left, ", ".join(left) or "nothing", "nothing"),
    ]


if __name__ == "__main__":
    sys.exit(main())
