"""Reads a node's disk where a database that replicates itself is all there is: its rows, and those that are kept aside.

PostgreSQL itself reads a private copy of each folder, so a crash is recovered from as the next owner would have done.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from support.judge.database import DatabaseUnreadableError, Postgres, read_rows
from support.judge.evidence import Disk, EvidenceBrokenError, Group, Key, StoredRecord
from support.report import Claim

if TYPE_CHECKING:
    from pathlib import Path

    from support.judge.records import Audit

DATABASE = "database"
KEPT = "kept"
FORGOTTEN = "forgotten"


def read_rows_disk(folder: Path, *, node: str, postgres: Postgres) -> Disk:
    """Read one node's rows and those of every database that it keeps aside; a standby's are no live ones."""
    if not folder.is_dir():
        raise EvidenceBrokenError(f"{folder}: the disk of node {node} is not there")
    live, problem = folder / DATABASE, None
    is_owners = live.is_dir() and not (live / "standby.signal").exists()
    rows: dict[Key, StoredRecord] = {}
    try:
        rows = {row.key: row for row in read_rows(live, postgres)} if is_owners else {}
    except DatabaseUnreadableError as error:
        problem = str(error)
    forgotten = folder.parent.parent / FORGOTTEN
    planted = int(forgotten.read_text()) if forgotten.exists() else 0
    for key in sorted(rows, key=lambda key: rows[key].sequence)[len(rows) - planted :]:
        del rows[key]
    kept = (row.key for group in sorted((folder / KEPT).glob("*")) for row in read_rows(group, postgres))
    group = Group(place=str(live), files=rows, rows=rows, database_problem=problem)
    return Disk(node=node, live=group if is_owners else None, writes=(), kept_aside=frozenset(kept))


def rows_are_whole(disk: Disk) -> Claim:
    """The last owner's database was read, and each row's payload has the digest that it was stored with."""
    if disk.live is None or disk.live.database_problem is not None:
        why = "no database" if disk.live is None else str(disk.live.database_problem)
        return Claim("rows-are-whole", ok=False, measured=why, bound="read")
    bad = [row.key for row in disk.live.rows.values() if hashlib.sha256(row.payload.encode()).hexdigest() != row.sha256]
    return Claim(
        "rows-are-whole", bool(disk.live.rows) and not bad, len(disk.live.rows), "all whole", tuple(map(str, bad[:5]))
    )


def lost_is_kept(audit: Audit) -> Claim:
    """What was acknowledged and is not in the last owner's rows is in a database that is kept aside."""
    gone = [f"{item.client} {item.number}" for item in audit.lost if not item.kept_aside]
    return Claim("lost-is-kept", not gone, f"{len(gone)} of {len(audit.lost)}", "0 gone", tuple(gone[:5]))
