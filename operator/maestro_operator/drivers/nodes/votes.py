"""What one node says about the other one's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.seen import Unknown, VoteSeen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.model.pair import Probe
    from maestro_operator.transport.session import Completed


def peer_vote_of(answer: Completed, *, about: str, probes: Sequence[Probe]) -> VoteSeen | Unknown:
    """Return the vote that a `probe-peer` answer amounts to."""
    raise NotImplementedError
