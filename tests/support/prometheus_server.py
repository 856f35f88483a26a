"""A real Prometheus for the length of a block."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING

import yaml

from support.promtool import obtain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HERE = "127.0.0.1"
END_SECONDS = 20.0


def free_port() -> int:
    """Returns a port that nobody listens on."""
    with socket.socket() as found:
        found.bind((HERE, 0))
        return int(found.getsockname()[1])


@contextlib.contextmanager
def prometheus_server(config: Mapping[str, object], folder: Path) -> Iterator[int]:
    """Runs one with that configuration, its data and its log in the folder; gives its port."""
    port = free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(config)))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                str(obtain("prometheus")),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address={HERE}:{port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield port
        finally:
            process.terminate()
            process.wait(timeout=END_SECONDS)
