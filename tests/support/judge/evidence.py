"""The values everything here is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass

Key = tuple[str, int]
"""A record's name: the client and its number."""


class EvidenceBrokenError(Exception):
    """A piece of evidence is missing or cannot be read; nothing can be concluded without it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """One acknowledgement as the client that got it wrote it down."""

    client: str
    number: int
    sha256: str
    """The digest of what the client sent, computed here."""
    address: str
    sent_ns: int
    received_ns: int
    node: str
    boot_id: str
    epoch: int | None
    monotonic_ns: int
    """When the application acknowledged, by the application."""
    duplicate: bool
    """True where an earlier request had stored the record and its answer was lost."""

    @property
    def key(self) -> Key:
        """Return the record's name."""
        return (self.client, self.number)


@dataclass(frozen=True, slots=True)
class Failure:
    """One attempt of a client that was not acknowledged."""

    client: str
    number: int
    stage: str
    problem: str
    address: str | None
    sent_ns: int
    failed_ns: int


@dataclass(frozen=True, slots=True)
class Write:
    """One line of an application's own write journal: a record it accepted."""

    sequence: int
    client: str
    number: int
    sha256: str
    node: str
    boot_id: str
    epoch: int | None
    monotonic_ns: int
    wall_ns: int

    @property
    def key(self) -> Key:
        """Return the record's name."""
        return (self.client, self.number)


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as a file or a row holds it."""

    sequence: int
    client: str
    number: int
    payload: str
    sha256: str
    node: str
    boot_id: str
    epoch: int | None
    monotonic_ns: int
    wall_ns: int

    @property
    def key(self) -> Key:
        """Return the record's name."""
        return (self.client, self.number)


@dataclass(frozen=True, slots=True)
class Group:
    """One consistency group: files and rows that must agree."""

    place: str
    files: Mapping[Key, StoredRecord]
    rows: Mapping[Key, StoredRecord]
    broken_files: tuple[str, ...] = ()
    """Files that are no records, each with the reason."""
    database_problem: str | None = None
    """Why the rows could not be read; None where they were."""


@dataclass(frozen=True, slots=True)
class Disk:
    """What one node's data volume holds after power-off."""

    node: str
    live: Group | None
    """The live consistency group; None where there is none."""
    writes: tuple[Write, ...]
    """All write journals on it, those kept in quarantine and in copies included."""
    kept_aside: frozenset[Key]
    """The records whose files lie in quarantine."""
