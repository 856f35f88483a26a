"""Who writes: the node, its boot, and the epoch its guard held in force at start."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
GUARD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Identity:
    """What every record and every acknowledgement says about its writer."""

    node: str
    boot_id: str
    epoch: int | None
    """None where no guard is installed or it knows no epoch: missing is not epoch 0."""


def read(node: str, guard: Path) -> Identity:
    """Return this node's identity as of now."""
    return Identity(node=node, boot_id=BOOT_ID.read_text().strip(), epoch=_epoch(guard))


def _epoch(guard: Path) -> int | None:
    try:
        answer = subprocess.run(
            (str(guard), "show"),
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=GUARD_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in answer.stdout.splitlines():
        key, _, value = line.partition("=")
        number = value.split(",")[0]
        if key == "inforce" and number.isdecimal():
            return int(number)
    return None
