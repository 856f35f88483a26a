"""What clients saw of every move, from their own records: imports nothing of the operator.

A request that began after a move had ended, and ended before the next one began, belongs to the side that the move went
to; answered by the other one it was served by the wrong side. A move is written down before it begins: one that was cut
off is known to have begun, and nothing after that is held against the one before. One that failed is counted as that:
where clients went after it was never said.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1e9
LEAST_REQUESTS = 5
"""Between two moves, or nothing was seen of them."""

Record = Mapping[str, object]


@dataclass(frozen=True)
class Verdict:
    """The figures of one driver."""

    begun: int
    ended: int
    refused: int
    requests: int
    failed: int
    wrong: int
    longest_gap_seconds: float
    unseen: int
    """Moves after which too few requests were answered to tell."""

    def complaint(self, wanted: int) -> str:
        """Return what is not as it should be, or nothing."""
        if self.begun != wanted or self.ended != wanted or self.refused:
            return f"{self.ended - self.refused} of {wanted} moves ended well"
        if self.wrong:
            return f"{self.wrong} requests were served by the wrong side"
        return f"{self.unseen} moves were not seen by clients" if self.unseen else ""

    @property
    def words(self) -> str:
        """Return the figures as a person reads them."""
        return (
            f"{self.ended} moves, {self.requests} requests, {self.failed} failed, longest gap "
            f"{self.longest_gap_seconds:.2f} s, {self.wrong} by the wrong side"
        )


def judged(folder: Path) -> Verdict:
    """Return the figures of a driver's records."""
    moves = _moves(_lines(folder / "moves.jsonl"))
    requests = [item for path in sorted(folder.glob("requests-*.jsonl")) for item in _lines(path)]
    answered = [item for item in requests if item["by"] is not None]
    ends = sorted(_at(item, "ended") for item in answered)
    gaps = [later - sooner for sooner, later in itertools.pairwise(ends)]
    spans = [
        (move, _between(answered, move, after))
        for move, after in itertools.zip_longest(moves, moves[1:])
        if "ended" in move
    ]
    return Verdict(
        begun=len(moves),
        ended=len(spans),
        refused=sum(1 for move, _ in spans if not move["done"]),
        requests=len(requests),
        failed=len(requests) - len(answered),
        wrong=sum(1 for move, seen in spans if move["done"] for item in seen if item["by"] != move["target"]),
        longest_gap_seconds=max(gaps, default=0) / NANOSECONDS,
        unseen=sum(1 for _, seen in spans if len(seen) < LEAST_REQUESTS),
    )


def _moves(lines: Sequence[Record]) -> list[Record]:
    """Put together what was written of each move before it began and after it had ended."""
    found: dict[object, dict[str, object]] = {}
    for line in lines:
        found.setdefault(line["number"], {}).update(line)
    return list(found.values())


def _between(answered: Sequence[Record], move: Record, after: Record | None) -> list[Record]:
    """Return the requests that began after a move had ended, and ended before the next one began."""
    start = _at(move, "ended")
    end = _at(after, "began") if after else None
    return [item for item in answered if _at(item, "began") > start and (end is None or _at(item, "ended") < end)]


def _at(record: Record, moment: str) -> int:
    return int(str(record[moment]))


def _lines(path: Path) -> list[Record]:
    """Return the records of a file; a last line that was cut off in the writing is none."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]
