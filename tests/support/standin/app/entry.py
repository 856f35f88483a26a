"""One record: the same values in its file, its row and the write journal."""

import hashlib
import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """A numbered write of one client, with who accepted it and when."""

    sequence: int
    """The order of acceptance in this database; recovery judges by it what was in flight."""
    client: str
    number: int
    payload: str
    sha256: str
    node: str
    boot_id: str
    epoch: int | None
    monotonic_ns: int
    wall_ns: int

    def as_json(self) -> bytes:
        """Return the record's file: one JSON line."""
        return json.dumps(asdict(self), sort_keys=True).encode() + b"\n"

    def as_journal_line(self) -> bytes:
        """Return the journal's line: everything but the payload, for which the digest stands."""
        values = asdict(self)
        del values["payload"]
        return json.dumps(values, sort_keys=True).encode() + b"\n"


def digest(payload: str) -> str:
    """Return the digest that file, row and journal carry for a payload."""
    return hashlib.sha256(payload.encode()).hexdigest()
