"""Makes both machines of a bed what they were before anything was installed, and their disk empty and nobody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.scsi.storage import DEVICE, FILE_SYSTEM_BLOCKS

if TYPE_CHECKING:
    from support.bed import Bed

UNIT = "shared-app.service"
MOUNT = "/srv/maestro"
CONSOLE_SECONDS = 200.0
SERVICE = f"""[Unit]
Description=A service on the shared disk: it writes a line a second and syncs it
[Service]
WorkingDirectory={MOUNT}
ExecStart=/bin/sh -c 'while :; do cat /proc/uptime >>written && sync written; sleep 1; done'
[Install]
WantedBy=multi-user.target
"""
CLEAN = f"""
systemctl stop maestro-guard.service maestro-replica.timer maestro-replica.service {UNIT} 2>/dev/null
umount {MOUNT} 2>/dev/null
rm -rf /var/lib/maestro-guard /var/lib/maestro-replica /etc/maestro-guard /usr/local/lib/maestro-guard
rm -rf /run/maestro-guard /root/.ssh/authorized_keys
cd /etc/systemd/system && rm -rf maestro-* ./*/maestro-* {UNIT}.d
mkdir -p {MOUNT}
cat >/etc/systemd/system/{UNIT} <<'END'
{SERVICE}END
systemctl daemon-reload; systemctl reset-failed
"""
NO_KEYS = f"""
# The first answer after the keys changed only says that they did.
sg_persist -n -y -i -k -d {DEVICE} >/dev/null 2>&1
sg_persist -n -y -o --register-ignore --param-sark=0xbed -d {DEVICE} >/dev/null
sg_persist -n -y -o --clear --param-rk=0xbed -d {DEVICE}
"""
PATIENT = "sed -i 's/^ASK_SECONDS=4 /ASK_SECONDS=30 /' /usr/local/lib/maestro-guard/maestro-disk"
"""Lets the program wait longer for its disk: a machine here is a busy host's process; nothing is judged by it."""
NEW_FILE_SYSTEM = f"mkfs.ext4 -q -F -b 4096 {DEVICE} {FILE_SYSTEM_BLOCKS}"


class NotMadeError(Exception):
    """A node could not be made anew; the message says what it said."""


def make_anew(bed: Bed) -> None:
    """Do it, with a file system that `a` made."""
    for script in (CLEAN, NO_KEYS):
        for name in bed.nodes:
            on_console(bed, name, script)
    on_console(bed, "a", NEW_FILE_SYSTEM)


def on_console(bed: Bed, name: str, script: str) -> str:
    """Run a script on a node as from its console, which no cut reaches; return what it printed."""
    ran = bed.nodes[name].run(script, timeout_seconds=CONSOLE_SECONDS)
    if ran.return_code:
        raise NotMadeError(f"{name}: {ran.stderr.decode()[-500:]}")
    return ran.stdout.decode()
