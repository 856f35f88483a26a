"""One connection to a node, opened with its pinned host key and the key from its Secret."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.failures import EXPECTED, unknown_from
from maestro_operator.transport.resolution import resolved

if TYPE_CHECKING:
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.status import FrozenNode

ReadSecret = Callable[[str, str], Awaitable[Mapping[str, bytes]]]
"""Reads a Secret by namespace and name; a LookupError says that it does not exist."""
PRIVATE_KEY = "ssh-privatekey"
REMEDIES = {
    Reason.WRONG_HOST_KEY: (
        "another machine answers there, or its key was made anew: write the key of the right machine into {key_field}"
    ),
    Reason.WRONG_CREDENTIALS: "put the key of {secret_field} among that user's authorized keys",
}
_FIELDS = {"key_field": "hostKey", "secret_field": "credentialsSecret"}
IDLE, BUSY = (5, 3), (2, 3)
"""Seconds between two signs of life that are asked for, and how many may fail to come: while a command is awaited, more
often, for its node may have gone dark since."""
ACCEPT_SECONDS = 4.0
"""As long as a machine is waited for to accept. What is lost is sent anew ever more rarely, so a new attempt hears
sooner of a machine that came back than an old one would."""


async def open_connection(
    node: FrozenNode, *, secrets: ReadSecret, namespace: str, policy: AddressPolicy | None
) -> asyncssh.SSHClientConnection | Unknown:
    """Open a connection to the node's pinned key; the caller bounds the time.

    A name is resolved here, and what it resolves to is judged and used: nobody resolves it again.
    """
    what = f"{node.name}: ssh {node.ssh.user}@{node.ssh.host}:{node.ssh.port}"
    key = await _private_key(node, secrets=secrets, namespace=namespace)
    if isinstance(key, Unknown):
        return key
    try:
        pinned = asyncssh.import_public_key(node.ssh.host_key)
    except asyncssh.KeyImportError:
        return Unknown(Reason.INVALID_SPEC, f"{node.name}: ssh.hostKey is no public key")
    addresses = await resolved(node.ssh.host, node.ssh.port, policy=policy, what=what)
    if isinstance(addresses, Unknown):
        return addresses
    fields = {key: f"spec.nodes[{node.name}].ssh.{name}" for key, name in _FIELDS.items()}
    found: asyncssh.SSHClientConnection | Unknown = Unknown(Reason.NAME_NOT_FOUND, f"{what}: no address")
    for address in addresses:
        found = await connect_pinned(node, address, key=key, pinned=pinned, fields=fields)
        if not isinstance(found, Unknown):
            break
    return found


async def connect_pinned(
    node: FrozenNode, address: str, *, key: asyncssh.SSHKey, pinned: asyncssh.SSHKey, fields: Mapping[str, str]
) -> asyncssh.SSHClientConnection | Unknown:
    """Connect to one address, to this host key and with this key alone; `fields` name where both are written."""
    try:
        return await asyncssh.connect(
            address,
            node.ssh.port,
            sock=await _accepted(address, node.ssh.port),
            username=node.ssh.user,
            known_hosts=([pinned], [], []),
            client_keys=[key],
            config=None,
            agent_path=None,
            client_host_keys=None,
            preferred_auth="publickey",
            password_auth=False,
            kbdint_auth=False,
            gss_auth=False,
            gss_kex=False,
            host_based_auth=False,
            tunnel=None,
            keepalive_interval=IDLE[0],
            keepalive_count_max=IDLE[1],
        )
    except EXPECTED as error:
        what = f"{node.name}: ssh {node.ssh.user}@{node.ssh.host}:{node.ssh.port}"
        failed = unknown_from(error, what=what)
        remedy = REMEDIES.get(failed.reason)
        return failed if remedy is None else replace(failed, message=f"{failed.message}: {remedy.format(**fields)}")


async def _accepted(address: str, port: int) -> socket.socket:
    """Return a connection that a machine accepted, or raise OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    family, kind, protocol, _, there = found[0]
    opened = socket.socket(family, kind, protocol)
    try:
        opened.settimeout(0)
        async with asyncio.timeout(ACCEPT_SECONDS):
            await loop.sock_connect(opened, there)
    except BaseException:
        opened.close()
        raise
    return opened


async def _private_key(node: FrozenNode, *, secrets: ReadSecret, namespace: str) -> asyncssh.SSHKey | Unknown:
    name = node.ssh.credentials_secret.name
    try:
        secret = await secrets(namespace, name)
        content = secret[PRIVATE_KEY]
    except LookupError:
        return Unknown(Reason.SECRET_MISSING, f"{node.name}: Secret {name} has no {PRIVATE_KEY}")
    except Exception as error:  # noqa: BLE001 - whatever the store raises, it is one fact: there is no key now
        kind = type(error).__name__
        return Unknown(Reason.SECRET_MISSING, f"{node.name}: Secret {name} could not be read ({kind})")
    try:
        return asyncssh.import_private_key(content)
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # The library's own text may quote what it was given.
        return Unknown(Reason.WRONG_CREDENTIALS, f"{node.name}: {PRIVATE_KEY} of Secret {name} is no usable key")
