"""Whether a run of the benchmarks measured what it says; a goal that was missed is said, and is no fault.

The law of this file: from the results' own samples and files alone, by code that imports nothing of what it measured.
A figure that rests on too few samples, an operator that slept while it was measured or shared its core with the load, a
ratio to nothing, a missed goal without a profile: each is a broken measure.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

LEAST_SAMPLES = 7
WRITES = frozenset({"PATCH", "PUT", "POST", "DELETE", "APPLY"})
APART = 1
"""By so many writes the server's counter and its audit log may differ: they are not read at one instant."""
LATE_TURNS = 0.8
"""At least so much of the turns that are due must have been taken in a window that counts."""
WORDS = ("tree", "machine", "versions", "configuration", "noise")


def judged(results: Mapping[str, Any], *, root: Path) -> list[Claim]:
    """Returns the claims of a run."""
    figures, fleets = results.get("figures", ()), results.get("fleets", ())
    missing = [word for word in WORDS if not results.get(word)]
    return [
        _claim("described", missing, bound=f"{', '.join(WORDS)} are said", count=len(WORDS)),
        _claim("samples", list(_thin(figures)), bound=f"at least {LEAST_SAMPLES} each, all finite", count=len(figures)),
        _claim("beside", list(_alone(figures)), bound="each ratio has its opponent and is finite", count=len(figures)),
        _claim("goals", list(_unsaid(figures)), bound="each goal is said to be met or missed", count=len(figures)),
        _claim("profiles", list(_unexplained(figures, root)), bound="each missed goal has one", count=len(figures)),
        _claim("awake", list(_asleep(fleets)), bound="turns were taken while the operator was measured",
               count=len(fleets)),
        _claim("counted", list(_miscounted(fleets)), bound="writes at rest are those of the audit log",
               count=len(fleets)),
        _claim("cores", list(_crowded(fleets)), bound="operator and load on separate cores", count=len(fleets)),
    ]  # fmt: skip


def missed(results: Mapping[str, Any]) -> list[str]:
    """Returns the figures whose goals were missed."""
    return [figure["id"] for figure in results["figures"] if figure["met"] is False]


def _claim(name: str, complaints: list[str], *, bound: str, count: int) -> Claim:
    told = "; ".join(complaints[:3]) if complaints else f"{count} looked at"
    return Claim(id=name, ok=not complaints and count > 0, measured=told, bound=bound)


def _thin(figures: list[Mapping[str, Any]]) -> Iterator[str]:
    for figure in figures:
        spread = figure["spread"]
        if spread["n"] < LEAST_SAMPLES:
            yield f"{figure['id']} rests on {spread['n']} samples"
        numbers = [spread["min"], spread["median"], spread["max"]]
        if not all(math.isfinite(number) for number in numbers) or numbers != sorted(numbers):
            yield f"{figure['id']} is {numbers}"


def _alone(figures: list[Mapping[str, Any]]) -> Iterator[str]:
    for figure in figures:
        ratio = figure["ratio"]
        if bool(figure["against"]) != (ratio is not None):
            yield f"{figure['id']} has a ratio or an opponent without the other"
        elif ratio is not None and not all(math.isfinite(ratio[word]) for word in ("min", "median", "max")):
            yield f"{figure['id']} is compared with nothing"


def _unsaid(figures: list[Mapping[str, Any]]) -> Iterator[str]:
    for figure in figures:
        if bool(figure["goal"]) != (figure["met"] is not None):
            yield f"{figure['id']} has a goal or a verdict without the other"


def _unexplained(figures: list[Mapping[str, Any]], root: Path) -> Iterator[str]:
    for figure in figures:
        path = root / figure["profile"]
        if figure["met"] is False and not (path.is_file() and path.stat().st_size):
            yield f"{figure['id']} was missed and nothing says why"


def _asleep(fleets: list[Mapping[str, Any]]) -> Iterator[str]:
    for fleet in fleets:
        due = LATE_TURNS * fleet["pairs"] * fleet["window_seconds"] / fleet["period_seconds"]
        taken = fleet["turns"]
        if not taken or min(taken) < due:
            yield f"{fleet['pairs']} pairs took {min(taken, default=0):g} turns in a window in which {due:g} are due"


def _miscounted(fleets: list[Mapping[str, Any]]) -> Iterator[str]:
    """Finds fleets whose writes the API server's counter and its audit log tell differently."""
    for fleet in fleets:
        rates = {tuple(name.split()): rate for name, rate in fleet["requests_a_minute"].items()}
        of_pairs = sum(rate for (kind, verb), rate in rates.items() if kind == "maestropairs" and verb in WRITES)
        counted, logged = of_pairs * fleet["minutes"], len(fleet["writes"])
        if abs(counted - logged) > APART:
            yield f"{fleet['pairs']} pairs were written {counted:.0f} times by the counter, {logged} by the audit log"


def _crowded(fleets: list[Mapping[str, Any]]) -> Iterator[str]:
    for fleet in fleets:
        shared = set(fleet["operator_cores"]) & set(fleet["load_cores"])
        if shared or not fleet["operator_cores"] or not fleet["load_cores"]:
            yield f"{fleet['pairs']} pairs: operator on {fleet['operator_cores']}, load on {fleet['load_cores']}"
