"""Plays one cell: the real driver and rules, Debian's agents, controllers that really cut a node of the bed.

The API server and what the operator reads over SSH are in memory; there node a is silent from the beginning, while
the real node a runs on until a controller cuts it. Everything written to status goes to the cell's own journal.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.decision import Hold
from maestro_operator.model.outcome import Done, Outcome
from maestro_operator.model.pair import FencingDevice, FencingRung, PairSpec, Say, SecretReference
from maestro_operator.model.proof import FenceEvidence, PowerReading
from maestro_operator.model.steps import StepName
from support.bed.evidence import Journal
from support.ipmi import IpmiBmc
from support.worlds import Pair, pair_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.status import FrozenNode
    from support.bed import Bed
    from support.fencematrix.cells import Cell

AGENTS = Path("/usr/sbin")
RUNG_SECONDS = 40
LATE_RUNG_SECONDS = 16
POWER_TIMEOUT = "8"
"""How many looks an agent takes after its order, about one a second."""
SLOW_SECONDS = 5.0
LATE_SECONDS = 22.0
CELL_SECONDS = 120.0
LOST_AFTER_SECONDS = 2.0
AGENTS_GONE_TRIES = 15


class BelievingFencing(AgentFencing):
    """The planted fault: it takes its order for an observation."""

    @override
    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Says off of everything that it ordered off."""
        await super().off(node, rung=rung, deadline_seconds=deadline_seconds)
        found = next(item for item in node.fencing if item.name == rung)
        readings = tuple(
            PowerReading(item.agent, item.identity, "off", at_seconds=float(look * 3), process=look)
            for look in (1, 2)
            for item in found.devices
        )
        return Done(evidence=FenceEvidence(node.name, rung, tuple(item.identity for item in found.devices), readings))


class _Secrets:
    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = passwords

    async def __call__(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        return {"password": self._passwords[name].encode()}


async def tell(cell: Cell, *, bed: Bed, folder: Path, fault: str) -> None:
    """Plays the cell to its end and leaves the bed as it was."""
    place = folder / cell.id
    place.mkdir()
    journal = Journal(place / "told.jsonl")
    _restore(bed)
    needs_ipmi = any("ipmi" in rung for rung in cell.rungs)
    with contextlib.ExitStack() as stack:
        ipmi = stack.enter_context(IpmiBmc(bed, "a", folder=place / "ipmi")) if needs_ipmi else None
        pair = await _pair(cell, bed, ipmi, fault=fault)
        _record_writes(pair, journal)
        slow = LATE_SECONDS if cell.twist == "late" else SLOW_SECONDS
        bed.bmcs["a"].set_mode(cell.redfish, slow_seconds=slow)  # type: ignore[arg-type]
        if ipmi is not None:
            ipmi.set_mode(cell.ipmi)  # type: ignore[arg-type]
        journal.write(event="begin", cell=cell.id)
        try:
            async with asyncio.timeout(CELL_SECONDS):
                concluded = await _climb(pair, cell, bed=bed, journal=journal)
        finally:
            pair.loop.close_observer()
        if cell.twist == "late":
            await asyncio.sleep(LATE_SECONDS)
        if ipmi is not None:
            ipmi.set_mode("honest")
        journal.write(event="end", concluded=concluded, agents=await _agents_left())
    _restore(bed)


def _restore(bed: Bed) -> None:
    for bmc in bed.bmcs.values():
        bmc.set_mode("honest")
    for node in bed.nodes.values():
        node.power_on()


async def _pair(cell: Cell, bed: Bed, ipmi: IpmiBmc | None, *, fault: str) -> Pair:
    """Returns a pair served by a whose ladder is the cell's."""
    passwords = {"redfish": bed.bmcs["a"].account.password, "ipmi": ipmi.account.password if ipmi else ""}
    if cell.twist == "password":
        passwords = dict.fromkeys(passwords, "wrong")
    pair = Pair(_spec(cell, bed, ipmi))
    await pair.settle()
    kind = BelievingFencing if fault else AgentFencing
    driver = kind(namespace="pairs", folder=AGENTS, secrets=_Secrets(passwords), clock=SystemClock())
    pair.drivers = replace(pair.drivers, fencing=driver)
    pair.restart_operator()
    return pair


def _spec(cell: Cell, bed: Bed, ipmi: IpmiBmc | None, *, about: str = "a") -> PairSpec:
    seconds = LATE_RUNG_SECONDS if cell.twist == "late" else RUNG_SECONDS
    rungs = tuple(
        FencingRung(
            name=f"rung-{number}",
            devices=tuple(_redfish(cell, bed, about) if kind == "redfish" else _ipmi(cell, bed, ipmi) for kind in rung),
            deadline_seconds=seconds,
        )
        for number, rung in enumerate(cell.rungs, start=1)
    )
    spec = pair_spec()
    first, second = spec.nodes
    return spec.model_copy(update={"nodes": (first.model_copy(update={"fencing": rungs}), second)})


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
            rung=episode.get("rung"),
            proof=episode.get("proof"),
        )

    pair.store.before_write = write


async def _climb(pair: Pair, cell: Cell, *, bed: Bed, journal: Journal) -> str:
    """Takes turns until the survivor is promoted or the ladder has concluded without a proof."""
    if cell.twist == "seen":
        pair.world.cut(OPERATOR, "a")
    else:
        pair.world.power_cut("a")
    pair.order("b")
    task = asyncio.create_task(_twist(pair, cell, bed))
    climbed: list[str] = []
    try:
        while True:
            decided = await pair.turn()
            status, last = pair.status, pair.recorder.decided[-1].decision if pair.recorder.decided else None
            if status.active_node == "b":
                return "Fenced"
            episode = status.episode
            if episode is not None and episode.step is StepName.FENCE and (not climbed or climbed[-1] != episode.rung):
                climbed.append(episode.rung or "")
                journal.write(event="rung", rung=episode.rung)
            if not pair.leader.has_lease:
                return "NotLeader"
            if cell.twist == "seen" and episode is not None and isinstance(last, Hold):
                _give_up(pair, episode.id)
            if decided is None or not isinstance(last, Hold):
                continue
            if episode is not None and episode.step is StepName.FENCE and climbed:
                return last.reason.value
            if episode is not None and last.reason.value in ("InvalidSpec", "FencingNotReady"):
                return last.reason.value
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _give_up(pair: Pair, episode: str) -> None:
    """Says once that the old side shall be fenced although it may be alive."""
    if not any(item.episode == episode for item in pair.store.spec.answers):
        pair.say(Say.FAIL_OVER, episode)


async def _twist(pair: Pair, cell: Cell, bed: Bed) -> None:
    """Does what happens in the middle."""
    if cell.twist not in ("leader-lost", "edited"):
        return
    while pair.status.episode is None or pair.status.episode.step is not StepName.FENCE:  # noqa: ASYNC110 - a poll
        await asyncio.sleep(0.05)
    await asyncio.sleep(LOST_AFTER_SECONDS)
    if cell.twist == "leader-lost":
        pair.leader.lose()
    else:
        pair.change(nodes=_spec(cell, bed, None, about="b").nodes)


async def _agents_left() -> int:
    """Returns how many fence agents of this bed outlive their operator's interest by more than a moment."""
    left = _agents_alive()
    for _ in range(AGENTS_GONE_TRIES):
        if not left:
            break
        await asyncio.sleep(0.2)
        left = _agents_alive()
    return left


def _agents_alive() -> int:
    """Returns how many fence agents run in this bed's network."""
    alive, here = 0, Path("/proc/thread-self/ns/net").readlink()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            is_agent = any(word.startswith(b"/usr/sbin/fence_") for word in path.read_bytes().split(b"\0")[:3])
            alive += is_agent and Path(path.with_name("ns") / "net").readlink() == here
    return alive
