"""What one node says about the other one's services.

The law of this file: only silence is dead. A refused connection, an sshd that does not let the
guard in, a service that half runs: each comes from a living machine and is Sick.
"""

from __future__ import annotations

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.transport.answers import BadAnswerError, Lines, shortened
from maestro_operator.transport.session import Completed

VANTAGE_POINT = "peer"
ABSENT = 13
_REACHED = ("open", "refused", "silent", "unreachable")


def peer_vote_of(answer: Completed | Unknown, *, asked: str, about: str) -> VoteSeen | Unknown:
    """Return the vote that one node's `probe-peer` amounts to; how long is for the caller to keep."""
    if isinstance(answer, Unknown):
        return answer
    if answer.exit_status != 0:
        reason = Reason.GUARD_ABSENT if answer.exit_status == ABSENT else Reason.COMMAND_FAILED
        return Unknown(reason, f"{asked}: asking about {about}: {shortened(answer)}")
    try:
        vote, reason, said = _judge(Lines(answer.stdout), about)
    except BadAnswerError as error:
        return Unknown(Reason.BAD_ANSWER, f"{asked}: asking about {about}: {error}")
    return VoteSeen(
        vantage_point=VANTAGE_POINT,
        node=about,
        vote=vote,
        reason=reason,
        message=f"{asked}: {said}",
        for_seconds=0.0,
    )


def _judge(lines: Lines, about: str) -> tuple[Vote, Reason, str]:
    """Return vote, reason and a few words.

    Raises:
        BadAnswerError: the answer does not say how the peer was reached.

    """
    service = lines.maybe("peer_service")
    if lines.yes("peer_answers"):
        if service == "runs":
            return Vote.ALIVE, Reason.ANSWERS, f"{about} runs its services"
        return Vote.SICK, Reason.SERVICE_DOWN, f"{about} answers; its services: {service or 'unknown'}"
    reached = {"ssh": lines.text("ssh"), **dict(lines.starting("port."))}
    for name, word in reached.items():
        if word not in _REACHED:
            raise BadAnswerError(f"{name}={word[:40]!r}")
        if word == "open":
            return Vote.SICK, Reason.BAD_ANSWER, f"{about} does not answer the guard; {name} is open"
    refused = [name for name, word in reached.items() if word == "refused"]
    if refused:
        return Vote.SICK, Reason.CONNECTION_REFUSED, f"{about} refuses {', '.join(refused)}"
    if "silent" in reached.values():
        return Vote.DEAD, Reason.TIMED_OUT, f"{about} is silent"
    return Vote.DEAD, Reason.HOST_UNREACHABLE, f"there is no way to {about}"
