"""The questions that only the wall clock can answer, because the journal outlives a process.

All err to the late side: a margin is added for clocks that differ between two operators.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Management

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.status import PairStatus, Word

CLOCK_MARGIN = timedelta(seconds=5)
WORD_LASTS = timedelta(minutes=15)
"""How long a person's word that a node is off counts: as long as nobody will have gone and switched it on."""


def deadline_passed(status: PairStatus, now: str) -> bool:
    """Tell whether the journaled deadline of the current step is certainly over."""
    episode = status.episode
    record = episode.record(episode.step) if episode else None
    if record is None:
        return True
    return datetime.fromisoformat(now) > datetime.fromisoformat(record.deadline) + CLOCK_MARGIN


def block_remaining_seconds(spec: PairSpec, status: PairStatus, now: str) -> float:
    """Return how long the last automatic failover still blocks the next one, in seconds."""
    move = status.automatic_move
    if move is None or move.acknowledged:
        return 0.0
    passed = datetime.fromisoformat(now) - datetime.fromisoformat(move.finished_at)
    return max(0.0, spec.failover.block_seconds - passed.total_seconds())


def quarantined(status: PairStatus, now: str) -> tuple[str, ...]:
    """Return the nodes that flapped, as long as their quarantine lasts."""
    moment = datetime.fromisoformat(now)
    return tuple(
        node.name
        for node in status.nodes
        if node.quarantined_until is not None and datetime.fromisoformat(node.quarantined_until) > moment
    )


def checks_due(spec: PairSpec, status: PairStatus, now: str, *, leads: bool) -> str | None:
    """Return since when the next round of checks at rest looks, None while none is due or somebody else leads."""
    every, active = spec.verification_policy.every_seconds, status.active_node
    may = leads and spec.management is Management.ENFORCE and status.episode is None and spec.verification
    if every is None or active is None or not may:
        return None
    last = status.verified_at_rest
    moments = [last.at] if last is not None and last.node == active else []
    moments += [entry.finished_at for entry in status.history[:1]]
    since = max(moments, key=datetime.fromisoformat, default=now)
    passed = (datetime.fromisoformat(now) - datetime.fromisoformat(since)).total_seconds()
    return since if passed >= every or not moments else None


def fresh_words(status: PairStatus, now: str) -> tuple[Word, ...]:
    """Return the recorded words of people that are not too old to count; one from the future is."""
    moment = datetime.fromisoformat(now)

    def counts(word: Word) -> bool:
        age = moment - datetime.fromisoformat(word.seen_at)
        return -CLOCK_MARGIN <= age <= WORD_LASTS

    return tuple(word for word in status.words if counts(word))
