"""Who walks: types what the pages say, does by hand what they say in words, and looks at what there is to be seen."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from support.docscheck.pages import ROOT, taken_apart
from support.docscheck.play import filled_in, is_at_desk
from support.docscheck.record import Tried
from support.docscheck.tutorial import PAIR
from support.journey import own_words, servers
from support.standin import PUBLIC_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from support.bed.namespace import Process
    from support.docscheck.pages import Block
    from support.docscheck.record import Record
    from support.journey.alerting import Alerts
    from support.journey.bed_desk import BedDesk
    from support.manifests import Manifest

ALERT = "MaestroPairDown"
ALERT_SECONDS = 240.0
KEYSCAN_SECONDS = 20.0


@dataclass
class Seen:
    """What was seen on the way, for the judge."""

    alert: dict[str, Any] = field(default_factory=dict)
    unanswered: list[str] | None = None
    """The lines marked CHANGE that nobody changed; None where the walk did not come so far."""
    pair: Manifest = field(default_factory=dict)
    """The pair before it was released."""
    subjects: list[str] = field(default_factory=list)
    """What Git's log has as the reasons of the moves."""
    before_upgrade: str = ""
    after_upgrade: str = ""
    at_the_end: str = ""
    """The services' main processes on the active node."""
    left: list[str] | None = None


class Walker:
    """A reader with two real servers."""

    def __init__(self, desk: BedDesk, alerts: Alerts, record: Record, *, evidence: Path) -> None:
        """Begin with nothing seen."""
        self._desk, self._alerts, self._record, self._evidence = desk, alerts, record, evidence
        self._own = own_words.words_of(desk.bed)
        self._client: Process | None = None
        self.unused = dict(self._own)
        """The words of the page that were not met yet."""
        self.seen = Seen()

    def typed(self, text: str) -> str:
        """Returns a block with this reader's own words."""
        if "helm upgrade maestro-operator" in text:
            self._look_before_the_upgrade()
        for example, own in self._own.items():
            if example in text:
                self.unused.pop(example, None)
                text = text.replace(example, own)
        return text

    def happens(self, what: str, node: str) -> None:
        """Pulls a plug, or puts it back; then waits for the alert, and does as its runbook says."""
        server = self._desk.bed.nodes[node]
        if what == "power-on":
            server.power_on()
            return
        server.power_cut()
        self.seen.alert = self._alerts.fires(ALERT, pair=PAIR, within_seconds=ALERT_SECONDS)
        if self.seen.alert:
            self._follow(self.seen.alert["annotations"]["runbook_url"])

    def after(self, block: Block) -> None:
        """Does what the tutorial says in words after one of its blocks."""
        if "ssh-keygen" in block.text:
            servers.let_in(self._desk.bed, (self._desk.folder / "node_key.pub").read_bytes())
        elif "kubectl maestro init" in block.text:
            self._go_through(self._desk.folder / "pair.yaml")
        elif "kubectl maestro status -n maestro lists" in block.text and self._client is None:
            self._client = self._begin_to_write()
        elif "helm upgrade maestro-operator" in block.text:
            self.seen.after_upgrade = self._processes()
        elif "helm uninstall" in block.text:
            self.seen.at_the_end = self._processes()
            self.seen.left = servers.left_of_the_operator(self._desk.bed)

    def end(self) -> None:
        """Stops writing, so that what was told is all on disk."""
        if self._client is not None:
            self._client.stop()

    def _go_through(self, path: Path) -> None:
        begun = path.read_text()
        pair = own_words.gone_through(yaml.safe_load(begun), self._desk.bed, host_key_of=self._host_key)
        self.seen.unanswered = own_words.unanswered(begun, pair)
        path.write_text(yaml.safe_dump(pair, sort_keys=False))

    def _host_key(self, address: str) -> str:
        """Returns a server's key by the command that stands beside it in the file."""
        command = (*self._desk.enter, "ssh-keyscan", "-t", "ed25519", address)
        ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=KEYSCAN_SECONDS)
        return ran.stdout.strip().partition(" ")[2]

    def _begin_to_write(self) -> Process:
        """Starts somebody who uses the application through its public name from now on."""
        return self._desk.bed.spawn(
            [
                *(sys.executable, "-m", "support.client", "--name", "c1", "--dns", self._desk.bed.dns.address),
                *("--url", f"http://{PUBLIC_NAME}/lui/record", "--out", str(self._evidence / "acks-c1.jsonl")),
            ],
            log=self._evidence / "client-c1.log",
            environment={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        )

    def _follow(self, runbook: str) -> None:
        for block in taken_apart(runbook, (ROOT / runbook).read_text()).blocks:
            if is_at_desk(block):
                text = filled_in(block.text, PAIR, self._desk.status(PAIR))
                code, said = self._desk.run(text)
                self._record.note(Tried("command", runbook, block.line, text, code, said))

    def _look_before_the_upgrade(self) -> None:
        found = self._desk.plane.run_kubectl("get", "mp", PAIR, "--namespace=maestro", "-o", "json")
        self.seen.pair = json.loads(found)
        log = ("git", "-C", str(self._desk.folder / "pairs"), "log", "--reverse", "--format=%s")
        self.seen.subjects = subprocess.run(log, check=True, capture_output=True, text=True).stdout.splitlines()
        self.seen.before_upgrade = self._processes()

    def _processes(self) -> str:
        return servers.processes(self._desk.bed.nodes[self.seen.pair["status"]["activeNode"]])
