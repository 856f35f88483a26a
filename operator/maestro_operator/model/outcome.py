"""How an effect ended: a closed set, matched with `assert_never`; exceptions are surprises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from maestro_operator.model.proof import FenceEvidence
from maestro_operator.model.reasons import Reason

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Done:
    """The effect happened, now or on an earlier attempt, and was read back."""

    facts: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False)
    evidence: FenceEvidence | None = None
    """What the fence devices answered; only the fencing port sets it."""


@dataclass(frozen=True, slots=True)
class InProgress:
    """The effect has begun and needs another look."""

    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The other side understood and said no; trying again unchanged is pointless."""

    reason: Reason
    message: str
    remote_reason: str = ""
    """The word of the guard, the agent or the server that refused."""


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known that the effect happened: time-out, lost connection, failed command."""

    reason: Reason
    message: str
    facts: Mapping[str, str] = field(default_factory=lambda: _NOTHING, hash=False, compare=False)
    """What is known all the same: of checks, which passed (`True`) and which did not (`False`)."""


Outcome = Done | InProgress | Refused | Failed
