"""What a node says of itself, read strictly into one `NodeSeen`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.hosts import pins_of
from maestro_operator.drivers.replication.observation import replica_of
from maestro_operator.model.seen import Guard, GuardState, NodeSeen, Unit
from maestro_operator.model.status import EpochMark
from maestro_operator.transport.answers import BadAnswerError, Lines, whole_number

if TYPE_CHECKING:
    from collections.abc import Sequence

STATE_FORMAT = 1
"""The newest form of the guard's state that this operator knows."""
MOST_UNITS = 64
_UNIT = re.compile(r"[A-Za-z0-9:_.@\\-]{1,247}\.[a-z]{1,8}")
NO_FILE = ("", "masked", "masked-runtime", "bad")
"""What systemd says of a unit's file where the unit could not be started."""
_ACTIVE_STATES = (
    "active",
    "reloading",
    "inactive",
    "failed",
    "activating",
    "deactivating",
    "maintenance",
    "refreshing",
)


def node_seen(name: str, text: str, *, units: Sequence[str], known_peer: str) -> NodeSeen:
    """Return the reading of a node; `units` in the spec's order, `known_peer` as its known_hosts should have it.

    Raises:
        BadAnswerError: the answer cannot be understood, or lacks what every answer has.

    """
    lines = Lines(text)
    if lines.text("state") != GuardState.ABSENT:
        # Installed together with the guard: its silence is not the absence of receivers and copies.
        for key in ("replica.live", "replica.generation", "replica.receivers"):
            lines.text(key)
    version = lines.whole("systemd_version")
    return NodeSeen(
        name=name,
        machine_id=identity(lines, "machine_id"),
        boot_id=identity(lines, "boot_id"),
        uptime_seconds=needed_seconds(lines, "uptime_seconds"),
        guard=_guard(lines, known_peer=known_peer),
        units=_units(lines, units),
        holders=len(_listed(lines, "holders")),
        listeners=tuple(sorted(whole_number(word, key="listeners") for word in _listed(lines, "listeners"))),
        pins=pins_of(" ".join(_listed(lines, "pins"))),
        disk_free_bytes=lines.whole("disk_free_bytes"),
        replica=replica_of(lines, prefix="replica."),
        systemd_version=version,
        versions=dict(lines.starting("version.")),
        memory_available_bytes=lines.whole("memory_available_bytes"),
        files={path: word == "present" for path, word in lines.starting("file.")},
        peer_left_seconds=lines.seconds("peer_left_seconds"),
    )


def identity(lines: Lines, key: str) -> str:
    """Return an id of a machine or of a boot that must be there."""
    value = lines.text(key)
    if not all(character in "0123456789abcdef-" for character in value) or len(value) not in (32, 36):
        raise BadAnswerError(f"{key}={value[:40]!r} is no id")
    return value


def needed_seconds(lines: Lines, key: str) -> float:
    """Return a duration that must be there."""
    seconds = lines.seconds(key)
    if seconds is None:
        raise BadAnswerError(f"no {key}")
    return seconds


def _listed(lines: Lines, key: str) -> tuple[str, ...]:
    """Return the words of a list that must be there, so that a missing line is never an empty list."""
    values = lines.every(key)
    if not values:
        raise BadAnswerError(f"no {key}")
    return tuple(values[-1].split())


def _units(lines: Lines, units: Sequence[str]) -> tuple[Unit, ...]:
    found = dict(lines.starting("unit."))
    missing = [unit for unit in units if unit not in found]
    if missing:
        raise BadAnswerError(f"nothing about {', '.join(missing)}")
    strange = [unit for unit in found if not _UNIT.fullmatch(unit)]
    if strange or len(found) > MOST_UNITS:
        raise BadAnswerError(f"{strange[0][:40]!r} is no unit" if strange else f"{len(found)} units")
    # A unit that is in the guard's list and not in the spec's still is a service that may run.
    names = (*units, *(unit for unit in found if unit not in units))
    return tuple(_unit(name, found[name]) for name in names)


def _unit(name: str, value: str) -> Unit:
    active, _, rest = value.partition("/")
    sub, _, rest = rest.partition("/")
    enabled, _, _ = rest.partition("/")
    if active not in _ACTIVE_STATES:
        raise BadAnswerError(f"unit.{name}={value[:40]!r} is no state")
    is_installed = enabled not in NO_FILE
    return Unit(name=name, active=active, sub=sub, enabled=enabled, is_installed=is_installed)


def _guard(lines: Lines, *, known_peer: str) -> Guard:
    word = lines.text("state")
    try:
        state = GuardState(word)
    except ValueError:
        raise BadAnswerError(f"state={word[:40]!r}") from None
    if (lines.whole("format") or 1) > STATE_FORMAT:
        state = GuardState.NEWER
    version = lines.maybe("version") or ""
    is_introduced = lines.yes("own_key") and lines.maybe("peer_known_hosts") == known_peer
    if state is not GuardState.VALID:
        return Guard(state=state, version=version, peer_ready=is_introduced, bundle=lines.maybe("bundle") or "")
    permit_epoch, permit_boot = _permit(lines, "permit")
    max_epoch, max_boot = _permit(lines, "maxpermit")
    return Guard(
        state=state,
        pair_uid=lines.word("pair"),
        node=lines.word("node"),
        term=lines.whole("term") or 0,
        promised=_mark(lines, "promised"),
        in_force=_mark(lines, "inforce"),
        permit_epoch=permit_epoch,
        permit_boot=permit_boot,
        max_permit_epoch=max_epoch or 0,
        max_permit_boot=max_boot,
        final_epoch=_number(lines, "final"),
        grant_epoch=_number(lines, "grant_epoch"),
        grant_source=lines.maybe_word("grant_source"),
        quarantined_epoch=_number(lines, "quarantined"),
        may_run=lines.yes("may_run"),
        version=version,
        peer_ready=is_introduced,
        bundle=lines.maybe("bundle") or "",
    )


def _number(lines: Lines, key: str) -> int | None:
    """Return an epoch; the guard writes 0 for none."""
    return lines.whole(key) or None


def _mark(lines: Lines, key: str) -> EpochMark | None:
    number = _number(lines, f"{key}_epoch")
    if number is None:
        return None
    return EpochMark(number=number, owner=lines.word(f"{key}_owner"), episode=lines.word(f"{key}_episode"))


def _permit(lines: Lines, key: str) -> tuple[int | None, str | None]:
    return _number(lines, f"{key}_epoch"), lines.maybe(f"{key}_boot")
