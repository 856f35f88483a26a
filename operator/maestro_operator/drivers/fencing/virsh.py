"""What a libvirt host is asked beside `fence_virsh`: the machine's UUID and its state, over a pinned host key.

The law of this file: the agent says off of every state that it does not know to be on (crashed, suspended, shutting
down, no answer), so its word counts only where libvirt itself says `shut off` of the very machine. Agent and reader
take the same private key, which is in no file and no argument, and the same host key.
"""

from __future__ import annotations

import asyncio
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.connect import PRIVATE_KEY, connect_pinned
from maestro_operator.transport.failures import EXPECTED, unknown_from

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT = "fence_virsh"
KEY, HOST_KEY = "ssh_privatekey", "host_key"
"""What the operator needs for the session, and the agent has no parameter for."""
PINNED = Path(__file__).with_name("ssh_pinned.py")
READ_SECONDS = 10.0
SHUT_OFF, OFF = "shut off", "Off"
SSH_PORT = "22"
_FIELDS = {"key_field": "the device's parameter host_key", "secret_field": "the device's secret"}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,127}")


def accept_virsh(told: Mapping[str, str]) -> None:
    """Hold the device to what a pinned session needs.

    Raises:
        ValueError: it cannot be used; the message says what to write.

    """
    for name in ("ip", "username", HOST_KEY):
        if not told.get(name):
            raise ValueError(f"set the parameter {name}: the libvirt host is reached by ip, username and host_key")
    if "password" in told:
        raise ValueError(f"take the password out of the Secret and put {PRIVATE_KEY} there: only a key is used")
    if not _PLUG.fullmatch(told.get("plug", "")):
        raise ValueError("set the parameter plug to the machine's name or UUID as virsh list has it")
    try:
        asyncssh.import_public_key(told[HOST_KEY])
    except asyncssh.KeyImportError:
        raise ValueError("the parameter host_key is no public key: write what ssh-keyscan prints of the host") from None
    try:
        asyncssh.import_private_key(told.get(KEY, ""))
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # The library's own text may quote what it was given.
        raise ValueError(f"the Secret's {PRIVATE_KEY} is missing or no key without a passphrase") from None


def of_agent(agent: str, parameters: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that the agent itself has, without those of the session."""
    own = (KEY, HOST_KEY) if agent == AGENT else ()
    return {name: value for name, value in parameters.items() if name not in own}


def pinned(agent: str, parameters: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return what the agent is told and its environment, so that its ssh takes this key and this host key alone."""
    if agent != AGENT:
        return dict(parameters), {}
    port = parameters.get("ipport", SSH_PORT)
    host = parameters["ip"] if port == SSH_PORT else f"[{parameters['ip']}]:{port}"
    # The agent wants a file to be there; the program that takes the place of ssh knows the key.
    told = {**of_agent(agent, parameters), "ssh_path": str(PINNED), "identity_file": str(PINNED)}
    return told, {"PINNED_KEY": parameters[KEY], "PINNED_HOST": f"{host} {parameters[HOST_KEY]}"}


async def virsh_machine(parameters: Mapping[str, str], *, seconds: float) -> tuple[tuple[str, ...], str] | Unknown:
    """Return the names that libvirt has for the machine, and its power: Off only where it is shut off."""
    what = f"libvirt on {parameters['ip']}"
    try:
        async with asyncio.timeout(min(seconds, READ_SECONDS)):
            said = await _asked(parameters)
    except TimeoutError:
        return Unknown(Reason.TIMED_OUT, f"{what} did not say in time which machine it is")
    except EXPECTED as error:
        return unknown_from(error, what=what)
    if isinstance(said, Unknown):
        return said
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    if len(lines) < len(("uuid", "state")) or not _UUID.fullmatch(lines[0]):
        return Unknown(Reason.DEVICE_FAILED, f"{what}: {lines[-1][:100] if lines else 'no answer'}")
    return (lines[0],), OFF if lines[1] == SHUT_OFF else lines[1]


async def _asked(parameters: Mapping[str, str]) -> str | Unknown:
    ssh = Ssh(
        host=parameters["ip"],
        port=int(parameters.get("ipport", SSH_PORT)),
        user=parameters["username"],
        host_key=parameters[HOST_KEY],
        credentials_secret=SecretReference(name=AGENT),
    )
    opened = await connect_pinned(
        FrozenNode(name="libvirt", address=ssh.host, ssh=ssh),
        ssh.host,
        key=asyncssh.import_private_key(parameters[KEY]),
        pinned=asyncssh.import_public_key(ssh.host_key),
        fields=_FIELDS,
    )
    if isinstance(opened, Unknown):
        return opened
    plug = shlex.quote(parameters["plug"])
    command = f"LC_ALL=C; export LC_ALL; virsh domuuid -- {plug} && virsh domstate -- {plug}"
    try:
        done = await opened.run(command, check=False, stdin=asyncssh.DEVNULL, stderr=asyncssh.STDOUT)
    finally:
        opened.abort()
    return str(done.stdout or "")
