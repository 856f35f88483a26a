"""What happens to two operators while a pair is ordered to and fro; each story is drawn from its seed alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.bed import clock
from support.flaky.faults import Asked, Fault, How, everything, leases, writes

if TYPE_CHECKING:
    from support.flaky.nodes import Line
    from support.flaky.rig import Operator, Rig

TROUBLE_SECONDS = 22.0
"""Longer than a Lease lasts, so that the other one has to take over where the leader cannot renew."""
FROZEN_SECONDS = 20.0
OVERTAKEN_SECONDS = 60.0
"""So long an order may be on its way, at most: it arrives right after the first one of the next leader."""
REST_SECONDS = 90.0
REACHED_SECONDS = 30.0
HOUR = 3600.0
LAST_EFFECT = 12
"""A planned switch has about this many effects; the trouble begins after one of them."""
ENDS_A_LEADERSHIP = (How.DROP, How.LOSE, How.HANG, How.LATE, How.HALF, How.STATUS)
READ_BACK = ((How.LOSE, "writes"), (How.HALF, "writes"))
SCOPES: dict[str, Callable[[Asked], bool]] = {"everything": everything, "leases": leases, "writes": writes}


@dataclass(frozen=True, slots=True)
class Story:
    """One trouble, as its seed has drawn it."""

    kind: str
    """frozen, killed, jump, late-order, api."""
    after_effect: int
    how: How = How.DROP
    scope: str = "everything"
    status: int = 500
    delay_seconds: float = 0.0
    jump_seconds: float = 0.0
    at_spare: bool = False

    @property
    def name(self) -> str:
        """Returns what it is called in reports."""
        words = {
            "api": f"{self.how.value}{f'-{self.status}' if self.how is How.STATUS else ''}-of-{self.scope}",
            "jump": f"jump-{'ahead' if self.jump_seconds > 0 else 'back'}-{'spare' if self.at_spare else 'leader'}",
        }
        return f"{words.get(self.kind, self.kind)}-after-{self.after_effect}"

    @property
    def ends_the_leadership(self) -> bool:
        """Whether the leader cannot renew its Lease meanwhile."""
        if self.kind != "api":
            return self.kind in ("frozen", "killed", "late-order")
        # Who reads its Lease reads back what it wrote, and goes on; what comes late may come in time.
        return self.how in ENDS_A_LEADERSHIP and (self.how, self.scope) not in READ_BACK


TROUBLES: tuple[tuple[str, How], ...] = (
    ("frozen", How.DROP),
    ("api", How.DROP),
    ("api", How.HANG),
    ("late-order", How.DROP),
    ("api", How.STATUS),
    ("jump", How.DROP),
    ("api", How.SLOW),
    ("killed", How.DROP),
    ("api", How.LOSE),
    ("api", How.LATE),
    ("jump", How.DROP),
    ("api", How.HALF),
)
"""What the seeds walk through, one after the other; where it falls, and what is hurt, each seed draws."""


def drawn(seed: int) -> Story:
    """Returns the story of a seed."""
    chance = random.Random(seed)
    kind, how = TROUBLES[(seed - 1) % len(TROUBLES)]
    return Story(
        kind=kind,
        after_effect=chance.randint(1, LAST_EFFECT),
        how=how,
        scope=chance.choice(tuple(SCOPES)),
        status=chance.choice((429, 500, 503, 504)),
        # A late one arrives when its sender leads no more; a slow one is answered, each just in time.
        delay_seconds=TROUBLE_SECONDS if how is How.LATE else 1.0,
        jump_seconds=chance.choice((-HOUR, HOUR)),
        at_spare=seed % 2 == 0,
    )


class Player:
    """Plays stories on one pair of a rig that two operators look after."""

    def __init__(self, rig: Rig, pair: str, *, planted: str = "") -> None:
        self._rig = rig
        self._pair = pair
        self._planted = planted
        self._number = 0

    def prepare(self) -> None:
        """Brings two operators and the pair up."""
        self._rig.start("one", planted=self._planted)
        self._rig.await_leader()
        self._rig.start("two")
        self._rig.await_spare("two")
        self._rig.create(self._pair)
        self._rig.write_records(self._pair)
        self._rig.await_rest(self._pair, active="a", seconds=REST_SECONDS)

    def play(self, story: Story) -> None:
        """Orders the other node, lets the trouble begin in the middle of it, ends it, and awaits rest."""
        rig = self._rig
        leader = rig.await_leader()
        spare = next(one for one in rig.operators.values() if one is not leader and one.process.poll() is None)
        rig.note("story", story=story.name, leader=leader.name)
        goal = "b" if rig.status(self._pair).get("activeNode") == "a" else "a"
        begin, end = self._trouble(story, leader=leader, spare=spare)
        begun = self._after_effect(story.after_effect, leader.name, begin)
        rig.order(self._pair, goal)
        clock.wait_until(begun, timeout_seconds=REACHED_SECONDS, what=f"effect {story.after_effect}", every_seconds=0.1)
        clock.pause(FROZEN_SECONDS if story.kind == "frozen" else TROUBLE_SECONDS)
        end()
        rig.await_rest(self._pair, active=goal, seconds=REST_SECONDS)

    def _after_effect(self, number: int, operator: str, begin: Callable[[], None]) -> Callable[[], bool]:
        """Lets something begin right after so many effects of an operator, before the last of them is answered."""
        seen = [0]
        world = self._rig.world(self._pair)

        def on_effect(line: Line) -> None:
            if (line["operator"], line["world"]) != (operator, world):
                return
            seen[0] += 1
            if seen[0] == number:
                begin()

        def give() -> None:
            self._rig.server.on_effect = on_effect

        self._rig.do(give)
        return lambda: seen[0] >= number

    def _trouble(
        self, story: Story, *, leader: Operator, spare: Operator
    ) -> tuple[Callable[[], None], Callable[[], None]]:
        """Returns what begins the trouble, called in the nodes' own loop, and what ends it."""
        rig = self._rig
        sufferer = spare if story.at_spare and story.kind == "jump" else leader
        fault = Fault(story.how, SCOPES[story.scope], delay_seconds=story.delay_seconds, status=story.status)

        def order_has_left() -> None:
            rig.note("leader-lost", operator=leader.name)
            leader.api.fault = Fault(How.DROP)

        def order_is_late() -> None:
            # Who is cut off before it has written its intent gives no order: the order comes first.
            rig.server.on_held = order_has_left
            rig.server.hold_order_of[leader.name] = OVERTAKEN_SECONDS

        def api_fails() -> None:
            leader.api.fault = fault

        def one_takes_its_place() -> None:
            leader.process.wait()
            self._number += 1
            rig.await_spare(rig.start(f"{leader.name}-{self._number}").name)

        kinds: dict[str, tuple[Callable[[], None], Callable[[], None]]] = {
            "frozen": (leader.freeze, leader.thaw),
            "killed": (leader.process.kill, one_takes_its_place),
            "jump": (lambda: sufferer.jump(story.jump_seconds), lambda: sufferer.jump(0.0)),
            "late-order": (order_is_late, lambda: rig.hurt(leader.name, None)),
            "api": (api_fails, lambda: rig.hurt(leader.name, None)),
        }
        begin, end = kinds[story.kind]

        def noted() -> None:
            if story.ends_the_leadership and story.kind != "late-order":
                rig.note("leader-lost", operator=leader.name)
            begin()

        return noted, end
