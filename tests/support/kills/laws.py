"""Judges one story by what the nodes did and what the API server stored; it imports nothing of the operator.

A line of the diary is a state of both nodes and of the public names; a write is a moment and the status that was
stored then. The moments of both are on one clock.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

Line = Mapping[str, Any]
Write = tuple[float, Mapping[str, Any]]


def one_writer(lines: Sequence[Line], _writes: Sequence[Write]) -> Iterator[str]:
    """No two nodes run services, or may run them, at one moment; what a story begins with is nobody's doing."""
    before = {"run": 0, "may run": 0}
    for index, line in enumerate(lines):
        nodes = {name: node for name, node in line["nodes"].items() if node["alive"]}
        running = [name for name, node in nodes.items() if node["running"]]
        lawful = [name for name, node in nodes.items() if _may_run(name, node)]
        for names, what in ((running, "run"), (lawful, "may run")):
            if len(names) > 1 and index and before[what] < len(names):
                yield f"at {line['at']}: {' and '.join(names)} {what} ({line['cause']})"
            before[what] = len(names)


def _may_run(name: str, node: Mapping[str, Any]) -> bool:
    permit, in_force = node["permit"], node["inForce"]
    return bool(permit and in_force and in_force[:2] == [permit[0], name] and permit[1] == node["bootId"])


def one_owner(lines: Sequence[Line], writes: Sequence[Write]) -> Iterator[str]:
    """No epoch has two owners, on the nodes and in status together."""
    owners: dict[int, set[str]] = defaultdict(set)
    for line in lines:
        for node in line["nodes"].values():
            for mark in (node["promised"], node["inForce"]):
                if mark:
                    owners[mark[0]].add(mark[1])
    for _, status in writes:
        for mark in (status.get("epoch") or {}).values():
            if mark:
                owners[mark["number"]].add(mark["owner"])
    for number, found in sorted(owners.items()):
        if len(found) > 1:
            yield f"epoch {number} is owned by {' and '.join(sorted(found))}"


def name_at_owner(lines: Sequence[Line], _writes: Sequence[Write]) -> Iterator[str]:
    """The name is never set to a node that is not promoted."""
    for before, line in pairwise(lines):
        for name, address in line["names"].items():
            if before["names"].get(name) == address:
                continue
            found = [(key, node) for key, node in line["nodes"].items() if node["address"] == address]
            marks = [node["inForce"][0] for node in line["nodes"].values() if node["inForce"]]
            mine = [node["inForce"] for key, node in found if node["inForce"] and node["inForce"][1] == key]
            if not mine or mine[0][0] < max(marks):
                yield f"at {line['at']}: {name} was set to {address}, where no epoch in force is owned"


def nothing_thrown_away(lines: Sequence[Line], writes: Sequence[Write]) -> Iterator[str]:
    """What a node wrote last is on it, kept aside until a person gave just that up, or was promoted elsewhere."""
    last: dict[str, int] = {}
    words = [item for _, status in writes for item in status.get("takenAnswers", ())]
    given_up = {item["of"] for item in words if item["say"] == "DiscardQuarantine"}
    for before, line in pairwise(lines):
        for name, node in line["nodes"].items():
            was = before["nodes"][name]
            for key, amount in was["quarantine"].items():
                if node["quarantine"].get(key) != amount and key not in given_up:
                    yield f"at {line['at']}: {name} lost {key}, which was kept aside"
            if was["records"] is not None:
                last[name] = was["records"]
            had, has = last.get(name), node["records"]
            if node["running"] or had is None or (has is not None and has >= had):
                continue
            if has is None and node["live"]:
                continue
            if had not in node["quarantine"].values() and had not in _promoted_elsewhere(line, name):
                yield f"at {line['at']}: {name} had {had} records and has {has}; they are nowhere ({line['cause']})"
            last.pop(name)


def _promoted_elsewhere(line: Line, name: str) -> set[int]:
    """Return how many records each other node's promoted copy held."""
    return {
        records
        for key, node in line["nodes"].items()
        for epoch, counter, records in node["copies"]
        if key != name and node["promoted"] == [epoch, counter]
    }


def intent_first(lines: Sequence[Line], writes: Sequence[Write]) -> Iterator[str]:
    """No node knows an epoch, and no name moves, before status has said so."""
    for before, line in pairwise(lines):
        earlier = [status for at, status in writes if at <= line["at"]]
        for name, node in line["nodes"].items():
            for field in ("promised", "inForce"):
                mark = node[field]
                if mark and mark != before["nodes"][name][field] and not _is_told(mark, earlier):
                    yield f"at {line['at']}: {name} had {mark[:2]} {field} before status promised it"
        if line["names"] != before["names"] and not any(_is_at(status, "MoveTraffic") for status in earlier):
            yield f"at {line['at']}: a name moved without an intent"


def _is_told(mark: Sequence[Any], earlier: Sequence[Mapping[str, Any]]) -> bool:
    for status in earlier:
        for known in (status.get("epoch") or {}).values():
            if known and [known["number"], known["owner"]] == list(mark[:2]):
                return True
    return False


def _is_at(status: Mapping[str, Any], step: str) -> bool:
    steps = (status.get("episode") or {}).get("steps", ())
    return any(item["name"] == step for item in steps)


LAWS: Mapping[str, Callable[[Sequence[Line], Sequence[Write]], Iterator[str]]] = {
    "one-writer": one_writer,
    "one-owner-an-epoch": one_owner,
    "name-only-at-the-promoted": name_at_owner,
    "nothing-thrown-away": nothing_thrown_away,
    "intent-first": intent_first,
}


def broken(lines: Sequence[Line], writes: Sequence[Write]) -> dict[str, list[str]]:
    """Return, for every law that was broken, what shows it."""
    found = {name: list(law(lines, writes)) for name, law in LAWS.items()}
    return {name: complaints for name, complaints in found.items() if complaints}


def lost_seconds(acks: Sequence[Sequence[float]], *, lost: int, final_epoch: int) -> float:
    """Return the time from the oldest to the newest of the acknowledgements that a failover lost."""
    old = [ack[0] for ack in acks if ack[2] < final_epoch][-lost:] if lost > 0 else []
    return old[-1] - old[0] if old else 0.0
