"""Every agent that Debian has, by its own metadata: each is either refused with a reason or able to say off."""

from pathlib import Path

import pytest

from maestro_operator.drivers.fencing.believed import IDENTITY_BY_DEVICE, REFUSED_AGENTS, SECOND_READER
from maestro_operator.drivers.fencing.metadata import NEEDED_ACTIONS, AgentCatalog, complaint

FOLDER = Path("/usr/sbin")
AGENTS = sorted(path.name for path in FOLDER.glob("fence_*"))
USUAL = ("fence_redfish", "fence_ipmilan", "fence_apc")


def usable(name: str) -> bool:
    return name not in REFUSED_AGENTS


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.timeout(30)
async def test_the_usual_agents_say_what_they_take(name: str) -> None:
    metadata = await AgentCatalog().of(FOLDER / name)
    told = {"ip": "192.0.2.9", "username": "u", "password": "p", "plug": "7", "power_timeout": "60"}
    assert metadata.actions >= NEEDED_ACTIONS
    assert complaint(name, metadata, told, from_secret=("password",)) is None
    assert complaint(name, metadata, {**told, "pasword": "p"}, from_secret=()) is not None
    assert complaint(name, metadata, {**told, "power_timeout": "a minute"}, from_secret=()) is not None


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_every_agent_is_refused_with_a_reason_or_can_say_off() -> None:
    assert {*IDENTITY_BY_DEVICE, *SECOND_READER, *REFUSED_AGENTS} <= set(AGENTS)
    catalog = AgentCatalog()
    unfit = []
    for name in filter(usable, AGENTS):
        metadata = await catalog.of(FOLDER / name)
        if not metadata.actions >= NEEDED_ACTIONS:
            unfit.append(name)
    assert unfit == []
