"""The tiers as tests/tiers.toml declares them.

A tier is a folder of tests, or a list of commands that count one each. Everything in the file is checked when it is
read: a misspelt key is an error, never a default.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLAN = Path("tests/tiers.toml")
NEEDS = frozenset({"bed", "root"})
"""What a tier may ask for: all that two nodes take, or root alone."""


class PlanError(Exception):
    """tests/tiers.toml says something that cannot be meant."""


@dataclass(frozen=True, kw_only=True)
class Tier:
    """One tier: what it runs, what it may cost, and what a machine needs for it."""

    name: str
    about: str
    """One line for the reader of the log."""
    budget_seconds: int
    """What it may take on two cores; past it the tier fails in CI. For a cold tier this includes the building."""
    minimum: int
    """How many tests there are at least: a folder that silently stops being collected fails."""
    needs: tuple[str, ...] = ()
    """What the machine must have, by the doctor's names."""
    tests: tuple[str, ...] = ()
    """Folders for pytest; empty for a tier of commands."""
    steps: tuple[tuple[str, ...], ...] = ()
    """Commands, each counted as one test; empty for a tier of tests."""
    select: str = "not long"
    """The marker expression given to pytest."""
    measured: bool = False
    """Whether branch coverage is recorded, for the coverage tier to judge."""
    cold: bool = False
    """Whether this tier fills the cache, so that its budget counts only on a machine without one."""
    long: bool = False
    """Whether it belongs to `make test-long` and not to `make test`."""
    lane: str = ""
    """Runs beside the tiers of the other lanes that stand next to it; without a lane it runs alone."""


def read(path: Path = PLAN) -> tuple[Tier, ...]:
    """Returns the tiers in the order they run; raises PlanError for a file that cannot be meant."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    if unknown := set(document) - {"tier"}:
        raise PlanError(f"{path}: unknown table {sorted(unknown)}; only [[tier]] is known")
    tiers = tuple(_tier(entry, where=str(path)) for entry in document.get("tier", ()))
    names = [tier.name for tier in tiers]
    if doubled := {name for name in names if names.count(name) > 1}:
        raise PlanError(f"{path}: declared twice: {sorted(doubled)}")
    return tiers


def groups(tiers: tuple[Tier, ...]) -> tuple[tuple[tuple[Tier, ...], ...], ...]:
    """Returns the tiers as they run: groups one after the other, in each its lanes side by side, in each its tiers.

    Neighbours that name a lane make a group, and a change from cold to warm ends one: what fills the cache is done
    before anything needs it. A tier without a lane is a group of its own.
    """
    found: list[dict[str, list[Tier]]] = []
    before: Tier | None = None
    for tier in tiers:
        joins = before is not None and bool(tier.lane) and bool(before.lane) and tier.cold == before.cold
        if not joins:
            found.append({})
        found[-1].setdefault(tier.lane, []).append(tier)
        before = tier
    return tuple(tuple(tuple(lane) for lane in group.values()) for group in found)


def longest_seconds(tiers: tuple[Tier, ...]) -> int:
    """Returns what the tiers may take together: the sum over the groups of each one's longest lane."""
    return sum(max(sum(tier.budget_seconds for tier in lane) for lane in group) for group in groups(tiers))


def _tier(entry: dict[str, Any], *, where: str) -> Tier:
    """Returns one tier; its lists become tuples."""
    name = entry.get("name", "without a name")
    if unknown := set(entry) - set(Tier.__dataclass_fields__):
        raise PlanError(f"{where}: tier {name}: unknown key {sorted(unknown)}")
    values = dict(entry)
    for key in ("needs", "tests"):
        values[key] = tuple(values.get(key, ()))
    values["steps"] = tuple(tuple(step.split()) for step in values.get("steps", ()))
    try:
        tier = Tier(**values)
    except TypeError as error:
        raise PlanError(f"{where}: tier {name}: {error}") from error
    if bool(tier.tests) == bool(tier.steps):
        raise PlanError(f"{where}: tier {name}: give either tests or steps")
    if strange := set(tier.needs) - NEEDS:
        raise PlanError(f"{where}: tier {name}: no doctor knows the need {sorted(strange)}")
    if tier.budget_seconds < 1 or tier.minimum < 1:
        raise PlanError(f"{where}: tier {name}: budget_seconds and minimum are at least 1")
    return tier
