"""The fencing port over ClusterLabs agents.

The law of this file: `off` only, never reboot; every answer is kept as it came; what the answers
prove is not decided here. A device is addressed by the identity the resource names, and one whose
parameters would let it choose a machine by itself is refused.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from maestro_operator.drivers.fencing.agent import AgentRun, run_agent
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.proof import FenceEvidence, PowerReading
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import DeviceSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.model.pair import FencingDevice
    from maestro_operator.model.status import FrozenNode

SECOND_LOOK_SECONDS = 2.0
STATUS_SECONDS = 20.0
AGENT_NAME = re.compile(r"fence_[a-z0-9_]{1,40}")
REFUSED_PARAMETERS = frozenset({"action", "method", "missing_as_off", "delay", "power_wait"})
"""Set by this driver, or able to make an agent say off without a machine being off."""
ADDRESSED_BY: Mapping[str, str] = {
    "fence_redfish": "systems_uri",
    "fence_ipmilan": "ip",
    "fence_virsh": "plug",
}
"""The parameter that names the one machine; without it the agent might choose another."""
STATUS_ON, STATUS_OFF = 0, 2


class Secrets(Protocol):
    """Reads a Secret of a namespace."""

    async def __call__(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the data, or raise KeyError where it is not there or not readable."""


class AgentFencing:
    """Switches nodes off by fence agents and reads their power, for one pair."""

    def __init__(self, *, namespace: str, folder: Path, secrets: Secrets, clock: Clock) -> None:
        """Keep where the agents are and where their passwords come from."""
        self._namespace = namespace
        self._folder = folder
        self._secrets = secrets
        self._clock = clock

    async def off(self, node: FrozenNode, *, rung: str, deadline_seconds: float) -> Outcome:
        """Switch off every device of the rung, then read each twice, 2 s apart."""
        found = next((item for item in node.fencing if item.name == rung), None)
        if found is None or not found.devices:
            return Refused(Reason.FENCE_UNPROVEN, f"{node.name} has no rung {rung} with devices")
        try:
            async with asyncio.timeout(deadline_seconds):
                return await self._switch_off(node, rung, found.devices)
        except TimeoutError:
            return Failed(Reason.TIMED_OUT, f"rung {rung} did not end within {deadline_seconds:.0f} s")
        except (KeyError, ValueError, OSError) as error:
            return Failed(Reason.DEVICE_FAILED, f"rung {rung} of {node.name}: {error}")

    async def _switch_off(
        self, node: FrozenNode, rung: str, devices: tuple[FencingDevice, ...]
    ) -> Outcome:
        """Order off everywhere, whatever one device says: only the readings count."""
        orders = await asyncio.gather(*(self._run(device, "off") for device in devices))
        first = await asyncio.gather(*(self._reading(device) for device in devices))
        await self._clock.sleep(SECOND_LOOK_SECONDS + 0.05)
        second = await asyncio.gather(*(self._reading(device) for device in devices))
        evidence = FenceEvidence(
            node=node.name,
            rung=rung,
            devices=tuple(device.identity for device in devices),
            readings=(*first, *second),
        )
        said = "; ".join(_said(device, run) for device, run in zip(devices, orders, strict=True))
        return Done({"said": said}, evidence=evidence)

    async def check(self, node: FrozenNode) -> tuple[DeviceSeen | Unknown, ...]:
        """Read every device of the node without changing anything."""
        looks = [
            self._check(node.name, rung.name, device) for rung in node.fencing for device in rung.devices
        ]
        return tuple(await asyncio.gather(*looks))

    async def _check(self, node: str, rung: str, device: FencingDevice) -> DeviceSeen | Unknown:
        try:
            reading = await self._reading(device)
        except (KeyError, ValueError, OSError) as error:
            return Unknown(Reason.DEVICE_FAILED, f"{node}, rung {rung}, {device.agent}: {error}")
        if reading.state == "unknown":
            text = f"{node}, rung {rung}, {device.agent}: {reading.detail}"
            return Unknown(Reason.DEVICE_FAILED, text)
        return DeviceSeen(node=node, rung=rung, device=device.agent, state=reading.state)

    async def _reading(self, device: FencingDevice) -> PowerReading:
        run = await self._run(device, "status")
        state = {STATUS_ON: "on", STATUS_OFF: "off"}.get(
            -1 if run.exit_status is None else run.exit_status, "unknown"
        )
        return PowerReading(
            device=device.agent,
            identity=device.identity,
            state=state,
            at_seconds=self._clock.monotonic_seconds(),
            process=run.process,
            detail=await self._redacted(device, _last_line(run.output)),
        )

    async def _redacted(self, device: FencingDevice, text: str) -> str:
        """Return an agent's words without any value of its Secret."""
        if device.secret is None:
            return text
        for value in (await self._secrets(self._namespace, device.secret.name)).values():
            text = text.replace(value.decode(), "***") if value else text
        return text

    async def _run(self, device: FencingDevice, action: str) -> AgentRun:
        parameters = await self._parameters(device)
        return await run_agent(
            self._program(device), {**parameters, "action": action}, deadline_seconds=STATUS_SECONDS
        )

    def _program(self, device: FencingDevice) -> Path:
        if not AGENT_NAME.fullmatch(device.agent):
            message = f"{device.agent!r} is no fence agent's name"
            raise ValueError(message)
        return self._folder / device.agent

    async def _parameters(self, device: FencingDevice) -> dict[str, str]:
        refused = sorted(REFUSED_PARAMETERS & set(device.parameters))
        if refused:
            message = f"remove the parameter {refused[0]}: it is not the resource's to set"
            raise ValueError(message)
        addressed = ADDRESSED_BY.get(device.agent)
        if addressed is not None and not device.parameters.get(addressed):
            message = f"set the parameter {addressed}: without it {device.agent} may choose a machine"
            raise ValueError(message)
        parameters = dict(device.parameters)
        if device.secret is not None:
            data = await self._secrets(self._namespace, device.secret.name)
            parameters |= {name: value.decode() for name, value in data.items()}
        return parameters


def _said(device: FencingDevice, run: AgentRun) -> str:
    return f"{device.agent} {device.identity}: exit {run.exit_status}, process {run.process}"


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:200] if lines else ""
