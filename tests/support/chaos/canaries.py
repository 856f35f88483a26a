"""Looks for the values of the bed's Secrets in everything that people can read after a run.

Each value is drawn anew for each bed and long, so that a hit is no chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.canaries import leaks
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.bed import Bed

DISKS = "disks"
"""The nodes' own data, which nobody reads."""


def canaries(bed: Bed) -> dict[str, str]:
    """Return what must not be found, by the Secret it stands in."""
    return {
        "a-bmc": bed.bmcs["a"].account.password,
        "b-bmc": bed.bmcs["b"].account.password,
        "dns-tsig": bed.dns.key.secret,
        "node-ssh": bed.ssh_key.read_text(),
    }


def claim(values: Mapping[str, str], folder: Path) -> Claim:
    """Return the claim that no Secret's value stands in logs, events, status, metrics or process lists."""
    found = leaks(folder, values, without=(DISKS,))
    count = sum(path.is_file() for path in folder.iterdir())
    shown = tuple(f"{leak.secret} ({leak.form}) in {leak.file} at {leak.offset}" for leak in found[:5])
    return Claim("no-secret-is-seen", not found, len(found), 0, (f"{count} files", *shown))
