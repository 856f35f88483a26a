"""What DRBD says, read strictly: 8.4 as the program on the node prints it, 9 from recorded answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from maestro_operator.drivers.replication.drbd_text import mirror_of_nine
from maestro_operator.drivers.replication.observation import replica_of
from maestro_operator.model.seen import Mirror
from maestro_operator.transport.answers import BadAnswerError, Lines

EIGHT = """version=1
driver=drbd
live=absent
generation=2.46900599247546
whole=yes
announced_age_seconds=12
clock=uptime
drbd_connection=SyncTarget
drbd_role=Secondary
drbd_disk=Inconsistent
drbd_peer_role=Primary
drbd_peer_disk=UpToDate
drbd_out_of_sync_kib=1024
drbd_frozen=no
drbd_resync_percent=12.5
drbd_alone_epoch=none
drbd_unsafe=protocol:A fencing:none
drbd_verified_age_seconds=90
running=no
receivers=1
"""


def nine(**changes: Any) -> str:  # noqa: ANN401
    """Returns `drbdsetup status --json` of 9 as its documentation shows it, not as a kernel here said it."""
    peer = {
        "volume": 0,
        "replication-state": "Established",
        "peer-disk-state": "UpToDate",
        "out-of-sync": 0,
        "percent-in-sync": 100.0,
        **changes.pop("peer", {}),
    }
    connection = {
        "peer-node-id": 1,
        "name": "node-b",
        "connection-state": "Connected",
        "peer-role": "Secondary",
        "peer_devices": [peer],
        **changes.pop("connection", {}),
    }
    one = {
        "name": "r0",
        "role": "Primary",
        "suspended": False,
        "devices": [{"volume": 0, "minor": 0, "disk-state": "UpToDate"}],
        "connections": [connection],
        **changes,
    }
    return json.dumps([one])


def test_a_side_of_a_mirror_of_8_4_is_read_whole() -> None:
    replica = replica_of(Lines(EIGHT))

    assert replica.mirror == Mirror(
        connection="SyncTarget",
        role="Secondary",
        disk="Inconsistent",
        peer_role="Primary",
        peer_disk="UpToDate",
        out_of_sync_bytes=1024 * 1024,
        resync_percent=12.5,
        unsafe=("protocol:A", "fencing:none"),
        verified_age_seconds=90.0,
    )
    assert str(replica.newest) == "2.46900599247546"


@pytest.mark.parametrize("line", ["drbd_role=", "drbd_frozen=perhaps", "drbd_out_of_sync_kib=many", "drbd_disk=a b"])
def test_a_side_that_is_not_understood_is_no_side(line: str) -> None:
    with pytest.raises(BadAnswerError):
        replica_of(Lines(EIGHT + line + "\n"))


def test_rsync_has_no_mirror() -> None:
    assert replica_of(Lines("live=present\n")).mirror is None


def test_a_side_of_a_mirror_of_9_is_read_whole() -> None:
    assert mirror_of_nine(nine(), resource="r0") == Mirror("Connected", "Primary", "UpToDate", "Secondary", "UpToDate")


@pytest.mark.parametrize(
    ("text", "connection", "is_frozen", "percent"),
    [
        (
            nine(suspended=True, connection={"connection-state": "Connecting", "peer_devices": []}),
            "WFConnection",
            True,
            None,
        ),
        (nine(peer={"replication-state": "SyncTarget", "percent-in-sync": 33.3}), "SyncTarget", False, 33.3),
        (nine(connections=[]), "StandAlone", False, None),
    ],
)
def test_9_names_what_moves_over_a_connection_one_level_below(
    text: str, connection: str, is_frozen: object, percent: float | None
) -> None:
    found = mirror_of_nine(text, resource="r0")

    assert (found.connection, found.is_frozen, found.resync_percent) == (connection, is_frozen, percent)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", nine(name="other"), nine(devices=[]), nine(connections=[{}, {}]), nine(role="a b")]
)
def test_what_9_does_not_say_of_one_peer_and_one_volume_is_refused(text: str) -> None:
    with pytest.raises(BadAnswerError):
        mirror_of_nine(text, resource="r0")
