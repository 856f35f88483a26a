"""Tells how long each step of an episode took, from the API server's own log of the status writes.

How much of that the services themselves took is what the nodes' own systemd wrote down of their units.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.judge import jsonlines
from support.judge.events import Event
from support.judge.evidence import EvidenceBrokenError

LAST_SYNC = "FinalSync"
NOT_COUNTED = ("Quiesce", "StartServices", LAST_SYNC)
"""The steps in which the services stop and start and the last sync runs."""
LOOKS = ("Preflight", "Conclude", "Declare", "Confirm")
"""The steps that only look: while they wait, what changes is written, but they attempt nothing."""
COMMAND = re.compile(r"^sudo\[\d+\]: +\S+ : .*COMMAND=", re.MULTILINE)
AUDIT_SECONDS = 0.5
"""By how much the moment in the audit log may be later than the answer that the operator had."""
STARTING, STARTED = "7d4958e842da4a758f6c1cdc7b36dcc5", "39f53479d3a045ac8e11786248231fbf"
STOPPING, STOPPED = "de5b426a63be47a7b6ac3eaac82e2f6f", "9d1aaa27d60140bd96365438aad20286"
"""The ids of the messages by which systemd says what it does to a unit (systemd's sd-messages.h)."""


def spans(writes: Iterable[Event]) -> Mapping[str, Mapping[str, float]]:
    """Return seconds by episode and step: from the write of a step's intent to the next write of another."""
    found: dict[str, dict[str, float]] = {}
    current: tuple[str, str, int] | None = None
    for write in sorted(writes, key=lambda event: event.wall_ns):
        episode = write.detail["status"].get("episode") or {}
        now = (episode.get("id"), episode.get("step"))
        if current is not None and now != current[:2]:
            steps = found.setdefault(current[0], {})
            steps[current[1]] = steps.get(current[1], 0.0) + (write.wall_ns - current[2]) / 1e9
            current = None
        if current is None and episode:
            current = (episode["id"], episode["step"], write.wall_ns)
    return found


ENDS = {STARTING: STARTED, STOPPING: STOPPED}


@dataclass(frozen=True, slots=True)
class Job:
    """One stop or start of a unit, as systemd wrote it into its journal."""

    unit: str
    ended_by: str
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Cost:
    """What one planned switch took, and what of that was not the operator's."""

    episode: str
    seconds: float
    services_seconds: float
    """In which systemd was stopping or starting services."""
    steps: Mapping[str, float]

    @property
    def own_seconds(self) -> float:
        """Return what is left without the moments in which systemd stopped or started, and without the last sync."""
        return self.seconds - self.services_seconds - self.steps.get(LAST_SYNC, 0.0)

    @property
    def outside_seconds(self) -> float:
        """Return what the steps took in which no service stops or starts and nothing is synced."""
        return outside(self.steps)

    def describe(self) -> str:
        """Return the figures and the steps with their seconds, in order."""
        shown = ", ".join(f"{step} {seconds:.2f}" for step, seconds in self.steps.items())
        own = f"{self.own_seconds:.3f} s with those steps' share beside systemd's {self.services_seconds:.3f} s"
        return (
            f"{self.episode}: {self.outside_seconds:.3f} s of {self.seconds:.3f} s outside the services' steps and "
            f"the last sync; {own}; {shown}"
        )


def outside(steps: Mapping[str, float]) -> float:
    """Return what is not of the steps in which the services stop and start, and not of the last sync."""
    return sum(seconds for step, seconds in steps.items() if step not in NOT_COUNTED)


def shortest(costs: Iterable[Cost]) -> Mapping[str, float]:
    """Return, for every step that any of several switches had, the shortest time it took."""
    found: dict[str, float] = {}
    for one in costs:
        for step, seconds in one.steps.items():
            found[step] = min(seconds, found.get(step, seconds))
    return found


def cost(folder: Path, writes: Iterable[Event], episode: str) -> Cost:
    """Return what a planned switch took.

    Raises:
        EvidenceBrokenError: it did not end, or a service was not stopped and started in it.

    """
    every = list(writes)
    within = lasted(every, episode)
    services = own_time_of_services(folder, episode, within=within)
    return Cost(episode, (within[1] - within[0]) / 1e9, services, spans(every)[episode])


def misstated(entry: Mapping[str, Any], writes: Iterable[Event]) -> tuple[str, ...]:
    """Return what a finished move says of its steps' cost that is missing, or other than what the API server saw."""
    every = list(writes)
    took, seen = spans(every).get(entry["id"], {}), writes_by_step(every, entry["id"])
    return tuple(
        f"{entry['id']}: {step['name']} {what}"
        for step in entry["steps"]
        for what in _complaints(step, seconds=took.get(step["name"], 0.0), writes=seen.get(step["name"], 0))
    )


def _complaints(step: Mapping[str, Any], *, seconds: float, writes: int) -> Iterator[str]:
    if not {"seconds", "remoteCommands", "apiWrites"} <= set(step):
        yield "does not say its cost"
        return
    # A wait may add a write that belongs to no attempt; an attempt has at least its intent, and a look is none.
    if not min(writes, step["name"] not in LOOKS) <= step["apiWrites"] <= writes:
        yield f"says {step['apiWrites']} API writes, the API server has {writes}"
    if step["seconds"] > seconds + AUDIT_SECONDS or (writes and not step["seconds"]):
        yield f"says {step['seconds']} s, between its writes are {seconds:.3f} s"


def writes_by_step(writes: Iterable[Event], episode: str) -> Mapping[str, int]:
    """Return how many accepted writes of the status each step of an episode had."""
    return Counter(write.detail["status"]["episode"]["step"] for write in writes if _episode(write) == episode)


def commands_logged(folder: Path) -> int:
    """Return how many commands the nodes logged that somebody sent them to run as root."""
    return sum(len(COMMAND.findall(path.read_text(errors="replace"))) for path in sorted(folder.glob("console-*.log")))


def lasted(writes: Iterable[Event], episode: str) -> tuple[int, int]:
    """Return when the first step of an episode was written down, and when the status first was without it again."""
    moments = sorted(writes, key=lambda event: event.wall_ns)
    inside = [write.wall_ns for write in moments if _episode(write) == episode]
    after = [write.wall_ns for write in moments if inside and write.wall_ns > inside[-1]]
    if not inside or not after:
        raise EvidenceBrokenError(f"the status was never seen with and then without {episode}")
    return inside[0], after[0]


def own_time_of_services(folder: Path, episode: str, *, within: tuple[int, int]) -> float:
    """Return the seconds in which systemd was stopping or starting the services of one planned switch.

    Each service is stopped on one node and started on the other; one that was not is broken evidence.
    """
    jobs = [
        job
        for path in sorted(folder.glob(f"units-{episode}-*.jsonl"))
        for job in _jobs(jsonlines.read(path), within=within)
    ]
    stopped, started = ({job.unit for job in jobs if job.ended_by == end} for end in (STOPPED, STARTED))
    if not stopped or stopped != started:
        raise EvidenceBrokenError(f"{episode}: stopped {sorted(stopped)}, started {sorted(started)}")
    return _covered((job.began_ns, job.ended_ns) for job in jobs) / 1e9


def _jobs(journal: Iterable[Mapping[str, Any]], *, within: tuple[int, int]) -> Iterator[Job]:
    """Return every stop and start of a unit that began and ended within a time."""
    begun: dict[tuple[str, str], int] = {}
    for line in journal:
        unit, message = str(line.get("UNIT")), str(line.get("MESSAGE_ID"))
        at_ns = int(line["__REALTIME_TIMESTAMP"]) * 1000
        if message in ENDS:
            begun[unit, ENDS[message]] = at_ns
        elif (began := begun.pop((unit, message), None)) is not None and within[0] <= began <= at_ns <= within[1]:
            yield Job(unit, message, began, at_ns)


def _covered(intervals: Iterable[tuple[int, int]]) -> int:
    """Return the time that is in at least one of the intervals."""
    total, until = 0, 0
    for begin, end in sorted(intervals):
        total += max(0, end - max(begin, until))
        until = max(until, end)
    return total


def _episode(write: Event) -> str | None:
    return (write.detail["status"].get("episode") or {}).get("id")
