"""An operator's process that does nothing but fence: to be killed or frozen while its agent runs.

Run as `python -m support.fencematrix.lone CONFIG`; the configuration is one JSON file with the device and its password.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.fencing.agents import AgentFencing
from maestro_operator.model.pair import FencingDevice, FencingRung, SecretReference, Ssh
from maestro_operator.model.status import FrozenNode

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNG = "bmc"


async def main() -> None:
    """Fence node a by the device of the configuration."""
    told = json.loads(Path(sys.argv[1]).read_text())
    device = FencingDevice.model_validate(told["device"])
    rung = FencingRung(name=RUNG, devices=(device,), deadline_seconds=int(told["deadline"]))
    ssh = Ssh(host="192.0.2.1", host_key="none", credentials_secret=SecretReference(name="none"))
    node = FrozenNode(name="a", address="192.0.2.1", ssh=ssh, fencing=(rung,))

    async def secrets(_namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"password": told["password"].encode()}

    driver = AgentFencing(namespace="pairs", folder=Path(told["agents"]), secrets=secrets, clock=SystemClock())
    print(await driver.off(node, rung=RUNG, deadline_seconds=float(told["deadline"])))


if __name__ == "__main__":
    asyncio.run(main())
