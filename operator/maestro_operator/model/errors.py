"""The exceptions, which are surprises; what is expected is an `Outcome` or an `Unknown`.

MaestroError
├── StatusConflict      the resource changed between the look and the write
├── ApiTrouble          the API server does not answer, or only that it cannot now
├── LeadershipLost      the Lease is another's, or could not be renewed in time
└── BadInput            a value that the schema admits and the model cannot carry out
"""

from __future__ import annotations


class MaestroError(Exception):
    """The base of everything this project raises."""


class StatusConflict(MaestroError):
    """The resource changed between the look and the write; look again."""


class ApiTrouble(MaestroError):
    """The API server does not answer, or only that it cannot now; nothing can be begun until it does."""


class LeadershipLost(MaestroError):
    """The Lease is not held any more; nothing may be begun."""


class BadInput(MaestroError):
    """A value that cannot be carried out; the message names the field and the remedy."""

    def __init__(self, field: str, remedy: str) -> None:
        """Keep the field's path and the remedy for the condition's message."""
        super().__init__(f"{field}: {remedy}")
        self.field = field
        self.remedy = remedy
