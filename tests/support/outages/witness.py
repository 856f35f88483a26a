"""A third machine's SSH server, which forwards connections and has a ping; nothing of the project is on it.

`python -m support.outages.witness ADDRESS PORT HOST_KEY AUTHORIZED_KEY`: the keys are files.
"""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import asyncssh
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Sequence


class Guest(asyncssh.SSHServer):
    """Lets whoever has the key connect to anywhere."""

    @override
    def connection_requested(self, dest_host: str, dest_port: int, orig_host: str, orig_port: int) -> bool:
        return True


async def run_command(process: asyncssh.SSHServerProcess[bytes]) -> None:
    """Run what is asked for."""
    child = await asyncio.create_subprocess_shell(
        process.command or "", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await child.communicate()
    process.stdout.write(said)
    process.exit(child.returncode or 0)


async def serve(words: Sequence[str]) -> None:
    """Serve until the end."""
    address, port, host_key, authorized = words
    server = await asyncssh.listen(
        address,
        int(port),
        server_factory=Guest,
        server_host_keys=[host_key],
        authorized_client_keys=authorized,
        process_factory=run_command,
        encoding=None,
        config=None,
    )
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1:]))
