"""What the operator writes: `MaestroPair.status`, the journal of every episode included.

A status without `activeNode` is a pair that was never adopted. Times in it are RFC 3339 strings
for people; every duration that decides something is monotonic and never read from here.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field
from typing_extensions import override

from maestro_operator.model.pair import FencingRung, Ssh
from maestro_operator.model.proof import Proof
from maestro_operator.model.rehearsal import Rehearsal
from maestro_operator.model.resource import ResourceValue
from maestro_operator.model.steps import LEAVES_ALONE, TRAFFIC, EpisodeKind, StepName


class State(StrEnum):
    """The one printed word; it is derived from conditions and episode, never decided from."""

    ADOPTING = "Adopting"
    ACTIVATING = "Activating"
    ACTIVE = "Active"
    SWITCHING_OVER = "SwitchingOver"
    FAILING_OVER = "FailingOver"
    REJOINING = "Rejoining"
    RESTORING = "Restoring"
    DRILLING = "Drilling"
    WAIT_FOR_USER = "WaitForUser"
    PAUSED = "Paused"
    SPLIT_BRAIN = "SplitBrain"
    LOST = "Lost"
    RELEASED = "Released"


class EpochMark(ResourceValue):
    """One epoch: its number, the one owner it has for ever, and the episode that made it."""

    number: int
    owner: str
    episode: str


class Epoch(ResourceValue):
    """The epoch as far as it is known: first promised, then in force."""

    promised: EpochMark | None = None
    in_force: EpochMark | None = None


class StepRecord(ResourceValue):
    """One step of an episode as the journal holds it."""

    name: StepName
    state: Literal["Running", "Done", "Failed"]
    attempts: int = 1
    term: int
    """The leader that began it: another one waits for the deadline where nodes cannot refuse."""
    started_at: str
    deadline: str
    seconds: float | None = None
    remote_commands: int = 0
    api_writes: int = 0
    reason: str | None = None
    message: str | None = None


class FrozenNode(ResourceValue):
    """A node as it was when the episode began; editing the spec cannot redirect a fence."""

    name: str
    address: str
    ssh: Ssh
    machine_id: str | None = None
    fencing: tuple[FencingRung, ...] = ()


class Generation(ResourceValue):
    """The name of one whole copy."""

    epoch: int
    counter: int

    @override
    def __str__(self) -> str:
        """Return `epoch.counter`, as it is named on the nodes."""
        return f"{self.epoch}.{self.counter}"


class Loss(ResourceValue):
    """What a failover may have lost, and what people accepted beforehand or since."""

    declared_seconds: float
    accepted_seconds: float = 0
    clock: Literal["uptime", "wall", "none"] = "uptime"
    generation: Generation | None = None


class Episode(ResourceValue):
    """The journal of the episode under way."""

    id: str
    kind: EpisodeKind
    source: str
    target: str
    trigger: str
    started_at: str
    epoch: int
    step: StepName
    steps: tuple[StepRecord, ...] = ()
    frozen: tuple[FrozenNode, ...] = ()
    proof: Proof | None = None
    loss: Loss | None = None
    generation: Generation | None = None
    rung: str | None = None
    """The rung of the fencing ladder that is being tried."""
    down_since: str | None = None
    restore: str | None = None
    """The backup that a person named, to be brought up in the place of a copy or of the live data."""
    discard: str | None = None
    """What is kept aside and was given up by a person."""
    order: str | None = None
    """The value of spec.activeNode that this episode carries out, where it carries one out."""

    def frozen_node(self, name: str) -> FrozenNode | None:
        """Return a node as this episode froze it, or None where it froze none."""
        return next((node for node in self.frozen if node.name == name), None)

    def sides(self, words: tuple[str, ...]) -> frozenset[str]:
        """Return the names of the nodes that are called `source` or `target` here."""
        return frozenset({"source": self.source, "target": self.target}[word] for word in words)

    def left_alone(self, step: StepName) -> frozenset[str]:
        """Return what a step did nothing to: sides by name, and the traffic."""
        traffic: frozenset[str] = frozenset() if step is StepName.MOVE_TRAFFIC else frozenset({TRAFFIC})
        return self.sides(LEAVES_ALONE.get(step, ())) | traffic

    def record(self, step: StepName) -> StepRecord | None:
        """Return the journal's record of a step, or None before its intent."""
        return next((record for record in self.steps if record.name == step), None)


class HistoryStep(ResourceValue):
    """What one finished step cost."""

    name: StepName
    state: Literal["Done", "Failed"] = "Done"
    seconds: float
    remote_commands: int = 0
    api_writes: int = 0
    message: str | None = None
    """Why it failed."""


class HistoryEntry(ResourceValue):
    """One finished episode."""

    id: str
    kind: EpisodeKind
    source: str
    target: str
    trigger: str
    started_at: str
    finished_at: str
    result: Literal["Done", "RolledBack", "Abandoned"]
    downtime_seconds: float | None = None
    declared_loss_seconds: float | None = None
    accepted_loss_seconds: float | None = None
    may_be_sent_twice: int | None = None
    """How many messages lay in the queue that came up with older data: the old side may have sent them since."""
    restored: str | None = None
    """The backup that was brought up."""
    proof: Proof | None = None
    steps: tuple[HistoryStep, ...] = ()


class VoteStatus(ResourceValue):
    """What one vantage point says of one node."""

    vantage_point: str
    vote: str
    reason: str


class ServiceStatus(ResourceValue):
    """One unit as systemd on the node shows it."""

    name: str
    state: str


class NodeStatus(ResourceValue):
    """One node as it was last read."""

    name: str
    reachable: bool
    reason: str
    machine_id: str | None = None
    boot_id: str | None = None
    role: str | None = None
    verdict: str = "Uncertain"
    verdict_reason: str | None = None
    platform: str | None = None
    """What it runs on, where no real one was ever tried, only a stand-in; the reason says so."""
    platform_reason: str | None = None
    quarantined_until: str | None = None
    """When a node that flapped may be moved to by itself again; set once, when it is quarantined."""
    epoch: int | None = None
    may_run: bool | None = None
    fencing_ready: bool | None = None
    fencing_reason: str | None = None
    services: tuple[ServiceStatus, ...] = ()
    votes: tuple[VoteStatus, ...] = ()


class ServiceVerdict(ResourceValue):
    """What is concluded of the service on the active node."""

    verdict: str
    reason: str


class ReplicationStatus(ResourceValue):
    """How far the standby's copy is behind, as of the last change worth writing."""

    driver: str = "rsync"
    in_sync: bool | None = None
    generation: Generation | None = None
    last_sync: str | None = None
    lag: str | None = None
    """How far the copy is behind in words, coarse so that it seldom changes: a printed column."""
    reason: str | None = None


class QuarantineEntry(ResourceValue):
    """Data that an old side wrote last, kept aside on its node."""

    node: str
    episode: str
    bytes: int | None = None
    kept_at: str | None = None
    """When it was kept, by the node's wall clock."""


class Condition(ResourceValue):
    """A Kubernetes condition; `lastTransitionTime` moves only with `status`."""

    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    observed_generation: int | None = None
    last_transition_time: str


class TakenAnswer(ResourceValue):
    """An answer that was taken or found on adoption; it is never taken again."""

    episode: str
    say: str
    of: str | None = None


class Drill(ResourceValue):
    """What was seen of a device that cannot tell which machine it serves: its word and the node's, side by side."""

    node: str
    rung: str
    identity: str
    device: str
    """The mark of exactly this device; another address or plug is another device."""
    boot_id: str | None = None
    """The boot in which the node answered while the device said on."""
    cut_at: str | None = None
    """When the device said off and the node was silent."""
    proven_at: str | None = None
    """When the device said on again and the node answered from another boot: the device does switch this node."""


class Word(ResourceValue):
    """A person's word that a node is off, as it was first seen: it counts from then on, for a limited time."""

    episode: str
    of: str
    by: str | None = None
    """Who, in the answer's own words: whoever may write the resource may write any name here."""
    why: str | None = None
    written_by: str | None = None
    """Which client wrote `spec.answers` last and when, by the API server's own record of the field."""
    seen_at: str


class Recorded(ResourceValue):
    """The highest epoch status ever saw a node hold; a node below it was rolled back."""

    node: str
    epoch: int
    machine_id: str | None = None
    address: str | None = None
    """The last of its addresses that names pointed at: after an edit of the spec they still may."""


class Alone(ResourceValue):
    """The standby was given up: written before the owner of a frozen mirror may go on without it."""

    epoch: int
    since: str


class AutomaticMove(ResourceValue):
    """The last automatic failover, until a person acknowledges it or enough time has passed."""

    episode: str
    finished_at: str
    acknowledged: bool = False


class FailedCheck(ResourceValue):
    """One check that did not pass, with its reason."""

    name: str
    message: str


class VerifiedAtRest(ResourceValue):
    """The last round of checks while the pair was at rest."""

    node: str
    at: str
    passed: int = 0
    failed: tuple[FailedCheck, ...] = ()


class PairStatus(ResourceValue):
    """All of `MaestroPair.status`."""

    observed_generation: int | None = None
    active_node: str | None = None
    observed_active_node: str | None = None
    pair_uid: str | None = Field(default=None, alias="pairUID")
    epoch: Epoch = Field(default_factory=Epoch)
    term: int = 0
    episode: Episode | None = None
    order_not_done: str | None = None
    taken_answers: tuple[TakenAnswer, ...] = ()
    words: tuple[Word, ...] = ()
    drills: tuple[Drill, ...] = ()
    recorded: tuple[Recorded, ...] = ()
    automatic_move: AutomaticMove | None = None
    alone: Alone | None = None
    """The owner may have written alone since then; gone when both sides are in sync again."""
    claims: tuple[str, ...] = ()
    """The hosts, machines, devices and names that this pair had while no other pair came before it."""
    history: tuple[HistoryEntry, ...] = ()
    rehearsals: tuple[Rehearsal, ...] = ()
    """Newest first; one without a result is under way."""
    nodes: tuple[NodeStatus, ...] = ()
    service: ServiceVerdict | None = None
    verdicts: str | None = None
    """The verdicts of both nodes in one line: a printed column, which cannot show a list."""
    replication: ReplicationStatus | None = None
    verified_at_rest: VerifiedAtRest | None = None
    quarantine: tuple[QuarantineEntry, ...] = ()
    plan: str | None = None
    state: State | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def judged_node(self) -> str | None:
        """Return whose life the vantage points are asked about: the active node, or the one that is given up."""
        return self.active_node or (self.episode.source if self.episode else None)
