"""A pair that an operator serves on the bed, as its people see and change it; for the stories of tests/e2e."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.demo.story import NAMESPACE, PAIR
from support.demo.watcher import condition

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support.demo.stage import Stage
    from support.manifests import Manifest

SECONDS = 150.0
GUARD = "/usr/local/lib/maestro-guard/maestro-guard"


def manifest(stage: Stage) -> Manifest:
    """Returns the whole resource."""
    found: Manifest = json.loads(stage.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json"))
    return found


def status(stage: Stage) -> Manifest:
    """Returns what the operator says."""
    return dict(manifest(stage).get("status", {}))


def spec(stage: Stage) -> Manifest:
    """Returns what people want."""
    return dict(manifest(stage)["spec"])


def reason(status: Mapping[str, object], name: str) -> str:
    """Returns the reason of a condition."""
    conditions = status.get("conditions", [])
    assert isinstance(conditions, list)
    return next((str(item["reason"]) for item in conditions if item["type"] == name), "")


def moves(status: Mapping[str, object]) -> list[str]:
    """Returns the ids of the moves in the history."""
    history = status.get("history", [])
    assert isinstance(history, list)
    return [item["id"] for item in history if item["kind"] in ("Switchover", "Failover")]


def until(stage: Stage, reached: Callable[[Manifest], bool], *, what: str) -> None:
    """Waits until the status is as wanted."""
    clock.wait_until(lambda: reached(status(stage)), timeout_seconds=SECONDS, what=what)


def is_protected(status: Manifest) -> bool:
    """Tells whether nothing is under way and the standby could take over."""
    return not status.get("episode") and condition(status, "Protected") == "True"


def sides(stage: Stage) -> tuple[str, str]:
    """Returns the active node and the standby."""
    active = str(status(stage)["activeNode"])
    return active, "b" if active == "a" else "a"


def patch(stage: Stage, wanted: Mapping[str, object]) -> None:
    """Changes the spec as a person does."""
    stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", json.dumps({"spec": wanted}))


def order(stage: Stage, node: str) -> None:
    """Orders a node active; the last move is acknowledged, so that nothing flaps."""
    said = [{"episode": moves(status(stage))[0], "say": "Acknowledge"}] if moves(status(stage)) else []
    patch(stage, {"activeNode": node, "answers": said})


def edit(stage: Stage, node: str, change: Callable[[Manifest], None]) -> None:
    """Changes one node of the spec."""
    nodes = spec(stage)["nodes"]
    change(next(item for item in nodes if item["name"] == node))
    patch(stage, {"nodes": nodes})


def do(stage: Stage, node: str, script: str) -> str:
    """Runs a script on a node's console; it has to succeed."""
    ran = stage.bed.nodes[node].run(script, timeout_seconds=60)
    assert ran.return_code == 0, (script, ran)
    return ran.stdout.decode()


def is_active(stage: Stage, node: str) -> bool:
    """Tells whether the application runs on a node."""
    return stage.bed.nodes[node].run("systemctl is-active maestro.service", timeout_seconds=20).return_code == 0


def main_pid(stage: Stage, node: str) -> str:
    """Returns the application's process on a node: another one means that it was started anew."""
    return do(stage, node, "systemctl show -p MainPID --value maestro.service").strip()


def maestro(stage: Stage, *words: str) -> None:
    """Runs `kubectl maestro` as the people do."""
    ran = subprocess.run(
        [*stage.bed.enter, sys.executable, "-m", "maestro_operator.cli.main", *words, "-n", NAMESPACE],
        env={**os.environ, "KUBECONFIG": str(stage.plane.admin_kubeconfig)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
