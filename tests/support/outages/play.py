"""Plays one shape: calm first, then what happens, until it is long enough to be judged; keeps every status."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING, Any

from support.bed import clock
from support.demo.story import NAMESPACE, PAIR
from support.outages.judge import made_of
from support.outages.shapes import Made, Shape
from support.outages.stage import DOWN_FOR_SECONDS

if TYPE_CHECKING:
    from pathlib import Path

    from support.outages.hands import Hands
    from support.outages.stage import OutageStage

CALM_SECONDS = 150.0
SETTLE_SECONDS = 45.0
STAYS_SECONDS = 4.0
"""How long what is concluded must stay so."""
WATCHED_SECONDS = 4.0 * DOWN_FOR_SECONDS + 4.0
"""How long a shape is looked at in which nothing may be concluded: longer than all who look take to agree."""


class Watch:
    """Writes every status down as the API server tells it, with the moment it came."""

    def __init__(self, stage: OutageStage, path: Path) -> None:
        self._path = path
        self._process = subprocess.Popen(
            [
                *stage.bed.enter,
                *(str(stage.plane.kubectl), f"--kubeconfig={stage.plane.admin_kubeconfig}"),
                *("get", "mp", PAIR, "-n", NAMESPACE, "--watch", "-o", "json"),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.newest: dict[str, Any] = {}
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        assert self._process.stdout is not None
        decoder, text = json.JSONDecoder(), ""
        with self._path.open("w") as out:
            for line in iter(self._process.stdout.readline, b""):
                text += line.decode()
                if not line.startswith(b"}"):
                    continue
                value, _ = decoder.raw_decode(text.lstrip())
                text = ""
                self.newest = value.get("status", {})
                out.write(json.dumps({"monotonic_ns": clock.monotonic_nanoseconds(), "status": self.newest}) + "\n")
                out.flush()

    def close(self) -> None:
        """End the watch."""
        self._process.kill()
        self._process.wait(timeout=10)
        self._thread.join(timeout=10)


def play(shape: Shape, *, stage: OutageStage, hands: Hands, folder: Path) -> None:
    """Play one shape into a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    watch = Watch(stage, folder / "statuses.jsonl")
    unheard = ("peer",) if stage.planted else ()
    moments: dict[str, int] = {}
    try:
        clock.wait_until(
            lambda: is_calm(watch.newest, unheard=unheard),
            timeout_seconds=CALM_SECONDS,
            what=f"calm before {shape.id}",
            every_seconds=0.2,
        )
        moments["begin"] = clock.monotonic_nanoseconds()
        hands.ways[shape.id]()
        moments["done"] = clock.monotonic_nanoseconds()
        settle(shape, watch)
        moments["end"] = clock.monotonic_nanoseconds()
    finally:
        (folder / "moments.json").write_text(json.dumps(moments))
        hands.heal(shape.id)
        watch.close()


def settle(shape: Shape, watch: Watch) -> None:
    """Wait until the right thing has stood for a while, or for as long as anything else could take."""
    began = since = clock.monotonic_seconds()
    while (now := clock.monotonic_seconds()) - began < SETTLE_SECONDS:
        if made_of(watch.newest) is not shape.right:
            since = now
        long_enough = now - began >= WATCHED_SECONDS or shape.right is Made.MOVES
        if long_enough and now - since >= STAYS_SECONDS:
            return
        clock.pause(0.2)


def is_calm(status: dict[str, Any], *, unheard: tuple[str, ...] = ()) -> bool:
    """Tell whether all is well, for everybody who looks and is heard, and a failover would work."""
    nodes = {item["name"]: item for item in status.get("nodes", ())}
    votes = nodes.get("a", {}).get("votes", ())
    conditions = {item["type"]: item["status"] for item in status.get("conditions", ())}
    return (
        made_of(status) is Made.HEALTHY
        and len(votes) == len(("operator", "peer", "witness", "metrics"))
        and all(item["vote"] == "Alive" for item in votes if item["vantagePoint"] not in unheard)
        and conditions.get("PeerReady") == "True"
        and status.get("plan", "").startswith("would do nothing")
    )
