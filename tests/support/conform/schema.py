"""The rules' twin beside the real API server: every write of the traces, and each turned wrong in every simple way.

A trace's writes are taken in their order by one resource; what was turned wrong is only asked about.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from support import law_three
from support.manifests import GROUP_VERSION

if TYPE_CHECKING:
    from random import Random

    from support.conform.traces import Written
    from support.pair_api import Answer, PairApi

Status = dict[str, Any]


def differing(
    pairs: PairApi, written: Sequence[Written], random: Random, *, name: str, each: int
) -> tuple[int, list[str]]:
    """Returns how many cases were asked, and every one in which the API server and the twin disagree."""
    first = {"apiVersion": GROUP_VERSION, "kind": "MaestroPair", "metadata": {"name": name}, "spec": written[0].spec}
    there, asked, found = pairs.create(first), 0, list[str]()
    for number, write in enumerate(written):
        if not there.is_good:
            return asked, [*found, f"{name} write {number}: {there.message}"]
        there = pairs.replace({**there.body, "spec": write.spec})
        for what, wrong in random.sample(list(turned_wrong(write.after)), k=each):
            asked += 1
            answer = pairs.replace({**there.body, "status": wrong}, subresource="/status", dry_run=True)
            found += _compared(f"{name} write {number}, {what}", answer, before=write.before, after=wrong)
        asked += 1
        there = pairs.replace({**there.body, "status": write.after}, subresource="/status")
        found += _compared(f"{name} write {number}", there, before=write.before, after=write.after)
    return asked, found


def _compared(what: str, answer: Answer, *, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Compares yes and no; why each says no is in its own words."""
    why = law_three.refusal(before, after)
    if answer.is_good is (why is None):
        return []
    return [f"{what}: the API server says {answer.message or 'yes'}, the twin {why or 'yes'}"]


def turned_wrong(status: Mapping[str, Any]) -> Iterator[tuple[str, Status]]:
    """Gives a status turned wrong in every simple way; each is one that the schema's form allows."""
    for what, change in CHANGES.items():
        wrong = copy.deepcopy(dict(status))
        change(wrong)
        yield what, wrong


def _dropped(*path: str) -> Callable[[Status], None]:
    def change(status: Status) -> None:
        at: Any = status
        for key in path[:-1]:
            at = at.get(key) or {}
        at.pop(path[-1], None)

    return change


def _set(value: Callable[[Any], Any], *path: str) -> Callable[[Status], None]:
    def change(status: Status) -> None:
        at: Any = status
        for key in path[:-1]:
            at = at.get(key) or {}
        if path[-1] in at:
            at[path[-1]] = value(at[path[-1]])

    return change


def _other(name: str) -> str:
    return "b" if name == "a" else "a"


CHANGES: Mapping[str, Callable[[Status], None]] = {
    "activeNode dropped": _dropped("activeNode"),
    "activeNode turned": _set(_other, "activeNode"),
    "the whole epoch dropped": _dropped("epoch"),
    "the promise dropped": _dropped("epoch", "promised"),
    "the epoch in force dropped": _dropped("epoch", "inForce"),
    "pairUID dropped": _dropped("pairUID"),
    "term lowered": _set(lambda term: max(0, term - 1), "term"),
    "promised lowered": _set(lambda number: max(1, number - 1), "epoch", "promised", "number"),
    "in force lowered": _set(lambda number: max(1, number - 1), "epoch", "inForce", "number"),
    "in force raised": _set(lambda number: number + 1, "epoch", "inForce", "number"),
    "the promise's owner turned": _set(_other, "epoch", "promised", "owner"),
    "the owner in force turned": _set(_other, "epoch", "inForce", "owner"),
    "the proof dropped": _dropped("episode", "proof"),
    "the proof's node turned": _set(_other, "episode", "proof", "node"),
    "the proof's epoch raised": _set(lambda number: number + 1, "episode", "proof", "epoch"),
    "the proof's episode turned": _set(lambda name: f"{name}-other", "episode", "proof", "episode"),
    "the proof's method NeverRan": _set(lambda _: "NeverRan", "episode", "proof", "method"),
    "the proof's method Adopted": _set(lambda _: "Adopted", "episode", "proof", "method"),
    "the target turned": _set(_other, "episode", "target"),
    "the episode dropped": _dropped("episode"),
}
