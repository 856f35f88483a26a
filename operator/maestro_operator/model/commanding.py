"""What people say of a product that replicates itself: its data, its standby's unit, and what speaks for it."""

from __future__ import annotations

from typing import ClassVar

from maestro_operator.model.resource import ResourceValue


class NodeProgram(ResourceValue):
    """One program on both nodes, run as root without a shell; it answers with one flat JSON object."""

    program: str
    arguments: tuple[str, ...] = ()


class StatusProgram(NodeProgram):
    """It says what the data is here, and changes nothing."""

    deadline_seconds: int = 3


class LagProgram(NodeProgram):
    """On a running standby it says whether all that the owner had when it was asked is here."""

    deadline_seconds: int = 10


class PromoteProgram(NodeProgram):
    """It lets the data of a running standby become the owner's."""

    deadline_seconds: int = 30


class DemoteProgram(NodeProgram):
    """It makes the data of a node the standby's; it starts nothing."""

    deadline_seconds: int = 3600


class Command(ResourceValue):
    """Replication that a product does itself, spoken for by the site's own programs."""

    shares_data: ClassVar[bool] = False
    """Each node has data of its own, and a standby runs only with its guard's grant."""

    data: str
    standby_unit: str
    """It receives on the standby; the services run on the owner alone."""
    interval_seconds: int = 5
    """How often the standby is asked whether it has everything."""
    status: StatusProgram
    lag: LagProgram
    promote: PromoteProgram
    demote: DemoteProgram

    @property
    def programs(self) -> tuple[tuple[str, NodeProgram, int], ...]:
        """Return each verb with its program and its deadline in seconds."""
        return (
            ("status", self.status, self.status.deadline_seconds),
            ("lag", self.lag, self.lag.deadline_seconds),
            ("promote", self.promote, self.promote.deadline_seconds),
            ("demote", self.demote, self.demote.deadline_seconds),
        )
