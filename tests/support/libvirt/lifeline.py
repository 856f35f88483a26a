"""Asks both libvirts all the time where the guest runs, and judges what they said. Knows nothing of the operator."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from support.bed import clock
from support.libvirt.hosts import GUEST

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from support.libvirt.hosts import Host, Hosts

EVERY_SECONDS = 0.05
RUNNING, PAUSED = "running", "paused"
NOT_READ = "not read"


@dataclass(frozen=True, slots=True)
class Look:
    """What one host's libvirt said of the guest."""

    host: str
    word: str
    began_ns: int
    ended_ns: int


class Lifeline:
    """Looks at both hosts in turn for the length of a block."""

    def __init__(self, hosts: Hosts) -> None:
        """Keep the hosts; nothing is looked at before the block is entered."""
        self._hosts, self._ended = hosts, threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self.looks: list[Look] = []

    def __enter__(self) -> Self:
        """Begin, and wait until both were looked at."""
        self._thread.start()
        clock.wait_until(lambda: len(self.looks) > 1, timeout_seconds=10, what="a look at both hosts")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End; the look under way comes to its end."""
        self._ended.set()
        self._thread.join(timeout=60)

    def newest(self, host: str) -> str:
        """Return what a host said last."""
        return next(look.word for look in reversed(self.looks) if look.host == host)

    def _go_on(self) -> None:
        while not self._ended.wait(EVERY_SECONDS):
            for host in self._hosts.by_name.values():
                began = clock.monotonic_nanoseconds()
                word = _said(host)
                self.looks.append(Look(host.name, word, began, clock.monotonic_nanoseconds()))


def _said(host: Host) -> str:
    if not host.is_on:
        return NOT_READ
    done = host.virsh("domstate", GUEST)
    if done.returncode == 0:
        return done.stdout.strip()
    return "absent" if "failed to get domain" in done.stderr else NOT_READ


def moments_of_two(looks: Sequence[Look]) -> list[Look]:
    """Return every look that found the guest running on one host between two that found it running on the other.

    Two looks at two hosts are never of one moment: a guest that moved in between was on one of them alone.
    """
    found = []
    for at, look in enumerate(looks):
        if look.word != RUNNING:
            continue
        before = next((item for item in reversed(looks[:at]) if item.host != look.host), None)
        after = next((item for item in looks[at:] if item.host != look.host), None)
        if before is not None and after is not None and before.word == after.word == RUNNING:
            found.append(look)
    return found


def way(looks: Sequence[Look]) -> list[str]:
    """Return the hosts on which the guest was found running, one after the other."""
    return [host for host, _ in groupby(look.host for look in looks if look.word == RUNNING)]


def comings(looks: Sequence[Look], host: str) -> int:
    """Return how often the guest was found on its way to a host: paused there, where it had not run.

    A host that it leaves has it paused for a moment, too.
    """
    words = [word for word, _ in groupby(look.word for look in looks if look.host == host)]
    return sum(after == PAUSED and before != RUNNING for before, after in pairwise(words))
