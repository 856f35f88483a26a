"""What `kubectl maestro quarantine` says of one thing that is kept aside."""

from __future__ import annotations

from typing import Any

import pytest

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.orders import export, keeper


def pair(**replication: object) -> dict[str, Any]:
    nodes = [
        {"name": "a", "ssh": {"host": "ssh-a.example.net"}},
        {"name": "b", "ssh": {"host": "ssh-b.example.net", "port": 2222, "user": "ops"}},
    ]
    kept = [{"node": "a", "episode": "rejoin-1"}, {"node": "b", "episode": "rejoin-2"}]
    return {"spec": {"nodes": nodes, "replication": replication}, "status": {"quarantine": kept}}


def test_the_command_goes_to_the_node_that_keeps_it() -> None:
    assert export(pair(rsync={}), "rejoin-2") == (
        "ssh -p 2222 ops@ssh-b.example.net sudo -n /usr/local/lib/maestro-guard/maestro-replica"
        " export --item rejoin-2 >rejoin-2.tar"
    )
    assert export(pair(drbd={}), "rejoin-1").endswith(
        "maestro@ssh-a.example.net sudo -n"
        " /usr/local/lib/maestro-guard/maestro-replica export --item rejoin-1 >rejoin-1.img"
    )


def test_what_nobody_keeps_is_refused_with_what_is_kept() -> None:
    with pytest.raises(CannotError, match="no rejoin-9 is kept aside; kept are rejoin-1, rejoin-2"):
        keeper(pair(), "rejoin-9")
    with pytest.raises(CannotError, match="nothing is"):
        keeper({"spec": {}}, "rejoin-9")
