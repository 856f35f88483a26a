"""How each shape is made with real packets, processes and disks, and how all of it is healed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock, layout
from support.bed.control_groups import ControlGroup
from support.bed.wire import HolderFailedError
from support.chaos.hands import FILL, FILL_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.bed.client import Node
    from support.outages.stage import OutageStage

A = layout.NODE_ADDRESSES["a"]
PORT = "vb-node-a"
DROPPED = "table inet outage { chain out { type filter hook output priority -100; %s drop; }; }"
MEMORY = next(path for path in (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")) if path.exists())
SERVING = ("maestro.service", "maestro-db.service")
LIMITS = ("memory.limit_in_bytes", "memory.max")
MEMORY_BYTES = 48 * 1024 * 1024
HOG = """
import os, sys
while True:
    if os.fork():
        os.wait()
        continue
    with open(sys.argv[1], "w") as group:
        group.write("0")
    held = []
    while True:
        held.append(bytearray(b"x" * 65536))
"""
DARK_SECONDS, AWAY_SECONDS, BACK_SECONDS, BROWN_SECONDS = 15.0, 2.5, 5.0, 10.0
JUMP_SECONDS = "7200"


class Hands:
    """One function a shape; `heal` ends whatever was done."""

    def __init__(self, stage: OutageStage) -> None:
        self._stage = stage
        self._bed = stage.bed
        self.memory = MEMORY / f"maestro-outage-{os.getpid()}"
        self._hog: subprocess.Popen[bytes] | None = None
        self.ways: dict[str, Callable[[], None]] = {
            "node-cut": lambda: self.a.cut("both"),
            "frozen": self.a.freeze,
            "power-lost": self.a.power_cut,
            "services-dead": lambda: self._stop("maestro.service maestro-db.service"),
            "one-service-dead": lambda: self._stop("maestro.service"),
            "disk-full": self._fill,
            "database-hung": lambda: self._run("systemctl kill --signal=STOP --kill-who=all maestro-db.service"),
            "deaf": lambda: self.a.cut("in"),
            "mute": lambda: self.a.cut("out"),
            "switch-down": self._cut_both,
            "dns-down": lambda: self._drop("udp dport 53"),
            "slow-network": self._crawl,
            "memory-exhausted": self._exhaust,
            "site-lost": self._lose_site,
            "reboot-in-grace": self._reboot,
            "icmp-blocked": lambda: self._drop("icmp type echo-request"),
            "witness-dead": lambda: stage.stop("witness"),
            "witnesses-cut": lambda: self._bed.part(layout.BED_ADDRESS, A),
            "operator-cut": lambda: self._drop("ip daddr 10.77.0.0/24"),
            "flapping": self._flap,
            "maintenance": self._maintain,
            "certificate-expired": lambda: stage.serve_tls("a", ends_in_days=-1),
            "clock-jump": self._jump,
            "api-brown-out": self._brown_out,
        }

    @property
    def a(self) -> Node:
        """The active node."""
        return self._bed.nodes["a"]

    def _run(self, script: str) -> None:
        self.a.run(script, timeout_seconds=30)

    def _stop(self, units: str) -> None:
        self._run(f"systemctl kill --signal=KILL --kill-who=all {units}; systemctl stop --no-block {units}")

    def _fill(self) -> None:
        self.a.run(f"{FILL_SCRIPT}; dd if=/dev/zero of={FILL}.rest bs=64k status=none; sync", timeout_seconds=60)

    def _drop(self, what: str) -> None:
        self._stage.in_network("nft", DROPPED % what)

    def _crawl(self) -> None:
        """Let what is sent to the node pass a thimble: 32 kbit a second, and a queue of two seconds."""
        shape = ("rate", "32kbit", "burst", "1600", "latency", "2s")
        self._stage.in_network("tc", "qdisc", "replace", "dev", PORT, "root", "tbf", *shape)

    def _exhaust(self) -> None:
        """Put every process of the node under one limit, beside one that eats all there is."""
        self.memory.mkdir(exist_ok=True)
        for number in self._processes():
            with contextlib.suppress(OSError):
                groups = Path(f"/proc/{number}/cgroup").read_text()
                # What serves is sacrificed first, as the largest of a machine is.
                if any(f"/{unit}" in groups for unit in SERVING):
                    Path(f"/proc/{number}/oom_score_adj").write_text("1000")
                (self.memory / "cgroup.procs").write_text(str(number))
        limit = next(item for item in LIMITS if (self.memory / item).exists())
        (self.memory / limit).write_text(str(MEMORY_BYTES))
        self._hog = subprocess.Popen(
            [sys.executable, "-c", HOG, str(self.memory / "cgroup.procs")], start_new_session=True
        )

    def _processes(self) -> list[int]:
        folder = self._bed.inside(Path("/sys/fs/cgroup")) / self._bed.plan.cgroup / "node-a"
        return list(ControlGroup(str(folder)).process_ids())

    def _cut_both(self) -> None:
        for node in self._bed.nodes.values():
            node.cut("both")

    def _lose_site(self) -> None:
        self._bed.bmcs["a"].set_mode("offline")
        self._stage.stop("witness")
        self.a.power_cut()

    def _reboot(self) -> None:
        self.a.soft_off()
        self.a.wait_off()
        clock.pause(DARK_SECONDS)
        self.a.power_on()

    def _flap(self) -> None:
        for _ in range(3):
            self.a.cut("both")
            clock.pause(AWAY_SECONDS)
            self.a.heal()
            clock.pause(BACK_SECONDS)

    def _maintain(self) -> None:
        window = {"name": "always", "schedule": "* * * * *", "durationSeconds": 3600, "timeZone": "Europe/Berlin"}
        self._stage.patch(detection={"maintenanceWindows": [window]})
        self.a.power_cut()

    def _jump(self) -> None:
        self._stage.offset.write_text(JUMP_SECONDS)
        clock.pause(BACK_SECONDS)
        self._stage.offset.write_text("0")

    def _brown_out(self) -> None:
        number = self._stage.plane.pids["kube-apiserver"]
        os.kill(number, signal.SIGSTOP)
        try:
            clock.pause(BROWN_SECONDS)
        finally:
            os.kill(number, signal.SIGCONT)

    # ------------------------------------------------------------ the end of it

    def heal(self, shape: str) -> None:
        """End whatever a shape did, and start what does not start by itself."""
        self._let_all_pass()
        if shape == "frozen":
            self.a.thaw()
        if self._hog is not None:
            os.killpg(self._hog.pid, signal.SIGKILL)
            self._hog.wait(timeout=30)
            self._hog = None
            self.a.power_cut()
            with contextlib.suppress(OSError):
                self.memory.rmdir()
        if not self.a.is_on():
            self.a.power_on()
            self.a.ssh_ready()
        if shape == "maintenance":
            self._stage.patch(detection={"maintenanceWindows": []})
        if shape == "certificate-expired":
            self._stage.serve_tls("a", ends_in_days=30)
        if "witness" not in self._stage.clients:
            self._stage.start_witness()
        self._let_run(shape)

    def _let_all_pass(self) -> None:
        bed = self._bed
        bed.join()
        bed.bmcs["a"].set_mode("honest")
        for command in (("nft", "delete table inet outage"), ("tc", "qdisc", "del", "dev", PORT, "root")):
            with contextlib.suppress(subprocess.CalledProcessError):
                self._stage.in_network(*command)
        for node in bed.nodes.values():
            node.heal()

    def _let_run(self, shape: str) -> None:
        with contextlib.suppress(HolderFailedError, clock.TimedOutError):
            self._run(f"rm -f {FILL} {FILL}.rest; systemctl kill --signal=CONT --kill-who=all maestro-db.service")
            if shape in ("services-dead", "one-service-dead", "disk-full", "database-hung"):
                for unit in ("maestro-db.service", "maestro.service"):
                    # A database that met a full disk may still be on its way out, and is no good one.
                    self.a.run(f"systemctl reset-failed {unit}; systemctl restart {unit}", timeout_seconds=90)
