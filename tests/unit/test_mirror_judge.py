"""The judge of the mirror's story: sound evidence holds, and each thing that went wrong is seen by its own claim."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from support.mirror import judge
from support.mirror.parts import PARTS, claim_ids

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SECOND = 1_000_000_000
PART = ("power-cut",)
LINES = tuple(f"a-{number:06}" for number in range(1, 6))
AFTER = tuple(f"b-{number:06}" for number in range(1, 4))


def image(path: Path, lines: Iterable[str], folder: Path) -> None:
    """Makes a small file system that holds the written file."""
    tree = folder / f"tree-{path.name}"
    tree.mkdir()
    (tree / "written").write_text("".join(f"{line}\n" for line in lines))
    with path.open("wb") as file:
        file.truncate(2 << 20)
    mke2fs = shutil.which("mke2fs", path="/usr/sbin:/sbin:/usr/bin:/bin")
    assert mke2fs is not None
    subprocess.run((mke2fs, "-q", "-t", "ext4", "-d", str(tree), str(path)), check=True, timeout=30)


def told(seconds: int, event: str, **fields: object) -> dict[str, object]:
    return {"monotonic_ns": seconds * SECOND, "event": event, **fields}


def acked(line: str, seconds: float) -> dict[str, object]:
    return {"node": line[0], "line": line, "sent_ns": int(seconds * SECOND), "told_ns": int(seconds * SECOND)}


def console(*lines: str) -> str:
    return "".join(f"[{at:5}.000000] {line}\n" for at, line in enumerate(lines, 1))


HANDLER = "drbd r0: helper command: /sbin/drbdadm fence-peer r0 exit code {}"
UP = "block drbd0: role( Secondary -> Primary )"
SURVIVOR = (
    "mirror-part: power-cut begin",
    HANDLER.format("1 (0x100)"),
    HANDLER.format("1 (0x100)"),
    HANDLER.format("7 (0x700)"),
    UP,
    "mirror-part: power-cut end",
)
DEAD = ("mirror-part: power-cut begin", "Linux version 6.1", "mirror-part: rejoin", "mirror-part: power-cut end")


class Story:
    """The evidence of a power cut, which a test spoils in one thing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.survivor: tuple[str, ...] = SURVIVOR
        self.dead: tuple[str, ...] = DEAD
        self.disk = (*LINES, *AFTER)
        self.other = self.disk
        self.aside = LINES
        self.outcomes = {"none": "refused: PeerNotFenced", "stale": "refused: PeerNotFenced", "fresh": "done"}

    def failing(self) -> set[str]:
        """Writes everything down, and returns the claims that do not hold."""
        lines = [told(1, "begin", part="power-cut", owner="a", standby="b"), told(10, "power-cut", node="a")]
        lines += [told(11, "tried", node="b", receipt=key, outcome=value) for key, value in self.outcomes.items()]
        lines += [told(12, "kept-aside", node="a", number=0, code=0)]
        lines += [told(20, "end", part="power-cut", owner="b", standby="a")]
        (self.folder / "told.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        acks = [acked(line, 2 + at) for at, line in enumerate(LINES)] + [acked(line, 13) for line in AFTER]
        (self.folder / "acks.jsonl").write_text("".join(json.dumps(line) + "\n" for line in acks))
        (self.folder / "console-a.log").write_text(console(*self.dead))
        (self.folder / "console-b.log").write_text(console(*self.survivor))
        image(self.folder / "disk-b.img", self.disk, self.folder)
        image(self.folder / "disk-a.img", self.other, self.folder)
        image(self.folder / "aside-0-a.img", self.aside, self.folder)
        subprocess.run(("gzip", "-1", str(self.folder / "aside-0-a.img")), check=True, timeout=30)
        return {claim.id for claim in judge.claims(self.folder, PART) if not claim.ok}


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_a_sound_power_cut_holds(story: Story) -> None:
    assert story.failing() == set()


def test_a_disk_that_came_up_before_any_receipt_is_seen(story: Story) -> None:
    story.survivor = (SURVIVOR[0], UP, *SURVIVOR[1:4], SURVIVOR[5])

    assert story.failing() == {
        "power-cut.refused-without",
        "power-cut.refused-stale",
        "power-cut.promoted-on-receipt",
    }


def test_a_stale_receipt_that_served_is_seen(story: Story) -> None:
    story.outcomes["stale"] = "done"
    story.survivor = (*SURVIVOR[:2], *SURVIVOR[3:])

    assert story.failing() == {"power-cut.refused-stale"}


def test_what_was_acknowledged_and_is_nowhere_is_seen(story: Story) -> None:
    story.disk = story.other = (*LINES[:-1], *AFTER)
    story.aside = LINES[:-1]

    assert story.failing() == {"power-cut.lost-only-unsynced", "lost"}


def test_an_old_owner_that_joined_by_itself_is_seen(story: Story) -> None:
    joins = "drbd r0: conn( WFConnection -> WFReportParams )"
    story.dead = (*DEAD[:2], joins, *DEAD[2:])

    assert story.failing() == {"power-cut.old-owner-apart"}


def test_disks_that_are_not_alike_are_seen(story: Story) -> None:
    story.other = story.disk[:-1]

    assert story.failing() == {"alike"}


def test_a_part_that_was_not_played_is_claims_that_fail(story: Story) -> None:
    story.failing()

    claims = {claim.id: claim.ok for claim in judge.claims(story.folder, ("verify", "split"))}

    assert set(claims) == set(claim_ids(("verify", "split")))
    assert not any(claims[key] for key in claims if "." in key)


def test_every_part_is_judged() -> None:
    assert set(judge.JUDGES) == {part.id for part in PARTS}
