"""Follows one MaestroPair through `kubectl get --watch` and tells every change as it comes."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.bed import clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Pair = dict[str, Any]


IN_TROUBLE = ("Uncertain", "Down")


@dataclass(frozen=True, slots=True)
class Telling:
    """One thing to say of a status."""

    of: str
    news: object
    """Said again only when this is another."""
    text: str


class StoryStuckError(Exception):
    """Something the story waits for did not come; the message has the pair's last words."""


class PairWatcher:
    """Keeps the newest state of one pair, and prints each step and hold once."""

    def __init__(self, command: Sequence[str], *, say: Callable[[str], None]) -> None:
        """Start watching; the command prints one JSON object after the other."""
        self._say = say
        self._changed = threading.Condition()
        self._newest: Pair = {}
        self._said: dict[str, object] = {}
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._follower = threading.Thread(target=self._follow, daemon=True)
        self._follower.start()

    def _follow(self) -> None:
        decoder, text = json.JSONDecoder(), ""
        assert self._process.stdout is not None
        for line in iter(self._process.stdout.readline, b""):
            text += line.decode()
            if not line.startswith(b"}"):
                continue
            value, end = decoder.raw_decode(text.lstrip())
            text = text.lstrip()[end:]
            self._take(value)

    def _take(self, pair: Pair) -> None:
        with self._changed:
            self._newest = pair
            self._changed.notify_all()
        self._tell(pair.get("status") or {})

    def _tell(self, status: Pair) -> None:
        """Say each thing of the status that somebody waits for, when it is new."""
        for told in tellings(status):
            if self._said.get(told.of) != told.news:
                self._said[told.of] = told.news
                if told.text:
                    self._say(told.text)

    def newest(self) -> Pair:
        """Return the newest state of the pair."""
        with self._changed:
            return self._newest

    def until(self, wanted: Callable[[Pair], bool], *, what: str, seconds: float) -> Pair:
        """Wait until the pair's status is as wanted.

        Raises:
            StoryStuckError: it did not become so in time.

        """
        ends = clock.monotonic_seconds() + seconds
        with self._changed:
            while not wanted(self._newest.get("status") or {}):
                left = ends - clock.monotonic_seconds()
                if left <= 0 or not self._changed.wait(left):
                    raise StoryStuckError(f"{what} did not come within {seconds:.0f} s; {self._last_words()}")
            return self._newest

    def _last_words(self) -> str:
        status = self._newest.get("status") or {}
        episode = status.get("episode") or {}
        stalled: Pair = next((c for c in status.get("conditions", []) if c["type"] == "Stalled"), {})
        return (
            f"state {status.get('state')}, step {episode.get('step')}, "
            f"{stalled.get('reason')}: {stalled.get('message')}"
        )

    def stop(self) -> None:
        """End the watch."""
        self._process.kill()
        self._process.wait(timeout=10)
        self._follower.join(timeout=10)
        if self._process.stdout is not None:
            self._process.stdout.close()


def tellings(status: Pair) -> Iterator[Telling]:
    """Return what there is to say: who sees a node in trouble, the proof, and the step or what it waits for.

    What needs no word has an empty text.
    """
    for node in status.get("nodes", []):
        sees = ", ".join(f"{vote['vantagePoint']} sees it {vote['vote']}" for vote in node.get("votes", []))
        text = f"  {node['name']} is {node['verdict']}: {sees}" if node.get("verdict") in IN_TROUBLE and sees else ""
        yield Telling(f"verdict of {node['name']}", text, text)
    episode = status.get("episode") or {}
    proof: Pair = episode.get("proof") or {}
    seen = "".join(f"\n      {line}" for line in proof.get("evidence", []))
    shown = f"  proof: {proof['node']} is {proof['method']}{seen}" if proof else ""
    yield Telling("proof", (proof.get("episode"), proof.get("provedAt")), shown)
    stalled: Pair = next((c for c in status.get("conditions", []) if c["type"] == "Stalled"), {})
    hold = stalled.get("reason") if stalled.get("status") == "True" else None
    text = ""
    if hold:
        text = f"  … waits: {hold}: {stalled.get('message')}"
    elif episode:
        done = [item for item in episode.get("steps", []) if item["state"] != "Running"]
        last = f"   ({done[-1]['name']} took {done[-1].get('seconds', 0):.2f} s)" if done else ""
        text = f"  → {episode['kind']}: {episode['step']}{last}"
    yield Telling("step", (episode.get("id"), episode.get("step"), hold), text)


def finished(status: Pair, kind: str, *, count: int = 1) -> bool:
    """Tell whether that many episodes of a kind ended well and nothing is under way."""
    return ended_well(status, kind) >= count and "episode" not in status


def ended_well(status: Pair, kind: str) -> int:
    """Return how many episodes of a kind ended well."""
    return sum((item["kind"], item["result"]) == (kind, "Done") for item in status.get("history", []))


def condition(status: Pair, name: str) -> str:
    """Return the status of one condition, `Unknown` where it is not there."""
    found = (item["status"] for item in status.get("conditions", []) if item["type"] == name)
    return str(next(found, "Unknown"))
