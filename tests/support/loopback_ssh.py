"""A real SSH server on loopback that runs commands here, with `sudo` and `systemctl` of the test's own."""

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncssh
from typing_extensions import override

SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n'


@dataclasses.dataclass
class LoopbackSsh:
    """One running server and everything a client needs to be let in."""

    port: int
    host_key: str
    private_key: bytes
    server: "_Server"
    secret_reads: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    async def secrets(self, namespace: str, name: str) -> Mapping[str, bytes]:
        """Return the one Secret there is; every other name is missing."""
        self.secret_reads.append((namespace, name))
        if name != "node-ssh":
            raise KeyError(name)
        return {"ssh-privatekey": self.private_key}

    def drop_connections(self) -> None:
        """End every open connection the way a dying host does: without a goodbye."""
        for connection in tuple(self.server.connections):
            connection.abort()


class _Server:
    def __init__(self, key: asyncssh.SSHKey, *, folder: Path, may_forward: bool) -> None:
        self.key = key
        self.folder = folder
        self.may_forward = may_forward
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.commands: list[str] = []
        self.children: list[asyncio.subprocess.Process] = []
        self.accepted = 0
        self.lets_in = asyncio.Event()
        self.lets_in.set()

    async def run(self, process: "asyncssh.SSHServerProcess[bytes]") -> None:
        self.commands.append(process.command or "")
        environment = {**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}"}
        child = await asyncio.create_subprocess_exec(
            *("sh", "-c", process.command or ""),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self.children.append(child)
        if child.stdin is None or child.stdout is None or child.stderr is None:
            return
        feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
        try:
            await asyncio.gather(_pump(child.stdout, process.stdout), _pump(child.stderr, process.stderr))
            process.exit(await child.wait())
        finally:
            feeding.cancel()


async def _feed(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncssh.Error):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()
    sink.close()


async def _pump(source: asyncio.StreamReader, sink: "asyncssh.SSHWriter[bytes]") -> None:
    # A client that went away stops reading; the command then has nobody to write to.
    with contextlib.suppress(OSError, asyncssh.Error):
        while chunk := await source.read(65536):
            sink.write(chunk)
            await sink.drain()


class _Connection(asyncssh.SSHServer):
    def __init__(self, server: _Server) -> None:
        self._server = server
        self._connection: asyncssh.SSHServerConnection | None = None

    @override
    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)
        self._server.accepted += 1

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    @override
    async def begin_auth(self, username: str) -> bool:
        await self._server.lets_in.wait()
        return True

    @override
    def public_key_auth_supported(self) -> bool:
        return True

    @override
    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "maestro" and key.public_data == self._server.key.public_data

    @override
    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        if not self._server.may_forward:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "no forwarding")
        return True


@contextlib.asynccontextmanager
async def loopback_ssh(
    folder: Path, *, may_forward: bool = True, address: str = "127.0.0.1"
) -> AsyncIterator[LoopbackSsh]:
    """Run a server whose commands find `folder` first on their PATH; on another address it is one for a bed."""
    folder.mkdir(parents=True, exist_ok=True)
    sudo = folder / "sudo"
    sudo.write_text(SUDO)
    sudo.chmod(0o755)
    host_key, user_key = (asyncssh.generate_private_key("ssh-ed25519") for _ in range(2))
    server = _Server(user_key.convert_to_public(), folder=folder, may_forward=may_forward)
    acceptor = await asyncssh.listen(
        address,
        0,
        server_factory=lambda: _Connection(server),
        server_host_keys=[host_key],
        process_factory=server.run,
        encoding=None,
        config=None,
    )
    try:
        yield LoopbackSsh(
            port=acceptor.get_port(),
            host_key=host_key.export_public_key().decode().strip(),
            private_key=user_key.export_private_key(),
            server=server,
        )
    finally:
        acceptor.close()
        for connection in tuple(server.connections):
            connection.abort()
        await acceptor.wait_closed()
        for child in server.children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            # An end of output that nobody reads may never come; the end of the process does.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await child.wait()
            child._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
        await asyncio.sleep(0)
