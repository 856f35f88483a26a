"""The report every command leaves: build/<target>.json with its claims, each measured against its bound."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"

Measured = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a command says is true, with what shows it."""

    id: str
    ok: bool
    measured: Measured
    bound: Measured
    """What `measured` was held against, such as `0`, `<= 2` or `before proof`."""
    evidence: tuple[str, ...] = ()
    """Files or readings a stranger can look at."""


def write_report(target: str, claims: Sequence[Claim], *, seconds: float, build: Path = BUILD) -> Path:
    """Write build/<target>.json and return its path; a report without a claim is not ok."""
    path = build / f"{target}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    values = {
        "ok": bool(claims) and all(claim.ok for claim in claims),
        "tree": tree(),
        "seconds": round(seconds, 3),
        "claims": [asdict(claim) for claim in claims],
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(values, indent=2) + "\n")
    partial.rename(path)
    return path


def tree(repository: Path = ROOT) -> str:
    """Return the tree hash of HEAD, with `-dirty` where the working tree differs, or `unknown` outside git."""
    try:
        head = _git(repository, "rev-parse", "HEAD^{tree}")
        changes = _git(repository, "status", "--porcelain")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{head}-dirty" if changes else head


def _git(repository: Path, *arguments: str) -> str:
    command = ("git", "-C", str(repository), *arguments)
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout.strip()
