"""Plays one cell: the real driver and rules, Debian's agents, controllers that really cut a node of the bed.

The API server and what the operator reads over SSH are in memory; there node a is silent from the beginning, while
the real node a runs on until a controller cuts it. Everything written to status goes to the cell's own journal.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.decision import Hold
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec, Probe, Say, SecretReference, TcpProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.bed import clock, layout
from support.bed.evidence import Journal
from support.fencematrix import disk_play, guest, lost
from support.fencematrix.agents_alive import agents_left
from support.fencematrix.believing import BelievingFencing
from support.fencematrix.gateway import SSHD, Gateway, OutsideNodes, Reach, outside_probes
from support.ipmi import IpmiBmc
from support.libvirt import Hypervisor
from support.worlds import Pair, pair_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.bed import Bed
    from support.fencematrix.cells import Cell, Kind

AGENTS = Path("/usr/sbin")
RUNG_SECONDS = 40
LATE_RUNG_SECONDS = 16
GUEST_RUNG_SECONDS = 90
POWER_TIMEOUT = "8"
"""How many looks an agent takes after its order, about one a second."""
SLOW_SECONDS = 5.0
LATE_SECONDS = 22.0
CELL_SECONDS = 120.0
LOOKED_SECONDS = 10.0
CLIMBS = 5
"""How often a ladder is climbed whose devices may be late because their machines are a busy host's processes."""
STAYS_SECONDS = 5.0
LOST_AFTER_SECONDS = 2.0
BEFORE_ANY_RUNG = ("InvalidSpec", "FencingNotReady")
"""Why a failover is held before anything was tried."""


class _Secrets:
    def __init__(self, passwords: Mapping[str, str], *, key: bytes) -> None:
        self._passwords, self._key = passwords, key

    async def __call__(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        if name in ("gateway", "virsh"):
            return {"ssh-privatekey": self._key}
        return {"password": self._passwords[name].encode()}


async def tell(cell: Cell, *, bed: Bed, folder: Path, fault: str, stage: disk_play.Stage | None = None) -> None:
    """Plays the cell to its end and leaves the bed as it was; `stage` is that of the cells with a shared disk."""
    place = folder / cell.id
    place.mkdir()
    journal = Journal(place / "told.jsonl")
    _restore(bed)
    if stage is not None:
        record, climb = _record_writes, _climb
        await disk_play.tell(cell, stage=stage, place=place, journal=journal, fault=fault, climb=climb, record=record)
        return
    if cell.twist in lost.ENDINGS:
        await _lose(cell, bed=bed, place=place, journal=journal)
        _restore(bed)
        return
    with contextlib.ExitStack() as stack:
        parts = _parts(cell, bed, place=place, stack=stack)
        ipmi = parts.ipmi
        pair = await _pair(cell, bed, parts, fault=fault)
        _record_writes(pair, journal)
        slow = LATE_SECONDS if cell.is_late else SLOW_SECONDS
        bed.bmcs["a"].set_mode(cell.redfish, slow_seconds=slow)  # type: ignore[arg-type]
        if ipmi is not None:
            ipmi.set_mode(cell.ipmi)  # type: ignore[arg-type]
        journal.write(event="begin", cell=cell.id)
        try:
            async with asyncio.timeout(CELL_SECONDS):
                concluded = await _climb(pair, cell, bed=bed, journal=journal)
            if cell.is_isolation:
                # What is out of reach stays so: the places go on trying.
                await asyncio.sleep(STAYS_SECONDS)
        finally:
            pair.loop.close_observer()
        if cell.is_late:
            await asyncio.sleep(LATE_SECONDS)
        if ipmi is not None:
            ipmi.set_mode("honest")
        journal.write(event="end", concluded=concluded, agents=await agents_left())
    _restore(bed)


async def _lose(cell: Cell, *, bed: Bed, place: Path, journal: Journal) -> None:
    bed.bmcs["a"].set_mode(cell.redfish)  # type: ignore[arg-type]
    journal.write(event="begin", cell=cell.id)
    password = bed.bmcs["a"].account.password
    concluded, left = await lost.lose(cell.twist, _redfish(cell, bed, "a"), bed=bed, password=password, place=place)
    journal.write(event="end", concluded=concluded, agents=left)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a cell needs beside the bed."""

    ipmi: IpmiBmc | None = None
    gateway: Gateway | None = None
    host: Hypervisor | None = None


def _parts(cell: Cell, bed: Bed, *, place: Path, stack: contextlib.ExitStack) -> Parts:
    if cell.is_isolation:
        gateway = Gateway(bed, folder=place / "key")
        stack.callback(gateway.mend)
        gateway.spoil(cell.gateway)
        stack.callback(Reach(bed, Journal(place / "reach.jsonl")).stop)
        return Parts(gateway=gateway)
    if cell.is_guest:
        host = stack.enter_context(Hypervisor(place / "libvirt"))
        stack.callback(guest.Lifeline(host, Journal(place / "guest.jsonl")).stop)
        guest.spoil(host, cell.twist)
        stack.enter_context(host.network())
        return Parts(host=host)
    needs_ipmi = any("ipmi" in rung for rung in cell.rungs)
    return Parts(ipmi=stack.enter_context(IpmiBmc(bed, "a", folder=place / "ipmi")) if needs_ipmi else None)


def _restore(bed: Bed) -> None:
    for bmc in bed.bmcs.values():
        bmc.set_mode("honest")
    for node in bed.nodes.values():
        node.power_on()


async def _pair(cell: Cell, bed: Bed, parts: Parts, *, fault: str) -> Pair:
    """Returns a pair served by a whose ladder is the cell's."""
    ipmi = parts.ipmi
    passwords = {"redfish": bed.bmcs["a"].account.password, "ipmi": ipmi.account.password if ipmi else ""}
    if cell.twist == "password":
        passwords = dict.fromkeys(passwords, "wrong")
    pair = Pair(_spec(cell, bed, parts))
    await pair.settle()
    kind = BelievingFencing if fault else AgentFencing
    keeper = parts.gateway or parts.host
    secrets = _Secrets(passwords, key=keeper.private_key if keeper is not None else b"")
    driver = kind(namespace="pairs", folder=AGENTS, secrets=secrets, clock=SystemClock())
    pair.drivers = replace(pair.drivers, fencing=driver)
    if parts.gateway is not None:
        nodes = OutsideNodes(pair.world)
        nodes.node = bed.nodes["b"]
        pair.drivers = replace(pair.drivers, nodes=nodes, probes=outside_probes())
    pair.restart_operator()
    return pair


def _spec(cell: Cell, bed: Bed, parts: Parts, *, about: str = "a") -> PairSpec:
    seconds = LATE_RUNG_SECONDS if cell.is_late else GUEST_RUNG_SECONDS if cell.is_guest else RUNG_SECONDS
    rungs = tuple(
        FencingRung(
            name=f"rung-{number}",
            devices=tuple(_device(kind, cell, bed=bed, parts=parts, about=about) for kind in rung),
            deadline_seconds=seconds,
        )
        for number, rung in enumerate(cell.rungs, start=1)
    )
    spec = pair_spec()
    first, second = spec.nodes
    nodes = {"nodes": (first.model_copy(update={"fencing": rungs, "address": bed.nodes["a"].address}), second)}
    probed = {"detection": spec.detection.model_copy(update={"probes": (Probe(tcp=TcpProbe(port=SSHD)),)})}
    return spec.model_copy(update={**nodes, **(probed if cell.is_isolation else {})})


def _device(kind: Kind, cell: Cell, *, bed: Bed, parts: Parts, about: str) -> FencingDevice:
    match kind:
        case "redfish":
            return _redfish(cell, bed, about)
        case "ipmi":
            return _ipmi(cell, bed, parts.ipmi)
        case "gateway":
            return _gateway(cell, bed, parts.gateway)
        case "virsh":
            assert parts.host is not None
            return guest.device(parts.host, cell.twist, other_key=bed.nodes["b"].host_key)
        case "reservation":
            raise AssertionError("the cells of the shared disk have a stage of their own")


def _gateway(cell: Cell, bed: Bed, gateway: Gateway | None) -> FencingDevice:
    assert gateway is not None
    return FencingDevice(
        agent="gateway",
        identity=layout.BED_ADDRESS if cell.twist == "same-side" else bed.nodes["a"].address,
        parameters={
            "ip": layout.ROUTER_ADDRESS,
            "username": "root",
            "host_key": bed.nodes["b"].host_key if cell.twist == "host-key" else gateway.host_key,
        },
        secret=SecretReference(name="gateway"),
    )


def _redfish(cell: Cell, bed: Bed, about: str) -> FencingDevice:
    account = bed.bmcs[about].account
    path = account.systems_uri
    if cell.twist == "other-member":
        path = path.removesuffix("1") + "2"
    parameters = {
        "ip": account.host,
        "ipport": str(account.port),
        "username": account.username,
        "systems_uri": path,
        "ssl_insecure": "1",
        "power_timeout": POWER_TIMEOUT,
    }
    if cell.twist == "parameter":
        parameters["ssl_unsecure"] = "1"
    secret = SecretReference(name="redfish")
    return FencingDevice(agent="fence_redfish", identity=account.uuid, parameters=parameters, secret=secret)


def _ipmi(cell: Cell, bed: Bed, ipmi: IpmiBmc | None) -> FencingDevice:
    assert ipmi is not None
    identity = bed.bmcs["b"].account.uuid if cell.twist == "identity" else ipmi.account.guid
    return FencingDevice(
        agent="fence_ipmilan",
        identity=identity,
        parameters={**ipmi.account.parameters(), "power_timeout": POWER_TIMEOUT},
        secret=SecretReference(name="ipmi"),
    )


def _record_writes(pair: Pair, journal: Journal) -> None:
    def write(status: Mapping[str, Any]) -> None:
        episode = status.get("episode") or {}
        journal.write(
            event="write",
            active=status.get("activeNode"),
            step=episode.get("step"),
            target=episode.get("target"),
            rung=episode.get("rung"),
            proof=episode.get("proof"),
        )

    pair.store.before_write = write


async def _climb(pair: Pair, cell: Cell, *, bed: Bed, journal: Journal) -> str:
    """Takes turns until the survivor is promoted or the ladder has concluded without a proof."""
    is_alive = cell.twist == "seen" or cell.is_isolation
    if is_alive:
        pair.world.cut(OPERATOR, "a")
    else:
        pair.world.power_cut("a")
    pair.order("b")
    task = asyncio.create_task(_twist(pair, cell, bed))
    pace = Pace(pair)
    climbed: list[str] = []
    was: Hold | None = None
    try:
        while True:
            decided = await pair.turn()
            episode = pair.status.episode
            if episode is not None and episode.step is StepName.FENCE and (not climbed or climbed[-1] != episode.rung):
                climbed.append(episode.rung or "")
                journal.write(event="rung", rung=episode.rung)
            last = pair.recorder.decided[-1].decision if pair.recorder.decided else None
            if is_alive and episode is not None and isinstance(last, Hold):
                _give_up(pair, episode.id)
            held = last if decided is not None and isinstance(last, Hold) else None
            if held is not None and held != was:
                was = held
                journal.write(event="held", reason=held.reason.value, message=held.message)
            tried = _fences_tried(pair)
            if cell.is_shared and not tried:
                # What is held before any rung is decided once, and stands until something else is seen.
                held = last if isinstance(last, Hold) else None
            # The looks from outside take their time to find what is out of reach.
            has_lasted = not cell.is_isolation or await pace.is_long_held(held)
            if cell.is_shared and tried:
                # Each climb looks from outside anew, and there is hardly a pause between two of them.
                has_lasted = tried >= CLIMBS
            if not has_lasted:
                held = None
            concluded = _concluded(pair, held, has_climbed=bool(climbed))
            if concluded is not None and not _goes_on(pair, cell, concluded):
                return concluded
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _concluded(pair: Pair, held: Hold | None, *, has_climbed: bool) -> str | None:
    """Returns what the ladder came to, or None while it is being climbed."""
    episode = pair.status.episode
    if pair.status.active_node == "b":
        return "Fenced"
    if not pair.leader.has_lease:
        return "NotLeader"
    if episode is None and pair.status.observed_active_node == "a" and _was_handed_back(pair):
        return "HandedBack"
    if held is not None and held.reason is Reason.DISK_UNREADABLE:
        # The order itself waits: there is no episode yet.
        return held.reason.value
    if held is None or episode is None:
        return None
    is_over = episode.step is StepName.FENCE and has_climbed and held.reason is not Reason.INHERITED_STEP
    return held.reason.value if is_over or held.reason.value in BEFORE_ANY_RUNG else None


def _fences_tried(pair: Pair) -> int:
    """Returns how often the step Fence of the episode was begun."""
    steps = pair.status.episode.steps if pair.status.episode is not None else ()
    return next((item.attempts for item in steps if item.name is StepName.FENCE), 0)


def _was_handed_back(pair: Pair) -> bool:
    """Tells whether the failover of this story ended without a new owner."""
    return any(item.kind is EpisodeKind.FAILOVER and item.result != "Done" for item in pair.status.history)


def _goes_on(pair: Pair, cell: Cell, concluded: str) -> bool:
    """Does what comes after the first conclusion of a story that has a second part; tells whether there is one."""
    if cell.twist == "next-leader" and concluded == "NotLeader":
        pair.restart_operator()
        return True
    if cell.twist == "handed-back" and concluded not in ("HandedBack", "Fenced"):
        # The network is back before the device has done what it was told: the old side is seen to be well.
        pair.world.power_on("a")
        pair.order("a")
        return True
    return False


class Pace:
    """Keeps the pair's clock from outrunning the real one, by which real looks from outside go."""

    def __init__(self, pair: Pair) -> None:
        """Begins now, on both clocks."""
        self._pair = pair
        self._apart = pair.clock.monotonic_seconds() - clock.monotonic_seconds()
        self._held_since: float | None = None

    async def is_long_held(self, held: Hold | None) -> bool:
        """Waits for the real clock, and tells whether the same hold has stood for long."""
        ahead = self._pair.clock.monotonic_seconds() - clock.monotonic_seconds() - self._apart
        await asyncio.sleep(max(0.0, ahead))
        if held is None:
            self._held_since = None
            return False
        self._held_since = self._held_since or clock.monotonic_seconds()
        return clock.monotonic_seconds() - self._held_since >= LOOKED_SECONDS


def _give_up(pair: Pair, episode: str) -> None:
    """Says once that the old side shall be fenced although it may be alive."""
    if not any(item.episode == episode for item in pair.store.spec.answers):
        pair.say(Say.FAIL_OVER, episode)


async def _twist(pair: Pair, cell: Cell, bed: Bed) -> None:
    """Does what happens in the middle."""
    if cell.twist not in ("leader-lost", "next-leader", "edited", "pulled"):
        return
    while pair.status.episode is None or pair.status.episode.step is not StepName.FENCE:  # noqa: ASYNC110 - a poll
        await asyncio.sleep(0.05)
    await asyncio.sleep(LOST_AFTER_SECONDS)
    if cell.twist in ("leader-lost", "next-leader"):
        pair.leader.lose()
        bed.bmcs["a"].set_mode("honest")
    elif cell.twist == "pulled":
        first, second = pair.store.spec.nodes
        pair.change(nodes=(first.model_copy(update={"fencing": ()}), second))
    else:
        pair.change(nodes=_spec(cell, bed, Parts(), about="b").nodes)
