"""What DRBD on one node says of its peer: the connection's state, as `drbdadm cstate` prints it.

The law of this file: DRBD talks with a kernel. A connection shows that the machine lives and nothing
of its services; one that DRBD looks for in vain is silence; one that it does not look for says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.transport.answers import shortened

if TYPE_CHECKING:
    from maestro_operator.transport.session import Completed

VANTAGE_POINT = "drbd"
TALKS = frozenset(
    {
        "Connected", "WFReportParams", "WFBitMapS", "WFBitMapT", "WFSyncUUID", "StartingSyncS", "StartingSyncT",
        "SyncSource", "SyncTarget", "PausedSyncS", "PausedSyncT", "VerifyS", "VerifyT", "Ahead", "Behind",
        "Established", "Off",
    }
)  # fmt: skip
SEEKS = frozenset(
    {"WFConnection", "Connecting", "Timeout", "BrokenPipe", "NetworkFailure", "ProtocolError", "TearDown",
     "Unconnected"}
)  # fmt: skip
LETS_BE = frozenset({"StandAlone", "Disconnecting"})


def drbd_words(resource: str) -> tuple[str, ...]:
    """Return the command that asks for the state of a resource's connection."""
    return ("drbdadm", "cstate", resource)


def drbd_vote_of(answer: Completed | Unknown, *, asked: str, about: str, resource: str) -> VoteSeen | Unknown:
    """Return the vote that a connection's state amounts to."""
    if isinstance(answer, Unknown):
        return answer
    state = answer.stdout.strip()
    if answer.exit_status != 0:
        return Unknown(Reason.COMMAND_FAILED, f"{asked}: drbdadm cstate {resource}: {shortened(answer)}")
    if state in TALKS:
        found = Vote.ALIVE, Reason.ANSWERS, f"DRBD is connected to {about}'s kernel"
    elif state in SEEKS:
        found = Vote.DEAD, Reason.PEER_UNREACHABLE, f"DRBD looks for {about} in vain"
    elif state in LETS_BE:
        return Unknown(Reason.PEER_UNREACHABLE, f"{asked}: DRBD does not look for its peer: {state}")
    else:
        return Unknown(Reason.BAD_ANSWER, f"{asked}: drbdadm cstate {resource} says {state[:40]!r}")
    vote, reason, message = found
    return VoteSeen(VANTAGE_POINT, about, vote, reason, f"{asked}: {message}", 0.0)
