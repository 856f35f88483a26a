"""Golden worlds: situations from the field as YAML, each with the decision that is right in it.

A file holds `worlds`; a world has `name`, `source` (an address that anybody can read), `field` (what happened there),
`given` (the look, as changes to one of `presets.yaml`) and `expect`. A look is written as `model.recorded` writes it,
so that a recorded decision becomes a golden world by giving it a name.

Changes: mappings are merged, everything else takes the place of what stood there, and null takes a name away. A mapping
with `like: NAME` begins from that preset instead of from what stood there.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from maestro_operator.decide import decide
from maestro_operator.model.decision import Decided, Hold, Perform, Record, Steady
from maestro_operator.model.recorded import from_plain
from maestro_operator.model.seen import Seen

FOLDER = Path(__file__).resolve().parents[1] / "model" / "golden"
PRESETS = "presets.yaml"
LIKE = "like"


@dataclass(frozen=True, slots=True)
class World:
    """One situation from the field."""

    file: str
    name: str
    source: str
    field: str
    given: Mapping[str, Any]
    expect: Mapping[str, Any]

    def look(self) -> Seen:
        """Returns what one turn sees in this world."""
        return from_plain(_merged({}, self.given, _presets()))


def worlds(folder: Path = FOLDER) -> Iterator[World]:
    """Gives every golden world, file by file."""
    for path in sorted(folder.glob("*.yaml")):
        if path.name != PRESETS:
            for told in _read(path)["worlds"]:
                yield World(file=path.name, **told)


def found(look: Seen) -> dict[str, Any]:
    """Returns everything that a world may expect of the decision in it."""
    decided = decide(look)
    return {"rule": decided.rule, **_decision(decided), **_assessment(decided)}


def differences(world: World) -> dict[str, tuple[Any, Any]]:
    """Returns what is not as expected: by name, what was expected and what was found; `says` is a part of a message."""
    there = found(world.look())
    wrong = {}
    for name, wanted in world.expect.items():
        is_right = wanted in there["says"] if name == "says" else there.get(name) == wanted
        if not is_right:
            wrong[name] = (wanted, there.get(name))
    return wrong


def _decision(decided: Decided) -> dict[str, Any]:
    decision = decided.decision
    told: dict[str, Any] = {"decision": type(decision).__name__, "says": decision.message}
    if isinstance(decision, Hold | Steady):
        return {**told, "reason": decision.reason.value}
    status = decision.status
    told |= {"reason": decision.because.value, "active": status.active_node, "kind": None, "step": None}
    if status.episode is not None:
        told |= {"kind": status.episode.kind.value, "step": status.episode.step.value, "to": status.episode.target}
    if isinstance(decision, Record) and status.episode is None and status.history:
        told["result"] = status.history[0].result
    if isinstance(decision, Perform):
        told["rung"] = decision.episode.rung
        told["proof"] = decision.proof.method.value if decision.proof else None
        told["loss"] = decision.loss.declared_seconds if decision.loss else None
        told["clock"] = decision.loss.clock if decision.loss else None
    return told


def _assessment(decided: Decided) -> dict[str, Any]:
    """Returns what the rules make of the world whatever they decide: verdicts, brakes, readiness."""
    made = decided.assessment
    return {
        "verdicts": dict(made.verdicts),
        "brakes": [hold.reason.value for hold in made.brakes],
        "peer": made.peer_not_ready.reason.value if made.peer_not_ready else None,
        "sync": made.out_of_sync.reason.value if made.out_of_sync else None,
        "fencing": dict(made.fencing_ready),
        "plan": made.planned,
    }


@functools.cache
def _presets() -> Mapping[str, Any]:
    return _read(FOLDER / PRESETS)


def _read(path: Path) -> dict[str, Any]:
    """Parses with libyaml where it is there."""
    told: dict[str, Any] = yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe one
    return told


def _merged(before: Any, change: Any, presets: Mapping[str, Any]) -> Any:  # noqa: ANN401
    if isinstance(change, list):
        return [_merged({}, item, presets) for item in change]
    if not isinstance(change, Mapping):
        return change
    if LIKE in change:
        before = _merged({}, presets[change[LIKE]], presets)
    merged = copy.copy(before) if isinstance(before, dict) else {}
    for name, value in change.items():
        if name == LIKE:
            continue
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merged(merged.get(name), value, presets)
    return merged
