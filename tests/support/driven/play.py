"""Plays the cells on one stage, one after the other; each begins and ends at rest.

Only what accidents and people do is done here. What came of it is judged afterwards, from the evidence alone.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from support.bed import clock
from support.bed.evidence import Journal
from support.chaos import people
from support.chaos.hands import Hands
from support.demo.story import CLIENT, NAMESPACE, PAIR
from support.demo.watcher import StoryStuckError, condition, ended_well

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from support.bed.client import Node
    from support.driven.stages import DrivenStage

REST_SECONDS = 180.0
MOVE_SECONDS = 120.0
HOLD_SECONDS = 45.0
QUIET_SECONDS = 15.0
WRITES_SECONDS = 60.0
LOOK_SECONDS = 1.0
PATIENCE_SECONDS = 5.0


class Player:
    """The cells on their stage."""

    def __init__(self, stage: DrivenStage, *, say: Callable[[str], None]) -> None:
        """Take the stage."""
        self._stage, self._say = stage, say
        self._hands = Hands(stage)
        self._journal = Journal(stage.evidence / "told.jsonl")

    def begin(self) -> None:
        """Let the pair come up and the client write."""
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        self._until(lambda status: ended_well(status, "Activate") > 0, "the activation", seconds=MOVE_SECONDS)
        self._stage.start_client(CLIENT)
        self._rest()

    def play(self, name: str) -> None:
        """Play one cell to rest."""
        self._journal.write(event="begin", cell=name, active=self.active)
        began = clock.monotonic_seconds()
        getattr(self, "_" + name.replace("-", "_"))()
        self._rest()
        # An episode's end is a whole second: the next cell begins in another one.
        clock.pause(1.1)
        self._journal.write(event="end", cell=name, active=self.active)
        self._say(f"{name}: {clock.monotonic_seconds() - began:.0f} s; {self.active} is active")

    # ------------------------------------------------------------ the cells

    def _switchover(self) -> None:
        self._order_meaning_it(self.standby)
        self._moved(to=self.standby)

    def _power_cut(self) -> None:
        old, new = self.active, self.standby
        self._node(old).power_cut()
        self._moved(to=new)
        self._writes()
        self._node(old).power_on()

    def _failback(self) -> None:
        """Let the answer HandBack take the service back from where an accident moved it."""
        old, new = self.active, self.standby
        self._node(old).power_cut()
        self._moved(to=new)
        self._writes()
        self._node(old).power_on()
        self._rest(hands_back=True)

    def _partition(self) -> None:
        old, new = self.active, self.standby
        self._node(old).cut()
        self._moved(to=new)
        self._writes()
        self._node(old).heal()
        self._node(old).power_on()

    def _cut_in_sync(self) -> None:
        old, new = self.active, self.standby
        self._stage.make_large(old)
        clock.wait_until(
            lambda: self._stage.is_sending(old),
            timeout_seconds=self._long(60),
            what="a copy under way",
            every_seconds=0.05,
        )
        self._node(old).power_cut()
        self._moved(to=new)
        self._writes()
        self._node(old).power_on()

    def _cut_in_resync(self) -> None:
        old, new = self.active, self.standby
        self._node(old).power_cut()
        self._moved(to=new)
        self._stage.make_large(new)
        self._node(old).power_on()
        self._until(_is_resyncing, "the resync of the old owner", seconds=MOVE_SECONDS)
        self._node(new).power_cut()
        self._held_or_moved(to=old)
        self._node(new).power_on()

    def _both_standby_first(self) -> None:
        active, standby = self.active, self.standby
        self._node(standby).power_cut()
        self._until(
            lambda status: condition(status, "Protected") != "True", "a standby that is gone", seconds=HOLD_SECONDS
        )
        self._node(active).power_cut()
        self._node(standby).power_on()
        self._node(standby).ssh_ready(timeout_seconds=self._long(60))
        # Nothing is waited for here: that nothing comes is what is seen.
        clock.pause(self._long(QUIET_SECONDS))
        self._node(active).power_on()

    def _both_active_first(self) -> None:
        first, second = self.active, self.standby
        self._node(first).power_cut()
        self._moved(to=second)
        self._writes()
        self._node(second).power_cut()
        self._node(first).power_on()
        self._node(first).ssh_ready(timeout_seconds=self._long(60))
        clock.pause(self._long(QUIET_SECONDS))
        self._node(second).power_on()

    def _operator_killed(self) -> None:
        target = self.standby
        self._order_meaning_it(target)
        self._until(_is_past("FinalSync"), "the middle of the switchover", seconds=MOVE_SECONDS)
        self._restart_operator()
        self._moved(to=target)

    def _standby_lost(self) -> None:
        """Take the standby's power away: the owner goes on as if nothing were, and says that it is alone."""
        standby = self.standby
        self._node(standby).power_cut()
        self._until(
            lambda status: condition(status, "DataInSync") != "True", "a standby that is gone", seconds=HOLD_SECONDS
        )
        self._writes()
        self._node(standby).power_on()

    def _killed_in_failover(self) -> None:
        old, new = self.active, self.standby
        self._node(old).power_cut()
        self._until(_is_past("Fence"), "the middle of the failover", seconds=MOVE_SECONDS)
        self._restart_operator()
        self._moved(to=new)
        self._writes()
        self._node(old).power_on()

    def _killed_in_rejoin(self) -> None:
        old, new = self.active, self.standby
        self._node(old).power_cut()
        self._moved(to=new)
        self._stage.make_large(new)
        self._node(old).power_on()
        self._until(_is_resyncing, "the old owner to be made a standby", seconds=MOVE_SECONDS)
        self._restart_operator()

    # ------------------------------------------------------------ what cells share

    def _restart_operator(self) -> None:
        self._hands.kill_operators()
        self._hands.start_operator()

    @property
    def active(self) -> str:
        """The active node, as the pair says."""
        return str(self._status()["activeNode"])

    @property
    def standby(self) -> str:
        """The other one."""
        return people.other_than(self.active)

    def _status(self) -> dict[str, Any]:
        return self._stage.watcher.newest().get("status") or {}

    def _node(self, name: str) -> Node:
        return self._stage.bed.nodes[name]

    def _order(self, node: str) -> None:
        self._patch(json.dumps({"spec": {"activeNode": node}}))

    def _order_meaning_it(self, node: str) -> None:
        """Order a move; that it is the third within an hour is acknowledged, as by a person who means it."""
        self._order(node)
        self._until(
            lambda status: "episode" in status or (people.hold_of(status) or ("",))[0] == "Flapping",
            f"the order of {node} to be taken or held",
            seconds=MOVE_SECONDS,
        )
        pair = self._stage.watcher.newest()
        found = people.remedy(pair["spec"], pair.get("status", {}), dice=0)
        if isinstance(found, people.Answer):
            self._do(found, pair["spec"])

    def _patch(self, patch: str) -> None:
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", patch)

    def _moved(self, *, to: str) -> None:
        self._until(
            lambda status: status.get("activeNode") == to and "episode" not in status,
            f"{to} to be active",
            seconds=MOVE_SECONDS,
        )

    def _held_or_moved(self, *, to: str) -> None:
        """Give a failover its time; one that has no whole copy to bring up holds, and waits for the owner."""
        try:
            self._until(
                lambda status: status.get("activeNode") == to and "episode" not in status,
                f"{to} to be active",
                seconds=HOLD_SECONDS,
            )
        except StoryStuckError as held:
            self._say(f"  held: {held}")

    def _writes(self) -> None:
        self._stage.await_writes(CLIENT, more=5, seconds=self._long(WRITES_SECONDS))

    def _rest(self, *, hands_back: bool = False) -> None:
        """Wait until the pair rests; what a hold asks of a person is done."""
        dice = int(hands_back)
        ends, held_since = clock.monotonic_seconds() + self._long(REST_SECONDS), clock.monotonic_seconds()
        while True:
            pair = self._stage.watcher.newest()
            spec, status = pair.get("spec", {}), pair.get("status", {})
            if people.is_at_rest(spec, status):
                break
            if clock.monotonic_seconds() > ends:
                raise StoryStuckError(
                    f"the pair did not come to rest: {people.hold_of(status)}, {status.get('episode')}"
                )
            if (found := people.remedy(spec, status, dice=dice)) is None:
                held_since = clock.monotonic_seconds()
            elif clock.monotonic_seconds() - held_since > PATIENCE_SECONDS:
                self._do(found, spec)
                held_since = clock.monotonic_seconds()
            clock.pause(LOOK_SECONDS)
        self._writes()

    def _do(self, found: people.Remedy, spec: dict[str, Any]) -> None:
        self._journal.write(event="person", does=str(found))
        match found:
            case people.Answer():
                self._patch(people.answers_with(spec, found))
            case people.Order():
                self._order(found.node)
            case people.SwitchOn():
                self._node(found.node).power_on()
            case people.StartServices():
                self._hands.start_services(found.node)
            case _:
                raise StoryStuckError(f"the pair asks for what nobody here does: {found}")

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str, *, seconds: float) -> None:
        self._stage.watcher.until(wanted, what=what, seconds=self._long(seconds))

    def _long(self, seconds: float) -> float:
        return seconds * self._stage.patience


def _is_resyncing(status: dict[str, Any]) -> bool:
    # A node's own timer may have begun to send before the step that tells it to: the pair waits for it all the same.
    episode = status.get("episode") or {}
    stalled = next((item["reason"] for item in status.get("conditions", []) if item["type"] == "Stalled"), "")
    return episode.get("kind") == "Rejoin" and (episode.get("step") == "Resync" or stalled == "Resyncing")


def _is_past(step: str) -> Callable[[dict[str, Any]], bool]:
    def wanted(status: dict[str, Any]) -> bool:
        episode = status.get("episode") or {}
        return any(item["name"] == step for item in episode.get("steps", []))

    return wanted


def tell(kind: type[DrivenStage], names: Iterable[str], *, folder: Path, say: Callable[[str], None]) -> str:
    """Play the cells and keep the evidence; return what ended it early, or nothing."""
    trouble = ""
    with kind(folder, say=say) as stage:
        player = Player(stage, say=say)
        try:
            player.begin()
            for name in names:
                player.play(name)
        except (StoryStuckError, clock.TimedOutError) as problem:
            trouble = str(problem)
            say(f"ends here: {problem}")
        finally:
            stage.stop_clients()
            stage.keep_evidence()
    return trouble
