"""The real script against its twin: every order, from every state that a few orders can reach.

What an order does depends on the state alone, so every sequence is covered by trying every order
once from every state that shorter sequences reach. What a boot id or an episode cannot decide is tried with one of
each in turn; the long tier tries the whole product, one order deeper.
"""

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, Answer, GuardState, apply
from maestro_operator.drivers.ports import Order
from support.guard_root import SCRIPT, GuardRoot

EPOCHS = (1, 2, 3)
BOOTS = ("boot-1", "boot-2")
EPISODES = ("e1", "e2")
KINDS = ("Fenced", "StandbyLost")
BOOT_DECIDES = frozenset({"promote", "permit", "renew", "receipt"})
EPISODE_IS_FREE = frozenset({"quiesce", "quarantined", "grant", "sever", "revoke"})
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
    kind: str | None = None,
) -> Order:
    return Order(verb, pair, node, term, episode, epoch=epoch, owner=owner, source=source, anew=anew, kind=kind)


def every_order() -> list[Order]:
    found = [
        order("create"),
        order("create", anew=True),
        order("create", pair="p-2"),
        order("lead"),
        order("lead", term=2),
        order("revoke", pair="p-2"),
        order("promise", epoch=3, owner="b", node="b"),
        order("demote", epoch=3, owner="a"),
        order("grant", epoch=3, source="a"),
    ]
    for episode in EPISODES:
        found += [order(verb, episode=episode) for verb in ("sever", "revoke")]
    found += [order("receipt", epoch=epoch, kind=kind) for epoch, kind in product(EPOCHS, KINDS)]
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


def test_every_order_that_the_guard_takes_is_among_those_that_are_tried() -> None:
    verbs = re.search(r"^ +(create \|[a-z |]+)\)\n +ordered ", SCRIPT.read_text(), re.MULTILINE)

    assert verbs is not None
    assert {item.verb for item in ORDERS} == set(verbs.group(1).split(" | "))
    assert {item.epoch for item in ORDERS} == {None, *EPOCHS}


def levels(count: int) -> list[list[GuardState]]:
    """Return the states that are first reached after 0, 1, ... orders."""
    seen, found = {NEVER, LOST}, [[NEVER, LOST]]
    for _ in range(count):
        reached = {apply(state, item, boot=boot)[0] for state in found[-1] for item in ORDERS for boot in BOOTS}
        found.append(sorted(reached - seen, key=repr))
        seen |= reached
    return found


Attempt = tuple[Order, str]
EVERY_ATTEMPT: tuple[Attempt, ...] = tuple(product(ORDERS, BOOTS))


def attempts(number: int) -> list[Attempt]:
    """Returns a slice of the attempts: both boots where a boot decides, else one in turn; so with free episodes."""
    chosen = []
    for index, item in enumerate(ORDERS):
        if item.verb in EPISODE_IS_FREE and item.episode != EPISODES[(number + index) % 2]:
            continue
        boots = BOOTS if item.verb in BOOT_DECIDES else (BOOTS[(number + index) % 2],)
        chosen += [(item, boot) for boot in boots]
    return chosen


def differences(root: GuardRoot, tasks: list[tuple[GuardState, Sequence[Attempt]]]) -> list[str]:
    """Gives the real guard each order from each state; returns what differs from the twin."""
    found = []
    for state, tried in tasks:
        root.put(state)
        for item, boot in tried:
            root.reboot(boot)
            after, answer = apply(state, item, boot=boot)
            reply = root.order(item)
            is_changed = reply.lines.get("changed") == "yes"
            real = Answer(reply.code, reply.word, reply.lines.get("message", ""), is_changed=is_changed)
            stored = root.stored()
            if (real, stored) != (answer, after):
                found.append(f"{state} {item} {boot}:\n  real {reply.text} {stored}\n  twin {answer} {after}")
            if stored != state:
                root.put(state)
    return found


def compare(tmp_path: Path, tasks: list[tuple[GuardState, Sequence[Attempt]]]) -> list[str]:
    roots = [GuardRoot(tmp_path / f"root-{number}") for number in range(WORKERS)]
    print(f"{len(tasks)} states, {sum(len(tried) for _, tried in tasks)} orders")
    with ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(differences, roots, [tasks[number::WORKERS] for number in range(WORKERS)])
        return [line for part in parts for line in part]


def last_attempts(number: int) -> list[Attempt]:
    """Returns what is tried one order deeper than all else: those orders that give a right to run."""
    chosen = [item for item in ORDERS if item.verb in BOOT_DECIDES]
    return [(item, BOOTS[(number + index) % 2]) for index, item in enumerate(chosen)]


@pytest.mark.timeout(900)
def test_every_sequence_of_four_orders_does_on_the_real_guard_what_it_does_on_the_twin(tmp_path: Path) -> None:
    compare_all(tmp_path, length=4, least=(75, 100))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_every_sequence_of_five_orders_does_on_the_real_guard_what_it_does_on_the_twin(tmp_path: Path) -> None:
    compare_all(tmp_path, length=5, least=(180, 200))


def compare_all(tmp_path: Path, *, length: int, least: tuple[int, int]) -> None:
    """Tries every order after every sequence one shorter, and what gives a right to run one order deeper still."""
    *shallow, deepest = levels(length)
    states = [state for level in shallow for state in level]
    assert len(states) >= least[0]
    assert len(deepest) >= least[1]
    tasks: list[tuple[GuardState, Sequence[Attempt]]] = []
    tasks += [(state, attempts(number)) for number, state in enumerate(states)]
    tasks += [(state, last_attempts(number)) for number, state in enumerate(deepest)]

    found = compare(tmp_path, tasks)

    assert not found, "\n".join(found[:5])


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_whole_product_of_six_orders_does_on_the_real_guard_what_it_does_on_the_twin(tmp_path: Path) -> None:
    states = [state for level in levels(5) for state in level]
    assert len(states) >= 390

    found = compare(tmp_path, [(state, EVERY_ATTEMPT) for state in states])

    assert not found, "\n".join(found[:5])
