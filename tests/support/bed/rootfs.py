"""The nodes' root file system, built once by mmdebstrap and cached.

The cache is keyed by everything that decides its content: the recipe below, and what a caller adds to it. A tree is
trusted only while each of its files still has the size its manifest recorded; anything else is built again.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from support.bed import clock

SUITE = "bookworm"
PACKAGES = (
    "btrfs-progs",
    "curl",
    "dbus",
    "ifupdown",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "nftables",
    "openssh-server",
    "postgresql-15",
    "procps",
    "psmisc",
    "python3",
    "python3-psycopg2",
    "rsync",
    "sudo",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "force-unsafe-io",
)
# Before configuration: no database cluster is made, the product's own service brings its own.
BEFORE_CONFIGURE = (
    'mkdir -p "$1/etc/postgresql-common"'
    ' && echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"'
)
# Timers would write and load at moments no test chose; nodes have their keys and identity made by each bed.
AFTERWARDS = """
set -eu
rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf" "$1/etc/hostname"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-timesyncd.service getty@tty1.service console-getty.service postgresql.service \
  systemd-networkd.service systemd-networkd-wait-online.service nftables.service; do
  ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
chroot "$1" useradd --create-home --shell /bin/bash --uid 2000 maestro
mkdir -p "$1/srv" "$1/etc/sudoers.d" "$1/etc/ssh/sshd_config.d"
printf 'maestro ALL=(ALL) NOPASSWD: ALL\\n' > "$1/etc/sudoers.d/maestro"
chmod 0440 "$1/etc/sudoers.d/maestro"
printf '%s\\n' 'PermitRootLogin forced-commands-only' 'PasswordAuthentication no' 'UseDNS no' \
  'MaxStartups 100:30:200' 'MaxSessions 100' > "$1/etc/ssh/sshd_config.d/bed.conf"
"""
MANIFEST_SUFFIX = ".manifest.json"
BUILD_SECONDS = 1500


@dataclasses.dataclass(frozen=True)
class Addition:
    """What a root has beside the recipe: more packages, and what is done once they are there."""

    packages: tuple[str, ...]
    afterwards: str


class RootFailedError(Exception):
    """The root file system could not be built; the message names the log."""


def cache_directory() -> Path:
    """Returns the project's cache folder, which may be moved by MAESTRO_CACHE."""
    chosen = os.environ.get("MAESTRO_CACHE")
    if chosen:
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "maestro-pair"


def key(addition: Addition | None = None) -> str:
    """Returns the name of the recipe, which changes with every part of it."""
    parts: list[object] = [SUITE, os.uname().machine, PACKAGES, DPKG_OPTIONS, BEFORE_CONFIGURE, AFTERWARDS]
    parts += [dataclasses.astuple(addition)] if addition else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def is_cached() -> bool:
    """Says whether a whole tree of today's recipe lies in the cache."""
    return _is_whole(cache_directory() / "rootfs" / key())


def ensure(addition: Addition | None = None) -> Path:
    """Returns a whole root file system, building it if the cache has none."""
    folder = cache_directory() / "rootfs"
    folder.mkdir(parents=True, exist_ok=True)
    tree = folder / key(addition)
    with _lock(folder / f"{tree.name}.lock"):
        if not _is_whole(tree):
            _build(tree, addition)
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


def _build(tree: Path, addition: Addition | None) -> None:
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
            _command(partial, addition),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"},
        )
        try:
            assert process.stdin is not None
            process.stdin.write("\n".join((*sources, "")).encode())
            process.stdin.close()
            _show_progress(process, log)
        finally:
            # `unshare --kill-child` takes everything below it along.
            process.kill()
            process.wait()
    if process.returncode != 0:
        message = f"mmdebstrap ended with {process.returncode}; see {log}"
        raise RootFailedError(message)
    manifest.write_text(json.dumps(_sizes(partial)))
    partial.rename(tree)


def _command(target: Path, addition: Addition | None) -> tuple[str, ...]:
    packages = (*PACKAGES, *(addition.packages if addition else ()))
    return (
        "nice",
        # Its mounts of /proc and /dev stay out of the host's sight and die with it.
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"),
        *("mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory"),
        f"--include={','.join(packages)}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        *(f"--aptopt={option}" for option in _proxy_options()),
        f"--extract-hook={BEFORE_CONFIGURE}",
        f"--customize-hook={AFTERWARDS}",
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


def _show_progress(process: subprocess.Popen[bytes], log: Path) -> None:
    started = clock.monotonic_seconds()
    shown = 0.0
    while process.poll() is None:
        seconds = clock.monotonic_seconds() - started
        if seconds > BUILD_SECONDS:
            message = f"building the nodes' root took over {BUILD_SECONDS} s; see {log}"
            raise RootFailedError(message)
        if seconds - shown >= 10 or shown == 0.0:
            shown = max(seconds, 0.001)
            print(f"  building the nodes' root file system, {seconds:.0f} s: {_last_line(log)}", file=sys.stderr)
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
