"""Turns what accidents cost into claims: each side's figures, and the operator's beside each other side's.

The law of this file: a figure stands with its least and its most and with how often it was seen; a goal that is missed
is said in the same line. A claim fails where too little was seen, or where the operator broke what it promises.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.peers.judge import Cost

OWN = "operator"
BEST = "-best"
"""After the name of a side that is set as fast as is safe for it; without it, all wait equally long."""
PROMISED_LOSS_SECONDS = 600.0
"""`failover.maxDataLossSeconds` of the pair."""
LOSSLESS = ("planned", "death", "link")
"""What moves nothing, or moves it with both sides alive."""
GOALS = {
    ("planned", "pacemaker"): 1.0,
    ("planned", "floor"): 3.0,
    ("power-cut", "pacemaker"): 1.0,
    ("power-cut", f"pacemaker{BEST}"): 1.0,
}
"""The operator's outage may be so many times the other side's."""


@dataclass(frozen=True, slots=True)
class Cell:
    """All rounds of one side and one accident."""

    side: str
    kind: str
    costs: Sequence[Cost]
    unseen: Sequence[str] = ()
    """Why rounds were not seen."""

    def claim(self, rounds: int, *, evidence: str) -> Claim:
        """Return its figures, and whether they may stand."""
        complaints = [*self._broken(), *self.unseen[:3]]
        return Claim(
            id=f"{self.side}-{self.kind}",
            ok=len(self.costs) >= least(rounds) and not self._broken(),
            measured=self._words(),
            bound=f"seen {least(rounds)} times or more{self._promise()}",
            evidence=("; ".join(complaints), evidence),
        )

    def outages(self) -> list[float]:
        """Return the seconds without an answer, a round each."""
        return [one.outage_seconds for one in self.costs]

    def _words(self) -> str:
        if not self.costs:
            return "not seen"
        back = sum(one.served for one in self.costs)
        return (
            f"outage {spread(self.outages())} s; back by itself {back} of {len(self.costs)}; "
            f"lost {max(one.lost for one in self.costs)} records at most, "
            f"of {max(one.lost_seconds for one in self.costs):.1f} s; "
            f"two writers {max(one.two_writers_seconds for one in self.costs):.2f} s at most; "
            f"{max(one.split for one in self.costs)} answers of both sides at most"
        )

    def _promise(self) -> str:
        if self.side.removesuffix(BEST) != OWN:
            return ""
        loss = "nothing lost" if self.kind in LOSSLESS else f"lost no more than {PROMISED_LOSS_SECONDS:.0f} s"
        return f"; never two writers; {loss}"

    def _broken(self) -> list[str]:
        """Return what the operator promises and did not keep; nothing is promised by anybody else."""
        if self.side.removesuffix(BEST) != OWN:
            return []
        found = []
        if worst := max((one.two_writers_seconds for one in self.costs), default=0.0):
            found.append(f"two services ran at once for {worst:.2f} s")
        if any(one.split for one in self.costs):
            found.append("both sides acknowledged records in turns")
        if self.kind in LOSSLESS and (most := max((one.lost for one in self.costs), default=0)):
            found.append(f"{most} acknowledged records are gone")
        if any(one.lost_of_new for one in self.costs):
            found.append("records of the side that took over are gone")
        if any(one.lost_seconds > PROMISED_LOSS_SECONDS for one in self.costs):
            found.append("more was lost than the pair allows")
        return found


def least(rounds: int) -> int:
    """Return how many rounds must be seen: a client that paused on a busy machine saw nothing, and says so."""
    return rounds - rounds // 4


def spread(values: Sequence[float]) -> str:
    """Return the median with the least and the most."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f}, n={len(values)})"


def ratio_claims(cells: Mapping[tuple[str, str], Cell], rounds: int) -> list[Claim]:
    """Return the operator's outages divided by each other side's, round by round of one run."""
    found = []
    for (side, kind), cell in sorted(cells.items()):
        mine = f"{OWN}{BEST}" if side.endswith(BEST) else OWN
        own = cells.get((mine, kind))
        if side == mine or own is None:
            continue
        pairs = [(ours, theirs) for ours, theirs in zip(own.outages(), cell.outages(), strict=False) if theirs > 0]
        goal = GOALS.get((kind, side))
        words, told = "not seen", "no goal"
        if pairs:
            ratios = [ours / theirs for ours, theirs in pairs]
            words = f"{mine} / {side}: {spread(ratios)}"
            if goal is not None:
                fate = "met" if statistics.median(ratios) <= goal else "missed"
                told = f"goal {goal:.1f} in the median: {fate}"
        enough = len(pairs) >= least(rounds)
        found.append(
            Claim(
                id=f"ratio-{kind}-{side}", ok=enough, measured=f"{words}; {told}", bound=f"n of {least(rounds)} or more"
            )
        )
    return found
