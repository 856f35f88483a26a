"""Whether the matrix of fault and failing check is diagonal, from what was written of each row.

A row is a fault, the check that is there to find it, and what every check said. It holds where exactly that check
found something: one that only waits for it is no finding of its own. No word that is to be kept secret may stand
anywhere. It imports nothing of the operator.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Row = Mapping[str, object]


@dataclass(frozen=True)
class Found:
    """One row of the matrix."""

    fault: str
    wanted: str
    failed: tuple[str, ...]
    tells_a_secret: bool

    @property
    def holds(self) -> bool:
        """Tell whether the one check that should have found something did, and no other."""
        return self.failed == ((self.wanted,) if self.wanted else ()) and not self.tells_a_secret

    @property
    def words(self) -> str:
        """Return what failed as a person reads it."""
        return "a secret in a message" if self.tells_a_secret else ", ".join(self.failed)


def judged(path: Path, *, secrets: Sequence[str]) -> list[Found]:
    """Return every row of a file."""
    return [_found(json.loads(line), secrets) for line in path.read_text().splitlines()]


def untried(rows: Sequence[Found], checks: Sequence[str]) -> list[str]:
    """Return the checks that no fault was there for, so that nothing shows that they find anything."""
    return [check for check in checks if check not in {row.wanted for row in rows}]


def _found(row: Row, secrets: Sequence[str]) -> Found:
    checks = row["checks"]
    assert isinstance(checks, list)
    failed = tuple(str(it["name"]) for it in checks if not it["passed"] and it["waits_for"] is None)
    told = any(word in str(it["message"]) for it in checks for word in secrets)
    return Found(str(row["fault"]), str(row["wanted"]), failed, told)
