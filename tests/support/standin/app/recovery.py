"""Brings files and rows together at start, and says so in the lui_log.

At most one record is in flight at a time, and its file is written before its row. So after a power cut one
file may carry the number after the last committed row's: that record was never acknowledged and is put aside.
Anything else that does not agree is damage, such as files and rows from different moments.
"""

import json
from pathlib import Path

from support.standin.app.database import Database, DatabaseFailedError
from support.standin.app.files import Key, RecordFiles, sync_folder
from support.standin.app.lui_log import LuiLog

LINES = 20
"""How many damaged records are named before the rest is only counted."""


def recover(*, database: Database, files: RecordFiles, lost_and_found: Path, lui_log: LuiLog) -> int:
    """Reconcile files with rows and return the last committed sequence."""
    leftovers = files.remove_temporaries()
    if leftovers:
        lui_log.info(f"removed {leftovers} half-written file(s)")
    rows = database.keys()
    last = max(rows.values(), default=0)
    have_file = set(files.keys())
    damage: list[str] = []
    for key in sorted(have_file - rows.keys()):
        if _sequence(files.path(key)) == last + 1:
            _put_aside(files.path(key), key, lost_and_found)
            lui_log.warning(
                f"record {key[0]}/{key[1]} was in flight at the last stop; its file is now in {lost_and_found}"
            )
        else:
            damage.append(f"file of record {key[0]}/{key[1]} has no row")
    damage.extend(f"row of record {client}/{number} has no file" for client, number in sorted(rows.keys() - have_file))
    for text in damage[:LINES]:
        lui_log.severe(text)
    if len(damage) > LINES:
        lui_log.severe(f"and {len(damage) - LINES} more records whose file and row disagree")
    return last


def check_tables(*, database: Database, lui_log: LuiLog) -> bool:
    """Read every table whole; log each that is damaged and return whether all are good."""
    try:
        damaged = database.damaged_rows()
    except DatabaseFailedError as error:
        lui_log.severe(f"table record is damaged and cannot be read: {error}")
        return False
    if damaged:
        lui_log.severe(f"table record is damaged: {damaged} row(s) contradict their digest")
    return not damaged


def _sequence(path: Path) -> int:
    try:
        return int(json.loads(path.read_bytes())["sequence"])
    except (ValueError, KeyError, TypeError):
        # A file that was renamed into place is whole on disk; one that is not was damaged later.
        return 0


def _put_aside(path: Path, key: Key, lost_and_found: Path) -> None:
    lost_and_found.mkdir(exist_ok=True)
    target = lost_and_found / f"{key[0]}-{path.name}"
    path.rename(target)
    sync_folder(lost_and_found)
    sync_folder(path.parent)
