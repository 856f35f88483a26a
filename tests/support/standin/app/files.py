"""The files half of a record: written aside, fsynced, renamed into place, the folder fsynced."""

import os
from collections.abc import Iterator
from pathlib import Path

from support.standin.app.entry import Entry

Key = tuple[str, int]
"""A client's name and its number."""
TEMPORARY = ".tmp"


class RecordFiles:
    """All files of records below one folder, one folder a client."""

    def __init__(self, folder: Path) -> None:
        """Keep the files below this folder."""
        self._folder = folder

    def path(self, key: Key) -> Path:
        """Return where a record's file lies."""
        client, number = key
        return self._folder / client / f"{number:08d}.json"

    def write(self, entry: Entry) -> None:
        """Put a record's file on disk, whole or not at all."""
        path = self.path((entry.client, entry.number))
        if not path.parent.is_dir():
            path.parent.mkdir(parents=True)
            sync_folder(self._folder)
        aside = path.with_suffix(TEMPORARY)
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.write(handle, entry.as_json())
            os.fsync(handle)
        finally:
            os.close(handle)
        aside.rename(path)
        sync_folder(path.parent)

    def remove(self, key: Key) -> None:
        """Take away a file whose row was never committed."""
        self.path(key).unlink(missing_ok=True)

    def keys(self) -> Iterator[Key]:
        """List the records that have a file."""
        for path in self._folder.glob("*/*.json"):
            if path.stem.isdecimal():
                yield (path.parent.name, int(path.stem))

    def remove_temporaries(self) -> int:
        """Take away what a power cut left half written; return how many."""
        leftovers = tuple(self._folder.glob(f"*/*{TEMPORARY}"))
        for path in leftovers:
            path.unlink()
        return len(leftovers)


def sync_folder(folder: Path) -> None:
    """Put a folder's own entries on disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
