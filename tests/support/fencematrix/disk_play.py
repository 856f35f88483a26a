"""Plays one cell of the shared disk: the engine over two machines, a router and a storage, and people's hands.

The engine loses its way to node a, which runs on and writes; a person orders b and says to fail over. What is tried on
the disk from both nodes' kernels, what the storage itself says, and who reaches whom is written down all the while.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Protocol

from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference
from support.bed import clock, layout, wire
from support.bed.evidence import Journal
from support.fencematrix.agents_alive import agents_left
from support.fencematrix.disk_pair import PATIENT_TRY_SECONDS, DiskPair, patient
from support.fencematrix.gateway import Gateway, Reach
from support.scsi import anew
from support.scsi.storage import BLOCK_BYTES, DEVICE, SCRATCH_BLOCK, Storage

if TYPE_CHECKING:
    from pathlib import Path

    from support.bed import Bed
    from support.fencematrix.cells import Cell
    from support.worlds import Pair

RUNG_SECONDS = 150
REST_SECONDS = 900.0
CELL_SECONDS = 900.0
STAYS_SECONDS = 12.0
TRY_EVERY_SECONDS = 2.0
LOOK_EVERY_SECONDS = 0.4
TRY_SECONDS = 60.0
OTHER_IDENTITY = "6001405000000000feedfeedfeedfeed"
TRIED = "/run/maestro-guard/disk-tried"
TRY = "echo {node} {number} | dd of={device} bs={size} conv=sync,notrunc oflag=direct seek={block} 2>&1"


class Climbs(Protocol):
    """Takes turns until the survivor is promoted or the ladder has concluded without a proof."""

    async def __call__(self, pair: Pair, cell: Cell, *, bed: Bed, journal: Journal) -> str:
        """Return what it concluded."""


class Records(Protocol):
    """Writes every write of status down."""

    def __call__(self, pair: Pair, journal: Journal) -> None:
        """Begin to."""


class Tries:
    """Lets both nodes' kernels write to the disk past every cache, and asks the storage who holds it, until stopped."""

    def __init__(self, bed: Bed, storage: Storage, journal: Journal) -> None:
        """Begin."""
        self._bed, self._storage, self._journal = bed, storage, journal
        self._ended = threading.Event()
        works = [lambda name=name: self._try(name) for name in bed.nodes]
        self._threads = [threading.Thread(target=work, daemon=True) for work in (*works, self._look)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End; what is under way comes to its end."""
        self._ended.set()
        for thread in self._threads:
            thread.join(timeout=TRY_SECONDS)

    def _try(self, name: str) -> None:
        number = 0
        while not self._ended.wait(TRY_EVERY_SECONDS):
            number += 1
            told = {"device": DEVICE, "size": BLOCK_BYTES, "block": SCRATCH_BLOCK[name]}
            began = clock.monotonic_nanoseconds()
            script = TRY.format(node=name, number=number, **told)
            try:
                ran = self._bed.nodes[name].run(script, timeout_seconds=TRY_SECONDS)
            except wire.HolderFailedError as error:
                # Not known to have been let through, and not known to have been refused.
                said = [str(error)]
                self._journal.write(event="unknown", node=name, number=number, said=said, began_ns=began)
                continue
            words = (ran.stdout + ran.stderr).decode(errors="replace").strip().splitlines()
            self._journal.write(
                event="tried", node=name, number=number, wrote=ran.return_code == 0, said=words[:1], began_ns=began
            )

    def _look(self) -> None:
        while not self._ended.wait(LOOK_EVERY_SECONDS):
            began = clock.monotonic_nanoseconds()
            self._journal.write(event="target", began_ns=began, controllers=self._storage.state())


class Stage:
    """Bed, storage and gateway of all cells of this kind."""

    def __init__(self, bed: Bed, *, folder: Path) -> None:
        """Switch the storage on."""
        self.bed = bed
        self.storage = Storage(bed, folder / "storage")


async def tell(
    cell: Cell, *, stage: Stage, place: Path, journal: Journal, fault: str, climb: Climbs, record: Records
) -> None:
    """Play the cell to its end."""
    bed, storage = stage.bed, stage.storage
    with contextlib.ExitStack() as stack:
        stack.enter_context(patient())
        gateway = Gateway(bed, folder=place / "key")
        for mend in (gateway.mend, storage.mend):
            mend()
            stack.callback(mend)
        await asyncio.to_thread(anew.make_anew, bed)
        rungs = _rungs(cell, bed, gateway=gateway, identity=storage.identity)
        pair = DiskPair(bed, storage, rungs=rungs, gateway_key=gateway.private_key, fault=fault)
        record(pair, journal)
        try:
            await pair.settle()
            await _met_with_a_refusal(bed, "b")
            tried = Journal(place / "reach.jsonl")
            reach = Reach(bed, tried, patience_seconds=PATIENT_TRY_SECONDS, every_seconds=TRY_EVERY_SECONDS)
            stack.callback(reach.stop)
            stack.callback(Tries(bed, storage, Journal(place / "disk.jsonl")).stop)
            await asyncio.sleep(STAYS_SECONDS)
            _spoil(cell, pair, storage=storage, gateway=gateway)
            journal.write(event="begin", cell=cell.id)
            async with asyncio.timeout(CELL_SECONDS):
                concluded = await climb(pair, cell, bed=bed, journal=journal)
            journal.write(event="concluded", concluded=concluded)
            await asyncio.sleep(STAYS_SECONDS)
            if cell.proven and concluded == "Fenced":
                await _return(pair, gateway=gateway, journal=journal)
        finally:
            pair.loop.close_observer()
            await pair.sessions.close()
        journal.write(event="end", concluded=concluded, agents=await agents_left())


async def _met_with_a_refusal(bed: Bed, name: str) -> None:
    """Wait until a node's own program has met the storage's refusal while the other node holds the disk."""
    script = f"timeout {REST_SECONDS:.0f} sh -c 'until grep -qx enforces=yes {TRIED}; do sleep 1; done' 2>&1"
    ran = await asyncio.to_thread(bed.nodes[name].run, script, timeout_seconds=REST_SECONDS)
    if ran.return_code:
        raise clock.TimedOutError(f"{name} was not refused by the storage in {REST_SECONDS:g} s")


def _rungs(cell: Cell, bed: Bed, *, gateway: Gateway, identity: str) -> tuple[FencingRung, ...]:
    disk = FencingDevice(agent="reservation", identity=OTHER_IDENTITY if cell.twist == "identity" else identity)
    router = FencingDevice(
        agent="gateway",
        identity=bed.nodes["a"].address,
        parameters={"ip": layout.ROUTER_ADDRESS, "username": "root", "host_key": gateway.host_key},
        secret=SecretReference(name="gateway"),
    )
    known = {"reservation": disk, "gateway": router}
    return tuple(
        FencingRung(name=f"rung-{number}", devices=tuple(known[kind] for kind in rung), deadline_seconds=RUNG_SECONDS)
        for number, rung in enumerate(cell.rungs, start=1)
    )


def _spoil(cell: Cell, pair: DiskPair, *, storage: Storage, gateway: Gateway) -> None:
    gateway.spoil(cell.gateway)
    if cell.storage == "lying":
        storage.put_behind("b", "second")
    if cell.storage == "denying":
        storage.protect("b", is_on=True)
    if cell.storage == "silent":
        storage.part("b")
        pair.world.apart.add("b")


async def _return(pair: DiskPair, *, gateway: Gateway, journal: Journal) -> None:
    """Let the old owner be reached again, and join; then order it, which alone may let it write."""
    await pair.run_until(lambda pair: pair.status.active_node == "b" and pair.status.episode is None)
    gateway.mend()
    pair.world.heal()
    journal.write(event="reached-again")
    await pair.settle()
    await asyncio.sleep(STAYS_SECONDS)
    journal.write(event="ordered-back")
    pair.order("a")
    await pair.run_until(lambda pair: pair.status.active_node == "a" and pair.status.episode is None)
    await asyncio.sleep(STAYS_SECONDS)
