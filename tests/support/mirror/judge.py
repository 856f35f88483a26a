"""Judges the mirror's story from raw evidence, and imports nothing of the operator.

The evidence: what both kernels printed on their consoles, the two disks after the power went, the images that were kept
aside, and what clients were told and when. The disks are brought to rest by `e2fsck` and read by `debugfs`.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.judge import jsonlines
from support.mirror.parts import ALWAYS, BY_ID, claim_ids
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

FENCED, GONE, REFUSED = 7, 5, 1
"""How a fence-peer handler ends: the peer is proven off; it counts as gone; neither."""
HANDLER = re.compile(r"helper command: /sbin/drbdadm fence-peer (?:r0|minor-0) exit code (\d+)")
PRIMARY = re.compile(r"block drbd0: role\( Secondary -> Primary \)")
FROZE = re.compile(r"susp\( 0 -> 1 \)")
THAWED = re.compile(r"susp\( 1 -> 0 \)")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
"""The tools of file systems are not on everybody's path."""
MARK = "mirror-part: "
BOOTED = "Linux version"
SECOND = 1e9
FREEZE_SLACK_SECONDS = 2.0
Finding = tuple[bool, object, str]
"""Whether a claim holds, what was measured, and what it was held against."""
Judged = dict[str, Finding]


@dataclass(frozen=True, slots=True)
class Said:
    """One line of a kernel, with its own clock."""

    at_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Ack:
    """One line that a client was told is stored."""

    node: str
    line: str
    sent_ns: int
    told_ns: int


class Evidence:
    """Everything of one run."""

    def __init__(self, folder: Path) -> None:
        """Read it; the disks are read when they are asked for."""
        self.folder = folder
        self.told = jsonlines.read(folder / "told.jsonl")
        self.acks = [
            Ack(line["node"], line["line"], line["sent_ns"], line["told_ns"])
            for line in jsonlines.read(folder / "acks.jsonl")
        ]
        self.kernels = {name: kernel(folder / f"console-{name}.log") for name in ("a", "b")}
        self._written: dict[Path, tuple[str, ...] | None] = {}

    def part(self, name: str) -> Played | None:
        """Return what belongs to one part, or None where it was not played to its end."""
        begin = next((at for at, line in enumerate(self.told) if _is(line, "begin", name)), None)
        end = next((at for at, line in enumerate(self.told) if _is(line, "end", name)), None)
        return None if begin is None or end is None else Played(self, name, self.told[begin : end + 1])

    def written(self, image: Path) -> tuple[str, ...] | None:
        """Return the lines of the file on a disk, or None where there is none."""
        if image not in self._written:
            self._written[image] = lines_on(image) if image.exists() else None
        return self._written[image]


class Played:
    """One part's evidence."""

    def __init__(self, evidence: Evidence, name: str, told: Sequence[dict[str, Any]]) -> None:
        """Keep what was told of it."""
        self.evidence, self.name, self.told = evidence, name, told
        self.owner, self.standby = told[0]["owner"], told[0]["standby"]

    def one(self, event: str, **fields: object) -> dict[str, Any] | None:
        """Return the last thing of this kind that was told."""
        fitting = (
            line
            for line in reversed(self.told)
            if line["event"] == event and all(line.get(key) == value for key, value in fields.items())
        )
        return next(fitting, None)

    def at(self, event: str, **fields: object) -> int:
        """Return when something was told, 0 where it was not."""
        found = self.one(event, **fields)
        return int(found["monotonic_ns"]) if found is not None else 0

    def said(self, node: str) -> list[Said]:
        """Return what a node's kernel said during this part."""
        lines = self.evidence.kernels[node]
        begin = _last(lines, f"{MARK}{self.name} begin")
        end = _last(lines, f"{MARK}{self.name} end")
        return lines[begin:end] if begin is not None and end is not None and begin < end else []

    def acks(self, node: str) -> list[Ack]:
        """Return what clients of a node were told during this part."""
        begin, end = int(self.told[0]["monotonic_ns"]), int(self.told[-1]["monotonic_ns"])
        return [ack for ack in self.evidence.acks if ack.node == node and begin <= ack.told_ns <= end]


def kernel(path: Path) -> list[Said]:
    """Return the lines of a console that its kernel printed."""
    if not path.exists():
        return []
    found = re.findall(r"^\[ *(\d+\.\d+)\] (.*)$", path.read_text(errors="replace").replace("\r", ""), re.MULTILINE)
    return [Said(float(at), text) for at, text in found]


def lines_on(image: Path) -> tuple[str, ...]:
    """Return the lines of the written file in an image, after its file system was brought to rest on a copy."""
    with tempfile.TemporaryDirectory(dir=image.parent) as scratch:
        copy, out = Path(scratch) / "image", Path(scratch) / "written"
        if image.suffix == ".gz":
            with gzip.open(image) as packed, copy.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        else:
            subprocess.run(("cp", "--sparse=always", str(image), str(copy)), check=True, timeout=60)
        for words in (("e2fsck", "-fy", str(copy)), ("debugfs", "-R", f"dump /written {out}", str(copy))):
            subprocess.run(words, check=False, capture_output=True, timeout=120, env=ENVIRONMENT)
        return tuple(out.read_text(errors="replace").split()) if out.exists() else ()


def _is(line: dict[str, Any], event: str, name: str) -> bool:
    return line["event"] == event and line.get("part") == name


def _last(lines: Sequence[Said], text: str) -> int | None:
    return next((at for at in range(len(lines) - 1, -1, -1) if text in lines[at].text), None)


def _codes(lines: Iterable[Said]) -> list[int]:
    """Return how the fence-peer handler ended, in order, with 0 for the moment in which the disk came up."""
    found = []
    for line in lines:
        if match := HANDLER.search(line.text):
            found.append(int(match[1]))
        elif PRIMARY.search(line.text):
            found.append(0)
    return found


# ---------------------------------------------------------------- the claims


def _switchover(part: Played) -> Judged:
    before = [ack for ack in part.acks(part.owner) if ack.told_ns < part.at("switch") or not part.at("switch")]
    after = part.acks(part.standby)
    gap = (after[0].told_ns - part.acks(part.owner)[-1].told_ns) / SECOND if before and after else None
    return {
        "moved": (bool(before and after), len(after), ">= 1 answered by the new owner, and by the old one before"),
        "at-once": (gap is not None and gap <= 120, None if gap is None else round(gap, 1), "<= 120 s without service"),
    }


def _frozen(part: Played) -> Judged:
    frozen, healed = part.at("frozen"), part.at("healed")
    early = [ack for ack in part.acks(part.owner) if frozen < ack.told_ns < healed]
    late = [ack for ack in part.acks(part.owner) if ack.told_ns > healed]
    said = part.said(part.owner)
    froze = any(FROZE.search(line.text) for line in said)
    gone = [code for code in _codes(said) if code in (GONE, FENCED)]
    return {
        "held-writes": (froze and frozen > 0 and not early, len(early), "0 answered while the kernel said it froze"),
        "went-on-together": (bool(late) and not gone, len(late), ">= 1 answered after, and never alone"),
    }


def _alone_at(part: Played) -> tuple[bool, float | None, float | None]:
    """Return whether the node's own record was there, how long the kernel froze, and the time it has."""
    alone = part.one("alone")
    said = part.said(part.owner)
    froze = next((line.at_seconds for line in said if FROZE.search(line.text)), None)
    gone = next((line.at_seconds for line in said if (m := HANDLER.search(line.text)) and int(m[1]) == GONE), None)
    seconds = None if froze is None or gone is None else gone - froze
    return bool(alone and "epoch=" in alone["written"]), seconds, float(alone["freeze_seconds"]) if alone else None


def _alone(part: Played) -> Judged:
    written, seconds, limit = _alone_at(part)
    right = seconds is not None and limit is not None and seconds >= limit - FREEZE_SLACK_SECONDS
    return {
        "written-down": (written, written, "the node's own record"),
        "after-its-time": (right, seconds and round(seconds, 1), f">= {limit} s frozen, by the kernel's clock"),
    }


def _receipt(part: Played) -> Judged:
    written, seconds, _ = _alone_at(part)
    given = part.one("receipt") is not None and "why=receipt" in (part.one("alone") or {}).get("written", "")
    return {
        "written-down": (written and given, written, "the node's own record, which names the receipt"),
        "before-its-time": (
            given and seconds is not None,
            seconds and round(seconds, 1),
            "on the receipt, not on time",
        ),
    }


def _power_cut(part: Played) -> Judged:
    survivor, dead = part.standby, part.owner
    codes = _codes(part.said(survivor))
    first = codes.index(0) if 0 in codes else len(codes)
    refusals = [code for code in codes[:first] if code == REFUSED]
    proven = codes[first - 1] == FENCED if 0 < first < len(codes) else False
    tried = {line["receipt"]: line["outcome"] for line in part.told if line["event"] == "tried"}
    aside = part.one("kept-aside", node=dead)
    image = part.evidence.folder / f"aside-{aside['number'] if aside else 'none'}-{dead}.img.gz"
    kept = part.evidence.written(image)
    # Up to the power cut: the line that was in flight may be there or not.
    mine = [ack.line for ack in part.acks(dead) if ack.told_ns < part.at("power-cut")]
    missing = [line for line in mine if line not in (kept or ())]
    apart = _before_its_rejoin(part.evidence.kernels[dead])
    early = sum("conn( WFConnection -> WFReportParams )" in line.text for line in apart)
    return {
        "lost-only-unsynced": (bool(mine) and kept is not None and not missing, len(missing), "0 of what was told"),
        "refused-without": (
            len(refusals) >= 1 and tried.get("none", "").startswith("refused: PeerNotFenced"),
            tried.get("none"),
            "refused by the kernel, whose handler ended with 1",
        ),
        "refused-stale": (
            len(refusals) >= 2 and tried.get("stale", "").startswith("refused: PeerNotFenced"),
            tried.get("stale"),
            "refused a second time",
        ),
        "promoted-on-receipt": (proven, str(codes), "up only after the handler ended with 7"),
        "old-owner-apart": (bool(apart) and not early, early, "0 handshakes before its rejoin"),
        "kept-aside": (
            kept is not None and len(kept) > 0,
            None if kept is None else len(kept),
            "> 0 lines in the image",
        ),
    }


def _before_its_rejoin(lines: list[Said]) -> list[Said]:
    """Return what a kernel said from its last boot before its node was told to join again, until then."""
    rejoin = _last(lines, f"{MARK}rejoin")
    boot = _last(lines[:rejoin], BOOTED) if rejoin is not None else None
    return [] if boot is None else lines[boot:rejoin]


def _resync(part: Played) -> Judged:
    said = part.said(part.standby)
    began = next((at for at, line in enumerate(said) if "-> Inconsistent )" in line.text), None)
    whole = next(
        (
            at
            for at, line in enumerate(said)
            if began is not None and at > began and "Inconsistent -> UpToDate" in line.text
        ),
        None,
    )
    up = [line for line in said[began:whole] if PRIMARY.search(line.text)] if began is not None else []
    by_hand, by_us = part.one("tried", receipt="by-hand"), part.one("tried", receipt="fresh")
    refused = bool(
        by_hand and "code=17" in by_hand["outcome"] and by_us and by_us["outcome"].startswith("refused: NotWhole")
    )
    return {
        "never-promoted": (
            began is not None and not up and refused,
            f"by hand {by_hand and by_hand['outcome'][-8:]}; {by_us and by_us['outcome']}",
            "refused by DRBD (17), and on a fresh receipt by the node's program, while it is Inconsistent",
        ),
        "whole-afterwards": (whole is not None, whole is not None, "UpToDate again, by its kernel"),
    }


def _split(part: Played) -> Judged:
    wrote, split = part.one("both-wrote"), part.one("split")
    old, new = (wrote["old"], wrote["new"]) if wrote else ("", "")
    apart = bool(split) and all("cs:StandAlone" in text for text in split["connections"].values()) if split else False
    detected = any("Split-Brain detected" in line.text for name in "ab" for line in part.said(name))
    aside = part.one("kept-aside", node=old)
    kept = part.evidence.written(part.evidence.folder / f"aside-{aside['number'] if aside else 'none'}-{old}.img.gz")
    ours = [ack.line for ack in part.acks(old)]
    theirs = [ack.line for ack in part.acks(new)] if new else []
    disk = part.evidence.written(part.evidence.folder / f"disk-{new}.img") or ()
    missing = [line for line in ours if line not in (kept or ())] + [line for line in theirs if line not in disk]
    again = part.at("together") > part.at("discard") > 0
    return {
        "held": (apart and detected, apart, "both kernels stand alone, and said why"),
        "both-kept": (bool(ours and theirs and kept) and not missing, len(missing), "0 lines missing: image and disk"),
        "one-again": (again, again, "in sync after a person gave up one side, not before"),
    }


def _verify(part: Played) -> Judged:
    changed = (part.one("changed") or {}).get("blocks", 0)
    said = [match for line in part.said(part.owner) if (match := re.search(r"verify found (\d+) 4k block", line.text))]
    found = max((int(match[1]) for match in said), default=0)
    return {
        "found": (changed > 0 and found == changed, found, f"= {changed} blocks, by the kernel"),
        "mended": (part.at("together") > part.at("found") > 0, bool(part.at("together")), "in sync again"),
    }


def _unsafe(part: Played) -> Judged:
    named = (part.one("named") or {}).get("unsafe", [])
    wanted = {"after-sb-1pri:discard-secondary", "fencing:dont-care"}
    return {"named": (wanted <= set(named), ", ".join(named), ", ".join(sorted(wanted)))}


JUDGES: dict[str, Callable[[Played], Judged]] = {
    "switchover": _switchover,
    "frozen": _frozen,
    "alone": _alone,
    "receipt": _receipt,
    "power-cut": _power_cut,
    "resync": _resync,
    "split": _split,
    "verify": _verify,
    "unsafe": _unsafe,
}


def claims(folder: Path, names: tuple[str, ...]) -> list[Claim]:
    """Return every claim of a run of these parts."""
    evidence = Evidence(folder)
    found: Judged = {}
    for name in names:
        part = evidence.part(name)
        found |= {f"{name}.{key}": value for key, value in JUDGES[name](part).items()} if part else {}
    found |= _always(evidence)
    never = (False, None, "played to its end")
    return [_claim(key, found.get(key, never)) for key in claim_ids(names)]


def _claim(key: str, finding: Finding) -> Claim:
    ok, measured, bound = finding
    known = measured if isinstance(measured, bool | int | float | str | None) else str(measured)
    return Claim(key, ok, known, bound, evidence=("told.jsonl", "acks.jsonl", "console-a.log", "console-b.log"))


def _always(evidence: Evidence) -> Judged:
    ended = [line for line in evidence.told if line["event"] == "end"]
    last = ended[-1]["owner"] if ended else "a"
    disks = {name: evidence.written(evidence.folder / f"disk-{name}.img") or () for name in ("a", "b")}
    split = evidence.part("split")
    old = (split.one("both-wrote") or {}).get("old") if split else None
    # What the side wrote that a person gave up is looked for in its image.
    given_up = {ack.line for ack in split.acks(old)} if split and old else set()
    lost = [ack for ack in evidence.acks if ack.line not in disks[last] and ack.line not in given_up]
    return dict(
        zip(
            ALWAYS,
            (
                (bool(evidence.acks), len(evidence.acks), ">= 1 answered"),
                (bool(evidence.acks) and not lost, len(lost), "0 of what was told"),
                (bool(disks["a"]) and disks["a"] == disks["b"], len(disks["a"]), "the same lines on both disks"),
            ),
            strict=True,
        )
    )


__all__ = ("BY_ID", "claims", "kernel", "lines_on")
