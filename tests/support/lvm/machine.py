"""Boots a kernel with a device mapper over this machine's own files, and runs one module of the tests in it.

Nothing of it is installed: the machine's root is the host's, its only disk a file. It shares no kernel with the host:
neither its mounts nor its volumes are to be seen there.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from support.bed import umlroot

MEMORY = "384M"
DISK_BYTES = 512 * 1024**2
MACHINE_SECONDS = 400

INIT = """#!/bin/sh
PATH=/usr/sbin:/usr/bin:/sbin:/bin
export PATH PYTHONPATH={path}
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /run
ip link set lo up
{python} -m {module} {folder} >{folder}/said 2>&1
sync
echo o >/proc/sysrq-trigger
exec sleep 60
"""


def run_inside(module: str, folder: Path) -> str:
    """Boots the machine, lets it run `python -m MODULE FOLDER`, and returns all that was said."""
    disk, init = folder / "disk", folder / "init"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    path = ":".join(str(Path(item).resolve()) for item in sys.path if item)
    told = {"path": path, "python": sys.executable, "module": module, "folder": str(folder)}
    init.write_text(INIT.format(**{name: shlex.quote(value) for name, value in told.items()}))
    init.chmod(0o755)
    words = (
        *(*umlroot.kernel(), f"mem={MEMORY}", "umid=volumes", f"uml_dir={folder}/uml", f"ubda={disk}"),
        *("root=/dev/root", "rootfstype=hostfs", "rootflags=/", "rw", f"init={init}"),
        *("con0=null,fd:1", "con=null", "ssl=null", "selinux=0", "quiet"),
    )
    with (folder / "console").open("wb") as console:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
        )
        try:
            process.wait(timeout=MACHINE_SECONDS)
        finally:
            _end(process)
    said = folder / "said"
    return said.read_text(errors="replace") if said.exists() else (folder / "console").read_text(errors="replace")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends what is left of the machine: each of its processes is one of the group's."""
    try:
        os.killpg(process.pid, 9)
    except ProcessLookupError:
        return
    process.wait(timeout=10)
