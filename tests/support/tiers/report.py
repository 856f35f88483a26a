"""What the reader of `make test` gets: a table, what did not run and why, the closing line, build/test.json."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

from support.tiers.verdict import Counts, total

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.tiers.verdict import Judged


def lines(judged: tuple[Judged, ...]) -> tuple[str, ...]:
    """Returns the summary line by line; the last is the closing line a machine reads."""
    head = f"{'tier':<12} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8} {'budget':>7}"
    rows = (_row(one) for one in judged if not one.missing)
    remarks = (remark for one in judged for remark in _remarks(one))
    return (head, *rows, *remarks, closing(total(judged)))


def closing(counts: Counts) -> str:
    """Returns the last line."""
    return f"{counts.passed} passed, {counts.failed} failed, {counts.skipped} skipped"


def document(judged: tuple[Judged, ...], *, tree: str, strict: bool) -> dict[str, Any]:
    """Returns build/test.json: one claim a tier, with what it rests on."""
    counts = total(judged)
    return {
        "ok": counts.failed == 0,
        "tree": tree,
        "strict": strict,
        "seconds": round(sum(one.run.seconds for one in judged), 1),
        "passed": counts.passed,
        "failed": counts.failed,
        "skipped": counts.skipped,
        "claims": [_claim(one) for one in judged],
    }


def write(path: Path, content: dict[str, Any]) -> None:
    """Writes the report whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def tree() -> str:
    """Returns git's name for the tree that is tested, marked when files differ from it; empty outside a checkout."""
    try:
        name = _git("rev-parse", "HEAD^{tree}")
        changed = _git("status", "--porcelain")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{name}-changed" if changed else name


def _row(one: Judged) -> str:
    """Returns a tier's line of the table."""
    counts = one.run.counts
    return (
        f"{one.tier.name:<12} {counts.passed:>7} {counts.failed:>7} {counts.skipped:>8} "
        f"{one.run.seconds:>8.1f} {one.tier.budget_seconds:>7}"
    )


def _remarks(one: Judged) -> Iterator[str]:
    """Gives what is to be said about a tier beside its numbers."""
    yield from (f"FAILED {one.tier.name}: {problem}" for problem in one.problems)
    yield from (f"note {one.tier.name}: {note} (fails in CI)" for note in one.notes)
    if one.missing and not one.problems:
        yield f"not run {one.tier.name}: {one.missing}"


def _git(*arguments: str) -> str:
    """Returns what git prints."""
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.stdout.strip()


def _claim(one: Judged) -> dict[str, Any]:
    """Returns what the report says about one tier; a tier that did not run claims nothing."""
    return {
        "name": f"tier {one.tier.name}",
        "ok": None if one.missing and not one.problems else one.ok,
        "says": one.missing or "; ".join((*one.problems, *one.notes)) or closing(one.run.counts),
        "seconds": round(one.run.seconds, 1),
        "budget_seconds": one.tier.budget_seconds,
        "passed": one.run.counts.passed,
        "failed": one.run.counts.failed,
        "skipped": one.run.counts.skipped,
    }
