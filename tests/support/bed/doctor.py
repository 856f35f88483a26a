"""Says what this machine lacks for the bed, each with its remedy; as root it can install what is missing.

Needs nothing but the standard library, and changes nothing unless asked: its trials run in namespaces of their own.
"""

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from support.bed import debian

Verdict = Literal["ok", "missing", "unsuited"]
"""`missing` can be installed; `unsuited` is for a person, or another machine."""

PACKAGES = (
    "bind9",
    "bind9-utils",
    "btrfs-progs",
    "chromium",
    "conntrack",
    "crun",
    "dovecot-imapd",
    "exim4-daemon-light",
    "ethtool",
    "fence-agents",
    "gcc",
    "iproute2",
    "ipmitool",
    "iputils-arping",
    "iputils-ping",
    "knot",
    "ksh93u+m",
    "libc6-dev",
    "libvirt-clients",
    "libvirt-daemon",
    "libvirt-daemon-driver-qemu",
    "lvm2",
    "mmdebstrap",
    "nftables",
    "open-iscsi",
    "openipmi",
    "openssh-client",
    "openssh-server",
    "openssl",
    "postgresql",
    "prometheus",
    "prometheus-blackbox-exporter",
    "qemu-system-x86",
    "rsync",
    "sg3-utils",
    "systemd-container",
    "umoci",
    "user-mode-linux",
    "util-linux",
)
SERVERS = {
    "bind9": "named.service",
    "dovecot-imapd": "dovecot.service",
    "exim4-daemon-light": "exim4.service",
    "knot": "knot.service",
    "open-iscsi": "iscsid.socket",
    "openssh-server": "ssh.service",
    "postgresql": "postgresql.service",
    "prometheus": "prometheus.service",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter.service",
}
NEEDED_DISK_BYTES = 4 * 1024**3
NEEDED_MEMORY_BYTES = 1536 * 1024**2
NEEDED_PYTHON = (3, 11)
TRIAL_SECONDS = 20
INSTALL_SECONDS = 900
POLICY = Path("/usr/sbin/policy-rc.d")
ISOLATED = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private", "--")


@dataclass(frozen=True)
class Check:
    """One thing the bed needs, and how this machine stands."""

    name: str
    verdict: Verdict
    found: str
    remedy: str = ""


def examine() -> tuple[Check, ...]:
    """Looks at everything the bed needs."""
    return tuple(_looked(look) for look in CHECKS)


def _looked(look: Callable[[], Check]) -> Check:
    """Returns what one check found; one that may not even try has found a problem."""
    try:
        return look()
    except OSError as error:
        name = look.__name__.strip("_").replace("_", " ")
        return Check(name, "unsuited", f"cannot be tried: {error}", "run this as root")


def problems() -> tuple[Check, ...]:
    """Returns the checks that are not ok."""
    return tuple(check for check in examine() if check.verdict != "ok")


def missing_packages() -> tuple[str, ...]:
    """Returns the Debian packages that are not installed."""
    form = "${db:Status-Abbrev} ${Package}\n"
    query = ("dpkg-query", "--show", f"--showformat={form}", *PACKAGES)
    try:
        listing = subprocess.run(query, check=False, capture_output=True, text=True, timeout=TRIAL_SECONDS)
    except FileNotFoundError:
        return PACKAGES
    installed = {line.split()[-1] for line in listing.stdout.splitlines() if line.startswith("ii")}
    return tuple(name for name in PACKAGES if name not in installed)


def install_command(packages: tuple[str, ...]) -> str:
    """Returns the command that a person can run to install packages."""
    return f"apt-get update && apt-get install --yes --no-install-recommends {' '.join(packages)}"


def install_missing() -> tuple[str, ...]:
    """Installs as root what is missing, says so first, and returns what it installed; starts no service."""
    packages = missing_packages()
    if not packages:
        return ()
    if os.geteuid() != 0:
        raise PermissionError(f"missing {', '.join(packages)}; as root, run: {install_command(packages)}")
    print(f"Installing Debian packages for the test bed: {install_command(packages)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ("apt-get", "install", "--yes", "--no-install-recommends", *packages)
    with _services_held():
        for command in (("apt-get", "update"), install):
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, env=environment, timeout=INSTALL_SECONDS)
    units = tuple(unit for package, unit in SERVERS.items() if package in packages)
    if units and Path("/run/systemd/system").is_dir():
        # The bed runs servers of its own; the machine's must not begin to serve because of us.
        subprocess.run(("systemctl", "disable", *units), check=False, timeout=TRIAL_SECONDS)
    return packages


def main(arguments: list[str] | None = None) -> int:
    """Prints every check; returns 0 only if the bed can run here."""
    parser = argparse.ArgumentParser(prog="python -m support.bed.doctor", description=__doc__)
    parser.add_argument("--install", action="store_true", help="install missing Debian packages first (root)")
    if parser.parse_args(arguments).install:
        try:
            install_missing()
        except (PermissionError, subprocess.SubprocessError) as error:
            print(f"doctor: {error}", file=sys.stderr)
    checks = examine()
    for check in checks:
        print(f"{check.verdict:9} {check.name}: {check.found}")
        if check.verdict != "ok":
            print(f"          → {check.remedy}")
    return 0 if all(check.verdict == "ok" for check in checks) else 1


def _root() -> Check:
    if os.geteuid() == 0:
        return Check("root", "ok", "running as root")
    return Check("root", "unsuited", f"running as user {os.geteuid()}", "run this as root")


def _python() -> Check:
    found = ".".join(str(part) for part in sys.version_info[:3])
    if sys.version_info[:2] >= NEEDED_PYTHON:
        return Check("python", "ok", found)
    return Check("python", "missing", found, "apt-get install --yes python3 (3.11 or newer)")


def _packages() -> Check:
    missing = missing_packages()
    if not missing:
        return Check("Debian packages", "ok", f"{len(PACKAGES)} installed")
    if shutil.which("apt-get") is None:
        return Check("Debian packages", "unsuited", "no apt-get here", "use Debian 12 or a derivative")
    return Check("Debian packages", "missing", f"not installed: {', '.join(missing)}", install_command(missing))


def _namespaces() -> Check:
    trial = (
        "ip link set lo up && ip link add bed0 type bridge && ip link add v0 type veth peer name v1"
        " && ip link set v0 master bed0"
    )
    return _trial(
        "namespaces",
        trial,
        good="network, mount and process namespaces with bridge and veth",
        remedy="run as root on a host or container that may make namespaces (CAP_SYS_ADMIN, CAP_NET_ADMIN)",
    )


def _firewall() -> Check:
    trial = "printf 'table bridge t { chain c { type filter hook prerouting priority 0; };};' | nft -f -"
    return _trial(
        "nftables on bridges",
        trial,
        good="rules on a bridge of its own namespace",
        remedy="install nftables, and use a kernel with nf_tables and bridge filtering",
    )


def _control_groups() -> Check:
    trial = "mount -t cgroup2 cgroup2 /sys/fs/cgroup && mkdir /sys/fs/cgroup/$0 && rmdir /sys/fs/cgroup/$0"
    kind = "pure v2" if Path("/sys/fs/cgroup/cgroup.controllers").exists() else "hybrid"
    return _trial(
        "control groups",
        trial,
        good=kind,
        remedy="use a kernel and a host with cgroup2, and let root mount and change it",
    )


def _file_systems() -> Check:
    folder = _existing(debian.cache_directory())
    with tempfile.TemporaryDirectory(dir=folder, prefix="doctor-") as scratch:
        trial = (
            f"cd '{scratch}' && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w overlay m"
            " && truncate -s 128M i && mkfs.btrfs -q i >&2 && mount -o loop i l && btrfs subvolume create l/s"
        )
        return _trial(
            "file systems",
            trial,
            good="overlay, btrfs and loop devices",
            remedy="install btrfs-progs, use a kernel with overlay, btrfs and loop, and put the cache on a plain disk",
        )


def _disk() -> Check:
    folder = _existing(debian.cache_directory())
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free at {folder}"
    if free >= NEEDED_DISK_BYTES:
        return Check("disk", "ok", found)
    wanted = f"{NEEDED_DISK_BYTES // 1024**3} GiB"
    return Check("disk", "unsuited", found, f"free {wanted}, or set MAESTRO_CACHE to a folder on another disk")


def _memory() -> Check:
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    found = f"{free / 1024**3:.1f} GiB available"
    if free >= NEEDED_MEMORY_BYTES:
        return Check("memory", "ok", found)
    return Check("memory", "unsuited", found, f"make {NEEDED_MEMORY_BYTES // 1024**2} MiB available")


def _system() -> Check:
    found = f"{os.uname().sysname} {os.uname().release} {os.uname().machine}"
    if sys.platform == "linux":
        return Check("system", "ok", found)
    return Check("system", "unsuited", found, "use Linux; Debian 12 is what was tested")


CHECKS: tuple[Callable[[], Check], ...] = (
    _system,
    _root,
    _python,
    _packages,
    _namespaces,
    _firewall,
    _control_groups,
    _file_systems,
    _disk,
    _memory,
)


def _trial(name: str, script: str, *, good: str, remedy: str) -> Check:
    command = (*ISOLATED, "sh", "-c", script, f"doctor-{os.getpid()}")
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TRIAL_SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(name, "unsuited", f"trial failed: {error}", remedy)
    if done.returncode == 0:
        return Check(name, "ok", good)
    words = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
    return Check(name, "unsuited", f"trial failed: {words[-1]}", remedy)


def _existing(folder: Path) -> Path:
    return folder if folder.exists() else _existing(folder.parent)


@contextlib.contextmanager
def _services_held() -> Iterator[None]:
    """Keeps packages from starting their services while they are installed."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


if __name__ == "__main__":
    sys.exit(main())
