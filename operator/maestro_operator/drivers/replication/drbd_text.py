"""What DRBD says of a mirror: of 8.4 in the words of `maestro-drbd observe`, of 9 in its own JSON.

DRBD 9 is read from recorded transcripts only: no test here has run it, and nothing moves by itself on it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from maestro_operator.model.seen import Mirror
from maestro_operator.transport.answers import BadAnswerError, one_word

if TYPE_CHECKING:
    from maestro_operator.transport.answers import Lines

KIB = 1024
MOST_UNSAFE = 16
NINES_NAMES = {"Connecting": "WFConnection", "Off": "Off", "Established": "Connected"}
"""How 9 names what 8.4 has another word for."""


def mirror_of(lines: Lines, *, prefix: str) -> Mirror:
    """Return one node's side of the mirror from its lines.

    Raises:
        BadAnswerError: a value is missing or cannot be understood.

    """

    def word(key: str) -> str:
        return lines.word(f"{prefix}drbd_{key}")

    unsafe = (lines.maybe(f"{prefix}drbd_unsafe") or "").split()
    return Mirror(
        connection=word("connection"),
        role=word("role"),
        disk=word("disk"),
        peer_role=word("peer_role"),
        peer_disk=word("peer_disk"),
        out_of_sync_bytes=KIB * (lines.whole(f"{prefix}drbd_out_of_sync_kib") or 0),
        is_frozen=lines.yes(f"{prefix}drbd_frozen"),
        resync_percent=lines.seconds(f"{prefix}drbd_resync_percent"),
        alone_epoch=lines.whole(f"{prefix}drbd_alone_epoch"),
        unsafe=tuple(unsafe[:MOST_UNSAFE]),
        verified_age_seconds=lines.seconds(f"{prefix}drbd_verified_age_seconds"),
    )


def mirror_of_nine(text: str, *, resource: str) -> Mirror:
    """Return this node's side of a resource with one peer and one volume from `drbdsetup status --json` of DRBD 9.

    Raises:
        BadAnswerError: it is no such answer.

    """
    try:
        found = json.loads(text)
        (one,) = [item for item in found if item["name"] == resource]
        (device,) = one["devices"]
        return _of_nine(one, device)
    except (ValueError, KeyError, TypeError) as error:
        raise BadAnswerError(f"DRBD 9 says nothing that is understood of {resource}: {error}") from None


def _of_nine(one: dict[str, Any], device: dict[str, Any]) -> Mirror:
    connections = one.get("connections", [])
    if len(connections) > 1:
        raise BadAnswerError(f"{len(connections)} peers: a pair's mirror has one")
    connection: dict[str, Any] = connections[0] if connections else {"connection-state": "StandAlone"}
    state = str(connection["connection-state"])
    peers: list[dict[str, Any]] = connection.get("peer_devices") or [{}]
    (peer,) = peers
    # 9 says Connected of the connection, and what moves over it one level below.
    moving = str(peer.get("replication-state", "Off"))
    if state == "Connected":
        state = moving
    return Mirror(
        connection=one_word(NINES_NAMES.get(state, state), key="connection-state"),
        role=one_word(str(one["role"]), key="role"),
        disk=one_word(str(device["disk-state"]), key="disk-state"),
        peer_role=one_word(str(connection.get("peer-role", "Unknown")), key="peer-role"),
        peer_disk=one_word(str(peer.get("peer-disk-state", "DUnknown")), key="peer-disk-state"),
        out_of_sync_bytes=KIB * int(peer.get("out-of-sync", 0)),
        is_frozen=bool(one.get("suspended")),
        resync_percent=float(peer["percent-in-sync"]) if moving.startswith("Sync") else None,
    )
