"""Looks for the values of the bed's Secrets in everything that people can read after a run.

Each value is drawn anew for each bed and long, so that a hit is no chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from support.bed import Bed

KEY_LINE_LENGTH = 40


def canaries(bed: Bed) -> dict[str, bytes]:
    """Return what must not be found, by the Secret it stands in."""
    key_lines = [line for line in bed.ssh_key.read_text().splitlines() if len(line) >= KEY_LINE_LENGTH]
    # The first line of every key is the same; the one in the middle is this key's own.
    return {
        "a-bmc": bed.bmcs["a"].account.password.encode(),
        "b-bmc": bed.bmcs["b"].account.password.encode(),
        "dns-tsig": bed.dns.key.secret.encode(),
        "node-ssh": key_lines[len(key_lines) // 2].encode(),
    }


def search(values: Mapping[str, bytes], files: Iterable[Path]) -> tuple[list[str], int]:
    """Return where a value was found, and how many files were read."""
    found, count = [], 0
    for path in files:
        count += 1
        content = path.read_bytes()
        found += [f"{name} in {path.name}" for name, value in values.items() if value in content]
    return found, count


def claim(values: Mapping[str, bytes], files: Iterable[Path]) -> Claim:
    """Return the claim that no Secret's value is anywhere in these files."""
    found, count = search(values, files)
    return Claim("no-secret-is-seen", not found and count > 0, len(found), 0, (f"{count} files", *found[:5]))
