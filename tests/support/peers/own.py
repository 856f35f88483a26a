"""The operator's own side: the pair, its order, its episode as the status has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.bed import clock
from support.chaos import people
from support.demo.story import NAMESPACE, PAIR
from support.peers.service import OPERATOR, PeerFailedError, until_ready

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.manifests import Manifest
    from support.peers.stage import PeerStage

SETTLE_SECONDS = 180.0
LOSS_SECONDS = 600


def adapted(manifest: Manifest, *, down_for_seconds: int) -> Manifest:
    """Return the pair of the comparison: the small service, a floating address, and a folder that is copied."""
    spec = manifest["spec"]
    probe = {"http": {"port": OPERATOR.port, "path": "/", "pattern": "^[ab]$"}}
    spec["services"] = [{"name": "hello", "unit": OPERATOR.unit, "readiness": [probe]}]
    address = {"address": OPERATOR.address, "prefixLength": 24, "interface": "host0"}
    spec["traffic"] = [{"name": "address", "floatingAddress": address}]
    spec["localise"], spec["verification"] = [], []
    spec["detection"] |= {
        "probes": [probe],
        "periodSeconds": 1,
        "timeoutSeconds": 1,
        "downForSeconds": down_for_seconds,
        "missesNeeded": 2,
        "startupGraceSeconds": 0,
        "flapLimit": 100,
    }
    spec["failover"] |= {"blockSeconds": 0, "maxDataLossSeconds": LOSS_SECONDS}
    return manifest


class Own:
    """The operator."""

    place = OPERATOR

    def __init__(self, stage: PeerStage, *, down_for_seconds: int) -> None:
        """Take the stage on which it is up already, and how long a node has to be silent."""
        self._stage = stage
        self._down_for_seconds = down_for_seconds

    def begin(self) -> None:
        """Apply the pair, or let it be managed again, and wait until it is protected."""
        if not self._stage.kubectl("get", "mp", "-n", NAMESPACE, "-o", "name").strip():
            self._stage.kubectl("apply", "-f", "-", input_text=json.dumps(self._stage.manifest()))
        self._patch({"management": "Enforce", "detection": {"downForSeconds": self._down_for_seconds}})
        self.settle()

    def active(self) -> str:
        """Return the active node, as the pair says."""
        return str(self._pair()["status"]["activeNode"])

    def order(self, node: str) -> None:
        """Write the order, as a person does."""
        self._patch({"activeNode": node})

    def told(self, node: str) -> None:
        """It finds out by itself."""

    def settle(self) -> None:
        """Wait until both nodes are up and nothing is under way; what it did by itself is accepted."""
        until_ready(self._stage.bed.nodes)
        clock.wait_until(
            self._is_at_rest, timeout_seconds=SETTLE_SECONDS, what="the pair to be protected", every_seconds=0.3
        )
        # A third move within an hour waits for this word, so a person who means to go on says it beforehand.
        pair = self._pair()
        if move := people.last_move(pair["status"]):
            self._say(people.Answer(move["id"], "Acknowledge"), pair["spec"])

    def keep(self, folder: Path) -> None:
        """Keep the pair with its episodes."""
        (folder / "pair.json").write_text(json.dumps(self._pair(), indent=1))

    def rest(self) -> None:
        """Pause the pair, and stop its service as a person may."""
        self._patch({"management": "Paused"})

    def versions(self) -> Mapping[str, str]:
        """Nothing but this tree."""
        return {}

    def _patch(self, spec: Mapping[str, object]) -> None:
        self._merge(json.dumps({"spec": spec}))

    def _merge(self, patch: str) -> None:
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", patch)

    def _pair(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._stage.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json"))
        return found

    def _say(self, answer: people.Answer, spec: Mapping[str, Any]) -> None:
        if answer.as_item() not in spec.get("answers", []):
            self._merge(people.answers_with(spec, answer))

    def _is_at_rest(self) -> bool:
        pair = self._pair()
        spec, status = pair["spec"], pair.get("status") or {}
        if people.is_at_rest(spec, status):
            return True
        match people.remedy(spec, status, dice=0):
            case people.Answer() as answer:
                self._say(answer, spec)
            case people.Order(node):
                self.order(node)
            case people.SwitchOn(node):
                self._stage.bed.nodes[node].power_on()
            case people.Enforce() | None:
                pass
            case other:
                raise PeerFailedError(f"the pair asks for what nobody here does: {other}")
        return False
