"""A host beside both nodes of a bed, reached by SSH: a gateway that translates, and programs that steer."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.bed import Bed, layout
from support.loopback_ssh import SUDO, LoopbackSsh, loopback_ssh
from support.manifests import Manifest

SECRET = "gateway-ssh"
START_SECONDS = 20


@dataclass(frozen=True)
class BedGateway:
    """The running host; its commands run in the bed's network."""

    server: LoopbackSsh

    @property
    def ssh(self) -> Manifest:
        """How an entry of traffic names it."""
        key = self.server.host_key
        reference = {"name": SECRET}
        return {"host": layout.BED_ADDRESS, "port": self.server.port, "hostKey": key, "credentialsSecret": reference}

    def secret(self, namespace: str) -> Manifest:
        """The Secret with the key that it lets in."""
        content = {"ssh-privatekey": self.server.private_key.decode()}
        metadata = {"name": SECRET, "namespace": namespace}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}

    def break_down(self) -> None:
        """Let every command fail."""
        (self.server.server.folder / "sudo").write_text("#!/bin/sh\necho the gateway is out of order >&2\nexit 3\n")

    def mend(self) -> None:
        """Let commands run again."""
        (self.server.server.folder / "sudo").write_text(SUDO)


@contextlib.contextmanager
def bed_gateway(bed: Bed, folder: Path) -> Iterator[BedGateway]:
    """Runs the host in a thread that stays in the bed's network, for the length of a block."""
    ready, over = threading.Event(), threading.Event()
    made: list[LoopbackSsh] = []

    async def serve() -> None:
        async with loopback_ssh(folder, address=layout.BED_ADDRESS) as server:
            made.append(server)
            ready.set()
            await asyncio.to_thread(over.wait)

    def run() -> None:
        with bed.network():
            asyncio.run(serve())

    thread = threading.Thread(target=run, name="bed-gateway")
    thread.start()
    try:
        if not ready.wait(START_SECONDS):
            raise RuntimeError("the gateway's SSH server did not start")
        yield BedGateway(made[0])
    finally:
        over.set()
        thread.join()
