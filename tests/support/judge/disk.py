"""Reads a node's data volume after power-off."""

import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path

from support.judge import jsonlines
from support.judge.database import DatabaseUnreadableError, Postgres, read_rows
from support.judge.evidence import Disk, EvidenceBrokenError, Group, Key, StoredRecord, Write

LIVE = "maestro"
STORE = ".maestro-replica"
QUARANTINE = f"{STORE}/quarantine"
RECORDS = "files/lui/records"
JOURNALS = "files/lui/journal"
WRITE_FIELDS = tuple(field.name for field in fields(Write))
RECORD_FIELDS = tuple(field.name for field in fields(StoredRecord))


def read_disk(srv: Path, *, node: str, postgres: Postgres) -> Disk:
    """Read a node's /srv: the live group, every write journal, and what is kept aside."""
    if not srv.is_dir():
        raise EvidenceBrokenError(f"{srv}: the disk of node {node} is not there")
    live = srv / LIVE
    kept = (key for group in sorted((srv / QUARANTINE).glob("*")) for key in _record_keys(group))
    return Disk(
        node=node,
        live=read_group(live, postgres) if (live / "files").is_dir() else None,
        writes=read_writes((live, *_groups(srv / STORE))),
        kept_aside=frozenset(kept),
    )


def read_group(folder: Path, postgres: Postgres) -> Group:
    """Read one consistency group: its files, and its rows from a copy of its database."""
    files: dict[Key, StoredRecord] = {}
    broken: list[str] = []
    for path in sorted((folder / RECORDS).glob("*/*.json")):
        try:
            record = _record(path)
        except (OSError, ValueError, KeyError, TypeError) as problem:
            broken.append(f"{path}: {problem!r}")
        else:
            files[record.key] = record
    rows: dict[Key, StoredRecord] = {}
    database_problem = None
    try:
        rows = {row.key: row for row in read_rows(folder / "db", postgres)}
    except DatabaseUnreadableError as problem:
        database_problem = str(problem)
    return Group(
        place=str(folder), files=files, rows=rows, broken_files=tuple(broken), database_problem=database_problem
    )


def read_writes(groups: Iterable[Path]) -> tuple[Write, ...]:
    """Read the write journals of several groups; a line that was copied counts once."""
    writes: dict[tuple[object, ...], Write] = {}
    for group in groups:
        for path in sorted((group / JOURNALS).glob("*.jsonl")):
            for line in jsonlines.read(path):
                write = Write(**{name: line[name] for name in WRITE_FIELDS})
                writes[write.node, write.boot_id, write.sequence, write.key, write.sha256] = write
    return tuple(sorted(writes.values(), key=lambda write: write.monotonic_ns))


def _groups(store: Path) -> tuple[Path, ...]:
    found = [store / "incoming"]
    for kind in ("quarantine", "generations", "sent"):
        found.extend(sorted((store / kind).glob("*")))
    return tuple(found)


def _record_keys(group: Path) -> Iterable[Key]:
    return ((path.parent.name, int(path.stem)) for path in (group / RECORDS).glob("*/*.json") if path.stem.isdecimal())


def _record(path: Path) -> StoredRecord:
    values = json.loads(path.read_bytes())
    record = StoredRecord(**{name: values[name] for name in RECORD_FIELDS})
    if record.key != (path.parent.name, int(path.stem)):
        raise ValueError(f"holds record {record.key}")
    return record
