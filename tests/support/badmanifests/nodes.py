"""Two SSH servers a manifest that know one command, the one that reads a node, and write down every other.

Nothing that arrives is run on this machine: a reading is answered as a new server without a guard answers it, and
any other command is an effect, refused and kept as evidence. The name server checks signatures and moves nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import shlex
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import asyncssh
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Coroutine

SSH_PORT, DNS_PORT = 2222, 53
USER = "maestro"
NETWORK = "127.77"
CALL_SECONDS = 20.0
READING = "maestro-observe"


@dataclass
class CommandLog:
    """What was asked of the nodes of one manifest."""

    readings: int = 0
    effects: list[str] = field(default_factory=list)


class Grounds:
    """All the servers, in a thread with an event loop of their own."""

    def __init__(self) -> None:
        """Makes the keys; nothing listens yet."""
        self.host_keys = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("a", "b")}
        self.user_key = asyncssh.generate_private_key("ssh-ed25519")
        self.stranger_key = asyncssh.generate_private_key("ssh-ed25519")
        self.tsig = dns.tsig.Key("maestro.", b"0123456789abcdef", "hmac-sha256")
        self.logs: dict[int, CommandLog] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="grounds", daemon=True)
        self._thread.start()
        self._acceptors: list[asyncssh.SSHAcceptor] = []
        self._transports: list[asyncio.BaseTransport] = []

    def prepare(self, number: int, *, cloned: bool, has_names: bool) -> None:
        """Lets the nodes of one manifest listen: a and b, each under two addresses."""
        self.logs[number] = CommandLog()
        for host, name in ((10, "a"), (20, "b"), (30, "a"), (40, "b")):
            machine = f"{number:016x}{1 if cloned or name == 'a' else 2:016x}"
            self._call(self._listen(number, host=host, name=name, machine_id=machine))
        if has_names:
            self._call(self._serve_names(number))

    def public_key(self, name: str) -> str:
        """Returns a node's host key as a resource has it."""
        return self.host_keys[name].export_public_key().decode().strip()

    def close(self) -> None:
        """Ends every server."""
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()

    def _call(self, what: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(CALL_SECONDS)

    async def _listen(self, number: int, *, host: int, name: str, machine_id: str) -> None:
        log = self.logs[number]

        async def run(process: asyncssh.SSHServerProcess[str]) -> None:
            words = shlex.split(process.command or "")
            if READING in words:
                log.readings += 1
                process.stdout.write(_reading(machine_id, words[words.index(READING) + 2 :]))
                process.exit(0)
            else:
                log.effects.append((process.command or "")[:200])
                process.stdout.write("refused=OnlyRead\nmessage=this server is only read\n")
                process.exit(10)

        user_key = self.user_key.convert_to_public()
        self._acceptors.append(
            await asyncssh.listen(
                f"{NETWORK}.{number}.{host}",
                SSH_PORT,
                server_factory=lambda: _OneUser(user_key),
                server_host_keys=[self.host_keys[name]],
                process_factory=run,
                config=None,
            )
        )

    async def _serve_names(self, number: int) -> None:
        """Answers for the zone on this manifest's own address; needs the right to listen on port 53."""
        transport, _ = await self._loop.create_datagram_endpoint(
            lambda: _Names(self.tsig, f"{NETWORK}.{number}.10"), local_addr=(f"{NETWORK}.{number}.53", DNS_PORT)
        )
        self._transports.append(transport)

    async def _end(self) -> None:
        for transport in self._transports:
            transport.close()
        for acceptor in self._acceptors:
            acceptor.close()
        for acceptor in self._acceptors:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await acceptor.wait_closed()


class _OneUser(asyncssh.SSHServer):
    def __init__(self, key: asyncssh.SSHKey) -> None:
        self._key = key

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._key.public_data


class _Names(asyncio.DatagramProtocol):
    def __init__(self, key: dns.tsig.Key, address: str) -> None:
        self._key = key
        self._address = address
        self._transport: asyncio.DatagramTransport | None = None

    @override
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    @override
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            query = dns.message.from_wire(data, keyring=self._key)
            answer = dns.message.make_response(query)
            question = query.question[0]
            answer.answer.append(dns.rrset.from_text(question.name, 30, "IN", "A", self._address))
        except (dns.tsig.BadSignature, dns.message.UnknownTSIGKey):
            query = dns.message.from_wire(data, keyring=False)
            query.keyring = self._key
            answer = dns.message.make_response(query, tsig_error=dns.rcode.BADSIG)
            answer.set_rcode(dns.rcode.NOTAUTH)
        answer.flags |= dns.flags.AA
        if self._transport is not None:
            self._transport.sendto(answer.to_wire(), addr)


def _reading(machine_id: str, words: list[str]) -> str:
    """Returns what a server without a guard says of the units among the words of the question."""
    lines = [
        *("systemd_version=252", "state=absent", f"machine_id={machine_id}", f"boot_id={machine_id}"),
        *(
            "uptime_seconds=1000.0",
            *(f"unit.{unit}=inactive/dead/disabled/success" for unit in words if unit.endswith(".service")),
        ),
        *("holders=", "listeners=", "pins=", "disk_free_bytes=1000000000", "replica.live=absent"),
    ]
    return "".join(f"{line}\n" for line in lines)
