"""The laws, as properties of the twin over any sequence: numbers never fall, and two nodes never hold a permit.

The twin does what the script does (test_guard_twin.py); here it stands on two nodes at once, with an
operator that may do anything but permit without a proof, and with power cuts, reboots and roots.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from maestro_operator.drivers.memory.guard_twin import (
    Answer,
    GuardState,
    Permit,
    apply,
    confirmed,
    taken,
    yielded,
)
from maestro_operator.drivers.ports import Order

EPOCHS = st.integers(1, 6)
EPISODES = st.sampled_from(("e1", "e2", "e3"))
NODES = st.sampled_from(("a", "b"))
TERMS = st.integers(0, 3)
OTHER = {"a": "b", "b": "a"}
HARMLESS = ("lead", "promise", "promote", "quiesce", "demote", "quarantined", "grant", "sever", "revoke")
ALL_VERBS = (*HARMLESS, "permit", "renew", "create")


def order_to(node: str, verb: str, *, term: int, episode: str, epoch: int, owner: str) -> Order:
    wants_epoch = verb not in ("create", "lead", "sever", "revoke")
    return Order(
        verb,
        "p-1",
        node,
        term,
        episode,
        epoch=epoch if wants_epoch else None,
        owner=(OTHER[node] if verb == "demote" else owner) if verb in ("promise", "demote") else None,
        source=OTHER[node] if verb == "grant" else None,
    )


def orders(node: str) -> st.SearchStrategy[Order]:
    return st.builds(
        lambda verb, term, episode, epoch, owner: order_to(
            node, verb, term=term, episode=episode, epoch=epoch, owner=owner
        ),
        st.sampled_from(ALL_VERBS),
        TERMS,
        EPISODES,
        EPOCHS,
        NODES,
    )


def reachable(depth: int) -> list[tuple[GuardState, Order, str, GuardState, Answer]]:
    """Returns every step that orders can take from a new state, up to a depth."""
    tried = [
        (order_to("a", verb, term=term, episode=episode, epoch=epoch, owner=owner), boot)
        for verb, episode, epoch, owner, boot in product(ALL_VERBS, ("e1", "e2"), (1, 2, 3), "ab", ("boot-1", "boot-2"))
        for term in (1, 2)[: 1 + (verb == "lead")]
    ]
    tried = list(dict.fromkeys(tried))
    seen = front = {GuardState(pair="p-1", node="a", term=1)}
    steps = []
    for _ in range(depth):
        found = [(state, order, boot, *apply(state, order, boot=boot)) for state in front for order, boot in tried]
        steps += found
        front = {step[3] for step in found} - seen
        seen = seen | front
    return steps


def test_in_every_step_that_orders_can_take_the_laws_hold() -> None:
    steps = reachable(6)
    print(f"{len(steps)} steps from {len({step[0] for step in steps})} states")
    assert len({step[0] for step in steps}) > 400
    assert any(after.permit for _, _, _, after, _ in steps)

    for state, order, boot, after, answer in steps:
        told = (state, order, boot, after, answer)
        assert answer.is_done or after == state, told
        assert after.term >= state.term, told
        assert after.promised_epoch >= state.promised_epoch, told
        assert after.inforce_epoch >= state.inforce_epoch, told
        assert after.promised_epoch >= after.inforce_epoch, told
        for old in (state.promised, state.inforce):
            for new in (after.promised, after.inforce):
                assert not old or not new or old.epoch != new.epoch or old.owner == new.owner, told
        again, repeated = apply(after, order, boot=boot)
        assert not answer.is_done or (again == after and not repeated.is_changed), told
        # Nobody runs and receives at once, and no right outlives its epoch.
        assert not (after.permit and after.grant), told
        assert not (after.permit and after.final), told
        assert after.permit is None or after.owns(after.permit.epoch), told
        assert after.final is None or after.owns(after.final), told
        assert after.grant is None or not after.owns(after.grant.epoch), told
        # A permit comes from a permit or a renewal, and from nothing else.
        assert order.verb in ("permit", "renew") or after.permit in (state.permit, None), told


@given(st.lists(st.tuples(orders("a"), st.sampled_from(("boot-1", "boot-2"))), max_size=25))
@settings(max_examples=300)
def test_no_number_ever_falls_and_one_epoch_has_one_owner(sequence: list[tuple[Order, str]]) -> None:
    state, owners = GuardState(pair="p-1", node="a"), dict[int, str]()
    for order, boot in sequence:
        after, _ = apply(state, order, boot=boot)
        assert (after.term, after.promised_epoch) >= (state.term, state.promised_epoch)
        assert after.promised_epoch >= after.inforce_epoch >= state.inforce_epoch
        for mark in (after.promised, after.inforce):
            assert mark is None or owners.setdefault(mark.epoch, mark.owner) == mark.owner
        state = after


class TwoGuards(RuleBasedStateMachine):
    """Two nodes, an operator that proves before it permits, and a world that cuts power at will."""

    def __init__(self) -> None:
        super().__init__()
        self.guards: dict[str, GuardState] = {}
        self.boots = {"a": 1, "b": 1}
        self.is_on = {"a": True, "b": True}
        self.vouched: dict[str, GuardState] = {}
        """Nodes whose peer has said yes, as they were when they asked; not yet written down."""
        self.fenced: tuple[str, int, str] | None = None
        """A failover under way: its target, epoch and episode; the proof is there, and may be old."""

    def boot(self, node: str) -> str:
        return f"{node}-{self.boots[node]}"

    def give(self, node: str, verb: str, *, epoch: int, episode: str, owner: str, term: int = 3) -> bool:
        if not self.is_on[node]:
            return False
        order = order_to(node, verb, term=term, episode=episode, epoch=epoch, owner=owner)
        self.guards[node], answer = apply(self.guards[node], order, boot=self.boot(node))
        return answer.is_done

    @initialize()
    def equip(self) -> None:
        for node in "ab":
            self.guards[node] = GuardState(pair="p-1", node=node)

    def cannot_run(self, node: str, *, epoch: int) -> bool:
        """Whether the operator has a proof about a node: demoted to exactly this epoch, or without power now."""
        guard = self.guards[node]
        is_demoted = guard.inforce is not None and guard.inforce.epoch == epoch and guard.inforce.owner != node
        return is_demoted or not self.is_on[node]

    @rule(node=NODES, verb=st.sampled_from(HARMLESS), epoch=EPOCHS, episode=EPISODES, owner=NODES, term=TERMS)
    def order_what_needs_no_proof(self, node: str, verb: str, epoch: int, episode: str, owner: str, term: int) -> None:
        self.give(node, verb, epoch=epoch, episode=episode, owner=owner, term=term)

    def permit_with_a_proof(self, node: str) -> None:
        guard = self.guards[node]
        if guard.inforce and self.cannot_run(OTHER[node], epoch=guard.inforce.epoch):
            self.give(node, "permit", epoch=guard.inforce.epoch, episode=guard.inforce.episode, owner=node)

    @precondition(lambda self: self.fenced is None)
    @rule(node=NODES)
    def restart(self, node: str) -> None:
        self.permit_with_a_proof(node)

    @precondition(lambda self: self.fenced is None)
    @rule(node=NODES, episode=EPISODES)
    def switch_over(self, node: str, episode: str) -> None:
        epoch = 1 + max(guard.promised_epoch for guard in self.guards.values())
        other = OTHER[node]
        done = (
            self.give(node, "promise", epoch=epoch, episode=episode, owner=node)
            and self.give(other, "demote", epoch=epoch, episode=episode, owner=node)
            and self.give(node, "promote", epoch=epoch, episode=episode, owner=node)
        )
        if done:
            self.permit_with_a_proof(node)

    @precondition(lambda self: self.fenced is None)
    @rule(node=NODES, episode=EPISODES)
    def raise_and_fence(self, node: str, episode: str) -> None:
        epoch = 1 + max(guard.promised_epoch for guard in self.guards.values())
        if self.give(node, "promise", epoch=epoch, episode=episode, owner=node):
            self.cut_power(OTHER[node])
            self.fenced = (node, epoch, episode)

    @precondition(lambda self: self.fenced is not None)
    @rule(is_abandoned=st.booleans())
    def promote_on_the_proof(self, *, is_abandoned: bool) -> None:
        # However long after: the dead side may have been switched on again meanwhile.
        assert self.fenced is not None
        node, epoch, episode = self.fenced
        self.fenced = None
        if not is_abandoned and self.give(node, "promote", epoch=epoch, episode=episode, owner=node):
            self.give(node, "permit", epoch=epoch, episode=episode, owner=node)

    @precondition(lambda self: self.fenced is None)
    @rule(node=NODES, episode=EPISODES, is_other_readable=st.booleans())
    def renew(self, node: str, episode: str, *, is_other_readable: bool) -> None:
        guard, other = self.guards[node], OTHER[node]
        epoch = 1 + max(item.promised_epoch for item in self.guards.values())
        if not guard.may_return(self.boot(node)):
            return
        # Unreadable: only where the owner's own guard shows that it could not have been left, which renew itself asks.
        if is_other_readable and not self.give(other, "demote", epoch=epoch, episode=episode, owner=node):
            return
        self.give(node, "renew", epoch=epoch, episode=episode, owner=node)

    @rule(node=NODES)
    def cut_power(self, node: str) -> None:
        self.is_on[node] = False
        self.vouched.pop(node, None)

    @rule(node=NODES)
    def give_power(self, node: str) -> None:
        if not self.is_on[node]:
            self.is_on[node] = True
            self.boots[node] += 1

    @rule(node=NODES)
    def ask_the_peer(self, node: str) -> None:
        guard = self.guards[node]
        if self.is_on["a"] and self.is_on["b"] and guard.needs_confirmation(self.boot(node)):
            other = self.guards[OTHER[node]]
            knows = other.inforce_epoch == guard.inforce_epoch
            if knows and other.vouches_for(node, pair="p-1") == "yes":
                self.vouched[node] = guard

    @precondition(lambda self: bool(self.vouched))
    @rule()
    def write_down_what_the_peer_said(self) -> None:
        node, asked = self.vouched.popitem()
        # Any moment later; but only if nothing has changed here since.
        if self.guards[node] == asked:
            self.guards[node] = confirmed(asked, boot=self.boot(node))

    def write_down_if_said(self) -> None:
        if self.vouched:
            self.write_down_what_the_peer_said()

    @rule(node=NODES)
    def root_yields(self, node: str) -> None:
        if self.is_on[node]:
            self.guards[node] = yielded(self.guards[node], boot=self.boot(node), peer=OTHER[node])

    @rule(node=NODES)
    def root_takes(self, node: str) -> None:
        other = OTHER[node]
        peer = self.guards[other]
        if not self.is_on[node] or self.guards[node].may_run(self.boot(node)):
            return
        if self.is_on[other] and peer.may_return(self.boot(other)):
            return
        promised = peer.promised_epoch if self.is_on[other] else 0
        self.guards[node] = taken(self.guards[node], boot=self.boot(node), peer_promised=promised)

    @invariant()
    def never_two_permits(self) -> None:
        may = [node for node in self.guards if self.is_on[node] and self.guards[node].may_run(self.boot(node))]
        assert len(may) < 2, self.guards


def test_two_guards_never_hold_a_permit_at_once() -> None:
    run_state_machine_as_test(TwoGuards, settings=settings(max_examples=400, stateful_step_count=30, deadline=None))


def test_a_permit_of_another_boot_is_none() -> None:
    state = GuardState(pair="p-1", node="a")
    for verb in ("promise", "promote", "permit"):
        state, answer = apply(state, order_to("a", verb, term=1, episode="e1", epoch=1, owner="a"), boot="boot-1")
        assert answer.is_done

    assert state.may_run("boot-1")
    assert not state.may_run("boot-2")
    assert not replace(state, permit=Permit(2, "boot-1")).may_run("boot-1")


def power_on_between_fence_and_promote(world: TwoGuards) -> None:
    world.switch_over(node="a", episode="e1")
    world.raise_and_fence(node="b", episode="e2")
    world.give_power(node="a")
    world.ask_the_peer(node="a")
    world.write_down_if_said()
    world.promote_on_the_proof(is_abandoned=False)


def demote_while_the_peers_yes_is_on_its_way(world: TwoGuards) -> None:
    world.switch_over(node="a", episode="e1")
    world.cut_power(node="a")
    world.give_power(node="a")
    world.ask_the_peer(node="a")
    world.switch_over(node="b", episode="e2")
    world.write_down_if_said()


def take_beside_a_failover_under_way(world: TwoGuards) -> None:
    world.switch_over(node="a", episode="e1")
    world.raise_and_fence(node="b", episode="e2")
    world.give_power(node="a")
    world.root_takes(node="a")
    world.promote_on_the_proof(is_abandoned=False)


def renew_of_what_was_yielded_and_taken(world: TwoGuards) -> None:
    world.switch_over(node="a", episode="e1")
    world.root_yields(node="a")
    world.root_takes(node="b")
    world.renew(node="a", episode="e2", is_other_readable=False)


def reboot_of_an_owner_that_was_failed_over(world: TwoGuards) -> None:
    world.switch_over(node="a", episode="e1")
    world.raise_and_fence(node="b", episode="e2")
    world.promote_on_the_proof(is_abandoned=False)
    world.give_power(node="a")
    world.ask_the_peer(node="a")
    world.write_down_if_said()


STORIES = (
    power_on_between_fence_and_promote,
    demote_while_the_peers_yes_is_on_its_way,
    take_beside_a_failover_under_way,
    renew_of_what_was_yielded_and_taken,
    reboot_of_an_owner_that_was_failed_over,
)


@pytest.mark.parametrize("story", STORIES)
def test_the_known_ways_to_two_permits_end_with_one(story: Callable[[TwoGuards], None]) -> None:
    world = TwoGuards()
    world.equip()

    story(world)

    assert sum(guard.may_run(world.boot(node)) for node, guard in world.guards.items()) == 1
