"""The real script against its twin: every order, from every state that a few orders can reach.

What an order does depends on the state alone, so every sequence is covered by trying every order
once from every state that shorter sequences reach.
"""

from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, Answer, GuardState, apply
from maestro_operator.drivers.ports import Order
from support.guard_root import GuardRoot

EPOCHS = (1, 2, 3)
BOOTS = ("boot-1", "boot-2")
EPISODES = ("e1", "e2")
WORKERS = 2


def order(
    verb: str,
    *,
    epoch: int | None = None,
    episode: str = "e1",
    owner: str | None = None,
    source: str | None = None,
    term: int = 1,
    pair: str = "p-1",
    node: str = "a",
    anew: bool = False,
) -> Order:
    return Order(verb, pair, node, term, episode, epoch=epoch, owner=owner, source=source, anew=anew)


def every_order() -> list[Order]:
    found = [
        order("create"),
        order("create", anew=True),
        order("create", pair="p-2"),
        order("lead"),
        order("lead", term=2),
        order("revoke", pair="p-2"),
        order("promise", epoch=3, owner="b", node="b"),
    ]
    for episode in EPISODES:
        found += [order(verb, episode=episode) for verb in ("sever", "revoke")]
    for epoch, episode in product(EPOCHS, EPISODES):
        found += [order("promise", epoch=epoch, episode=episode, owner=owner) for owner in ("a", "b")]
        found += [order("demote", epoch=epoch, episode=episode, owner="b")]
        found += [order("grant", epoch=epoch, episode=episode, source=source) for source in ("b", "c")]
        found += [
            order(verb, epoch=epoch, episode=episode)
            for verb in ("promote", "permit", "quiesce", "renew", "quarantined")
        ]
    return found


ORDERS = every_order()


def levels(count: int) -> list[list[GuardState]]:
    """Return the states that are first reached after 0, 1, ... orders."""
    seen, found = {NEVER, LOST}, [[NEVER, LOST]]
    for _ in range(count):
        reached = {apply(state, item, boot=boot)[0] for state in found[-1] for item in ORDERS for boot in BOOTS}
        found.append(sorted(reached - seen, key=repr))
        seen |= reached
    return found


def differences(root: GuardRoot, states: list[GuardState]) -> list[str]:
    """Give every order in every boot to the real guard from each of the states; return what differs from the twin."""
    found = []
    for state in states:
        root.put(state)
        for boot in BOOTS:
            root.reboot(boot)
            for item in ORDERS:
                after, answer = apply(state, item, boot=boot)
                reply = root.order(item)
                real = Answer(
                    reply.code,
                    reply.word,
                    reply.lines.get("message", ""),
                    is_changed=reply.lines.get("changed") == "yes",
                )
                stored = root.stored()
                if (real, stored) != (answer, after):
                    found.append(f"{state} {item} {boot}:\n  real {reply.text} {stored}\n  twin {answer} {after}")
                if stored != state:
                    root.put(state)
    return found


def compare(tmp_path: Path, states: list[GuardState]) -> list[str]:
    roots = [GuardRoot(tmp_path / f"root-{number}") for number in range(WORKERS)]
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(differences, roots, [states[number::WORKERS] for number in range(WORKERS)])
        return [line for part in parts for line in part]


@pytest.mark.timeout(600)
def test_every_sequence_of_four_orders_does_on_the_real_guard_what_it_does_on_the_twin(tmp_path: Path) -> None:
    # Create counts as one of the four.
    states = [state for level in levels(3) for state in level]
    print(f"{len(states)} states, {len(ORDERS)} orders in {len(BOOTS)} boots")
    assert len(states) >= 70
    assert len(ORDERS) >= 70

    found = compare(tmp_path, states)

    assert not found, "\n".join(found[:5])


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_sequence_of_six_orders_does_on_the_real_guard_what_it_does_on_the_twin(tmp_path: Path) -> None:
    states = [state for level in levels(5)[4:] for state in level]
    assert len(states) >= 300

    found = compare(tmp_path, states)

    assert not found, "\n".join(found[:5])
