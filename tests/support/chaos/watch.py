"""Follows one MaestroPair over the API server's own watch, through every restart of the server."""

from __future__ import annotations

import base64
import json
import threading
from typing import TYPE_CHECKING, Any

import requests
import yaml

from support.bed import clock
from support.chaos.phases import Phase, phase_of
from support.demo.story import NAMESPACE, PAIR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from support.bed import Bed

Pair = dict[str, Any]
PATH = f"/apis/maestropair.dev/v1alpha1/namespaces/{NAMESPACE}/maestropairs"
SILENCE_SECONDS = 20.0
AGAIN_SECONDS = 0.2


class Watch:
    """Keeps the newest state of the pair, and every phase it went through, in order."""

    def __init__(self, bed: Bed, kubeconfig: Path, *, folder: Path) -> None:
        """Start following in a thread that lives in the bed's network."""
        self._bed = bed
        self._server, self._files = _credentials(kubeconfig, folder=folder)
        self._changed = threading.Condition()
        self._ended = False
        self._newest: Pair = {}
        self.is_gone = False
        """Whether the pair was deleted; its last state stays the newest until there is another."""
        self.phases: list[Phase] = [Phase.REST]
        """Every change of phase since the beginning."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End following; the thread ends with its connection."""
        self._ended = True

    def newest(self) -> Pair:
        """Return the newest state of the pair, empty before the first."""
        with self._changed:
            return self._newest

    def status(self) -> Pair:
        """Return the newest status."""
        return self.newest().get("status") or {}

    def phase(self) -> Phase:
        """Return what the pair is doing now."""
        with self._changed:
            return self.phases[-1]

    def until(self, wanted: Callable[[Pair], bool], *, seconds: float) -> bool:
        """Wait until the pair's status is as wanted; False where it did not become so in time."""
        ends = clock.monotonic_seconds() + seconds
        with self._changed:
            while not wanted(self._newest.get("status") or {}):
                left = ends - clock.monotonic_seconds()
                if left <= 0:
                    return False
                self._changed.wait(min(left, 1.0))
            return True

    def until_gone(self, *, seconds: float) -> None:
        """Wait until a deleted pair is gone, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_gone, timeout=seconds)

    def until_back(self, *, seconds: float) -> None:
        """Wait until a deleted pair is seen again, or the time is over."""
        with self._changed:
            self._changed.wait_for(lambda: not self.is_gone, timeout=seconds)

    def until_phase(self, wanted: Phase, *, since: int, seconds: float) -> bool:
        """Wait until a phase is reached that began after `since`; False where it was not, in time."""
        ends = clock.monotonic_seconds() + seconds
        with self._changed:
            while wanted not in self.phases[since:]:
                left = ends - clock.monotonic_seconds()
                if left <= 0:
                    return False
                self._changed.wait(left)
            return True

    def _follow(self) -> None:
        with self._bed.network():
            while not self._ended:
                try:
                    self._listen()
                except (requests.RequestException, OSError, ValueError):
                    clock.pause(AGAIN_SECONDS)

    def _listen(self) -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.cert, session.verify = (self._files["cert"], self._files["key"]), self._files["ca"]
            listed = session.get(f"{self._server}{PATH}", timeout=5)
            listed.raise_for_status()
            found = listed.json()
            for item in found["items"]:
                self._take(item)
            self._note_gone(is_gone=bool(self._newest) and not found["items"])
            asked = {"watch": "1", "resourceVersion": found["metadata"]["resourceVersion"], "timeoutSeconds": "60"}
            with session.get(
                f"{self._server}{PATH}", params=asked, stream=True, timeout=(5, SILENCE_SECONDS)
            ) as answer:
                answer.raise_for_status()
                for event in _events(answer.iter_content(chunk_size=None)):
                    if event.get("type") in ("ADDED", "MODIFIED"):
                        self._take(event["object"])
                    elif event.get("type") == "DELETED":
                        self._note_gone(is_gone=True)
                    elif event.get("type") == "ERROR":
                        return

    def _note_gone(self, *, is_gone: bool) -> None:
        with self._changed:
            self.is_gone = is_gone
            self._changed.notify_all()

    def _take(self, pair: Pair) -> None:
        if pair["metadata"]["name"] != PAIR:
            return
        with self._changed:
            self._newest, self.is_gone = pair, False
            phase = phase_of(pair.get("status") or {})
            if phase is not self.phases[-1]:
                self.phases.append(phase)
            self._changed.notify_all()


def _events(chunks: Iterable[bytes]) -> Iterator[Pair]:
    """Yield each line's object as soon as it is whole, from chunks as they arrive."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line)


def _credentials(kubeconfig: Path, *, folder: Path) -> tuple[str, dict[str, str]]:
    """Unpack a kubeconfig into the files that a TLS client wants."""
    folder.mkdir(parents=True, exist_ok=True)
    read = yaml.safe_load(kubeconfig.read_text())
    cluster, user = read["clusters"][0]["cluster"], read["users"][0]["user"]
    contents = {
        "ca": cluster["certificate-authority-data"],
        "cert": user["client-certificate-data"],
        "key": user["client-key-data"],
    }
    files = {name: folder / f"{name}.pem" for name in contents}
    for name, content in contents.items():
        files[name].write_bytes(base64.b64decode(content))
        files[name].chmod(0o600)
    return str(cluster["server"]), {name: str(path) for name, path in files.items()}
