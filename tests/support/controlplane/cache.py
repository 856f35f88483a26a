"""Built tools are kept in the user's cache folder and are trusted only while their checksums hold.

One folder a toolset and key: `<cache>/tools/<key>/` with the programs and `manifest.json`. A folder appears there by
one rename, so it is whole or it is not there; a folder that does not match its manifest is set aside and built again.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.controlplane.clock import monotonic_seconds, pause
from support.controlplane.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from support.controlplane.toolset import Toolset

Builder = Callable[["Toolset", Path], None]
"""Writes every program of the toolset into the folder, or raises BuildError."""
Report = Callable[[str], None]
"""Says one line to whoever waits."""

_LOCK_LIMIT_SECONDS = 2700.0
_LOCK_REPORT_SECONDS = 10.0
_LEFTOVERS = (".building-", ".broken-")


@dataclass(frozen=True)
class Whole:
    """Every program of the toolset is there and is what was built."""

    programs: Mapping[str, Path]


@dataclass(frozen=True)
class Unusable:
    """The cached folder cannot be used, and why."""

    reason: str


def cache_root(environ: Mapping[str, str]) -> Path:
    """Returns the project's cache folder."""
    if own := environ.get("MAESTRO_CACHE"):
        return Path(own)
    base = environ.get("XDG_CACHE_HOME") or Path(environ.get("HOME", "~")).expanduser() / ".cache"
    return Path(base) / "maestro-pair"


def inspect(toolset: Toolset, *, root: Path) -> Whole | Unusable:
    """Says whether the cached toolset can be used, reading every byte of it."""
    folder = root / "tools" / toolset.key()
    try:
        sums = json.loads((folder / "manifest.json").read_text())["sha256"]
    except FileNotFoundError:
        return Unusable("not built yet" if not folder.exists() else "its manifest is missing")
    except (OSError, ValueError, KeyError, TypeError) as error:
        return Unusable(f"its manifest cannot be read: {error}")
    programs = {tool.name: folder / tool.name for tool in toolset.tools}
    with ThreadPoolExecutor(max_workers=2) as pool:
        faults = pool.map(lambda name: _fault(programs[name], sums.get(name)), programs)
        reasons = [fault for fault in faults if fault]
    return Unusable("; ".join(reasons)) if reasons else Whole(programs)


def obtain(toolset: Toolset, *, root: Path, build: Builder, report: Report) -> Mapping[str, Path]:
    """Returns the toolset's programs by name; builds them when the cache has none or a broken one.

    Raises BuildError; a failed build leaves the cache as it was.
    """
    found = inspect(toolset, root=root)
    if isinstance(found, Whole):
        return found.programs
    tools = root / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    with _only_builder(tools / f".lock-{toolset.name}", report=report):
        found = inspect(toolset, root=root)  # another builder may have finished while this one waited
        if isinstance(found, Whole):
            return found.programs
        report(f"{toolset.name} {toolset.version}: {found.reason}; building")
        _remove_leftovers(tools, toolset)
        _build_and_publish(toolset, tools=tools, build=build)
    found = inspect(toolset, root=root)
    if isinstance(found, Unusable):
        message = f"{toolset.name} is unusable right after it was built: {found.reason}"
        raise BuildError(message)
    return found.programs


def _build_and_publish(toolset: Toolset, *, tools: Path, build: Builder) -> None:
    """Builds beside the final place, then moves the whole folder there by one rename."""
    fresh = Path(tempfile.mkdtemp(prefix=f".building-{toolset.name}-", dir=tools))
    try:
        build(toolset, fresh)
        sums = {tool.name: _sha256(fresh / tool.name) for tool in toolset.tools}
        manifest = {"toolset": toolset.name, "version": toolset.version, "sha256": sums}
        (fresh / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        fresh.chmod(0o755)
        target = tools / toolset.key()
        if target.exists():
            # Programs that still run from the old folder keep their files until they end.
            target.rename(Path(tempfile.mkdtemp(prefix=f".broken-{toolset.name}-", dir=tools)) / "old")
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        _remove_leftovers(tools, toolset)


def _remove_leftovers(tools: Path, toolset: Toolset) -> None:
    """Removes what builders that were killed, and broken folders, left behind; the caller holds the lock."""
    for prefix in _LEFTOVERS:
        for folder in tools.glob(f"{prefix}{toolset.name}-*"):
            shutil.rmtree(folder, ignore_errors=True)


def _fault(program: Path, expected_sum: object) -> str | None:
    """Returns what is wrong with a cached program, or None."""
    try:
        if not os.access(program, os.X_OK):
            return f"{program.name} is {'not executable' if program.exists() else 'missing'}"
        if _sha256(program) != expected_sum:
            return f"{program.name} is not what was built"
    except OSError as error:
        return f"{program.name} cannot be read: {error}"
    return None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _only_builder(lock: Path, *, report: Report) -> Iterator[None]:
    """Holds the builders' lock; the kernel gives it back when its holder dies."""
    with lock.open("w") as file:
        started = monotonic_seconds()
        reported = started - _LOCK_REPORT_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                now = monotonic_seconds()
                if now - started > _LOCK_LIMIT_SECONDS:
                    message = f"another builder has held {lock} for {now - started:.0f} s"
                    raise BuildError(message) from None
                if now - reported >= _LOCK_REPORT_SECONDS:
                    reported = now
                    report(f"another process is building the same; waiting ({now - started:.0f} s)")
                pause(0.5)
        yield
