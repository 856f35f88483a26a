"""What clients saw of every move, from their own records: imports nothing of the operator.

A request that began after a move had ended and was answered by the side that it left was served by the wrong side.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NANOSECONDS = 1e9
LEAST_REQUESTS = 5
"""Between two moves, or nothing was seen of them."""


@dataclass(frozen=True)
class Verdict:
    """The figures of one driver."""

    moves: int
    refused: int
    requests: int
    failed: int
    wrong: int
    longest_gap_seconds: float
    unseen: int
    """Moves after which too few requests were answered to tell."""

    def complaint(self, wanted: int) -> str:
        """Return what is not as it should be, or nothing."""
        if self.moves != wanted or self.refused:
            return f"{self.moves - self.refused} of {wanted} moves ended well"
        if self.wrong:
            return f"{self.wrong} requests were served by the wrong side"
        return f"{self.unseen} moves were not seen by clients" if self.unseen else ""

    @property
    def words(self) -> str:
        """Return the figures as a person reads them."""
        return (
            f"{self.moves} moves, {self.requests} requests, {self.failed} failed, longest gap "
            f"{self.longest_gap_seconds:.2f} s, {self.wrong} by the wrong side"
        )


def judged(folder: Path) -> Verdict:
    """Return the figures of a driver's records."""
    moves, requests = (_lines(folder / name) for name in ("moves.jsonl", "requests.jsonl"))
    answered = [item for item in requests if item["by"] is not None]
    ends = [int(str(item["ended"])) for item in answered]
    gaps = [later - earlier for earlier, later in itertools.pairwise(ends)]
    spans = list(zip(moves, [*moves[1:], None], strict=True))
    during = [_between(answered, move, after) for move, after in spans]
    return Verdict(
        moves=len(moves),
        refused=sum(1 for move in moves if not move["done"]),
        requests=len(requests),
        failed=len(requests) - len(answered),
        wrong=sum(
            1 for (move, _), seen in zip(spans, during, strict=True) for it in seen if it["by"] != move["target"]
        ),
        longest_gap_seconds=max(gaps, default=0) / NANOSECONDS,
        unseen=sum(1 for seen in during if len(seen) < LEAST_REQUESTS),
    )


Record = Mapping[str, object]


def _between(answered: Sequence[Record], move: Record, after: Record | None) -> list[Record]:
    """Return the requests that began after a move had ended, and ended before the next one began."""
    start = int(str(move["ended"]))
    end = int(str(after["began"])) if after else None
    return [
        item for item in answered if int(str(item["began"])) > start and (end is None or int(str(item["ended"])) < end)
    ]


def _lines(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
