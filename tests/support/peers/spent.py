"""Turns what outages were spent on into claims: each side's parts, and the operator's beside Pacemaker's.

The law of this file: what the operator waits for on purpose, its second look at a fence device, is told apart and taken
from nobody else. A goal that is missed is said in the same line.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.peers.ratios import BEST, OWN, least, spread
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.peers.parts import Parts

GOAL = 1.0
"""The operator's seconds after its verdict, less the second look, may be so many times Pacemaker's."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What one side's power cuts were spent on, by round."""

    side: str
    parts: Mapping[int, Parts]
    unseen: Sequence[str] = ()

    def claim(self, rounds: int) -> Claim:
        """Return the parts, each in the median with its least and most."""
        enough = len(self.parts) >= least(rounds)
        words = "not seen"
        if self.parts:
            each = {
                name: [value for one in self.parts.values() if (value := getattr(one, name)) is not None]
                for name in ("detection", "fence", "proof", "start")
            }
            words = "; ".join(f"{name} {spread(values) if values else 'none'}" for name, values in each.items())
        return Claim(
            id=f"parts-{self.side}",
            ok=enough,
            measured=f"{words}; seconds",
            bound=f"seen {least(rounds)} times or more",
            evidence=tuple(self.unseen[:3]),
        )


def spent_claims(sides: Sequence[Spent], rounds: int) -> list[Claim]:
    """Return every side's parts, and the operator's seconds after the verdict divided by Pacemaker's."""
    found, named = [one.claim(rounds) for one in sides], {one.side: one for one in sides}
    for suffix in ("", BEST):
        own, theirs = named.get(f"{OWN}{suffix}"), named.get(f"pacemaker{suffix}")
        if own is None or theirs is None:
            continue
        both = sorted(own.parts.keys() & theirs.parts.keys())
        ratios = [own.parts[number].after_verdict / theirs.parts[number].after_verdict for number in both]
        words = "not seen"
        if ratios:
            fate = "met" if statistics.median(ratios) <= GOAL else "missed"
            words = f"{spread(ratios)}; goal {GOAL:.1f} in the median: {fate}"
        found.append(
            Claim(
                id=f"after-verdict-pacemaker{suffix}",
                ok=len(ratios) >= least(rounds),
                measured=f"operator / pacemaker, from the verdict to the first answer, less the second look: {words}",
                bound=f"n of {least(rounds)} or more",
            )
        )
    return found
