"""What an IPMI controller is told and asked beside its agent: its own name, and never a password in the open.

The controller's System GUID is read in a session of its own, so whoever answers knows the password. Its 16 bytes
are written in three orders by different makers; an identity in any of them is the machine's.
"""

from __future__ import annotations

import os
import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.agent import run_program
from maestro_operator.drivers.fencing.believed import IPMI_AGENTS
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

IPMITOOL = Path("/usr/bin/ipmitool")
QUIET = Path(__file__).with_name("ipmitool_quiet.py")
GUID_SECONDS = 10.0
GET_SYSTEM_GUID = ("raw", "0x06", "0x37")
GUID_BYTES = 16
NO_GUID = "rsp=0xc1"
"""The completion code of a command that the controller does not have."""
_HEX = re.compile(r"(?:[0-9a-f]{2}\s+){15}[0-9a-f]{2}")
_TRUE = frozenset({"1", "on", "yes", "true"})
_LANPLUS_BY_NAME = frozenset({"fence_ilo3", "fence_ilo4", "fence_ilo5", "fence_ipmilanplus"})
_LETTERS: Mapping[str, str] = {"ipport": "-p", "cipher": "-C", "auth": "-A", "privlvl": "-L", "hexadecimal_kg": "-y"}


def quietly(agent: str, parameters: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the agent is told and the environment it runs in, so that no password gets into any arguments."""
    told = dict(parameters)
    if agent not in IPMI_AGENTS or "password" not in told or not os.access(QUIET, os.X_OK):
        return told, {}
    password = told.pop("password")
    return {**told, "ipmitool_path": str(QUIET)}, {"IPMI_PASSWORD": password}


async def ipmi_names(agent: str, parameters: Mapping[str, str], *, seconds: float) -> tuple[str, ...] | Unknown:
    """Return the names that the controller has for its machine: its System GUID in the three orders in use.

    None at all where it has no GUID: it answers, and cannot say which machine it serves.
    """
    where = f"{parameters['ip']}:{parameters.get('ipport', '623')}"
    run = await run_program(
        IPMITOOL,
        *_session(agent, parameters),
        *GET_SYSTEM_GUID,
        text=b"",
        deadline_seconds=min(seconds, GUID_SECONDS),
        environment={"IPMI_PASSWORD": parameters.get("password", "")},
    )
    if run.exit_status is None:
        return Unknown(Reason.TIMED_OUT, f"{where} did not say in time which machine it is")
    if NO_GUID in run.output:
        return ()
    found = _HEX.search(run.output)
    if run.exit_status != 0 or found is None:
        said = next((line.strip() for line in run.output.splitlines() if line.strip()), "no answer")
        return Unknown(Reason.DEVICE_FAILED, f"{where} does not say which machine it is: {said}")
    return names_of(bytes.fromhex(found.group().replace("\n", " ")))


def names_of(guid: bytes) -> tuple[str, ...]:
    """Return a GUID's 16 bytes as RFC 4122, SMBIOS and IPMI order them; none where it is all zeros or ones."""
    if len(guid) != GUID_BYTES or set(guid) in ({0x00}, {0xFF}):
        return ()
    orders = (uuid.UUID(bytes=guid), uuid.UUID(bytes_le=guid), uuid.UUID(bytes=guid[::-1]))
    return tuple(dict.fromkeys(str(order) for order in orders))


def _session(agent: str, parameters: Mapping[str, str]) -> tuple[str, ...]:
    """Return ipmitool's arguments for the session that the agent itself would open, without the password."""
    lanplus = parameters.get("lanplus", "1" if agent in _LANPLUS_BY_NAME else "0").lower() in _TRUE
    words = ["-I", "lanplus" if lanplus else "lan", "-H", parameters["ip"]]
    if parameters.get("username"):
        words += ["-U", parameters["username"]]
    for name, letter in _LETTERS.items():
        if parameters.get(name):
            words += [letter, parameters[name]]
    return (*words, "-E")
