"""What a node's `maestro-replica observe` says, read strictly."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.replication.command_text import product_of
from maestro_operator.drivers.replication.drbd_text import mirror_of
from maestro_operator.drivers.replication.shared_text import shared_side_of
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import KeptBackup, Replica, TriedRestore, Unknown
from maestro_operator.model.status import Generation
from maestro_operator.transport.answers import BadAnswerError, Lines, one_word, shortened, whole_number
from maestro_operator.transport.bundle import REPLICA

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions

KEPT_FIELDS = 4
"""Name, bytes, age and moment of what is kept aside; an older program on a node tells the first three."""
MOST_KEPT = 32
"""The newest that are shown of what a node keeps aside: the resource has room for so many of each node."""


async def observe(sessions: Sessions, node: FrozenNode, *, deadline_seconds: float) -> Replica | Unknown:
    """Read one node's side of the replication back."""
    answer = await sessions.run(node, (REPLICA, "observe"), deadline_seconds=deadline_seconds)
    if isinstance(answer, Unknown):
        return answer
    if answer.exit_status != 0:
        return Unknown(Reason.COMMAND_FAILED, f"{node.name}: {shortened(answer)}")
    try:
        return replica_of(Lines(answer.stdout))
    except BadAnswerError as error:
        return Unknown(Reason.BAD_ANSWER, f"{node.name}: {error}")


def generation_of(value: str, *, key: str) -> Generation:
    """Return a generation from `epoch.counter`.

    Raises:
        BadAnswerError: it is something else.

    """
    epoch, dot, counter = value.partition(".")
    if not dot:
        raise BadAnswerError(f"{key}={value[:40]!r} is no generation")
    return Generation(epoch=whole_number(epoch, key=key), counter=whole_number(counter, key=key))


def replica_of(lines: Lines, *, prefix: str = "") -> Replica:
    """Return one node's side of the replication from its lines.

    Raises:
        BadAnswerError: a value cannot be understood.

    """

    def generation(key: str) -> Generation | None:
        value = lines.maybe(prefix + key)
        return None if value is None else generation_of(value, key=key)

    clock = lines.maybe(f"{prefix}clock") or "none"
    if clock not in ("uptime", "wall", "none"):
        raise BadAnswerError(f"clock={clock[:40]!r} is no clock")
    driver = lines.maybe(f"{prefix}driver")
    kept = lines.every(f"{prefix}quarantine")[-MOST_KEPT:]
    return Replica(
        newest=generation("generation"),
        announced_age_seconds=lines.seconds(f"{prefix}announced_age_seconds"),
        clock=clock,
        is_whole=lines.yes(f"{prefix}whole"),
        torn=generation("torn"),
        torn_age_seconds=lines.seconds(f"{prefix}torn_age_seconds"),
        sent=generation("sent"),
        sent_age_seconds=lines.seconds(f"{prefix}sent_age_seconds"),
        live_present=lines.maybe(f"{prefix}live") in ("present", "plain"),
        promoted=generation("promoted"),
        promoted_episode=lines.maybe_word(f"{prefix}promoted_episode"),
        quarantine=tuple(_kept(value) for value in kept),
        kept_at=tuple(_kept_at(value) for value in kept if value.count(":") == KEPT_FIELDS - 1),
        receivers=lines.whole(f"{prefix}receivers") or 0,
        is_sending=lines.yes(f"{prefix}running"),
        backups=tuple(_backup(value) for value in lines.every(f"{prefix}backup")[-MOST_KEPT:]),
        queued=lines.whole(f"{prefix}queued"),
        queued_episode=lines.maybe_word(f"{prefix}queued_episode"),
        backup_result=lines.maybe_word(f"{prefix}backup_result") or "none",
        backup_failed=lines.maybe_word(f"{prefix}backup_failed"),
        tested=next((_tested(value) for value in lines.every(f"{prefix}tested")), None),
        mirror=mirror_of(lines, prefix=prefix) if driver == "drbd" else None,
        disk=shared_side_of(lines, prefix=prefix) if driver == "sharedDisk" else None,
        product=product_of(lines, prefix=prefix) if driver == "command" else None,
    )


def _kept(value: str) -> tuple[str, int]:
    """Return one `episode:bytes:age`; bytes that were not measured yet count as 0."""
    episode, _, rest = value.partition(":")
    one_word(episode, key="quarantine")
    size, _, _ = rest.partition(":")
    return episode, 0 if size in ("", "unknown") else whole_number(size, key="quarantine")


def _kept_at(value: str) -> tuple[str, int]:
    name, _, _, moment = value.split(":")
    return name, whole_number(moment, key="quarantine")


def _tested(value: str) -> TriedRestore:
    """Return one `name:age:result`."""
    name, _, rest = value.partition(":")
    age, _, result = rest.partition(":")
    return TriedRestore(
        name=one_word(name, key="tested"),
        age_seconds=None if age == "unknown" else float(whole_number(age, key="tested")),
        result=one_word(result, key="tested"),
    )


def _backup(value: str) -> KeptBackup:
    """Return one `name:age:bytes:peer`."""
    name, _, rest = value.partition(":")
    age, _, rest = rest.partition(":")
    size, _, peer = rest.partition(":")
    return KeptBackup(
        name=one_word(name, key="backup"),
        age_seconds=None if age == "unknown" else float(whole_number(age, key="backup")),
        bytes=whole_number(size, key="backup"),
        is_on_both=peer == "yes",
    )
