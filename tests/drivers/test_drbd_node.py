"""What the program on a node does with what DRBD says: DRBD is a text and a script here, all else is real."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(60)

NODE_FILES = Path(__file__).parents[2] / "operator/maestro_operator/transport/node"
CONFIG = """pair=p-1
node=a
peer=b
live=/srv/maestro
drbd_resource=r0
drbd_minor=0
drbd_disk=/dev/vg0/maestro
drbd_freeze_seconds=30
drbd_verify_seconds={every}
"""
WORDS = "version: 8.4.11\n 0: cs:{cs} ro:{role}/Secondary ds:UpToDate/{peer} C r-----\n    ns:0 nr:0 wo:f oos:{oos}\n"
GUARD = '#!/bin/sh\ncase $* in *show*) printf "inforce_epoch=1\\ninforce_owner=a\\ngrant_epoch=0\\n" ;; esac\n'
DRBDADM = '#!/bin/sh\necho "$*" >>@ROOT@/ordered\n'


@dataclass(frozen=True)
class DrbdNode:
    """A root with the program, a guard that lets everything, and a DRBD that does as it is written."""

    root: Path

    def says(self, *, cs: str = "Connected", role: str = "Primary", peer: str = "UpToDate", oos: int = 0) -> None:
        """Sets what the kernel says."""
        (self.root / "proc/drbd").write_text(WORDS.format(cs=cs, role=role, peer=peer, oos=oos))

    def call(self, *words: str) -> dict[str, str]:
        """Calls the program."""
        done = subprocess.run(
            ("sh", str(self.root / "lib/maestro-drbd"), "--root", str(self.root), *words),
            env={**os.environ, "PATH": f"{self.root}/bin:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done
        return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)

    @property
    def verifies(self) -> int:
        """How often a comparison was ordered."""
        ordered = self.root / "ordered"
        return ordered.read_text().split("\n").count("verify r0") if ordered.exists() else 0

    def pass_seconds(self, seconds: int) -> None:
        """Lets the last comparison be so much longer ago."""
        path = self.root / "var/lib/maestro-replica/verify"
        lines = dict(line.split("=", 1) for line in path.read_text().splitlines())
        for key in ("uptime", "wall"):
            lines[key] = str(int(lines[key]) - seconds)
        # Another boot: the wall clock counts, since uptime cannot be below zero.
        lines["boot"] = "11111111-1111-1111-1111-111111111111"
        path.write_text("".join(f"{key}={value}\n" for key, value in lines.items()))


@pytest.fixture
def node(tmp_path: Path) -> DrbdNode:
    for folder in ("etc/maestro-guard", "proc", "lib", "bin", "run"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copyfile(NODE_FILES / "maestro-drbd", tmp_path / "lib/maestro-drbd")
    (tmp_path / "etc/maestro-guard/config").write_text(CONFIG.format(every=3600))
    (tmp_path / "run/maestro-guard").mkdir()
    (tmp_path / "run/maestro-guard/drbd-joined").touch()
    for path, text in (("lib/maestro-guard", GUARD), ("bin/drbdadm", DRBDADM), ("bin/drbdsetup", "#!/bin/sh\n")):
        (tmp_path / path).write_text(text.replace("@ROOT@", str(tmp_path)))
        (tmp_path / path).chmod(0o755)
    made = DrbdNode(tmp_path)
    made.says()
    return made


def test_the_owner_compares_both_sides_when_the_time_has_come_and_not_before(node: DrbdNode) -> None:
    node.call("run")
    node.call("run")
    early = (node.verifies, node.call("observe")["drbd_verified_age_seconds"])
    node.pass_seconds(3700)
    node.call("run")
    node.says(cs="VerifyS")
    node.call("run")
    during = (node.verifies, node.call("observe")["drbd_verified_age_seconds"])
    node.says()
    node.call("run")
    node.call("run")

    assert (early, during) == ((0, "none"), (1, "none"))
    assert node.verifies == 1
    assert int(node.call("observe")["drbd_verified_age_seconds"]) < 30


def test_a_comparison_that_a_cut_ended_is_begun_anew(node: DrbdNode) -> None:
    node.call("run")
    node.pass_seconds(3700)
    node.call("run")
    node.says(cs="WFConnection", peer="DUnknown")
    node.call("run")
    node.says()
    node.call("run")

    assert node.verifies == 2
    assert node.call("observe")["drbd_verified_age_seconds"] == "none"


@pytest.mark.parametrize(("role", "oos", "every"), [("Secondary", 0, 3600), ("Primary", 12, 3600), ("Primary", 0, 0)])
def test_nothing_is_compared_by_a_standby_over_a_known_difference_or_where_it_is_not_wanted(
    node: DrbdNode, role: str, oos: int, every: int
) -> None:
    node.call("run")
    node.pass_seconds(3700)
    (node.root / "etc/maestro-guard/config").write_text(CONFIG.format(every=every))
    node.says(role=role, oos=oos)

    node.call("run")

    assert node.verifies == 0


def test_a_clock_that_was_set_back_makes_the_time_count_anew(node: DrbdNode) -> None:
    node.call("run")
    node.pass_seconds(-3700)
    node.call("run")
    node.call("run")

    assert node.verifies == 0


def test_data_is_told_also_where_drbd_is_slow_to_say_its_name(node: DrbdNode) -> None:
    (node.root / "bin/drbdadm").write_text("#!/bin/sh\nsleep 6\necho '  00000000000000AA:0:0:0:1:1:0'\n")
    (node.root / "bin/drbdadm").chmod(0o755)

    assert node.call("observe")["sent"] == "1.170"
