"""What one fence device is given: the resource's parameters and its Secret, checked before any use.

The law of this file: a device is accepted only where its "off" means that the one named machine
has no power. Agents that say off of a machine that still runs are refused, and so are parameters
with which an agent chooses a machine by itself, runs a program or writes down what it was given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.fencing.believed import IPMI_AGENTS, REFUSED_AGENTS
from maestro_operator.drivers.fencing.isolation import accept_gateway
from maestro_operator.drivers.fencing.metadata import canonical
from maestro_operator.drivers.fencing.reservation import accept_reservation
from maestro_operator.drivers.fencing.virsh import AGENT as VIRSH
from maestro_operator.drivers.fencing.virsh import accept_virsh
from maestro_operator.model.denial import GATEWAY, OWN_DEVICES, RESERVATION

if TYPE_CHECKING:
    from maestro_operator.model.pair import FencingDevice, FencingRung

AGENT_NAME = re.compile(r"fence_[a-z0-9_]{1,40}")
ADDRESSED_BY_ADDRESS = IPMI_AGENTS
"""Agents whose device serves one machine; every other one must be told which by `plug`."""
REFUSED = frozenset(
    {
        *("action", "method", "missing_as_off", "delay", "power_wait", "port_as_ip", "force_on"),
        *("help", "version", "quiet", "verbose", "verbose_level", "debug_file"),
        *("ssh_options", "exec", "switch", "target", "sudo", "use_sudo"),
    }
)
"""Set by this driver; or able to make an agent say off, or nothing, without a machine being off; or to
have it write down passwords or run a program."""
_RUNS_A_PROGRAM = re.compile(r".*_script|(?!api_).*_path")
_ONE_WORD = re.compile(r"[A-Za-z0-9]*")
# Put together to one address or one command line by an agent, each must stay the part it is.
_FORMS: Mapping[str, re.Pattern[str]] = {
    "ip": re.compile(r"([A-Za-z0-9:\[][A-Za-z0-9.:\[\]-]*)?"),
    "ipport": re.compile(r"[0-9]*"),
    "systems_uri": re.compile(r"(/[^\s?#\\]*)?"),
    **dict.fromkeys(("cipher", "privlvl", "auth", "hexadecimal_kg", "ipmitool_timeout"), _ONE_WORD),
}
_SWITCHED_OFF = frozenset({"0", "no", "off", "false", ""})


@dataclass(frozen=True, slots=True)
class Given:
    """Everything one agent is told, and how to print what it answers."""

    parameters: Mapping[str, str]
    secrets: tuple[str, ...] = ()
    """The values that came from the Secret."""
    from_secret: frozenset[str] = frozenset()
    """The names of the parameters that came from the Secret."""

    def redacted(self, text: str) -> str:
        """Return a text without any value of the Secret."""
        # The longest first: a value may stand in another one.
        for value in sorted(self.secrets, key=len, reverse=True):
            text = text.replace(value, "***") if value else text
        return text


def given(device: FencingDevice, secret: Mapping[str, bytes]) -> Given:
    """Return what the device's agent is told.

    Raises:
        ValueError: the device is not accepted; the message says what to write instead.

    """
    _accept_agent(device.agent)
    values = {name: _text(name, value) for name, value in secret.items()}
    told: dict[str, str] = {}
    for name, value in (*device.parameters.items(), *values.items()):
        known = canonical(name)
        if known in told:
            raise ValueError(f"{known} is given twice: write it once, in parameters or in the Secret")
        told[known] = value
    for name in sorted(told):
        if name in REFUSED or _RUNS_A_PROGRAM.fullmatch(name):
            raise ValueError(f"remove the parameter {name}: it is not the resource's to set")
    # fence_redfish looks only whether this is there, so a "0" would mean yes.
    if told.get("ssl_insecure", "1").lower() in _SWITCHED_OFF:
        del told["ssl_insecure"]
    if device.agent == GATEWAY:
        accept_gateway(device.identity, told)
    elif device.agent == RESERVATION:
        accept_reservation(told)
    elif device.agent == VIRSH:
        accept_virsh(told)
    else:
        _accept_address(device, told)
    return Given(told, tuple(values.values()), frozenset(canonical(name) for name in values))


def host_of(address: str) -> str:
    """Return the host of an address as agents take it: a port may stand behind an IPv4 address or a name."""
    return address.partition(":")[0] if address.count(":") == 1 else address.strip("[]")


def twice(rung: FencingRung) -> str | None:
    """Return what is wrong with a rung whose devices could not be told apart, else None."""
    identities = [device.identity for device in rung.devices]
    doubled = next((item for item in identities if identities.count(item) > 1), None)
    if doubled is None:
        return None
    return f"two devices of rung {rung.name} have the identity {doubled}: one's answers could pass for the other's"


def _accept_agent(agent: str) -> None:
    if agent in OWN_DEVICES:
        return
    if not AGENT_NAME.fullmatch(agent):
        raise ValueError(f"{agent!r} is no fence agent's name")
    if agent in REFUSED_AGENTS:
        raise ValueError(f"{agent} proves nothing: {REFUSED_AGENTS[agent]}; use another agent")


def _accept_address(device: FencingDevice, told: Mapping[str, str]) -> None:
    needed = ["plug"]
    if device.agent == "fence_redfish":
        needed = ["ip", "systems_uri"]
    elif device.agent in ADDRESSED_BY_ADDRESS:
        needed = ["ip"]
    for name in needed:
        if not told.get(name):
            raise ValueError(f"set the parameter {name}: without it {device.agent} may choose a machine")
    for name, form in _FORMS.items():
        if not form.fullmatch(told.get(name, "")):
            raise ValueError(f"the parameter {name} has a form that could lead to another machine")


def _text(name: str, value: bytes) -> str:
    try:
        # A Secret made from a file ends with a line break that is nobody's password.
        return value.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"the Secret's {name} is no text") from None
