"""Plays random lives on the nodes in memory and on the bed, side by side, and keeps both records.

After each deed the bed is looked at until what must be equal is, within a bound: guards there go round in their own
time. What differs at the end of the bound differs, and ends the life.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from support.bed import Bed, clock, wire
from support.bed.clock import monotonic_seconds
from support.conform.bed_side import BedSide
from support.conform.deeds import Deed, life
from support.conform.judge import Difference, Pairing, ended_apart, first_difference
from support.conform.memory_side import MemorySide
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from support.conform.sides import Side

PATIENCE_SECONDS = 25.0
"""Within this a real guard has gone round, asked its peer and started or stopped what it should."""
ACT_SECONDS = 30.0
SILENT_ACT_SECONDS = 6.0
"""How long an act is waited for where memory says that nobody answers."""
PAUSE_SECONDS = 0.15
MOST_TOLD = 3
TOUCHES_POWER = ("power", "reboots", "device", "switch", "off ")


async def play(memory: MemorySide, bed: Side, deeds: Sequence[Deed]) -> list[dict[str, Any]]:
    """Plays one life on both sides to its end or to the first difference; returns the record, a line a deed."""
    await memory.begin()
    await bed.begin()
    pairing, steps = Pairing(), list[dict[str, Any]]()
    for deed in (Deed("time", "nothing yet", {}), *deeds):
        if not memory.can(deed):
            continue
        step, is_equal = await _step(memory, bed, deed, pairing=pairing)
        steps.append(step)
        if not is_equal:
            break
    return steps


async def _step(memory: MemorySide, bed: Side, deed: Deed, *, pairing: Pairing) -> tuple[dict[str, Any], bool]:
    at_devices = any(word in deed.name for word in TOUCHES_POWER)
    generation = await memory.generation(deed)
    ended = await memory.do(deed, generation=generation, patience_seconds=ACT_SECONDS)
    is_silent = ended is not None and ended["is"] == "Failed"
    patience = SILENT_ACT_SECONDS if is_silent else ACT_SECONDS
    began = monotonic_seconds()
    really = await bed.do(deed, generation=generation, patience_seconds=patience)
    acted = monotonic_seconds()
    step: dict[str, Any] = {
        "deed": deed.name,
        "memory": {"ended": ended, "look": await memory.look(at_devices=at_devices)},
        "nodes": {"ended": really, "look": None},
    }
    while True:
        step["nodes"]["look"] = await bed.look(at_devices=at_devices)
        tried = pairing.again()
        found = tried.compare(step)
        is_over = ended_apart(step) or monotonic_seconds() - acted > PATIENCE_SECONDS
        if not found or is_over:
            break
        await asyncio.sleep(PAUSE_SECONDS)
    pairing.in_memory, pairing.on_nodes = tried.in_memory, tried.on_nodes
    step["seconds"] = [round(acted - began, 2), round(monotonic_seconds() - acted, 2)]
    return step, not found


def lives(number: int, seed: int) -> dict[int, Sequence[Deed]]:
    """Returns the deeds of so many lives, or of the one that LIFE names, each of a seed of its own."""
    one = os.environ.get("LIFE")
    numbers = [int(one)] if one else range(number)
    return {index: life(random.Random(f"{seed}-{index}")) for index in numbers}


def compared(
    folder: Path, all_deeds: Mapping[int, Sequence[Deed]], *, planted: AbstractContextManager[object]
) -> Iterator[Claim]:
    """Plays the lives on one bed, and judges the records that were kept."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("life-*.jsonl"):
        old.unlink()
    with (
        tempfile.TemporaryDirectory(prefix="conform-bed-") as place,
        planted,
        Bed.up(Path(place)) as bed,
        bed.network(),
    ):
        asyncio.run(_all(bed, folder, all_deeds))
    records = sorted(folder.glob("life-*.jsonl"))
    found, deeds = judged(records)
    yield Claim("lives-on-nodes", bool(records) and len(records) == len(all_deeds), len(records), len(all_deeds))
    kinds = sorted(deeds)
    yield Claim(
        "deeds-on-nodes", sum(deeds.values()) > len(records), sum(deeds.values()), "more than lives", tuple(kinds)
    )
    told = tuple(line for difference in found[:MOST_TOLD] for line in difference.story)
    yield Claim("nodes-twin-is-true", not found, len(found), 0, told)


async def _all(bed: Bed, folder: Path, all_deeds: Mapping[int, Sequence[Deed]]) -> None:
    memory, real = MemorySide(), BedSide(bed)
    for number, deeds in all_deeds.items():
        began = monotonic_seconds()
        try:
            steps = await play(memory, real, deeds)
        except (clock.TimedOutError, wire.HolderFailedError) as error:
            # The bed did not do what it was told: no record, so that the claim of whole lives fails.
            print(f"life {number}: the bed failed: {error}", flush=True)
            continue
        (folder / f"life-{number:04d}.jsonl").write_text("".join(f"{json.dumps(step)}\n" for step in steps))
        told = f"life {number}: {len(steps)} deeds, {monotonic_seconds() - began:.0f} s"
        found = first_difference(number, steps)
        print(told, *(found.story if found else ()), sep="\n     ", flush=True)
    await real.end()


def judged(records: Iterable[Path]) -> tuple[list[Difference], Counter[str]]:
    """Returns the first difference of each life that has one, and how often each deed was compared."""
    found, deeds = list[Difference](), Counter[str]()
    for record in records:
        steps = [json.loads(line) for line in record.read_text().splitlines()]
        deeds.update(step["deed"] for step in steps)
        difference = first_difference(int(record.stem.rpartition("-")[2]), steps)
        found += [difference] if difference else []
    return found, deeds
