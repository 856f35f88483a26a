"""The disk image of the nodes that are User Mode Linux machines, made once from the other nodes' root and cached.

Such a node has a kernel, disks and a clock of its own: what DRBD and a loss of unsynced pages need.
"""

import contextlib
import fcntl
import hashlib
import inspect
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from support.bed import debian, rootfs

KERNEL = "/usr/bin/linux.uml"
MODULES = Path("/usr/lib/uml/modules")
MODULE_FOLDERS = (
    *(
        "kernel/block",
        "kernel/crypto",
        "kernel/drivers/block",
        "kernel/drivers/md",
        "kernel/drivers/scsi",
        "kernel/lib",
    ),
    "kernel/net/sched",
)
PACKAGES = (
    *("drbd-utils", "kmod", "libkmod2"),
    *("open-iscsi", "libisns0", "libopeniscsiusr", "sg3-utils", "libsgutils2-1.46-2"),
    *("fence-agents", "python3-pexpect", "python3-ptyprocess", "python3-pycurl", "libcurl3-gnutls"),
)
"""What such a node has beside the packages of every node."""
IMAGE_BYTES = 1536 * 1024**2
BUILD_SECONDS = 300
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
STATE_SOURCE = Path(__file__).with_name("whole_state.c")
"""What lets its kernel run on a processor that is newer than it; says itself how."""
BOOT_MARK = "bed-init: power is on"
SEED_DEVICE = "/dev/ubdc"
INIT = f"""#!/bin/sh
# The first process: makes the machine the node that its seed describes, once, and hands over to systemd.
PATH={PATH}
echo "{BOOT_MARK}"
mount -t proc proc /proc
mount -t devtmpfs dev /dev 2>/dev/null
if [ ! -e /etc/bed-seeded ]; then
    tar -x -f {SEED_DEVICE} -C / && : >/etc/bed-seeded && sync
fi
read -r line </proc/cmdline
for word in $line; do
    case $word in bed.console=*) console=${{word#*=}} ;; esac
done
ip link set eth0 name host0
ip address add "$console" dev eth1 && ip link set eth1 up
printf 'BED_CONSOLE=%s\n' "${{console%/*}}" >/run-bed-console
umount /proc
exec /sbin/init
"""
CONSOLE = Path(__file__).with_name("console.py")
CONSOLE_UNIT = """[Unit]
Description=The console's far end
[Service]
EnvironmentFile=/run-bed-console
ExecStart=/usr/bin/python3 -u -I -S /usr/sbin/bed-console.py ${BED_CONSOLE}
KillMode=process
[Install]
WantedBy=multi-user.target
"""
# No mirror and no disk may start by itself, and nothing of a distribution's own takes part in a fence. What a login and
# a boot do beside that is left out: each process costs such a machine what hundreds cost the host.
AFTERWARDS = """
set -eu
dpkg --force-depends -i /var/tmp/bed/*.deb
rm -rf /var/tmp/bed
for unit in drbd.service iscsid.service iscsid.socket open-iscsi.service systemd-logind.service getty-static.service \\
    systemd-update-utmp.service systemd-update-utmp-runlevel.service systemd-pcrphase.service \\
    systemd-pcrphase-sysinit.service modprobe@drm.service modprobe@efi_pstore.service; do
    ln -sf /dev/null /etc/systemd/system/$unit
done
sed -i '/pam_systemd/d' /etc/pam.d/common-session
ln -sf /etc/systemd/system/bed-console.service /etc/systemd/system/multi-user.target.wants/bed-console.service
printf 'drbd\\n' >/etc/modules-load.d/bed.conf
printf 'options drbd usermode_helper=/sbin/drbdadm disable_sendpage=1\\n' >/etc/modprobe.d/bed.conf
mkdir -p /mnt/data
"""


class ImageFailedError(Exception):
    """The image could not be made; the message says at what."""


def key() -> str:
    """Returns the name of the recipe, which changes with every part of it."""
    versions = sorted(path.name for path in MODULES.iterdir()) if MODULES.is_dir() else []
    parts = [rootfs.key(), versions, MODULE_FOLDERS, PACKAGES, IMAGE_BYTES, INIT, AFTERWARDS, inspect.getsource(_build)]
    parts += [CONSOLE.read_text(), CONSOLE_UNIT]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def ensure() -> Path:
    """Returns the image, making it if the cache has none."""
    root = rootfs.ensure()
    folder = debian.cache_directory() / "uml"
    folder.mkdir(parents=True, exist_ok=True)
    image = folder / f"{key()}.img"
    _state_library()
    with _lock(folder / f"{key()}.lock"):
        if not image.exists():
            print("  making the disk image of the User Mode Linux nodes", file=sys.stderr)
            with tempfile.TemporaryDirectory(dir=folder) as scratch:
                _build(root, scratch=Path(scratch), image=image)
    return image


def kernel() -> tuple[str, ...]:
    """Returns the words that start such a machine's kernel, in an environment of its own."""
    return ("env", "-i", "TMPDIR=/dev/shm", f"PATH={PATH}", f"LD_PRELOAD={_state_library()}", KERNEL)


def _state_library() -> Path:
    """Returns what every such kernel is started with, making it if the cache has none."""
    source = STATE_SOURCE.read_bytes()
    library = debian.cache_directory() / "uml" / f"state-{hashlib.sha256(source).hexdigest()[:16]}.so"
    if not library.exists():
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
            partial = Path(scratch) / library.name
            _run("cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-o", str(partial), str(STATE_SOURCE))
            partial.rename(library)
    return library


def _build(root: Path, *, scratch: Path, image: Path) -> None:
    tree, debs = scratch / "root", scratch / "root" / "var" / "tmp" / "bed"
    _run("cp", "-a", "--reflink=auto", str(root), str(tree))
    debs.mkdir(parents=True)
    _run("apt-get", "-o", "APT::Sandbox::User=root", "download", *PACKAGES, cwd=debs)
    (version,) = (path.name for path in MODULES.iterdir())
    modules = tree / "usr" / "lib" / "modules" / version
    for name in MODULE_FOLDERS:
        shutil.copytree(MODULES / version / name, modules / name)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        if (MODULES / version / name).exists():
            shutil.copy2(MODULES / version / name, modules / name)
    init = tree / "usr" / "sbin" / "bed-init"
    init.write_text(INIT)
    init.chmod(0o755)
    shutil.copyfile(CONSOLE, tree / "usr" / "sbin" / "bed-console.py")
    (tree / "etc" / "systemd" / "system" / "bed-console.service").write_text(CONSOLE_UNIT)
    isolated = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private", "--")
    _run(*isolated, "chroot", str(tree), "sh", "-c", AFTERWARDS)
    _run(*isolated, "chroot", str(tree), "depmod", version)
    partial = scratch / "image"
    with partial.open("wb") as file:
        file.truncate(IMAGE_BYTES)
    _run("mke2fs", "-q", "-t", "ext4", "-E", "lazy_itable_init=1,nodiscard", "-d", str(tree), str(partial))
    partial.rename(image)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _run(*command: str, cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(
            ("nice", *command),
            check=False,
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            cwd=cwd,
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ImageFailedError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise ImageFailedError(f"{' '.join(command)[:200]}: {done.stdout[-500:]}{done.stderr[-1000:]}")
