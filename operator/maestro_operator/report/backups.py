"""Whether the last rung would hold: a young, successful backup of the application, on both nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.seen import KeptBackup, Replica, Seen, TriedRestore
    from maestro_operator.model.status import PairStatus


Answer = tuple[Literal["True", "False", "Unknown"], Reason, str]
DAY_SECONDS = 86400
LATE_FACTOR = 2
"""A test that was due is not late before the next one would be."""


def backup_fresh(seen: Seen, status: PairStatus) -> Answer:
    """A backup succeeded lately and is on both nodes."""
    node = seen.nodes.get(status.active_node or "")
    if seen.spec.backup is None:
        return "Unknown", Reason.NOT_CONFIGURED, "spec.backup is not set: no backup is watched"
    if not isinstance(node, NodeSeen):
        return "Unknown", Reason.NOT_YET_KNOWN, "the active node was not read"
    replica, limit = node.replica, seen.spec.backup.fresh_seconds
    if replica.backup_result == "unreadable":
        return "Unknown", Reason.BAD_ANSWER, f"{node.name}: neither report nor program can be read"
    if replica.backup_failed is not None:
        return "False", Reason.BACKUP_FAILED, f"{node.name}: backup {replica.backup_failed} failed"
    return _of_newest(node.name, replica, limit=limit)


def restore_tested(seen: Seen) -> Answer:
    """A backup was restored and checked lately, beside everything else."""
    test = seen.spec.backup.restore_test if seen.spec.backup else None
    if test is None:
        return "Unknown", Reason.NOT_CONFIGURED, "spec.backup.restoreTest is not set: no restore is tested"
    last = last_test(seen)
    if last is None:
        read = all(isinstance(node, NodeSeen) for node in seen.nodes.values())
        text = "no restore was tested yet" if read else "not every node was read"
        return ("False", Reason.NEVER_REHEARSED, text) if read else ("Unknown", Reason.NOT_YET_KNOWN, text)
    node, tested, age_seconds = last
    if tested.result != "passed":
        return (
            "False",
            Reason.RESTORE_TEST_FAILED,
            f"{node}: the restore of backup {tested.name} failed: {tested.result}",
        )
    days = LATE_FACTOR * test.every_days
    if age_seconds > days * DAY_SECONDS:
        text = f"the last restore test, of backup {tested.name} on {node}, is older than {days} days"
        return "False", Reason.REHEARSAL_OVERDUE, text
    return "True", Reason.ALL_GOOD, f"backup {tested.name} was restored and checked on {node}"


def last_test(seen: Seen) -> tuple[str, TriedRestore, float] | None:
    """Return the youngest restore test of any node, with its node and age, None where none of known age is."""
    known = [
        (node.name, node.replica.tested, node.replica.tested.age_seconds)
        for node in seen.nodes.values()
        if isinstance(node, NodeSeen) and node.replica.tested and node.replica.tested.age_seconds is not None
    ]
    return min(known, key=lambda item: item[2], default=None)


def newest(replica: Replica) -> KeptBackup | None:
    """Return the youngest backup that is kept, None where none of known age is."""
    known = [item for item in replica.backups if item.age_seconds is not None]
    return min(known, key=lambda item: item.age_seconds or 0.0, default=None)


def _of_newest(name: str, replica: Replica, *, limit: int) -> tuple[Literal["True", "False"], Reason, str]:
    found = newest(replica)
    if found is None or found.age_seconds is None:
        return "False", Reason.BACKUP_ABSENT, f"{name} keeps no successful backup yet"
    if found.age_seconds > limit:
        return "False", Reason.BACKUP_TOO_OLD, f"the newest backup, {found.name}, is older than {limit} s"
    if not found.is_on_both:
        return "False", Reason.BACKUP_ALONE, f"backup {found.name} is on {name} alone"
    return "True", Reason.ALL_GOOD, f"backup {found.name} succeeded and is on both nodes"
