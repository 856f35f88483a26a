"""A local Git repository with the pair's manifest, and the loop that applies it again and again."""

from __future__ import annotations

import contextlib
import subprocess
import threading
from typing import TYPE_CHECKING

import yaml

from support.controlplane.errors import ControlPlaneError
from support.demo.story import NAMESPACE

if TYPE_CHECKING:
    from pathlib import Path

    from support.demo.stage import Stage

EVERY_SECONDS = 3.0
MANIFEST = "pair.yaml"


class Repository:
    """Where people write the manifest; the loop brings its newest commit to the cluster, whatever stands there."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        """Make the repository with the stage's pair as its first commit."""
        self._stage = stage
        self._folder = folder
        self._syncing: threading.Event | None = None
        self._thread: threading.Thread | None = None
        folder.mkdir(parents=True)
        self._git("init", "--quiet")
        (folder / MANIFEST).write_text(stage.pair())
        self._commit("The pair")

    def order(self, node: str) -> None:
        """Commit another activeNode, if it is another."""
        pair = yaml.safe_load((self._folder / MANIFEST).read_text())
        if pair["spec"]["activeNode"] == node:
            return
        pair["spec"]["activeNode"] = node
        (self._folder / MANIFEST).write_text(yaml.safe_dump(pair, sort_keys=False))
        self._commit(f"Make {node} active")

    def start(self) -> None:
        """Begin to apply the newest commit every few seconds."""
        if self._thread is None:
            self._syncing = threading.Event()
            self._thread = threading.Thread(target=self._sync, args=(self._syncing,), daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the loop and wait for its last word."""
        if self._thread is not None and self._syncing is not None:
            self._syncing.set()
            self._thread.join(timeout=60)
            self._thread = None

    @property
    def is_syncing(self) -> bool:
        """Whether the loop runs."""
        return self._thread is not None

    def _sync(self, ended: threading.Event) -> None:
        while not ended.is_set():
            text = self._git("show", f"HEAD:{MANIFEST}")
            # No API server, or a refusal: a sync loop tries again, as it does when all is well.
            with contextlib.suppress(ControlPlaneError):
                self._stage.kubectl("apply", "-n", NAMESPACE, "-f", "-", input_text=text)
            ended.wait(EVERY_SECONDS)

    def _commit(self, message: str) -> None:
        self._git("add", MANIFEST)
        self._git("-c", "user.name=chaos", "-c", "user.email=chaos@example.org", "commit", "--quiet", "-m", message)

    def _git(self, *words: str) -> str:
        command = ("git", "-C", str(self._folder), *words)
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
