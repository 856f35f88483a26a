"""Judges two records of one life, what was seen in memory and what was seen on real nodes; imports nothing of either.

The law of this file: what is not compared is named here, with its reason; everything else must be equal.

- *Ids* (of machines, of boots) are other words for the same thing: each is called by the order in which its own record
  first shows it, so that a permit of an earlier boot stays one.
- *Clocks* (ages, uptimes, since when): that there is one is compared, its value is not. Memory has a clock of its own.
- *Amounts of bytes* (disk, memory, what is kept aside) and *versions* are of the machine, not of the protocol.
- *Words for people* (messages) differ by who speaks.
- *Silence* has many faces in a network (time-out, refused, no route) and one in memory.
- *A failed unit* is a stopped one: nothing that decides tells them apart.
- *How many* processes hold the data: whether any does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Plain = Mapping[str, Any]
SILENCE = frozenset(
    {"TimedOut", "ConnectionRefused", "ConnectionLost", "Unreachable", "NoRoute", "PeerUnreachable", "TrafficUnproven"}
)
AGES = ("announced_age_seconds", "torn_age_seconds", "sent_age_seconds")
OF_THE_COPY = ("newest", "torn", "sent", "live_present", "promoted", "promoted_episode", "receivers", "is_sending")
OF_THE_GUARD = (
    "state", "pair_uid", "node", "term", "promised", "in_force", "permit_epoch", "max_permit_epoch", "final_epoch",
    "grant_epoch", "grant_source", "quarantined_epoch", "may_run", "peer_ready", "is_current",
)  # fmt: skip
STOPPED = ("inactive", "failed")
FACTS = ("changed", "generation", "queued")


@dataclass
class Names:
    """What ids are called, by the order in which they were first seen."""

    known: dict[tuple[str, str], str] = field(default_factory=dict)

    def of(self, kind: str, value: str | None) -> str | None:
        """Returns what an id is called."""
        if value is None:
            return None
        return self.known.setdefault((kind, value), f"{kind}-{1 + sum(kind == one for one, _ in self.known)}")


def seen(look: Plain, names: Names) -> dict[str, Any]:
    """Returns what of one look must be equal."""
    devices = look["devices"]
    return {
        **{f"node {name}": _node(node, names, name) for name, node in look["nodes"].items()},
        "traffic": _traffic(look["traffic"]),
        **{f"device of {name}": [_device(item) for item in found] for name, found in (devices or {}).items()},
        **{f"records on {name}": count for name, count in look["records"].items()},
    }


def _node(node: Plain, names: Names, name: str) -> Any:  # noqa: ANN401
    if node["is"] == "Unknown":
        return f"unknown: {silence(node['reason'])}"
    guard = {key: node["guard"][key] for key in OF_THE_GUARD}
    boots = {key: names.of(f"boot of {name}", node["guard"][key]) for key in ("permit_boot", "max_permit_boot")}
    return {
        "machine": names.of("machine", node["machine_id"]),
        "boot": names.of(f"boot of {name}", node["boot_id"]),
        **{f"guard {key}": value for key, value in {**guard, **boots}.items()},
        "runs": {unit["name"]: unit["active"] not in STOPPED for unit in node["units"]},
        "is held": node["holders"] > 0,
        "listens": sorted(node["listeners"]),
        "pins": dict(node["pins"]),
        "peer said goodbye": node["peer_left_seconds"] is not None,
        **{f"copy {key}": value for key, value in _replica(node["replica"]).items()},
    }


def _replica(replica: Plain) -> dict[str, Any]:
    kept = {key: replica[key] for key in OF_THE_COPY}
    ages = {f"has {key}": replica[key] is not None for key in AGES}
    return {
        **kept,
        **ages,
        "is_whole": replica["is_whole"],
        "kept aside": sorted(item[0] for item in replica["quarantine"]),
    }


def _traffic(traffic: Plain) -> Any:  # noqa: ANN401
    if traffic["is"] == "Unknown":
        return f"unknown: {silence(traffic['reason'])}"
    return {"addresses": list(traffic["addresses"]), "silent": bool(traffic["silent"])}


def _device(device: Plain) -> str:
    return f"unknown: {device['reason']}" if device["is"] == "Unknown" else f"{device['rung']}: {device['state']}"


def silence(reason: str) -> str:
    """Returns a reason, all silences being one."""
    return "silence" if reason in SILENCE else reason


def ended(outcome: Plain | None) -> Any:  # noqa: ANN401
    """Returns what of an act's end must be equal."""
    if outcome is None:
        return None
    kind = outcome["is"]
    if kind == "Done":
        evidence = outcome["evidence"]
        # Of files that were installed memory has none: `changed` counts where it is an answer.
        facts = {key: value for key, value in outcome["facts"].items() if key in FACTS and "/" not in value}
        return {"is": kind, **facts, "readings": [item["state"] for item in evidence["readings"]] if evidence else None}
    if kind == "Refused":
        return {"is": kind, "reason": outcome["reason"], "word": outcome["remote_reason"]}
    return {"is": kind, "reason": silence(outcome["reason"]) if "reason" in outcome else None}


def differences(one: Any, other: Any, at: str = "") -> Iterator[str]:  # noqa: ANN401
    """Gives every difference between two plain values, with where it is."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            yield from differences(one.get(key), other.get(key), f"{at}, {key}" if at else key)
    elif one != other:
        yield f"{at}: in memory {one!r}, on the nodes {other!r}"


def ended_apart(step: Plain) -> list[str]:
    """Returns how the two ends of one deed differ: no longer look mends that."""
    return list(differences(ended(step["memory"]["ended"]), ended(step["nodes"]["ended"]), "how it ended"))


@dataclass
class Pairing:
    """Compares one life step by step: its two records call ids by their own order."""

    in_memory: Names = field(default_factory=Names)
    on_nodes: Names = field(default_factory=Names)

    def compare(self, step: Plain) -> list[str]:
        """Returns how the two looks and ends of one step differ; `step` is a line of the record."""
        memory, nodes = step["memory"], step["nodes"]
        found = ended_apart(step)
        looks = seen(memory["look"], self.in_memory), seen(nodes["look"], self.on_nodes)
        return [*found, *differences(*looks)]

    def again(self) -> Pairing:
        """Returns the same pairing once more, to try a look that may not be the last."""
        return Pairing(Names(dict(self.in_memory.known)), Names(dict(self.on_nodes.known)))


@dataclass(frozen=True)
class Difference:
    """The first step of a life at which the two sides differ."""

    life: int
    step: int
    story: tuple[str, ...]


def first_difference(number: int, steps: Sequence[Plain]) -> Difference | None:
    """Returns the first difference of a life as a numbered story with both observations."""
    pairing = Pairing()
    for index, step in enumerate(steps):
        found = pairing.compare(step)
        if found:
            told = [f"{count}. {earlier['deed']}" for count, earlier in enumerate(steps[: index + 1], start=1)]
            return Difference(number, index, (f"life {number}:", *told, *(f"   {line}" for line in found)))
    return None
