"""What pairs cost: the raw samples of one fleet, and the figures that are made of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from support.bench.figures import Figure, Spread, exponents, percentile, ratios

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MOST_EXPONENT = 1.05
ONE_CORE_FOR = 1000
"""So many pairs, each probed every ten seconds, are to be had for one core."""
MOST_OF_A_SHARE = 1.1
"""Two shares halve the cost within a tenth."""
WRITES = frozenset({"PATCH", "PUT", "POST", "DELETE", "APPLY"})
MOST_STATUS_BYTES = 64 * 1024
"""A twentieth of what a store takes of one object."""
BARE = "a kopf operator that does nothing, beside it, over the same pairs"
WRITTEN = ("maestropairs", "events")
"""What a pair is written to; a Lease is renewed whatever the pairs do."""


@dataclass
class Cost:
    """What one fleet took; lists are samples in the order in which they were taken."""

    pairs: int
    settled_seconds: float = 0.0
    window_seconds: float = 0.0
    probing_cores: list[float] = field(default_factory=list)
    """The operator's share of one core while nothing happens, its worlds' own work taken off."""
    bare_cores: list[float] = field(default_factory=list)
    """That of the operator that does nothing, in the same windows."""
    turns: list[float] = field(default_factory=list)
    """How many turns were taken in each window."""
    resident_bytes: list[float] = field(default_factory=list)
    bare_resident_bytes: list[float] = field(default_factory=list)
    minutes: float = 0.0
    """How long was counted while nothing happened."""
    requests_a_minute: dict[str, float] = field(default_factory=dict)
    """By resource and verb, while nothing happens."""
    first_effect_seconds: list[list[float]] = field(default_factory=list)
    """From the patch of a pair to its first effect: of each wave, one pair in a hundred at once."""
    writes: list[str] = field(default_factory=list)
    """Every write of a pair while nothing happened, as the API server's audit log has it."""
    status_bytes: list[float] = field(default_factory=list)
    """What each pair's status takes as JSON, after the moves."""
    restart_seconds: list[float] = field(default_factory=list)
    """From the start of a new process to a look at every pair."""
    scrape_seconds: list[float] = field(default_factory=list)
    shard_pairs: int = 0
    """How many pairs the first of two shares has; 0 where no share was measured."""
    shard_cores: list[float] = field(default_factory=list)
    """What an operator of that share takes of one core."""
    operator_cores: list[int] = field(default_factory=list)
    load_cores: list[int] = field(default_factory=list)
    """Where either may run."""
    profile: str = ""

    def first_effect(self, part: float) -> Spread:
        """Returns so many percent of each wave."""
        return Spread.of([percentile(wave, part) for wave in self.first_effect_seconds])

    @property
    def writes_a_minute(self) -> float:
        """Returns how often pairs and their events were written while nothing happened."""
        named = {tuple(name.split()): rate for name, rate in self.requests_a_minute.items()}
        return sum(rate for (resource, verb), rate in named.items() if resource in WRITTEN and verb in WRITES)

    def as_line(self) -> Mapping[str, Any]:
        """Returns it for the file."""
        return asdict(self)


def figures(costs: Sequence[Cost]) -> Iterator[Figure]:
    """Gives what each fleet took, and how that grows with its size."""
    for cost in costs:
        yield from _of_one(cost)
    if len(costs) > 1:
        yield from _grown(costs)


def _of_one(cost: Cost) -> Iterator[Figure]:
    size, profile = cost.pairs, cost.profile
    cores = Spread.of(cost.probing_cores)
    share = max(1.0, size / ONE_CORE_FOR)
    yield Figure(
        f"probing-cores-{size}", "share of one core while nothing happens", cores,
        goal=f"{ONE_CORE_FOR} pairs at 10 s probing within one core", met=cores.median <= share, profile=profile,
    )  # fmt: skip
    yield Figure(f"bare-cores-{size}", f"share of one core of {BARE}", Spread.of(cost.bare_cores))
    yield Figure(
        f"resident-bytes-{size}", "bytes of memory", Spread.of(cost.resident_bytes),
        against=BARE, ratio=ratios(cost.resident_bytes, cost.bare_resident_bytes),
    )  # fmt: skip
    yield Figure(
        f"writes-at-rest-{size}", "writes of pairs and events a minute while nothing happens",
        Spread(cost.writes_a_minute, cost.writes_a_minute, cost.writes_a_minute, len(cost.turns)),
        goal="none", met=cost.writes_a_minute == 0, profile=profile,
    )  # fmt: skip
    for part in (50, 99):
        yield Figure(f"first-effect-p{part}-{size}", "seconds from a patch to the first effect, 1 % of pairs at once",
                     cost.first_effect(part))  # fmt: skip
    yield Figure(f"restart-{size}", "seconds from the start of a process to a look at every pair",
                 Spread.of(cost.restart_seconds))  # fmt: skip
    yield Figure(f"scrape-{size}", "seconds a page of metrics", Spread.of(cost.scrape_seconds))
    if cost.shard_pairs:
        yield _shared(cost)
    largest = Spread.of(cost.status_bytes)
    yield Figure(
        f"status-bytes-{size}", "bytes of a pair's status as JSON, after its moves", largest,
        goal=f"at most {MOST_STATUS_BYTES}", met=largest.max <= MOST_STATUS_BYTES, profile=profile,
    )  # fmt: skip


def _shared(cost: Cost) -> Figure:
    """Returns what each pair costs in one of two shares, beside what it costs where one operator has them all."""
    each = [cores / cost.shard_pairs for cores in cost.shard_cores]
    whole = [cores / cost.pairs for cores in cost.probing_cores]
    ratio = ratios(each, whole)
    return Figure(
        f"shard-cores-{cost.pairs}", "share of one core a pair, in one of two shares", Spread.of(each),
        goal=f"at most {MOST_OF_A_SHARE} times the whole's", met=ratio.median <= MOST_OF_A_SHARE,
        against="one operator that has all pairs, before", ratio=ratio, profile=cost.profile,
    )  # fmt: skip


def _grown(costs: Sequence[Cost]) -> Iterator[Figure]:
    sizes = [cost.pairs for cost in costs]
    grown: dict[str, Callable[[Cost], list[float]]] = {
        "probing-cores": lambda cost: cost.probing_cores,
        "resident-bytes": lambda cost: cost.resident_bytes,
        "first-effect": lambda cost: [percentile(wave, 50) for wave in cost.first_effect_seconds],
        "restart": lambda cost: cost.restart_seconds,
        "scrape": lambda cost: cost.scrape_seconds,
    }
    for name, samples in grown.items():
        found = exponents(sizes, [samples(cost) for cost in costs])
        yield Figure(
            f"{name}-exponent", "slope of the logarithms over the number of pairs", found,
            goal=f"at most {MOST_EXPONENT}", met=found.median <= MOST_EXPONENT, profile=costs[-1].profile,
        )  # fmt: skip
