"""Root file systems made of Debian packages by mmdebstrap, each built once and cached.

The cache is keyed by everything that decides a tree's content: its recipe. A tree is trusted only while each of its
files still has the size its manifest recorded; anything else is built again.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from support.bed import clock

SUITE = "bookworm"
MANIFEST_SUFFIX = ".manifest.json"
BUILD_SECONDS = 1500


class RootFailedError(Exception):
    """The root file system could not be built; the message names the log."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What a root has beside its recipe: more packages, and what is done once they are there."""

    packages: tuple[str, ...]
    afterwards: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is in a root file system."""

    name: str
    """What is shown while it is built, and the folder of the cache."""
    packages: tuple[str, ...]
    dpkg_options: tuple[str, ...]
    before: str = "true"
    """A shell command on the host before packages are configured; $1 is the tree."""
    afterwards: str = "true"
    """A shell script on the host at the end; $1 is the tree."""
    addition: Addition | None = None

    def key(self) -> str:
        """Returns the name of the recipe, which changes with every part of it."""
        parts: list[object] = [
            SUITE,
            os.uname().machine,
            self.packages,
            self.dpkg_options,
            self.before,
            self.afterwards,
        ]
        parts += [astuple(self.addition)] if self.addition else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Returns where the cache has the trees of this name."""
        return cache_directory() / self.name


def cache_directory() -> Path:
    """Returns the project's cache folder, which may be moved by MAESTRO_CACHE."""
    chosen = os.environ.get("MAESTRO_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "maestro-pair"


def is_cached(recipe: Recipe) -> bool:
    """Says whether a whole tree of the recipe lies in the cache."""
    return _is_whole(recipe.folder / recipe.key())


def ensure(recipe: Recipe) -> Path:
    """Returns a whole root file system, building it if the cache has none."""
    folder = recipe.folder
    folder.mkdir(parents=True, exist_ok=True)
    tree = folder / recipe.key()
    with _lock(folder / f"{recipe.key()}.lock"):
        if not _is_whole(tree):
            _build(recipe, tree)
    return tree


def apt_sources() -> tuple[str, ...]:
    """Returns the host's own sources for Debian itself, so that its mirror and proxy serve the nodes too."""
    form = "$(ORIGIN)|$(CODENAME)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
    listing = subprocess.run(
        ("apt-get", "indextargets", "--format", form, "Created-By: Packages"),
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines: list[str] = []
    for row in listing.stdout.splitlines():
        origin, codename, uri, release, component = row.split("|")
        if origin == "Debian" and codename.split("-")[0] == SUITE:
            lines.append(f"deb {uri} {release} {component}")
    return tuple(dict.fromkeys(lines))


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(recipe: Recipe, tree: Path) -> None:
    partial = tree.with_name(f"{tree.name}.partial")
    log = tree.with_suffix(".log")
    manifest = tree.with_name(tree.name + MANIFEST_SUFFIX)
    manifest.unlink(missing_ok=True)
    for stale in (tree, partial):
        if stale.exists():
            shutil.rmtree(stale)
    sources = apt_sources()
    if not sources:
        message = f"apt knows no Debian {SUITE} sources; run `apt-get update`, or add them"
        raise RootFailedError(message)
    with log.open("wb") as output:
        process = subprocess.Popen(
            _command(recipe, partial),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        )
        try:
            assert process.stdin is not None
            process.stdin.write("\n".join((*sources, "")).encode())
            process.stdin.close()
            _show_progress(process, log, name=recipe.name)
        finally:
            # `unshare --kill-child` takes everything below it along.
            process.kill()
            process.wait()
    if process.returncode != 0:
        message = f"mmdebstrap ended with {process.returncode}; see {log}"
        raise RootFailedError(message)
    manifest.write_text(json.dumps(_sizes(partial)))
    partial.rename(tree)


def _command(recipe: Recipe, target: Path) -> tuple[str, ...]:
    addition = recipe.addition
    packages = (*recipe.packages, *(addition.packages if addition else ()))
    return (
        "nice",
        # Its mounts of /proc and /dev stay out of the host's sight and die with it.
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        f"--include={','.join(packages)}",
        *(f"--dpkgopt={option}" for option in recipe.dpkg_options),
        *(f"--aptopt={option}" for option in _proxy_options()),
        f"--extract-hook={recipe.before}",
        f"--customize-hook={recipe.afterwards}",
        *((f"--customize-hook={addition.afterwards}",) if addition else ()),
        "--skip=check/qemu",
        *(SUITE, str(target), "-"),
    )


def _proxy_options() -> Iterator[str]:
    dump = subprocess.run(("apt-config", "dump"), check=True, capture_output=True, text=True, timeout=60)
    for line in dump.stdout.splitlines():
        name, _, value = line.partition(" ")
        if name.startswith(("Acquire::http::Proxy", "Acquire::https::Proxy")) and value != '"";':
            yield line.rstrip(";")


def _show_progress(process: subprocess.Popen[bytes], log: Path, *, name: str) -> None:
    started = clock.monotonic_seconds()
    shown = 0.0
    while process.poll() is None:
        seconds = clock.monotonic_seconds() - started
        if seconds > BUILD_SECONDS:
            message = f"building {name} took over {BUILD_SECONDS} s; see {log}"
            raise RootFailedError(message)
        if seconds - shown >= 10 or shown == 0.0:
            shown = max(seconds, 0.001)
            print(f"  building {name} of Debian packages, {seconds:.0f} s: {_last_line(log)}", file=sys.stderr)
        clock.pause(0.25)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").replace("\r", "\n").split("\n")
    return next((line.strip()[:90] for line in reversed(lines) if line.strip()), "starting")


def _sizes(tree: Path) -> dict[str, int]:
    sizes: dict[str, int] = {}
    folders = [str(tree)]
    start = len(folders[0]) + 1
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    sizes[entry.path[start:]] = entry.stat(follow_symlinks=False).st_size
    return sizes


def _is_whole(tree: Path) -> bool:
    manifest = tree.with_name(tree.name + MANIFEST_SUFFIX)
    try:
        expected = json.loads(manifest.read_text())
    except (OSError, ValueError):
        return False
    return bool(expected) and tree.is_dir() and _sizes(tree) == expected
