"""Plays one round: a bed, a pair, one way back, and its returns one after the other.

Only what accidents and people do is done here: power, cables, disks, the operator's own life. What came of it is
judged afterwards, from the evidence alone.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from support.bed import clock
from support.bed.evidence import Journal
from support.chaos.hands import Hands
from support.demo.stage import Stage
from support.demo.story import CLIENT, NAMESPACE, PAIR
from support.demo.watcher import condition, finished
from support.returns import planted
from support.returns.lives import Lives
from support.returns.rounds import OLD, OTHER, Cell, Round
from support.returns.trees import listing
from support.standin import install

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.bed.client import Node

QUIET_SECONDS = 20.0
"""How long a node that came back is watched with nobody who would take it up again."""
LED_SECONDS = 35.0
"""The same with an operator: its grace and what it concludes from silence lie within."""
REJOIN_SECONDS = 120.0
UP_SECONDS = 90.0
FAILOVER_SECONDS = 120.0
AWAY, ACTIVE = "away", "active"
"""The names under which disks are kept: as the node was when it went, and while it was active."""
GUARD = "/var/lib/maestro-guard"
HOURS = 6
AGE = (
    "find / -xdev ! -path '/proc/*' ! -path '/sys/*' ! -path '/dev/*' -newermt '-2 hours' -print0"
    f" | xargs -0r touch --no-dereference --date='-{HOURS} hours'"
    " && find /srv -newermt '-2 hours' ! -path '*/sent/*' ! -path '*/generations/*' -print0"
    f" | xargs -0r touch --no-dereference --date='-{HOURS} hours'"
)
"""What the passing of hours leaves on a disk; the clock itself is the host's, and right after a boot as before."""
ALTERED = {
    "hours": AGE,
    "guard-deleted": f"rm -r {GUARD}",
    "guard-old": f"rm -r {GUARD} && mv {GUARD}.old {GUARD}",
}
"""What is done to the disks of a node before it comes back, by round."""


class Player:
    """One round on its own stage."""

    def __init__(self, stage: Stage, *, lives: Lives, plan: Round, fault: str) -> None:
        """Take the stage."""
        self._stage, self._plan, self._fault = stage, plan, fault
        self._hands = Hands(stage)
        self._lives = lives
        self._journal = Journal(stage.evidence / "told.jsonl")
        self._old: Node = stage.bed.nodes[OLD]
        self._other: Node = stage.bed.nodes[OTHER]

    def play(self) -> None:
        """Play all of it."""
        self._begin()
        self._leave()
        for number, cell in enumerate(self._plan.cells):
            self._set_scene(cell, is_first=number == 0)
            self._return(cell)

    def _begin(self) -> None:
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        self._until(lambda status: finished(status, "Activate"), "the activation", seconds=90)
        self._stage.start_client(CLIENT)
        self._stage.await_writes(CLIENT, more=20, seconds=30)
        self._protected()
        if self._plan.id == "snapshot":
            self._old.keep_disks(ACTIVE)
            self._stage.await_writes(CLIENT, more=20, seconds=30)
        if self._plan.id == "guard-old":
            self._old.run(f"cp -a {GUARD} {GUARD}.old")

    # ------------------------------------------------------------ how the node goes

    def _leave(self) -> None:
        match self._plan.leaves:
            case "stays" | "denied":
                return
            case "power-cut":
                self._old.power_cut()
            case "soft-off":
                self._old.soft_off()
                self._old.wait_off()
            case "frozen" | "cut-off":
                # What cuts a saved or a lost machine's power finds none to cut: the device says off, truly or not.
                self._stage.bed.bmcs[OLD].set_mode("lying")
                self._go_silent()
            case "with-its-site":
                self._old.power_cut()
        self._await_failover()
        if self._plan.leaves == "with-its-site":
            self._old.power_on()
            self._protected(seconds=REJOIN_SECONDS)
        elif not self._is_alive:
            self._old.keep_disks(AWAY)

    def _await_failover(self) -> None:
        self._until(
            lambda status: status.get("activeNode") == OTHER and "episode" not in status,
            "the failover",
            seconds=FAILOVER_SECONDS,
        )
        self._stage.await_writes(CLIENT, more=10, seconds=60)

    @property
    def _is_alive(self) -> bool:
        return self._plan.leaves in ("frozen", "cut-off")

    def _go_silent(self) -> None:
        self._old.cut()
        if self._plan.leaves == "frozen":
            # The kernel of such a node goes on and would accept connections: a machine that was saved has no network.
            self._old.freeze()

    # ------------------------------------------------------------ who is there meanwhile

    def _set_scene(self, cell: Cell, *, is_first: bool) -> None:
        """Take away or bring who shall be away or there; the node that returns is away or rests."""
        if not is_first and self._plan.leaves in ("power-cut", "soft-off"):
            self._old.power_cut()
        if not is_first and self._is_alive:
            self._go_silent()
        if not is_first and self._plan.leaves == "stays":
            self._let_the_owner_serve()
        if self._plan.leaves == "with-its-site":
            self._old.power_cut()
        if cell.operator == "down":
            self._hands.kill_operators()
        if (cell.peer == "down" and self._other.is_on()) or cell.peer == "back":
            self._other.power_cut()
        if cell.operator == "up" and not self._hands.operators:
            self._hands.start_operator()
        if cell.peer == "up" and not self._other.is_on():
            self._other.power_on()

    def _let_the_owner_serve(self) -> None:
        """Bring back whoever vouches, and wait until the owner serves again."""
        if not self._other.is_on():
            self._other.power_on()
        if not self._hands.running_operators():
            self._hands.start_operator()
        self._stage.await_writes(CLIENT, more=5, seconds=UP_SECONDS)

    def _return(self, cell: Cell) -> None:
        self._prepare_disks(cell)
        planted.on_disk(self._fault, self._old)
        before = listing(self._other.srv_path)
        self._journal.write(event="begin", cell=cell.id, node=OLD, address=self._old.address, other=OTHER)
        try:
            self._come_back(cell)
            planted.on_the_air(self._fault, self._old, other=self._other)
            self._watch(cell)
        finally:
            self._keep(cell, before=before)
            self._journal.write(event="end", cell=cell.id)

    def _prepare_disks(self, cell: Cell) -> None:
        if self._plan.leaves not in ("power-cut", "soft-off"):
            return
        if cell.round == "empty":
            self._old.renew_disks()
        else:
            self._old.put_disks_back(ACTIVE if cell.round == "snapshot" else AWAY)
        if cell.round in ALTERED:
            self._old.alter(ALTERED[cell.round])

    def _come_back(self, cell: Cell) -> None:
        match self._plan.leaves:
            case "power-cut" | "soft-off":
                self._old.power_on()
            case "with-its-site":
                self._other.power_on()
                self._old.power_on()
            case "frozen":
                self._old.heal()
                self._old.thaw()
            case "cut-off":
                self._old.heal()
            case "stays":
                self._old.reboot()
            case "denied":
                self._be_denied()
        self._old.ssh_ready(timeout_seconds=60)
        if cell.round == "empty":
            install(self._old, name=OLD)
        self._journal.write(event="ready", cell=cell.id)

    def _be_denied(self) -> None:
        """Let the fence of a node that is cut off fail once, and give its cable back."""
        self._stage.bed.bmcs[OLD].set_mode("denying")
        self._old.cut()
        self._until(
            lambda status: (
                (status.get("episode") or {}).get("step") == "Fence" and condition(status, "Stalled") == "True"
            ),
            "the hold of a fence that proves nothing",
            seconds=FAILOVER_SECONDS,
        )
        self._stage.bed.bmcs[OLD].set_mode("honest")
        self._old.heal()

    # ------------------------------------------------------------ what is watched, and kept

    def _watch(self, cell: Cell) -> None:
        match cell.expected:
            case "up" | "last-owner":
                self._stage.await_writes(CLIENT, more=5, seconds=UP_SECONDS)
            case "stops":
                clock.wait_until(
                    lambda: not self._lives.runs(OLD), timeout_seconds=UP_SECONDS, what=f"node {OLD} to stop"
                )
            case "nothing" | "runs-on" | "goes-on":
                pass
        if cell.expected == "nothing" and (cell.operator, cell.peer) == ("up", "up"):
            self._protected(seconds=REJOIN_SECONDS)
        if cell.expected == "goes-on":
            self._until(lambda status: "episode" not in status, "the end of the episode", seconds=FAILOVER_SECONDS)
            self._stage.await_writes(CLIENT, more=10, seconds=60)
        # Nothing is waited for here: that nothing comes is what is seen.
        clock.pause(LED_SECONDS if cell.operator == "up" else QUIET_SECONDS)

    def _keep(self, cell: Cell, *, before: dict[str, str]) -> None:
        folder = self._stage.evidence / "cells" / cell.id
        folder.mkdir(parents=True)
        (folder / "other-before.json").write_text(json.dumps(before))
        (folder / "other-after.json").write_text(json.dumps(listing(self._other.srv_path)))
        if self._old.is_on():
            ran = self._old.run("journalctl --boot --no-pager --output=json", timeout_seconds=60)
            (folder / "journal.jsonl").write_bytes(ran.stdout)
        pair = self._stage.kubectl("get", "mp", PAIR, "-n", NAMESPACE, "-o", "json")
        (folder / "pair.json").write_text(pair)

    def _protected(self, *, seconds: float = 90) -> None:
        self._until(
            lambda status: condition(status, "Protected") == "True" and "episode" not in status,
            "Protected",
            seconds=seconds,
        )

    def _until(self, wanted: Callable[[dict[str, Any]], bool], what: str, *, seconds: float) -> None:
        self._stage.watcher.until(wanted, what=what, seconds=seconds)


def tell(plan: Round, *, folder: Path, fault: str, say: Callable[[str], None]) -> None:
    """Play a round on a bed of its own and leave its evidence."""
    with Stage(folder, say=say) as stage:
        wire = stage.bed.spawn(
            [*planted.python("support.returns.wire"), str(stage.evidence / "wire.jsonl")],
            log=stage.evidence / "wire.log",
            environment=planted.environment(),
        )
        lives = Lives(stage.bed, stage.evidence / "lives.jsonl")
        try:
            Player(stage, lives=lives, plan=plan, fault=fault).play()
        finally:
            lives.stop()
            wire.stop()
            stage.stop_clients()
            for path in stage.bed.evidence.iterdir():
                if path.is_file():
                    shutil.copy2(path, stage.evidence / path.name)
    for part in ("plane", "bed"):
        shutil.rmtree(folder / part, ignore_errors=True)
