"""Every reason there is: one word each, declared here before it is used anywhere.

A reason stands in conditions, events, metrics, log lines and runbooks, letter for letter. The
text beside it says what it means and, for a hold, the way out that a person can take.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Why something is as it is."""

    meaning: str

    def __new__(cls, word: str, meaning: str) -> Self:
        """Return the member; it is the word, and carries its meaning beside it."""
        member = str.__new__(cls, word)
        member._value_ = word
        member.meaning = meaning
        return member

    # The good ones.
    AS_ORDERED = "AsOrdered", "The active node runs the services and the order is carried out."
    ALL_GOOD = "AllGood", "Everything this condition watches is good."
    ORDERED = "Ordered", "A person or GitOps changed spec.activeNode."
    STEP_TAKEN = "StepTaken", "A step of the episode is under way."
    DRILLING = "Drilling", "A drill is under way: the pair moves to the other node and back, as a person asked."
    NOT_CONFIGURED = "NotConfigured", "The resource does not configure this."
    NOT_YET_KNOWN = "NotYetKnown", "Nothing was observed since the operator started."
    ANSWERS = "Answers", "It answers as it should."

    # Why nothing is known of something (law 4).
    TIMED_OUT = "TimedOut", "No answer came in time; that says nothing about the node."
    CONNECTION_REFUSED = "ConnectionRefused", "The host answers, and nothing listens there."
    HOST_UNREACHABLE = "HostUnreachable", "The network says that there is no way to the host."
    WRONG_HOST_KEY = "WrongHostKey", "Another machine answers there; put the right hostKey in spec."
    WRONG_CREDENTIALS = "WrongCredentials", "The host refuses the credentials; mend the Secret."
    SECRET_MISSING = "SecretMissing", "A Secret or a key in it is missing; create it."
    BAD_ANSWER = "BadAnswer", "Something answered that cannot be understood."
    WRONG_STATUS = "WrongStatus", "The service answers with a status or text that is not expected."
    CONNECTION_LOST = "ConnectionLost", "The connection ended in the middle."
    COMMAND_FAILED = "CommandFailed", "A command on the node failed; the message has its output."
    NAME_NOT_FOUND = "NameNotFound", "The name has no address."
    PEER_UNREACHABLE = "PeerUnreachable", "The peer could not be asked."
    NOT_PERMITTED = "NotPermitted", "The asking side may not ask so; the message says what to allow."
    NO_SAMPLE = "NoSample", "Prometheus has no fresh sample; look at the query and at what it scrapes."
    PROBE_FAILED = "ProbeFailed", "Prometheus says that it does not answer, and not why."

    # What a living service says that is not well.
    TOO_MANY_CONNECTIONS = "TooManyConnections", "The service lives and takes no more connections."
    DISK_FULL = "DiskFull", "The service lives, and its disk is full."
    SLOW = "Slow", "The service answers later than detection.slowSeconds."
    CERTIFICATE_EXPIRED = "CertificateExpired", "The service's certificate is over: renew it on the node."
    CERTIFICATE_UNTRUSTED = "CertificateUntrusted", "The certificate is of no known authority or for another name."

    # The application's backups.
    BACKUP_FAILED = "BackupFailed", "The last backup failed: its report on the active node says why."
    BACKUP_TOO_OLD = "BackupTooOld", "The newest successful backup is older than freshSeconds: make one now."
    BACKUP_ABSENT = "BackupAbsent", "There is no such backup, or none at all: the message names those that are there."
    BACKUP_ALONE = "BackupAlone", "The newest backup is on the active node alone, and goes with it."

    # The guard's words.
    FOREIGN_PAIR = "ForeignPair", "The node belongs to another pair; answer Adopt names its uid."
    LOWER_TERM = "LowerTerm", "The node follows a newer leader; this one stands down."
    REFUSED_BY_GUARD = "RefusedByGuard", "The node's guard refused; the message has its word."
    STATE_LOST = "StateLost", "The guard's state cannot be read; it is written anew by Rejoin."
    GUARD_ABSENT = "GuardAbsent", "The guard is not installed on the node."

    # Holds.
    PAUSED = "Paused", "management is Paused; set it to Enforce to go on."
    OBSERVE_ONLY = "ObserveOnly", "management is Observe: what would be done is in status.plan."
    DELETING = "Deleting", "The resource is being deleted; nothing is stopped."
    NOT_LEADER = "NotLeader", "Another operator leads."
    INHERITED_STEP = "InheritedStep", "A former leader's step may still be running; waiting."
    INVALID_SPEC = "InvalidSpec", "The resource cannot be carried out; the message names the field."
    PLATFORM_UNVERIFIED = "PlatformUnverified", "This platform has no real part in the tests."
    HOST_CLAIMED = "HostClaimed", "A host, device or name is another pair's: take it out of one of the two."
    ADDRESS_REFUSED = "AddressRefused", "An address that the operator's settings do not allow: write another."
    NODES_INDISTINCT = "NodesIndistinct", "Both nodes answer as the same machine."
    SYSTEMD_TOO_OLD = "SystemdTooOld", "ExecCondition= needs systemd 243 or newer."
    PEER_UNREADABLE = "PeerUnreadable", "One node runs, the other cannot be read: repair its access."
    NOBODY_READABLE = "NobodyReadable", "Neither node can be read: repair the access."
    WAIT_FOR_USER = "WaitForUser", "A person decides: see the message for the answers that fit."
    SPLIT_BRAIN = "SplitBrain", "Both nodes run the services; see the runbook."
    DEMOTION_UNPROVEN = "DemotionUnproven", "The old side lives and its stop cannot be proven."
    FENCE_UNPROVEN = "FenceUnproven", "No rung gave a proof: mend a device or answer ConfirmFenced."
    PROOF_EXPIRED = "ProofExpired", "The proof is old or another leader's; it is made again."
    SIGN_OF_LIFE = "SignOfLife", "The node gave a sign of life after its proof."
    UNCERTAIN = "Uncertain", "It is not certain that the active node is down."
    TARGET_UNREADABLE = "TargetUnreadable", "The node that shall take over cannot be read."
    TARGET_NOT_ABLE = "TargetNotAble", "The node that shall take over is not able to."
    COPY_NOT_WHOLE = "CopyNotWhole", "The target has no whole copy; only a Restore could bring it up."
    COPY_OVER_BUDGET = "CopyOverBudget", "More may be lost than allowed; answer AcceptLoss."
    LOSS_NOT_ACCEPTED = "LossNotAccepted", "The declared loss exceeds what was accepted."
    SYNC_BEHIND = "SyncBehind", "The standby's copy is older than two intervals."
    MIRROR_FROZEN = "MirrorFrozen", "The mirror's peer is lost and writing waits: alive, so no failover."
    MIRROR_SPLIT = "MirrorSplit", "Both sides of the mirror wrote: a person says whose is given up; see the runbook."
    MIRROR_UNSAFE = "MirrorUnsafe", "A setting of DRBD may lose or fork data; the message names it."
    DISK_UNREADABLE = (
        "DiskUnreadable",
        "A node does not reach the shared disk, or reads another: see the message.",
    )
    DISK_FOREIGN = "DiskForeign", "The shared disk has a key that is not this pair's: find out whose it is."
    DISK_UNGUARDED = (
        "DiskUnguarded",
        "The storage does not keep the other node off the disk; the message says why.",
    )
    DISK_NOT_HELD = "DiskNotHeld", "The active node does not hold the shared disk alone under the epoch in force."
    DISK_MOUNTED_TWICE = (
        "DiskMountedTwice",
        "The shared disk is mounted on a node that is not its owner: unmount it.",
    )
    STANDBY_LOST = "StandbyLost", "Status says that the standby is not in sync, so the owner may go on alone."
    FLAPPING = "Flapping", "The third move within an hour waits; answer Acknowledge."
    ROLLED_BACK = "RolledBack", "The switch was rolled back; answer Retry or restore activeNode."
    CONFIRMATION_UNPROVEN = "ConfirmationUnproven", "Nobody can vouch that the owner still is it."
    RETURN_UNREADABLE = "ReturnUnreadable", "The old side cannot be read, so it cannot rejoin yet."
    TTL_RUNS_OUT = "TtlRunsOut", "Clients may still know the longer time to live; it is waited for."
    TRAFFIC_UNPROVEN = "TrafficUnproven", "A DNS server could not be read back."
    STEP_FAILED = "StepFailed", "The step failed and is tried again."
    STEP_REFUSED = "StepRefused", "The step was refused; the message says by whom and why."
    SERVICE_DOWN = (
        "ServiceDown",
        "The active node lives and runs not all of its services: start them, or order the other.",
    )
    MACHINE_DOWN = (
        "MachineDown",
        "The virtual machine runs on no host that can be read: its cluster, or you by its means, start it.",
    )
    MACHINE_ELSEWHERE = (
        "MachineElsewhere",
        "The virtual machine runs on the other host; the message says what is missing.",
    )
    CLUSTER_DECIDES = "ClusterDecides", "The virtual machine's cluster decides in an outage, not this operator."
    VERIFICATION_FAILED = "VerificationFailed", "A check after the start failed."
    DRILL_REFUSED = "DrillRefused", "The drill was not begun: the message says what stands in its way."
    DRILL_FAILED = "DrillFailed", "The drill ended otherwise than there and back: status.rehearsals says how."
    REHEARSING = "Rehearsing", "A test beside the pair was begun; nothing that serves is touched."
    REHEARSAL_REFUSED = "RehearsalRefused", "The test was not begun: the message says what stands in its way."
    REHEARSAL_ENDED = "RehearsalEnded", "Something came in between and the test was given up: it is made anew."
    START_TEST_FAILED = "StartTestFailed", "The services did not start on a copy, or a check failed there."
    ORDER_NOT_DONE = "OrderNotDone", "The last order was not carried out; answer Retry."
    STRANGE_JOURNAL = "StrangeJournal", "status.episode is none that an operator writes; take it out by hand."
    OVERTAKEN = "Overtaken", "A node knows a later epoch than status: the last good owner is discovered."
    GUARD_NEWER = "GuardNewer", "A newer guard wrote the state on a node: upgrade the operator to its version."
    RELEASED = "Released", "Nothing of the operator is left on the nodes; delete the resource."
    NOT_AS_INSTALLED = "NotAsInstalled", "A node has another version or configuration than this operator installs."
    NODE_ROLLED_BACK = "NodeRolledBack", "The node knows less than it did: restored from a snapshot."

    # Brakes on the automatic failover.
    MAINTENANCE = "Maintenance", "A planned maintenance holds: wait, or take it out of spec.detection."
    STARTING = "Starting", "The active node booted less than startupGraceSeconds ago."
    REBOOTING = "Rebooting", "The active node said that it shuts down, less than startupGraceSeconds ago."
    NODE_FLAPPING = "NodeFlapping", "The node fell silent and came back too often: order it, or wait until it is calm."
    AUTOMATIC_DISABLED = "AutomaticDisabled", "failover.automatic is Disabled."
    FENCING_NOT_READY = "FencingNotReady", "The active node could not be fenced now."
    PEER_NOT_READY = "PeerNotReady", "The survivor is not proven able to take over."
    TOO_FEW_VOTES = "TooFewVotes", "Fewer than two vantage points gave a fresh vote."
    SEEN_ALIVE = "SeenAlive", "A vantage point sees the active node alive."
    NOT_DOWN_LONG_ENOUGH = "NotDownLongEnough", "It is down for less than downForSeconds."
    OBSERVER_ISOLATED = "ObserverIsolated", "The operator itself is cut off."
    TOO_MANY_AT_ONCE = "TooManyAtOnce", "Most pairs fell silent together: look at the operator's own network first."
    LEADERSHIP_TOO_YOUNG = "LeadershipTooYoung", "The operator has led for less than its grace."
    RECENT_AUTOMATIC_MOVE = "RecentAutomaticMove", "An earlier automatic failover is too recent."
    EPISODE_UNDER_WAY = "EpisodeUnderWay", "An episode is under way."
    OUTAGE_CONCLUDED = "OutageConcluded", "The active node is conclusively down."

    # Conditions that are told apart from the good.
    ACTIVE_NODE_OVERRIDDEN = "ActiveNodeOverridden", "The operator moved; accept it or hand back."
    NOT_OVERRIDDEN = "NotOverridden", "The active node is the declared one."
    ONE_WRITER = "OneWriter", "At most one node runs the services."
    RESYNCING = "Resyncing", "The standby has no whole copy of this epoch yet."
    STANDBY_ABSENT = "StandbyAbsent", "The standby cannot be read or is not rejoined."
    TRAFFIC_ELSEWHERE = "TrafficElsewhere", "A name or address does not point at the active node."
    VERSIONS_DIFFER = "VersionsDiffer", "The two nodes run different versions of the guard."
    NEVER_REHEARSED = "NeverRehearsed", "No rehearsal of this kind passed yet: make one."
    RESTORE_TEST_FAILED = (
        "RestoreTestFailed",
        "The last restore test failed: the journal of maestro-backup.service on that node says why.",
    )
    REHEARSAL_OVERDUE = "RehearsalOverdue", "The last rehearsal that passed is too long ago: make one."
    DEVICE_FAILED = "DeviceFailed", "A fence device does not answer as it should."
