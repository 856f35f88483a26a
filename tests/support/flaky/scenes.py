"""Trouble of the API server itself, told as scenes: each is played on a rig and says what it found."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from support.bed import clock
from support.demo.watcher import condition
from support.flaky.faults import Fault, How, lists, watches
from support.report import Claim

if TYPE_CHECKING:
    from support.flaky.rig import Line, Operator, Rig

RELIST_SECONDS = 8
TAKEN_SECONDS = RELIST_SECONDS + 4.0
"""An order is taken within a relist, a list's own time and a turn."""
REST_SECONDS = 90.0
SILENT_SECONDS = 8.0
"""So long after its end the leader certainly knows that the API server is gone."""
LEADER = "maestro_operator_leader"
API_SILENT = "maestro_operator_api_silent_seconds"
WATCH_FAULTS = (How.SILENT, How.BOOKMARKS, How.GONE, How.CUT)


@dataclass
class Scene:
    """One scene on one pair, and what it claims."""

    rig: Rig
    pair: str
    claims: list[Claim] = field(default_factory=list)

    def claim(self, name: str, *, ok: bool, measured: object, bound: object, evidence: str = "") -> None:
        """Keeps one claim."""
        shown = measured if isinstance(measured, (bool, int, float)) else str(measured)
        self.claims.append(Claim(name, ok, shown, str(bound), (evidence,) if evidence else ()))

    def acknowledged(self) -> int:
        """Returns how many records the pair's client was told of."""
        world = self.rig.world(self.pair)
        return self.rig.do(lambda: len(self.rig.server.world(world).acks))

    def active(self) -> str:
        """Returns the active node."""
        return str(self.rig.status(self.pair).get("activeNode"))

    def other(self) -> str:
        """Returns the node that is not active."""
        return "b" if self.active() == "a" else "a"

    def hold(self) -> str:
        """Returns the reason of the one hold."""
        conditions: list[Line] = self.rig.status(self.pair).get("conditions", [])
        return next((str(item["reason"]) for item in conditions if item["type"] == "Stalled"), "")

    def await_hold(self, reason: str, *, seconds: float) -> float:
        """Waits until something holds the pair for this reason; returns how long that took."""
        began = clock.monotonic_seconds()
        clock.wait_until(
            lambda: self.hold() == reason, timeout_seconds=seconds, what=f"the hold {reason}", every_seconds=0.2
        )
        return clock.monotonic_seconds() - began


# ------------------------------------------------------------ the API server is gone


def away(scene: Scene, *, name: str, take: Callable[[], None], give: Callable[[], None], seconds: float) -> None:
    """Takes the API server away in the middle of a switch, for longer than a Lease, and gives it back."""
    rig = scene.rig
    leader, goal = rig.await_leader(), scene.other()
    rig.order(scene.pair, goal)
    began = len(rig.effects(pair=scene.pair))
    clock.wait_until(lambda: len(rig.effects(pair=scene.pair)) > began, timeout_seconds=30, what="the switch to begin")
    take()
    clock.pause(seconds)
    alive, leads, silent = leader.page("/livez")[0], leader.figure(LEADER), leader.figure(API_SILENT)
    give()
    took_seconds = rig.await_rest(scene.pair, active=goal, seconds=REST_SECONDS)
    shown = f"livez {alive}, {LEADER} {leads}, {API_SILENT} {silent}"
    told = alive == 200 and leads == 0 and (silent or 0) >= seconds - SILENT_SECONDS
    scene.claim(f"{name}:is-told", ok=told, measured=shown, bound="200, 0, most of it")
    scene.claim(f"{name}:the-switch-ends", ok=True, measured=round(took_seconds, 1), bound=f"<= {REST_SECONDS:.0f}")


def away_at_rest(scene: Scene, *, seconds: float) -> None:
    """Takes the API server away from a pair at rest: it serves on and replicates on, and nothing is done to it."""
    rig = scene.rig
    before, effects = scene.acknowledged(), len(rig.effects(pair=scene.pair))
    rig.plane.kill_apiserver()
    clock.pause(seconds)
    written, done = scene.acknowledged() - before, len(rig.effects(pair=scene.pair)) - effects
    rig.plane.resume()
    rig.await_rest(scene.pair, active=scene.active(), seconds=REST_SECONDS)
    ok = written > seconds and done == 0
    scene.claim(
        "gone-at-rest:the-pair-serves-on", ok=ok, measured=f"{written} records, {done} effects", bound="0 effects"
    )


# ------------------------------------------------------------ the store is put back


def restored(scene: Scene, *, bump_revision: int = 0) -> None:
    """Puts the store back to before a switch: the node of the highest epoch leads on, and a person says so."""
    rig, before = scene.rig, scene.active()
    snapshot = rig.folder / f"{scene.pair}.snapshot"
    rig.plane.snapshot(snapshot)
    after = scene.other()
    rig.order(scene.pair, after)
    rig.await_rest(scene.pair, active=after, seconds=REST_SECONDS)
    known, effects, records = rig.status(scene.pair), len(rig.effects(pair=scene.pair)), scene.acknowledged()
    rig.plane.restore(snapshot, bump_revision=bump_revision)
    stands = rig.status(scene.pair).get("activeNode")
    held_seconds = scene.await_hold("WaitForUser", seconds=REST_SECONDS)
    clock.pause(2 * RELIST_SECONDS)
    touched = [line for line in rig.effects(pair=scene.pair)[effects:] if line.get("outcome") == "Done"]
    written = scene.acknowledged() - records
    rig.note("restored", pair=scene.pair)
    rig.order(scene.pair, after)
    rig.await_rest(scene.pair, active=after, seconds=REST_SECONDS)
    status = rig.status(scene.pair)
    name = f"restored{'-bumped' if bump_revision else ''}"
    scene.claim(f"{name}:status-was-from-before", ok=stands == before, measured=stands, bound=before)
    scene.claim(
        f"{name}:is-held", ok=True, measured=round(held_seconds, 1), bound=f"WaitForUser in {REST_SECONDS:.0f} s"
    )
    shown = f"{written} records, {len(touched)} effects"
    scene.claim(
        f"{name}:the-last-good-owner-serves-on", ok=written > 0 and not touched, measured=shown, bound="0 effects"
    )
    for figure, was, now in (
        ("term", known["term"], status["term"]),
        ("epoch", known["epoch"]["inForce"]["number"], status["epoch"]["inForce"]["number"]),
    ):
        scene.claim(
            f"{name}:the-{figure}-rises",
            ok=now > was or (figure == "term" and now == was),
            measured=now,
            bound=f">= {was}",
        )
    rig.order(scene.pair, before)
    took_seconds = rig.await_rest(scene.pair, active=before, seconds=REST_SECONDS)
    scene.claim(
        f"{name}:orders-are-taken-again", ok=True, measured=round(took_seconds, 1), bound=f"<= {REST_SECONDS:.0f}"
    )


# ------------------------------------------------------------ the watch and the list


@contextlib.contextmanager
def watches_hurt(rig: Rig, fault: Fault) -> Iterator[None]:
    """Gives every operator a watch in trouble from now on, and a good one again at the end."""
    for name, one in rig.operators.items():
        rig.hurt(name, fault)
        rig.do(one.api.cut_watches)
    clock.pause(2.0)
    try:
        yield
    finally:
        for name, one in rig.operators.items():
            rig.hurt(name, None)
            rig.do(one.api.cut_watches)


def order_is_taken(scene: Scene, fault: Fault, *, name: str) -> None:
    """Gives an order while the watch or the list is in trouble."""
    rig, goal = scene.rig, scene.other()
    with watches_hurt(rig, fault):
        began = clock.monotonic_seconds()
        rig.order(scene.pair, goal)
        clock.wait_until(
            lambda: (rig.status(scene.pair).get("episode") or {}).get("kind") == "Switchover" or scene.active() == goal,
            timeout_seconds=REST_SECONDS,
            what="the order to be taken",
            every_seconds=0.1,
        )
        took_seconds = clock.monotonic_seconds() - began
        rig.await_rest(scene.pair, active=goal, seconds=REST_SECONDS)
    ok = took_seconds <= TAKEN_SECONDS
    scene.claim(f"{name}:the-order-is-taken", ok=ok, measured=round(took_seconds, 1), bound=f"<= {TAKEN_SECONDS:.0f}")


def watch_trouble(scene: Scene) -> None:
    """Plays every trouble of a watch, and a list that is slow while the watch says nothing."""
    for how in WATCH_FAULTS:
        order_is_taken(scene, Fault(how, watches), name=how.value)
    order_is_taken(scene, Fault(How.SLOW, lists, delay_seconds=6.0), name="slow-list")


def deleted_missed(scene: Scene, create: Callable[[], None]) -> None:
    """Deletes a pair and creates it again under its name, unseen by the watch: the nodes are not the new one's."""
    rig = scene.rig
    with watches_hurt(rig, Fault(How.NO_DELETED, watches)):
        uid = rig.pairs.read(scene.pair).body["metadata"]["uid"]
        active, records = scene.active(), scene.acknowledged()
        rig.pairs.delete(scene.pair)
        clock.wait_until(
            lambda: not rig.pairs.read(scene.pair).is_good, timeout_seconds=REST_SECONDS, what="the pair to go"
        )
        effects = len(rig.effects(pair=scene.pair))
        create()
        rig.order(scene.pair, active)
        held_seconds = scene.await_hold("ForeignPair", seconds=REST_SECONDS)
        clock.pause(2.0)
        touched = [line for line in rig.effects(pair=scene.pair)[effects:] if line.get("outcome") == "Done"]
        ok = held_seconds <= TAKEN_SECONDS and not touched and scene.acknowledged() > records
        shown = f"ForeignPair after {held_seconds:.1f} s, {len(touched)} effects"
        scene.claim("deleted-missed:the-new-one-is-held", ok=ok, measured=shown, bound=f"<= {TAKEN_SECONDS:.0f}, 0")
        answer = {"episode": f"adopt-{uid}", "say": "Adopt", "of": uid}
        assert rig.pairs.patch(scene.pair, {"spec": {"answers": [answer]}}).is_good
        took_seconds = rig.await_rest(scene.pair, active=active, seconds=REST_SECONDS)
    scene.claim(
        "deleted-missed:adopted-by-answer", ok=True, measured=round(took_seconds, 1), bound=f"<= {REST_SECONDS:.0f}"
    )


# ------------------------------------------------------------ another cluster


def foreign(scene: Scene, other: Rig, stranger: Operator) -> None:
    """Lets an operator of another cluster have a resource of its own for the same nodes."""
    theirs = Scene(other, scene.pair)
    effects = len(scene.rig.effects(pair=scene.pair))
    other.create(scene.pair)
    held_seconds = theirs.await_hold("ForeignPair", seconds=REST_SECONDS)
    other.order(scene.pair, scene.other())
    clock.pause(6.0)
    asked = scene.rig.effects(stranger.name)
    ok = theirs.hold() == "ForeignPair" and not asked and len(scene.rig.effects(pair=scene.pair)) == effects
    shown = f"{theirs.hold()} after {held_seconds:.1f} s, {len(asked)} effects"
    scene.claim("another-cluster:is-refused", ok=ok, measured=shown, bound="ForeignPair, 0 effects")


def states(status: Line) -> str:
    """Returns a status's conditions in one line, for a person who reads a report."""
    return " ".join(f"{item['type']}={condition(status, item['type'])}" for item in status.get("conditions", []))
