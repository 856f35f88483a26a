"""One answer for several questions to one machine.

The law of this file: any sign of life is one of the machine. Alive needs that every question was
answered well, dead that every one was met by silence, and a question that could not be asked leaves it
open. Two kinds say less: an echo request that is not answered may be blocked, and a command that could not
be run on the node says no more of a silent machine than the silence does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.pair import DetectionProbe
from maestro_operator.model.seen import Vote

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.drivers.probes.streams import Answer
    from maestro_operator.model.pair import Probe


def summed(probes: Sequence[Probe], answers: Sequence[Answer]) -> Answer:
    """Return the one answer."""
    asked = list(zip(probes, answers, strict=True))
    heard = [answer for item, answer in asked if not (_is_echo(item) and answer[0] is not Vote.ALIVE)]
    network = [answer for item, answer in asked if not _is_echo(item) and not _is_command(item)]
    if network and all(answer[0] is Vote.DEAD for answer in network):
        heard = [answer for item, answer in asked if not (_is_command(item) and answer[0] is Vote.UNKNOWN)]
        heard = [answer for answer in heard if answer[0] is not Vote.UNKNOWN] or heard
    return _one(heard or [answer for _, answer in asked])


def _one(answers: Sequence[Answer]) -> Answer:
    for vote in (Vote.SICK, Vote.UNKNOWN, Vote.DEAD):
        found = next((item for item in answers if item[0] is vote), None)
        if found is None:
            continue
        if vote is not Vote.SICK and any(item[0] is Vote.ALIVE for item in answers):
            return Vote.SICK, found[1], found[2]
        return found
    # Of good answers, one that has something to say.
    return next((item for item in answers if item[1] != answers[0][1]), answers[0])


def _is_echo(probe: Probe) -> bool:
    return isinstance(probe, DetectionProbe) and probe.icmp is not None


def _is_command(probe: Probe) -> bool:
    return isinstance(probe, DetectionProbe) and probe.command is not None
