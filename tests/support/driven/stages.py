"""The stages of the two drivers: rsync between containers, a DRBD mirror between machines."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import yaml
from typing_extensions import override

from support.bed import clock
from support.demo.stage import Stage
from support.mirror.pair import FIRST_DATA, RESOURCE, WITHOUT_DATA
from support.standin import initialise

if TYPE_CHECKING:
    from support.bed.description import Kind
    from support.driven.cells import Driver
    from support.manifests import Manifest

SCRIPT_SECONDS = 180.0
MOUNT = "/srv/maestro"
FREEZE_SECONDS = 300
"""Longer than an outage takes to be concluded on such slow machines, and all deadlines of the fence after it."""
LARGE = "head -c 60000000 /dev/urandom >/srv/maestro/files/large-$RANDOM && sync -f /srv/maestro"


class DrivenStage(Stage):
    """A pair that may move as often as it is played with, and that keeps nobody waiting for an acknowledgement."""

    interval_seconds = 10
    patience = 1.0
    """By how much everything takes longer than on a container."""

    @override
    def pair(self) -> str:
        manifest: Manifest = yaml.safe_load(super().pair())
        self.adapt(manifest["spec"])
        return yaml.safe_dump(manifest, sort_keys=False)

    def adapt(self, spec: Manifest) -> None:
        """Change what this stage has otherwise."""
        spec["failover"]["blockSeconds"] = 0
        spec["detection"]["flapLimit"] = 100

    def make_large(self, name: str) -> None:
        """Make a copy, and a resync, take a moment."""
        self.bed.nodes[name].run(LARGE, timeout_seconds=SCRIPT_SECONDS)

    def is_sending(self, name: str) -> bool:
        """Tell whether the owner sends a copy at this moment."""
        words = "systemctl is-active maestro-replica.service"
        return self.bed.nodes[name].run(words).stdout.decode().strip() == "activating"


class MirrorStage(DrivenStage):
    """The same with a mirror: what is acknowledged is on both, or the owner freezes; nothing may be lost."""

    kind: Kind = "machine"
    patience = 4.0

    @override
    def make_data(self) -> None:
        for name in self.bed.nodes:
            text = f"cat >/etc/drbd.d/r0.res <<'END'\n{RESOURCE}END\nmkdir -p {MOUNT}\n{WITHOUT_DATA}"
            self._do(name, text)
        self._do("a", f"{FIRST_DATA}\ndrbdadm primary r0 && mount /dev/drbd0 {MOUNT}")
        initialise(self.bed.nodes["a"])
        self._do("a", f"umount {MOUNT} && drbdadm secondary r0")

    @override
    def adapt(self, spec: Manifest) -> None:
        super().adapt(spec)
        spec["replication"] = {
            "drbd": {
                "resource": "r0",
                "disk": "/dev/ubdb",
                "mount": MOUNT,
                "peerLostFreezeSeconds": FREEZE_SECONDS,
            }
        }
        spec["failover"]["maxDataLossSeconds"] = 0
        spec["detection"] |= {
            "timeoutSeconds": 20,
            "periodSeconds": 10,
            "downForSeconds": 40,
            "startupGraceSeconds": 60,
        }

    @override
    def is_sending(self, name: str) -> bool:
        """Each write is sent before it is acknowledged: there is no moment without."""
        return True

    @override
    def keep_disk(self, name: str) -> None:
        image = self.directory / f"disk-{name}.img"
        plain = self.bed.plan.node(name).image
        subprocess.run(("cp", "--sparse=always", str(plain), str(image)), check=True, timeout=60)
        # The journal of a file system whose power went is played back on the copy.
        subprocess.run(("e2fsck", "-fy", str(image)), check=False, capture_output=True, timeout=120)
        live = self.evidence / "disks" / name / "maestro"
        live.mkdir(parents=True)
        subprocess.run(("debugfs", "-R", f"rdump / {live}", str(image)), check=True, capture_output=True, timeout=120)

    def _do(self, name: str, script: str) -> None:
        ran = self.bed.nodes[name].run(f"set -e\n{script}", timeout_seconds=SCRIPT_SECONDS)
        if ran.return_code != 0:
            raise clock.TimedOutError(f"{name}: {script[:80]}: {ran.stderr.decode(errors='replace')[-400:]}")


def stage_of(driver: Driver) -> type[DrivenStage]:
    """Return the stage on which a driver's cells are played."""
    from support.driven.product_stage import ProductStage  # noqa: PLC0415 - it is made of this one

    return {"rsync": DrivenStage, "drbd": MirrorStage, "command": ProductStage}[driver]
