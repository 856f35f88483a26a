"""The story, part by part: activation, a planned switch, a power cut, the return, the hand-back.

The story only does what people and accidents do: it applies, patches, pulls plugs and watches. What
is true of it is judged afterwards, from the evidence alone, by `support.judge.verify`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.bed import clock
from support.demo.stage import NAMESPACE, PAIR, PUBLIC_NAME
from support.demo.watcher import condition, finished

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.demo.faults import Fault
    from support.demo.stage import Stage

CLIENT = "c1"


class Story:
    """Plays the parts on a stage; every part says what it does and waits for what must come."""

    def __init__(self, stage: Stage, fault: Fault, *, say: Callable[[str], None]) -> None:
        """Keep the stage and the planted fault."""
        self._stage = stage
        self._fault = fault
        self._say = say
        self._began = clock.monotonic_seconds()
        self.parts: list[dict[str, object]] = []

    def play(self) -> None:
        """Play every part in order, and keep the evidence."""
        self._fault.before_story(self._stage)
        self._part("1. Activation: node a, which holds the data, becomes the active one", self._activate)
        self._part("2. Writes flow through the public name, and the standby receives copies", self._write)
        self._fault.before_switchover(self._stage)
        self._part("3. A planned switch: kubectl patch, activeNode b", self._switch)
        self._fault.before_power_cut(self._stage)
        self._part("4. The power of node b is cut", self._cut)
        self._part("5. The node returns, and starts nothing", self._return)
        self._part("6. Hand back to the declared node", self._hand_back)
        self._fault.after_story(self._stage)

    def _part(self, title: str, play: Callable[[], None]) -> None:
        self._say(f"\n{title}")
        began = clock.monotonic_seconds()
        play()
        seconds = clock.monotonic_seconds() - began
        self.parts.append({"title": title, "seconds": round(seconds, 3)})
        self._say(f"  done in {seconds:.1f} s")

    def _activate(self) -> None:
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        self._stage.watcher.until(
            lambda status: finished(status, "Activate"), what="the activation", seconds=60
        )
        self._say(f"  {PUBLIC_NAME} → {', '.join(self._stage.bed.dns.lookup(PUBLIC_NAME))}")

    def _write(self) -> None:
        self._stage.start_client(CLIENT)
        self._stage.await_writes(CLIENT, more=50, seconds=30)
        self._protected()
        self._stage.await_writes(CLIENT, more=50, seconds=30)

    def _protected(self) -> None:
        self._stage.watcher.until(
            lambda status: condition(status, "Protected") == "True" and "episode" not in status,
            what="Protected",
            seconds=90,
        )

    def _switch(self) -> None:
        patch = json.dumps({"spec": {"activeNode": "b"}})
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", patch)
        self._stage.watcher.until(
            lambda status: finished(status, "Switchover"), what="the switchover", seconds=60
        )
        self._stage.await_writes(CLIENT, more=50, seconds=30)
        self._protected()

    def _cut(self) -> None:
        self._stage.await_writes(CLIENT, more=20, seconds=30)
        self._fault.cut_power(self._stage, "b")
        self._stage.watcher.until(
            lambda status: finished(status, "Failover"), what="the failover", seconds=120
        )
        self._stage.keep_promotion("a")
        self._stage.await_writes(CLIENT, more=50, seconds=30)

    def _return(self) -> None:
        self._stage.start_prober("b")
        self._fault.power_returns(self._stage, "b")
        self._stage.watcher.until(
            lambda status: finished(status, "Rejoin", count=3), what="the rejoin of node b", seconds=90
        )
        self._protected()
        self._stage.stop_prober("b")
        kept = self._stage.watcher.newest()["status"].get("quarantine", [])
        self._say(f"  kept aside: {', '.join(item['node'] + ':' + item['episode'] for item in kept) or 'nothing'}")
        self._stage.await_writes(CLIENT, more=50, seconds=30)

    def _hand_back(self) -> None:
        pair = json.loads(self._stage.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json"))
        failover = next(item for item in pair["status"]["history"] if item["kind"] == "Failover")
        answers = [*pair["spec"].get("answers", []), {"episode": failover["id"], "say": "HandBack"}]
        patch = json.dumps({"spec": {"answers": answers}})
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", patch)
        self._stage.watcher.until(
            lambda status: finished(status, "Switchover", count=2), what="the hand-back", seconds=60
        )
        self._stage.await_writes(CLIENT, more=50, seconds=30)
        self._protected()
