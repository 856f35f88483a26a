"""What people order: `MaestroPair.spec` and the identity of the object that carries it."""

from __future__ import annotations

import hashlib
import json
from enum import StrEnum

from pydantic import Field
from typing_extensions import override

from maestro_operator.model.backing import Backup, Spool
from maestro_operator.model.checks import (
    AddressAudit,
    Bounce,
    Click,
    Database,
    Login,
    Mailing,
    NamesFrom,
    NodeCommand,
    OldAddress,
    Tcpgui,
)
from maestro_operator.model.commanding import Command
from maestro_operator.model.copying import BtrfsConsistency as BtrfsConsistency  # noqa: PLC0414 - found here too
from maestro_operator.model.copying import Consistency as Consistency  # noqa: PLC0414 - found here too
from maestro_operator.model.copying import Rsync as Rsync  # noqa: PLC0414 - found here too
from maestro_operator.model.detection import Detection as Detection  # noqa: PLC0414 - found here too
from maestro_operator.model.detection import Standby
from maestro_operator.model.detection import VantagePoint as VantagePoint  # noqa: PLC0414 - found here too
from maestro_operator.model.localise import HostsPin as HostsPin  # noqa: PLC0414 - found here too
from maestro_operator.model.localise import Localise as Localise  # noqa: PLC0414 - found here too
from maestro_operator.model.localise import ValuesFile as ValuesFile  # noqa: PLC0414 - found here too
from maestro_operator.model.machine import VirtualMachine
from maestro_operator.model.mirroring import Drbd
from maestro_operator.model.probes import DetectionProbe as DetectionProbe  # noqa: PLC0414 - found here too
from maestro_operator.model.probes import HttpCheck
from maestro_operator.model.probes import HttpProbe as HttpProbe  # noqa: PLC0414 - found here too
from maestro_operator.model.probes import Probe as Probe  # noqa: PLC0414 - found here too
from maestro_operator.model.probes import TcpProbe as TcpProbe  # noqa: PLC0414 - found here too
from maestro_operator.model.rehearsal import Rehearsals
from maestro_operator.model.resource import Empty as Empty  # noqa: PLC0414 - found here too
from maestro_operator.model.resource import ResourceValue
from maestro_operator.model.resource import SecretReference as SecretReference  # noqa: PLC0414 - found here too
from maestro_operator.model.resource import Ssh as Ssh  # noqa: PLC0414 - found here too
from maestro_operator.model.sharing import SharedDisk
from maestro_operator.model.traffic import Dns as Dns  # noqa: PLC0414 - found here too
from maestro_operator.model.traffic import Traffic as Traffic  # noqa: PLC0414 - found here too

GRACEFUL = "graceful"
HUMAN = "human"


class Management(StrEnum):
    """How far the operator may go with this pair."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"
    PAUSED = "Paused"
    RELEASE = "Release"
    """Take everything that the operator installed off both nodes, and do nothing more."""


class Say(StrEnum):
    """What a person can answer to one episode."""

    HAND_BACK = "HandBack"
    RETRY = "Retry"
    ACCEPT_LOSS = "AcceptLoss"
    CONFIRM_FENCED = "ConfirmFenced"
    FAIL_OVER = "FailOver"
    DISCARD_QUARANTINE = "DiscardQuarantine"
    ACKNOWLEDGE = "Acknowledge"
    RESTORE = "Restore"
    ADOPT = "Adopt"
    DRILL = "Drill"
    TEST_START = "TestStart"
    TEST_RESTORE = "TestRestore"


class Platform(StrEnum):
    """The operating system of a node."""

    LINUX = "Linux"
    WINDOWS = "Windows"
    SOLARIS = "Solaris"


class Automatic(StrEnum):
    """Whether the operator may fail over without a person's order."""

    DISABLED = "Disabled"
    ENABLED = "Enabled"


class Answer(ResourceValue):
    """One thing a person says about one episode; it is taken once."""

    episode: str
    say: Say
    of: str | None = None
    by: str | None = None
    why: str | None = None


class FencingDevice(ResourceValue):
    """One out-of-band device, driven by a ClusterLabs fence agent; or the `gateway` behind which the node lies."""

    agent: str
    identity: str
    parameters: dict[str, str] = Field(default_factory=dict)
    secret: SecretReference | None = None

    @property
    def mark(self) -> str:
        """Return a short word for exactly this device: what was shown of another one is not shown of it."""
        told = json.dumps([self.agent, self.identity, sorted(self.parameters.items())])
        return hashlib.sha256(told.encode()).hexdigest()[:16]


class FencingRung(ResourceValue):
    """One rung of the ladder; all its devices must succeed before the rung counts."""

    name: str
    devices: tuple[FencingDevice, ...] = ()
    deadline_seconds: int = 60
    retries: int = 0
    """How often the rung is tried again within its deadline before the next one is."""


NOWHERE = Ssh(host="nowhere.invalid", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="none"))


class Node(ResourceValue):
    """One of the two servers."""

    name: str
    address: str
    platform: Platform = Platform.LINUX
    given_ssh: Ssh | None = Field(default=None, alias="ssh")
    """None for a host of the cluster itself, on which nothing is run."""
    fencing: tuple[FencingRung, ...] = ()

    @property
    def ssh(self) -> Ssh:
        """Return how the node is reached; where nobody says, a host that there is nowhere."""
        return NOWHERE if self.given_ssh is None else self.given_ssh


class LogScan(ResourceValue):
    """A log file that is read from the moment of the start; `{yyyymmdd}` is the node's local date."""

    path: str
    fail: tuple[str, ...] = ()
    ok: tuple[str, ...] = ()
    settle_seconds: int = 5
    """How long after the start a log without `ok` is watched: nothing in it says that the start is over."""


class Service(ResourceValue):
    """One unit of the ordered list of services."""

    name: str
    unit: str
    start_timeout_seconds: int = 60
    stop_timeout_seconds: int = 60
    readiness: tuple[Probe, ...] = ()


class Replication(ResourceValue):
    """One driver for the one consistency group."""

    rsync: Rsync | None = None
    drbd: Drbd | None = None
    virtual_machine: VirtualMachine | None = None
    shared_disk: SharedDisk | None = None
    command: Command | None = None

    @property
    def driver(self) -> str:
        """Return the driver's one name in status, metrics and messages."""
        if self.virtual_machine is not None:
            return "virtualMachine"
        if self.shared_disk is not None:
            return "sharedDisk"
        if self.command is not None:
            return "command"
        return "drbd" if self.drbd is not None else "rsync"

    @property
    def shares_data(self) -> bool:
        """Tell whether what one node writes is the other one's data too, as the driver says; so it is without one."""
        chosen = self.rsync or self.drbd or self.shared_disk or self.virtual_machine or self.command
        return chosen is None or chosen.shares_data

    @property
    def copy_interval_seconds(self) -> int | None:
        """Return how often the standby's data are known to be whole anew, None where that is no matter of intervals."""
        chosen = self.rsync or self.command
        return chosen.interval_seconds if chosen is not None else None


class UnverifiedPlatforms(StrEnum):
    """Whether a platform that was never tried may fail over by itself."""

    REFUSE = "Refuse"
    ALLOW = "Allow"


class Failover(ResourceValue):
    """What the operator may do by itself."""

    automatic: Automatic = Automatic.DISABLED
    max_data_loss_seconds: int = 0
    block_seconds: int = 3600
    unverified_platforms: UnverifiedPlatforms = UnverifiedPlatforms.REFUSE
    """Whoever allows it answers for having tried it."""


class Check(ResourceValue):
    """One verification after a start: exactly one kind."""

    name: str
    http: HttpCheck | None = None
    tcp: TcpProbe | None = None
    database: Database | None = None
    log: LogScan | None = None
    login: Login | None = None
    tcpgui: Tcpgui | None = None
    old_address: OldAddress | None = None
    names: NamesFrom | None = None
    command: NodeCommand | None = None
    address_audit: AddressAudit | None = None
    mailing: Mailing | None = None
    click: Click | None = None
    bounce: Bounce | None = None
    deadline_seconds: int = 30
    at_rest: bool = True
    """Made on the schedule of `verificationPolicy` too, and not after a start alone."""

    @property
    def of(self) -> str | None:
        """Return the mailing that this check needs, None where it stands alone."""
        if self.click is not None:
            return self.click.of
        return self.bounce.of if self.bounce is not None else None


class OnFailure(StrEnum):
    """What happens where the checks after a switchover failed for good."""

    STAY = "Stay"
    GO_BACK = "GoBack"


class VerificationPolicy(ResourceValue):
    """How often the checks are made, and what their failure leads to."""

    attempts: int = 3
    """How often the checks after a start are made until they pass."""
    every_seconds: int | None = None
    """How often they are made while the pair is at rest; without it, after a start alone."""
    on_failure: OnFailure = OnFailure.STAY


class Version(ResourceValue):
    """Where the version of one thing stands on a node: a package, or the first line of a file that anybody may read."""

    name: str
    package: str | None = None
    file: str | None = None


class PairSpec(ResourceValue):
    """`MaestroPair.spec`; people write it, the operator never does."""

    active_node: str
    answers: tuple[Answer, ...] = ()
    management: Management = Management.ENFORCE
    nodes: tuple[Node, Node]
    services: tuple[Service, ...] = ()
    """Empty where a cluster keeps a virtual machine, in which they are."""
    replication: Replication
    traffic: tuple[Traffic, ...] = ()
    localise: tuple[Localise, ...] = ()
    detection: Detection = Field(default_factory=Detection)
    failover: Failover = Field(default_factory=Failover)
    standby: Standby = Field(default_factory=Standby)
    verification: tuple[Check, ...] = ()
    verification_policy: VerificationPolicy = Field(default_factory=VerificationPolicy)
    backup: Backup | None = None
    spool: Spool | None = None
    rehearsals: Rehearsals | None = None
    versions: tuple[Version, ...] = ()
    """What must be of one version on both nodes, beside the guard."""

    def node(self, name: str) -> Node:
        """Return the node of that name.

        Raises:
            KeyError: no node of the pair has the name.

        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def other(self, name: str) -> Node:
        """Return the node that is not the named one.

        Raises:
            KeyError: no node of the pair has the name.

        """
        self.node(name)
        return next(node for node in self.nodes if node.name != name)

    @property
    def machine(self) -> VirtualMachine | None:
        """Return the virtual machine that a cluster keeps, None where the operator keeps the services."""
        return self.replication.virtual_machine

    def reached_at(self, name: str) -> str:
        """Return where the service of a node is asked for; a virtual machine takes its address along.

        Raises:
            KeyError: no node of the pair has the name.

        """
        return self.node(name).address if self.machine is None else self.machine.address

    @property
    def names(self) -> tuple[str, str]:
        """Return both node names in the order of the resource."""
        first, second = self.nodes
        return first.name, second.name


class PairKey(ResourceValue):
    """Which object this is: a re-created one has another uid."""

    namespace: str
    name: str
    uid: str

    @override
    def __str__(self) -> str:
        """Return `namespace/name`, as kubectl prints it."""
        return f"{self.namespace}/{self.name}"
