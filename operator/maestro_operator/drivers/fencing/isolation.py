"""Isolation at a gateway: a router behind which a node lies is told to cut it off, and asked whether it did.

The law of this file: the gateway's host key is pinned and its address a number, so whoever answers is the router that
the resource means. It is told one word and one address, in a new session each time. What it answers is handed on as an
agent's answer is; `isolated` is not `off`, and what that proves is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.drivers.fencing.agent import OUTPUT_LIMIT_BYTES, AgentRun
from maestro_operator.model.denial import GATEWAY
from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.connect import PRIVATE_KEY, connect_pinned
from maestro_operator.transport.failures import EXPECTED, unknown_from

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY = "ssh_privatekey"
"""What the Secret's `ssh-privatekey` is called among a device's parameters."""
WANTED = ("ip", "username", "host_key")
ALLOWED = frozenset({*WANTED, "ipport", KEY})
FAILED = 1
MOST_DIGITS = 9
_FIELDS = {"key_field": "the gateway's parameter host_key", "secret_field": "the gateway's secret"}
_ORDERS: Mapping[str, str] = {"off": "isolate", "status": "status"}


def accept_gateway(identity: str, told: Mapping[str, str]) -> None:
    """Hold a gateway's parameters to what it needs.

    Raises:
        ValueError: the gateway cannot be used; the message says what to write.

    """
    for name in told:
        if name not in ALLOWED:
            raise ValueError(f"remove the parameter {name}: a gateway takes ip, ipport, username and host_key")
    for name in WANTED:
        if not told.get(name):
            raise ValueError(f"set the parameter {name}: the gateway is reached by ip, username and host_key")
    if not told.get(KEY):
        raise ValueError(f"a gateway needs a Secret with {PRIVATE_KEY}")
    for what, value in (("identity", identity), ("the parameter ip", told["ip"])):
        if not _is_ipv4(value):
            raise ValueError(f"{what} must be an IPv4 address: the node's as the gateway routes it, the gateway's own")
    if not told.get("ipport", "22").isdecimal():
        raise ValueError("the parameter ipport is no port")
    _accept_keys(told)


def _accept_keys(told: Mapping[str, str]) -> None:
    try:
        asyncssh.import_public_key(told["host_key"])
    except asyncssh.KeyImportError:
        text = "the parameter host_key is no public key: write what ssh-keyscan prints of the gateway"
        raise ValueError(text) from None
    try:
        asyncssh.import_private_key(told[KEY])
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # The library's own text may quote what it was given.
        raise ValueError(f"{PRIVATE_KEY} of the gateway's Secret is no key without a passphrase") from None


async def run_gateway(
    action: str, identity: str, parameters: Mapping[str, str], *, deadline_seconds: float
) -> AgentRun:
    """Tell or ask a gateway about one address, and return its answer in the form of an agent's."""
    what = f"gateway {parameters['ip']}"
    try:
        async with asyncio.timeout(deadline_seconds):
            answer = await _asked(f"{_ORDERS[action]} {identity}", parameters)
    except TimeoutError:
        return AgentRun(0, None, f"ERROR: {what} did not answer in time")
    except EXPECTED as error:
        return AgentRun(0, FAILED, f"ERROR: {unknown_from(error, what=what).message}")
    if isinstance(answer, Unknown):
        return AgentRun(0, FAILED, f"ERROR: {answer.message}")
    return answer


async def gateway_names(identity: str, parameters: Mapping[str, str], *, seconds: float) -> tuple[str, ...] | Unknown:
    """Return the address that the gateway itself says to lie behind one of its own legs."""
    run = await run_gateway("status", identity, parameters, deadline_seconds=seconds)
    named = [line.removeprefix("beyond=") for line in run.output.splitlines() if line.startswith("beyond=")]
    if not named:
        said = next(
            (line for line in run.output.splitlines() if "ERROR" in line), "it does not say what lies behind it"
        )
        reason = Reason.TIMED_OUT if run.exit_status is None else Reason.DEVICE_FAILED
        return Unknown(reason, said.removeprefix("ERROR: "))
    return (named[-1],)


async def _asked(command: str, parameters: Mapping[str, str]) -> AgentRun | Unknown:
    ssh = Ssh(
        host=parameters["ip"],
        port=int(parameters.get("ipport", "22")),
        user=parameters["username"],
        host_key=parameters["host_key"],
        credentials_secret=SecretReference(name=GATEWAY),
    )
    router = FrozenNode(name=GATEWAY, address=ssh.host, ssh=ssh)
    opened = await connect_pinned(
        router,
        ssh.host,
        key=asyncssh.import_private_key(parameters[KEY]),
        pinned=asyncssh.import_public_key(ssh.host_key),
        fields=_FIELDS,
    )
    if isinstance(opened, Unknown):
        return opened
    try:
        done = await opened.run(command, check=False, stdin=asyncssh.DEVNULL, stderr=asyncssh.STDOUT, encoding=None)
    finally:
        # Never waited for: what is cut off may not say goodbye.
        opened.abort()
    raw = done.stdout if isinstance(done.stdout, bytes) else b""
    text = raw[-OUTPUT_LIMIT_BYTES:].decode(errors="replace")
    return AgentRun(_process(text), FAILED if done.exit_status is None else done.exit_status, text)


def _process(text: str) -> int:
    """Return the number of the process that answered on the gateway, 0 where it did not say."""
    numbers = [line.removeprefix("process=") for line in text.splitlines() if line.startswith("process=")]
    return int(numbers[-1]) if numbers and numbers[-1].isdecimal() and len(numbers[-1]) <= MOST_DIGITS else 0


def _is_ipv4(text: str) -> bool:
    try:
        return str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False
