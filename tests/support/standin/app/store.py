"""Accepts records: file, row, journal, and only then the acknowledgement."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from support.standin.app import clock
from support.standin.app.database import Database, DatabaseFailedError
from support.standin.app.entry import Entry, digest
from support.standin.app.files import Key, RecordFiles
from support.standin.app.identity import Identity


class StoppedError(Exception):
    """The application is stopping and accepts nothing more."""


class ConflictError(Exception):
    """The client's number was used before, for another payload."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a client is told once file and row are on disk."""

    node: str
    boot_id: str
    epoch: int | None
    monotonic_ns: int
    client: str
    number: int
    sha256: str
    duplicate: bool
    """True where an earlier request had stored the same record and its answer was lost."""


class WriteJournal:
    """An append-only file of accepted records, one a node and boot, for whoever judges later."""

    def __init__(self, folder: Path, identity: Identity) -> None:
        """Append to this node's and boot's file."""
        path = folder / f"{identity.node}.{identity.boot_id}.jsonl"
        self._handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def append(self, entry: Entry) -> None:
        """Put one line on disk."""
        os.write(self._handle, entry.as_journal_line())
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)


class Store:
    """Files, rows and journal behind one lock: at most one record is ever in flight."""

    def __init__(
        self,
        *,
        files: RecordFiles,
        database: Database,
        journal: WriteJournal,
        identity: Identity,
        last_sequence: int,
    ) -> None:
        """Continue after the last committed sequence."""
        self._files = files
        self._database = database
        self._journal = journal
        self._identity = identity
        self._sequence = last_sequence
        self._unsettled: Key | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def record(self, *, client: str, number: int, payload: str) -> Acknowledgement:
        """Store one record and return its acknowledgement; the same record again is acknowledged again."""
        with self._lock:
            self._refuse_when_stopped()
            self._settle()
            known = self._database.payload((client, number))
            if known is None:
                return self._accept(client=client, number=number, payload=payload)
            if known != payload:
                raise ConflictError
            return self._acknowledge((client, number), sha256=digest(payload), duplicate=True)

    def count(self) -> int:
        """Return how many records are committed; raise where the database does not answer."""
        with self._lock:
            self._refuse_when_stopped()
            return self._database.count()

    def stop(self) -> None:
        """Wait for the record in flight and accept none after it."""
        with self._lock:
            self._stopped = True
            self._database.close()
            self._journal.close()

    def _accept(self, *, client: str, number: int, payload: str) -> Acknowledgement:
        identity = self._identity
        entry = Entry(
            sequence=self._sequence + 1,
            client=client,
            number=number,
            payload=payload,
            sha256=digest(payload),
            node=identity.node,
            boot_id=identity.boot_id,
            epoch=identity.epoch,
            monotonic_ns=clock.monotonic_nanoseconds(),
            wall_ns=clock.wall_nanoseconds(),
        )
        self._files.write(entry)
        self._unsettled = (client, number)
        self._database.insert(entry)
        self._unsettled = None
        self._sequence += 1
        self._journal.append(entry)
        return self._acknowledge((client, number), sha256=entry.sha256, duplicate=False)

    def _acknowledge(self, key: Key, *, sha256: str, duplicate: bool) -> Acknowledgement:
        identity = self._identity
        return Acknowledgement(
            node=identity.node,
            boot_id=identity.boot_id,
            epoch=identity.epoch,
            monotonic_ns=clock.monotonic_nanoseconds(),
            client=key[0],
            number=key[1],
            sha256=sha256,
            duplicate=duplicate,
        )

    def _settle(self) -> None:
        # An insert that failed may still have been committed: the row decides whether the file stays.
        if self._unsettled is None:
            return
        if self._database.payload(self._unsettled) is None:
            self._files.remove(self._unsettled)
        else:
            self._sequence += 1
        self._unsettled = None

    def _refuse_when_stopped(self) -> None:
        if self._stopped:
            raise StoppedError


__all__ = ["Acknowledgement", "ConflictError", "DatabaseFailedError", "StoppedError", "Store", "WriteJournal"]
