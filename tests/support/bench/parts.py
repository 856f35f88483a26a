"""How long the parts take: one decision over every golden world, one turn of a pair at rest, the start of a process."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import TYPE_CHECKING

from maestro_operator.decide import decide
from support.bed import clock
from support.bench.figures import RUNS, Figure, Spread, ratios, timed
from support.golden import worlds
from support.operator_environment import environment
from support.worlds import Pair, is_settled

if TYPE_CHECKING:
    from collections.abc import Iterator

TURNS = 100
DECISIONS = 2
MOST_COPIES = 10
"""A decision may take as long as so many JSON copies of one status."""


def measured() -> Iterator[Figure]:
    """Gives every figure."""
    pair = asyncio.run(_at_rest())
    yield _decisions(json.dumps(pair.store.status))
    yield _turns(pair)
    yield _starts()


def _decisions(text: str) -> Figure:
    looks = [world.look() for world in worlds()]

    def all_of_them() -> None:
        for look in looks:
            decide(look)

    def copied() -> None:
        for _ in looks:
            json.dumps(json.loads(text))

    all_of_them()
    samples, copies = [], []
    for _ in range(RUNS):
        samples.append(timed(all_of_them, clock=clock.monotonic_seconds, times=DECISIONS))
        copies.append(timed(copied, clock=clock.monotonic_seconds, times=DECISIONS))
    ratio = ratios(samples, copies)
    return Figure(
        "decide",
        "seconds a decision, over every golden world",
        Spread.of(samples).each_of(len(looks)),
        goal=f"at most {MOST_COPIES} times a JSON copy of one status",
        met=ratio.median <= MOST_COPIES,
        against="a JSON copy of the status of a pair at rest",
        ratio=ratio,
    )


def _turns(pair: Pair) -> Figure:
    samples = []
    for _ in range(RUNS):
        began = clock.monotonic_seconds()
        asyncio.run(_take(pair))
        samples.append((clock.monotonic_seconds() - began) / TURNS)
    return Figure("turn", "seconds a turn of a pair at rest, its nodes in memory", Spread.of(samples))


def _starts() -> Figure:
    own, beside = [], []
    for _ in range(RUNS):
        own.append(timed(lambda: _imported("maestro_operator.main"), clock=clock.monotonic_seconds, times=1))
        beside.append(timed(lambda: _imported("kopf", "kubernetes.aio"), clock=clock.monotonic_seconds, times=1))
    return Figure(
        "start-up",
        "seconds until a process has read its own code, the disk's cache being warm",
        Spread.of(own),
        against="one that reads kopf and the Kubernetes client alone",
        ratio=ratios(own, beside),
    )


def _imported(*modules: str) -> None:
    """Lets a new process read modules."""
    words = (sys.executable, "-c", f"import {', '.join(modules)}")
    subprocess.run(words, check=True, env=environment({}, roots=("operator", "tests")), timeout=60)


async def _take(pair: Pair) -> None:
    """Takes turns and nothing else: what the world does in between is no cost of the operator."""
    for _ in range(TURNS):
        await pair.loop.turn()


async def _at_rest() -> Pair:
    pair = Pair()
    await pair.run_until(is_settled)
    pair.loop.close_observer()
    return pair
