"""How long each vantage point has said the same, on this operator's own clock.

A restarted operator knows nothing of before: every count begins again, which is late and safe.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from maestro_operator.model.seen import Unknown, Vote, VoteSeen

STALE_PERIODS = 3


@dataclass(frozen=True, slots=True)
class _Said:
    vote: Vote
    since_seconds: float
    at_seconds: float
    times: int


class VoteMemory:
    """Turns single votes into votes with a duration; an unknown vote interrupts, and so does not having been asked."""

    def __init__(self) -> None:
        """Begin with nothing said."""
        self._said: dict[tuple[str, str], _Said] = {}

    def forget(self, node: str) -> None:
        """Begin anew with what is said of a node."""
        self._said = {key: said for key, said in self._said.items() if key[1] != node}

    def remember(
        self, vantage_point: str, node: str, vote: VoteSeen | Unknown, *, at_seconds: float, good_for_seconds: float
    ) -> VoteSeen:
        """Return the vote with how long this vantage point has said so without interruption.

        What it says counts for `good_for_seconds`: an answer that comes later after the one before begins anew.
        """
        if isinstance(vote, Unknown):
            vote = _unknown(vantage_point, node, why=vote)
        key = (vantage_point, node)
        before = self._said.get(key)
        same = before is not None and before.vote is vote.vote and at_seconds - before.at_seconds <= good_for_seconds
        since = before.since_seconds if before is not None and same else at_seconds
        times = 1
        if before is not None and same:
            # The same answer is remembered once for every turn that takes it: only a newer one counts.
            times = before.times + (at_seconds > before.at_seconds)
        self._said[key] = _Said(vote.vote, since, at_seconds, times)
        lasting = max(0.0, at_seconds - since)
        return replace(vote, vantage_point=vantage_point, node=node, for_seconds=lasting, times=times)


def _unknown(vantage_point: str, node: str, *, why: Unknown) -> VoteSeen:
    return VoteSeen(
        vantage_point=vantage_point,
        node=node,
        vote=Vote.UNKNOWN,
        reason=why.reason,
        message=why.message,
        for_seconds=0.0,
    )
