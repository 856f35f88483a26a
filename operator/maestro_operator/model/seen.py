"""What one look at the world gave: every failure to look is a value with a reason.

The law of this file: Unknown is not No. An `Unknown` says that nothing is known and why; it is
neither False nor zero, and the rules say what may be concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from maestro_operator.model.outcome import Outcome
from maestro_operator.model.pair import PairKey, PairSpec
from maestro_operator.model.reasons import Reason
from maestro_operator.model.replica import KeptBackup as KeptBackup  # noqa: PLC0414 - found here too
from maestro_operator.model.replica import Mirror as Mirror  # noqa: PLC0414 - found here too
from maestro_operator.model.replica import Product as Product  # noqa: PLC0414 - found here too
from maestro_operator.model.replica import Replica as Replica  # noqa: PLC0414 - found here too
from maestro_operator.model.replica import SharedSide as SharedSide  # noqa: PLC0414 - found here too
from maestro_operator.model.replica import TriedRestore as TriedRestore  # noqa: PLC0414 - found here too
from maestro_operator.model.status import EpochMark, PairStatus, Word
from maestro_operator.model.steps import StepName


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing is known, for this reason."""

    reason: Reason
    message: str
    about: tuple[str, ...] = ()
    """Of which part of the pair, where that is not clear from where this stands: a node and a rung of its ladder."""


@dataclass(frozen=True, slots=True)
class Barred:
    """Nothing may be done for this pair, for this reason; the message names field and remedy."""

    reason: Reason
    message: str
    forbids_contact: bool = False
    """Not even a look may be taken: what would be looked at may be somebody else's."""


class GuardState(StrEnum):
    """Whether a guard can speak for its node."""

    VALID = "valid"
    NEVER = "never"
    """No state directory: this node never ran under a guard."""
    LOST = "lost"
    """A directory without valid state: what was promised here is not known."""
    ABSENT = "absent"
    """The guard's program is not installed."""
    NEWER = "newer"
    """The state was written by a newer guard than this operator knows; it is left alone."""


@dataclass(frozen=True, slots=True)
class Guard:
    """The node's own numbers, as its guard printed them."""

    state: GuardState
    pair_uid: str | None = None
    node: str | None = None
    term: int = 0
    promised: EpochMark | None = None
    in_force: EpochMark | None = None
    permit_epoch: int | None = None
    permit_boot: str | None = None
    max_permit_epoch: int = 0
    max_permit_boot: str | None = None
    final_epoch: int | None = None
    grant_epoch: int | None = None
    grant_source: str | None = None
    quarantined_epoch: int | None = None
    may_run: bool = False
    version: str = ""
    peer_ready: bool = False
    """The forced command to the peer is configured on this node (key, pinned host key)."""
    bundle: str = ""
    """The fingerprint of what was installed on the node."""
    is_current: bool = True
    """What was installed is what this operator and this spec install."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One service as systemd shows it."""

    name: str
    active: str
    """systemd's ActiveState: active, activating, deactivating, inactive, failed."""
    sub: str = ""
    enabled: str = ""
    is_installed: bool = True
    """systemd has a file for it that is not masked, so it could be started."""

    @property
    def is_stopped(self) -> bool:
        """Tell whether the unit certainly does not run."""
        return self.active in ("inactive", "failed")


@dataclass(frozen=True, slots=True)
class NodeSeen:
    """One node, read in one round trip from the node itself."""

    name: str
    machine_id: str
    boot_id: str
    uptime_seconds: float
    guard: Guard
    units: tuple[Unit, ...] = ()
    holders: int = 0
    """Processes that hold files below the data path."""
    listeners: tuple[int, ...] = ()
    """Service ports somebody listens on."""
    pins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Public name to the address it resolves to on the node."""
    disk_free_bytes: int | None = None
    replica: Replica = field(default_factory=Replica)
    systemd_version: int | None = None
    versions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Version by the name that the spec gives it; a name is missing where the node did not say."""
    memory_available_bytes: int | None = None
    files: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """Whether a file that the spec wants on a standby is there and not empty; one is missing where the node did not
    say."""
    peer_left_seconds: float | None = None
    """How long ago the peer's guard told this node that it shuts down or reboots, on this node's clock."""

    @property
    def is_stopped(self) -> bool:
        """Tell whether the node was read back stopped: units, processes and ports."""
        return all(unit.is_stopped for unit in self.units) and not self.holders and not self.listeners

    @property
    def runs_something(self) -> bool:
        """Tell whether any unit is not stopped."""
        return not all(unit.is_stopped for unit in self.units)

    def has_data_of(self, mark: EpochMark) -> bool:
        """Tell whether an owner has the data of its epoch: it was permitted in it, or its copy was brought up for it.

        An owner that stored the epoch of a move and died before its copy came up has something older.
        """
        was_moved = mark.episode.startswith(("switchover-", "failover-"))
        was_permitted = self.guard.max_permit_epoch >= mark.number
        return was_permitted or self.replica.promoted_episode == mark.episode or not was_moved

    def runs(self, units: Iterable[str]) -> bool:
        """Tell whether each of these units is active; the node may know of more, which may only not be left running."""
        active = {unit.name for unit in self.units if unit.active == "active"}
        return bool(active) and active.issuperset(units)


class Vote(StrEnum):
    """What one vantage point saw of the active side's service."""

    ALIVE = "Alive"
    SICK = "Sick"
    """It answers, and not well: alive, so no outage."""
    DEAD = "Dead"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class VoteSeen:
    """One vote with its reason and how long it has not changed, on the operator's clock."""

    vantage_point: str
    node: str
    vote: Vote
    reason: Reason
    message: str
    for_seconds: float
    """How long this vantage point has said the same without interruption."""
    times: int = 1
    """How many looks in a row gave it."""


@dataclass(frozen=True, slots=True)
class Grace:
    """Why the silence of the active side is no outage yet, and for how long."""

    reason: Reason
    message: str
    left_seconds: float


@dataclass(frozen=True, slots=True)
class Maintenance:
    """A planned maintenance that holds now."""

    message: str
    left_seconds: float


@dataclass(frozen=True, slots=True)
class TrafficSeen:
    """Where one traffic entry points: the node's address for what is that node's, else what was found, in order."""

    name: str
    addresses: tuple[str, ...]
    ttl_seconds: int | None = None
    silent: tuple[str, ...] = ()
    """What could not be asked, in words; everybody else says `addresses`, and where they are none it may be there."""
    behind: tuple[str, ...] = ()
    """Whose clients may be told something older for a while, in words: caches, not authorities."""

    @property
    def may_be_at_the_silent(self) -> bool:
        """Tell whether nobody who was asked has it, and somebody could not be asked."""
        return not self.addresses and bool(self.silent)

    def is_astray(self, address: str) -> bool:
        """Tell whether it is known to point elsewhere than at this address alone."""
        return self.addresses != (address,) and not self.may_be_at_the_silent


@dataclass(frozen=True, slots=True)
class CheckSeen:
    """One check that was made while the pair was at rest."""

    name: str
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class RoundSeen:
    """One round of checks while the pair was at rest, and when it ended."""

    node: str
    at: str
    checks: tuple[CheckSeen, ...]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a test beside the pair ended, as this operator saw it."""

    id: str
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """Whether one fence device could do its work now."""

    node: str
    rung: str
    device: str
    state: str
    """`on` or what it says of a fenced node, where it answers truthfully about the right machine."""
    identity: str = ""
    tells_identity: bool = True
    """The device itself said that it serves the machine of `identity`; else only a fence drill can show it."""
    at_seconds: float = 0.0
    """The operator's monotonic clock when it answered."""


@dataclass(frozen=True, slots=True)
class Leadership:
    """What this operator knows of its own right to act."""

    term: int
    """The term this leader speaks with for this pair; 0 before it was taken."""
    has_lease: bool
    led_for_seconds: float
    sure_for_seconds: float
    """How long leadership surely outlasts this moment."""


@dataclass(frozen=True, slots=True)
class LastOutcome:
    """How this leader's last attempt of the current step ended; gone after a restart."""

    episode: str
    step: StepName
    attempt: int
    outcome: Outcome
    age_seconds: float
    seconds: float = 0
    remote_commands: int = 0
    api_writes: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """All that a decision may know. Equal values give equal decisions."""

    key: PairKey
    generation: int
    spec: PairSpec
    status: PairStatus
    is_deleting: bool
    annotations: Mapping[str, str] = field(hash=False)
    leadership: Leadership
    nodes: Mapping[str, NodeSeen | Unknown] = field(hash=False)
    votes: tuple[VoteSeen, ...]
    traffic: tuple[TrafficSeen | Unknown, ...]
    devices: tuple[DeviceSeen | Unknown, ...]
    last: LastOutcome | None
    now: str
    """Wall clock, RFC 3339 in UTC, for people's eyes and the journal; never compared."""
    monotonic_seconds: float
    operator_is_isolated: bool = False
    """The operator reaches nothing at all: it is the one that is cut off."""
    deadline_passed: bool = True
    """The journaled deadline of the current step has passed, on the wall clock with margin."""
    block_remaining_seconds: float = 0
    """How long the last automatic failover still blocks the next one."""
    maintenance: Maintenance | None = None
    """The planned maintenance that keeps the operator from moving by itself."""
    grace: Grace | None = None
    """Why the active side's silence would be no outage yet: it boots, or said that it shuts down."""
    quarantined: tuple[str, ...] = ()
    """Nodes that fell silent and came back too often lately: nothing moves to them by itself."""
    flapping: tuple[str, ...] = ()
    """Those that did so once too often since this operator leads, and are quarantined from now on."""
    pairs_silent: int = 0
    """How many pairs of this operator have an active node that could not be read at their last look."""
    pairs_known: int = 1
    """How many pairs of this operator have an active node at all."""

    checked: RoundSeen | None = None
    """The last round of checks that this operator made while the pair was at rest."""
    rehearsed: Rehearsed | None = None
    """The last test beside the pair that this operator saw to its end."""
    barred: Barred | None = None
    """Why nothing may be done for this pair at all."""
    answers_by: str | None = None
    """Which client wrote `spec.answers` last and when, as the API server knows it."""
    fresh_words: tuple[Word, ...] = ()
    """The recorded words that are not too old to count."""

    def runs_everything(self, node: NodeSeen) -> bool:
        """Tell whether every service of the spec is active on a node."""
        return node.runs(service.unit for service in self.spec.services)

    def node(self, name: str) -> NodeSeen | Unknown:
        """Return what was seen of the named node."""
        return self.nodes[name]
