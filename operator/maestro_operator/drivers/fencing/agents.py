"""The fencing port over ClusterLabs agents, gateways that isolate, and a shared disk that is taken away.

The law of this file: `off` only, never reboot; every answer is kept as it came; what the answers
prove is not decided here. Nothing is ordered of a device whose identity was not read where it can
be read, and off is believed only where status and words of the agent both say so.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.agent import AgentRun, run_agent
from maestro_operator.drivers.fencing.device import Given, given, host_of, twice
from maestro_operator.drivers.fencing.identity import Machine, is_same, machine_of
from maestro_operator.drivers.fencing.ipmi import quietly
from maestro_operator.drivers.fencing.isolation import run_gateway
from maestro_operator.drivers.fencing.metadata import AgentCatalog, complaint
from maestro_operator.drivers.fencing.virsh import of_agent, pinned
from maestro_operator.model.denial import GATEWAY, OWN_DEVICES, RESERVATION
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.proof import FenceEvidence, PowerReading
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown
from maestro_operator.transport.resolution import resolved

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.fencing.reservation import DiskReservation
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.pair import FencingDevice, FencingRung
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret

SECOND_LOOK_SECONDS = 2.05
"""How long after the first look the second begins: some devices say off while they switch."""
LOOK_SECONDS = 15.0
"""The most that one reading may take."""
LEAST_ATTEMPT_SECONDS = 5.0
"""Less than this is no time for an order and two looks."""
LOOK_SHARE = 0.2
"""How much of a rung's deadline one look may take, so that the order and two looks fit into it."""
FENCED_STATES = frozenset({"off", "isolated", "preempted"})
"""What the readings of an attempt that left nothing on may say."""
SHOWN_CHARACTERS = 200
SAYS: Mapping[tuple[int | None, str], str] = {
    (0, "Status: ON"): "on",
    (2, "Status: OFF"): "off",
    (0, "Status: OPEN"): "on",
    (2, "Status: ISOLATED"): "isolated",
    (0, "Status: HELD"): "on",
    (2, "Status: PREEMPTED"): "preempted",
}
"""Exit status and words: an interpreter that cannot open an agent exits 2 as well."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A device with everything its agent needs."""

    device: FencingDevice
    given: Given
    node: str
    """Which node it fences."""


class _DeviceFault(Exception):
    """A device cannot be used; the message says why and holds nothing secret."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AgentFencing:
    """Switches nodes off by fence agents and reads their power, for one pair."""

    def __init__(
        self,
        *,
        namespace: str,
        folder: Path,
        secrets: ReadSecret,
        clock: Clock,
        policy: AddressPolicy | None = None,
        catalog: AgentCatalog | None = None,
        disk: DiskReservation | None = None,
    ) -> None:
        """Keep where the agents are, where their passwords come from, and where may be connected to."""
        self._policy = policy
        self._disk = disk
        self._catalog = catalog or AgentCatalog()
        self._namespace = namespace
        self._folder = folder
        self._secrets = secrets
        self._clock = clock

    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Switch off every device of the rung, then read each twice, 2 s apart; again as often as the rung says.

        All attempts together have the rung's one deadline, each an equal share of what is left.
        """
        found = next((item for item in node.fencing if item.name == rung), None)
        if found is None or not found.devices:
            return Refused(Reason.FENCE_UNPROVEN, f"{node.name} has no rung {rung} with devices")
        doubled = twice(found)
        if doubled is not None:
            return Refused(Reason.INVALID_SPEC, doubled)
        ends = self._clock.monotonic_seconds() + deadline_seconds
        outcome = await self._attempt(node, found, seconds=deadline_seconds / (1 + found.retries))
        for more in range(found.retries, 0, -1):
            seconds = (ends - self._clock.monotonic_seconds()) / more
            if not _is_worth_another(outcome) or seconds < LEAST_ATTEMPT_SECONDS:
                break
            outcome = await self._attempt(node, found, seconds=seconds)
        return outcome

    async def _attempt(self, node: FrozenNode, rung: FencingRung, *, seconds: float) -> Outcome:
        where = f"rung {rung.name} of {node.name}"
        ends = self._clock.monotonic_seconds() + seconds
        try:
            async with asyncio.timeout(seconds):
                ready = [await self._ready(node.name, device) for device in rung.devices]
                stranger = await self._stranger(ready)
                if stranger is not None:
                    return stranger
                return await self._switch_off(node, rung.name, ready=ready, ends=ends)
        except TimeoutError:
            return Failed(Reason.TIMED_OUT, f"{where} did not end within {seconds:.0f} s")
        except _DeviceFault as fault:
            return Refused(fault.reason, f"{where}: {fault}")
        except OSError as error:
            return Failed(Reason.DEVICE_FAILED, f"{where}: {error}")

    async def check(self, node: FrozenNode) -> tuple[DeviceSeen | Unknown, ...]:
        """Read every device of the node without changing anything."""
        looks = []
        for rung in node.fencing:
            doubled = twice(rung)
            looks += [self._check(node.name, rung.name, device, doubled=doubled) for device in rung.devices]
        return tuple(await asyncio.gather(*looks))

    async def credentials(self, node: FrozenNode) -> str | Unknown:
        """Return a mark of what the Secrets of the node's devices hold now; one that is missing is a mark, too."""
        devices = [device for rung in node.fencing for device in rung.devices]
        names = dict.fromkeys(device.secret.name for device in devices if device.secret is not None)
        digest = hashlib.sha256()
        for name in names:
            try:
                content = await self._secrets(self._namespace, name)
            except LookupError:
                content = {}
            except Exception as error:  # noqa: BLE001 - whatever the store raises, it says nothing of the Secret
                return Unknown(Reason.SECRET_MISSING, f"the Secret {name} was not read ({type(error).__name__})")
            for part in (name.encode(), *(word for key in sorted(content) for word in (key.encode(), content[key]))):
                digest.update(len(part).to_bytes(8) + part)
        return digest.hexdigest()

    async def _check(self, node: str, rung: str, device: FencingDevice, *, doubled: str | None) -> DeviceSeen | Unknown:
        what, about = f"{node}, rung {rung}, {device.agent}", (node, rung)
        if doubled is not None:
            return Unknown(Reason.INVALID_SPEC, doubled, about)
        try:
            reading = await self._reading(await self._ready(node, device), seconds=LOOK_SECONDS)
        except _DeviceFault as error:
            return Unknown(error.reason, f"{what}: {error}", about)
        except OSError as error:
            return Unknown(Reason.DEVICE_FAILED, f"{what}: {error}", about)
        if reading.state == "unknown" or reading.identity != device.identity:
            return Unknown(Reason.DEVICE_FAILED, f"{what}: {reading.detail}", about)
        return DeviceSeen(
            node=node,
            rung=rung,
            device=device.agent,
            state=reading.state,
            identity=device.identity,
            tells_identity=reading.tells_identity,
            at_seconds=reading.at_seconds,
        )

    async def _stranger(self, ready: Sequence[_Ready]) -> Outcome | None:
        """Return why nothing may be ordered, or None where every device speaks for its machine."""
        asked = await asyncio.gather(*(self._machine(item, seconds=LOOK_SECONDS) for item in ready))
        for item, machine in zip(ready, asked, strict=True):
            if isinstance(machine, Unknown):
                return Failed(Reason.DEVICE_FAILED, item.given.redacted(f"{item.device.agent}: {machine.message}"))
            if machine.names and not is_same(item.device.identity, machine.names):
                return Refused(Reason.DEVICE_FAILED, _not_that_one(item, machine.names))
        return None

    async def _switch_off(self, node: FrozenNode, rung: str, *, ready: Sequence[_Ready], ends: float) -> Outcome:
        """Order off everywhere, whatever one device says: only the readings count."""
        left = ends - self._clock.monotonic_seconds()
        look = min(LOOK_SECONDS, LOOK_SHARE * left)
        seconds = max(1.0, left - 2 * look - SECOND_LOOK_SECONDS - 1)
        orders = await asyncio.gather(*(self._run(item, "off", seconds=seconds) for item in ready))
        said = "; ".join(_said(item, run) for item, run in zip(ready, orders, strict=True))
        first = await asyncio.gather(*(self._reading(item, seconds=look) for item in ready))
        second: list[PowerReading] = []
        if not _silent(first):
            await self._clock.sleep(SECOND_LOOK_SECONDS)
            second = await asyncio.gather(*(self._reading(item, seconds=look) for item in ready))
        for silent in _silent((*first, *second)):
            return Failed(Reason.DEVICE_FAILED, f"{silent.device} {silent.identity}: {silent.detail}; {said}")
        evidence = FenceEvidence(
            node=node.name,
            rung=rung,
            devices=tuple(item.device.identity for item in ready),
            readings=(*first, *second),
        )
        return Done({"said": said}, evidence=evidence)

    async def _reading(self, item: _Ready, *, seconds: float) -> PowerReading:
        """Read the power by a new process, of the machine that the device itself names."""
        ends = self._clock.monotonic_seconds() + seconds
        machine = await self._machine(item, seconds=seconds)
        if isinstance(machine, Unknown):
            return self._read(item, AgentRun(0, None, ""), detail=machine.message)
        run = await self._run(item, "status", seconds=max(0.5, ends - self._clock.monotonic_seconds()))
        if machine.names and not is_same(item.device.identity, machine.names):
            return self._read(item, run, identity=machine.names[0], detail=_not_that_one(item, machine.names))
        state = _state(run)
        if state == "off" and not machine.may_be_off:
            # It was read before the agent, and may have gone off in between.
            again = await self._machine(item, seconds=max(0.5, ends - self._clock.monotonic_seconds()))
            if isinstance(again, Unknown) or not again.may_be_off:
                word = again.message if isinstance(again, Unknown) else f"{again.reads} is {again.power}"
                return self._read(item, run, machine=machine, detail=f"the agent says off, and {word}")
        return self._read(item, run, state=state, machine=machine)

    def _read(
        self,
        item: _Ready,
        run: AgentRun,
        *,
        state: str = "unknown",
        identity: str = "",
        machine: Machine | None = None,
        detail: str = "",
    ) -> PowerReading:
        return PowerReading(
            device=item.device.agent,
            identity=identity or item.device.identity,
            state=state,
            at_seconds=self._clock.monotonic_seconds(),
            process=run.process,
            # Redacted before it is cut: the rest of a password is a secret too.
            detail=item.given.redacted(detail or _telling_line(run.output))[:SHOWN_CHARACTERS],
            tells_identity=machine is not None and bool(machine.names),
        )

    async def _run(self, item: _Ready, action: str, *, seconds: float) -> AgentRun:
        if item.device.agent == GATEWAY:
            told = item.given.parameters
            return await run_gateway(action, item.device.identity, told, deadline_seconds=seconds)
        if item.device.agent == RESERVATION:
            disk, identity = self._shared_disk(), item.device.identity
            return await disk.run(action, of=item.node, identity=identity, seconds=seconds)
        told_agent, session = pinned(item.device.agent, item.given.parameters)
        told_agent, environment = quietly(item.device.agent, told_agent)
        environment |= session
        told_agent["action"] = action
        program = self._folder / item.device.agent
        try:
            return await run_agent(program, told_agent, deadline_seconds=seconds, environment=environment)
        except ValueError as error:
            raise _DeviceFault(Reason.INVALID_SPEC, f"{item.device.agent}: {error}") from None

    async def _ready(self, node: str, device: FencingDevice) -> _Ready:
        secret: Mapping[str, bytes] = {}
        if device.secret is not None:
            try:
                secret = await self._secrets(self._namespace, device.secret.name)
            except LookupError:
                raise _DeviceFault(Reason.SECRET_MISSING, f"there is no Secret {device.secret.name}") from None
            except Exception as error:  # noqa: BLE001 - whatever the store raises, it is one fact: there is no password now
                kind = type(error).__name__
                text = f"the Secret {device.secret.name} could not be read ({kind})"
                raise _DeviceFault(Reason.SECRET_MISSING, text) from None
        try:
            told = given(device, secret)
        except ValueError as error:
            raise _DeviceFault(Reason.INVALID_SPEC, str(error)) from None
        if device.agent not in OWN_DEVICES:
            await self._match(device, told)
        if self._policy is not None and told.parameters.get("ip"):
            # An agent resolves a name again by itself, so this keeps out mistakes, not a name server that lies.
            host = host_of(told.parameters["ip"])
            place = await resolved(host, 0, policy=self._policy, what=f"{device.agent} {device.identity}")
            if isinstance(place, Unknown) and place.reason is Reason.ADDRESS_REFUSED:
                raise _DeviceFault(place.reason, place.message)
        return _Ready(device, told, node)

    async def _machine(self, item: _Ready, *, seconds: float) -> Machine | Unknown:
        """Return what the device says of what it speaks for: a machine, or the disk."""
        device = item.device
        if device.agent == RESERVATION:
            names = await self._shared_disk().names(of=item.node, identity=device.identity, seconds=seconds)
            return names if isinstance(names, Unknown) else Machine(names)
        return await machine_of(device.agent, item.given.parameters, identity=device.identity, seconds=seconds)

    def _shared_disk(self) -> DiskReservation:
        if self._disk is None:
            raise _DeviceFault(Reason.INVALID_SPEC, "no node can be asked for the disk")
        return self._disk

    async def _match(self, device: FencingDevice, told: Given) -> None:
        """Hold the parameters to what the installed agent says that it takes."""
        program = self._folder / device.agent
        try:
            metadata = await self._catalog.of(program)
        except FileNotFoundError:
            text = f"there is no agent {program}; install the package that has {device.agent}"
            raise _DeviceFault(Reason.DEVICE_FAILED, text) from None
        except ValueError as error:
            raise _DeviceFault(Reason.DEVICE_FAILED, f"{device.agent}: {error}") from None
        own = of_agent(device.agent, told.parameters)
        wrong = complaint(device.agent, metadata, own, from_secret=told.from_secret)
        if wrong is not None:
            raise _DeviceFault(Reason.INVALID_SPEC, wrong)


def _is_worth_another(outcome: Outcome) -> bool:
    """Tell whether an attempt failed in a way that another one might not, or left something on."""
    if isinstance(outcome, Done):
        return outcome.evidence is None or not {item.state for item in outcome.evidence.readings} <= FENCED_STATES
    return isinstance(outcome, Failed)


def _silent(readings: Iterable[PowerReading]) -> list[PowerReading]:
    return [reading for reading in readings if reading.state == "unknown"]


def _not_that_one(item: _Ready, names: Sequence[str]) -> str:
    return f"{item.device.agent} speaks for the machine {' or '.join(names)}, not for {item.device.identity}"


def _state(run: AgentRun) -> str:
    words = {line.strip() for line in run.output.splitlines()}
    return next(
        (state for (status, word), state in SAYS.items() if run.exit_status == status and word in words), "unknown"
    )


def _said(item: _Ready, run: AgentRun) -> str:
    how = "killed at its deadline" if run.exit_status is None else f"exit {run.exit_status}"
    return f"{item.device.agent} {item.device.identity}: {how}, process {run.process}"


def _telling_line(output: str) -> str:
    """Return the first complaint of an agent, which later ones only repeat, or else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    complaint = next((line for line in lines if "ERROR" in line), None)
    return complaint or (lines[-1] if lines else "")
