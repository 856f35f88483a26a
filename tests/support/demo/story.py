"""The story, part by part: activation, a planned switch, a power cut, the return, the hand-back.

The story only does what people and accidents do: it applies, patches, pulls plugs and watches. What
is true of it is judged afterwards, from the evidence alone, by `support.judge.verify`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from support.bed import clock
from support.demo.watcher import condition, ended_well, finished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.demo.watcher import PairWatcher

NAMESPACE, PAIR = "maestro", "maestro"
PUBLIC_NAME = "maestro.example.org"
CLIENT = "c1"


class Scene(Protocol):
    """What the story asks of the parts it plays on, be they real or in memory."""

    watcher: PairWatcher

    def kubectl(self, *words: str, input_text: str = "") -> str:
        """Run kubectl as the people do."""

    def pair(self) -> str:
        """Return the demo's MaestroPair as YAML."""

    def lookup(self, name: str) -> Sequence[str]:
        """Return the addresses that a name stands for now."""

    def start_client(self, name: str) -> None:
        """Start a client that writes numbered records through the public name."""

    def await_writes(self, name: str, *, more: int, seconds: float) -> None:
        """Wait until a client was told of so many more records."""

    def keep_promotion(self, node: str) -> None:
        """Keep what a node itself has written down of its last promotion."""

    def keep_units(self, episode: str) -> None:
        """Keep when the nodes' own systemd stopped and started the services of a planned switch."""

    def start_prober(self, node: str) -> None:
        """Look whether services answer on a node, until stopped."""

    def stop_prober(self, node: str) -> None:
        """Stop looking."""

    def measured(self) -> Mapping[str, object]:
        """Return what is to be kept of the moment in which a part of the story ends."""


SceneT_contra = TypeVar("SceneT_contra", bound=Scene, contravariant=True)
SceneT = TypeVar("SceneT", bound=Scene)


class Accidents(Protocol[SceneT_contra]):
    """What happens to the parts of a scene, and when."""

    def before_story(self, stage: SceneT_contra, /) -> None:
        """Do something before the activation."""

    def before_switchover(self, stage: SceneT_contra, /) -> None:
        """Do something while writes flow."""

    def before_power_cut(self, stage: SceneT_contra, /) -> None:
        """Do something after the planned switch."""

    def cut_power(self, stage: SceneT_contra, node: str, /) -> None:
        """Cut the power of a node."""

    def power_returns(self, stage: SceneT_contra, node: str, /) -> None:
        """Give the power back."""

    def after_story(self, stage: SceneT_contra, /) -> None:
        """Do something to what the parts left behind."""


class Story(Generic[SceneT]):
    """Plays the parts on a stage; every part says what it does and waits for what must come."""

    def __init__(self, stage: SceneT, fault: Accidents[SceneT], *, say: Callable[[str], None]) -> None:
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
        self.parts.append({"title": title, "seconds": round(seconds, 3), **self._stage.measured()})
        self._say(f"  done in {seconds:.1f} s")

    def _activate(self) -> None:
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        self._stage.watcher.until(lambda status: finished(status, "Activate"), what="the activation", seconds=60)
        self._say(f"  {PUBLIC_NAME} → {', '.join(self._stage.lookup(PUBLIC_NAME))}")

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
        self._stage.watcher.until(lambda status: finished(status, "Switchover"), what="the switchover", seconds=60)
        self._keep_units()
        self._stage.await_writes(CLIENT, more=50, seconds=30)
        self._protected()

    def _keep_units(self) -> None:
        history = self._stage.watcher.newest()["status"]["history"]
        self._stage.keep_units(next(item["id"] for item in history if item["kind"] == "Switchover"))

    def _cut(self) -> None:
        self._stage.await_writes(CLIENT, more=20, seconds=30)
        self._fault.cut_power(self._stage, "b")
        self._stage.watcher.until(lambda status: finished(status, "Failover"), what="the failover", seconds=120)
        self._stage.keep_promotion("a")
        self._stage.await_writes(CLIENT, more=50, seconds=30)

    def _return(self) -> None:
        self._stage.start_prober("b")
        # Whether a planned switch ends with the way back done, or leaves a Rejoin to do, is a matter of moments.
        rejoins = ended_well(self._stage.watcher.newest()["status"], "Rejoin")
        self._fault.power_returns(self._stage, "b")
        self._stage.watcher.until(
            lambda status: finished(status, "Rejoin", count=rejoins + 1), what="the rejoin of node b", seconds=90
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
        self._keep_units()
        self._stage.await_writes(CLIENT, more=50, seconds=30)
        self._protected()
