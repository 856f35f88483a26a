"""What the seconds of an outage after an accident were spent on, from what each side itself wrote down: the judge.

The law of this file: it imports nothing of what it judges. The accident and the first answer are the client's; between
them stand two or three moments of the side's own log: when it concluded that the node was gone, when the fence device
first said that it is off, and when that had been looked at for the last time. Who fences nobody has neither of these.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from support.peers.judge import NotSeenError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NANOSECONDS = 1e9
_OFF = re.compile(r": off at ([0-9.]+), process")
_SHORT_PRECISE = re.compile(r"^([A-Z][a-z]{2} +\d+ \d\d:\d\d:\d\d\.\d{6}) ")


@dataclass(frozen=True, slots=True)
class Parts:
    """Seconds from an accident to the first answer of the other node."""

    detection: float
    fence: float | None
    """From the conclusion to the first word of the device that the node is off; None where nobody fences."""
    proof: float | None
    """From there to the last look at it, which one side waits for on purpose."""
    start: float

    @property
    def after_verdict(self) -> float:
        """Return the seconds that are no detection and no second look."""
        return (self.fence or 0.0) + self.start


@dataclass(frozen=True, slots=True)
class _Moments:
    """Seconds after the accident."""

    verdict: float
    off: float | None = None
    proven: float | None = None


def parts_of(folder: Path) -> Parts:
    """Return the parts of one outage.

    Raises:
        NotSeenError: the side wrote nothing of it, or what it wrote is not in this order.

    """
    play = json.loads((folder / "play.json").read_text())
    began = int(play["began_ns"]) / NANOSECONDS
    served = _served(folder / "answers.jsonl", began=int(play["began_ns"]), old=play["old"]) - began
    found = _FROM[play["side"]](folder, play)
    off = found.verdict if found.off is None else found.off
    proven = off if found.proven is None else found.proven
    if not 0 <= found.verdict <= off <= proven <= served:
        raise NotSeenError(f"moments out of order: {found}, served after {served:.2f} s")
    fences = found.off is not None
    return Parts(
        detection=found.verdict,
        fence=off - found.verdict if fences else None,
        proof=proven - off if fences else None,
        start=served - proven,
    )


def _served(path: Path, *, began: int, old: str) -> float:
    lines = [json.loads(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
    ends = [int(line["ended_ns"]) for line in lines if line["by"] not in ("", old) and int(line["sent_ns"]) > began]
    if not ends:
        raise NotSeenError("the other node never answered")
    return min(ends) / NANOSECONDS


def _of_the_floor(_folder: Path, _play: Mapping[str, Any]) -> _Moments:
    return _Moments(verdict=0.0)


def _of_the_operator(folder: Path, play: Mapping[str, Any]) -> _Moments:
    """Read the pair's own history: when the episode began, and both readings of the device, on the host's clock."""
    began_wall, began = datetime.fromisoformat(play["began_wall"]), int(play["began_ns"]) / NANOSECONDS
    for entry in json.loads((folder / "pair.json").read_text())["status"]["history"]:
        started = datetime.fromisoformat(entry["startedAt"])
        if entry["kind"] != "Failover" or started < began_wall:
            continue
        said = [_OFF.search(line) for line in (entry.get("proof") or {}).get("evidence", ())]
        readings = [float(match[1]) - began for match in said if match]
        if not readings:
            raise NotSeenError(f"{entry['id']} names no reading of a device")
        return _Moments((started - began_wall).total_seconds(), min(readings), max(readings))
    raise NotSeenError("the pair has no failover since")


def _of_pacemaker(folder: Path, play: Mapping[str, Any]) -> _Moments:
    """Read the log of the node that was left: the membership that it lost, and the fence that it believed."""
    lines = _since(folder / f"pacemaker-{play['final']}.log", play)
    return _Moments(
        verdict=_first(lines, f"Node node-{play['old']} state is now lost"),
        off=_first(lines, f"targeting node-{play['old']} by ", "OK"),
    )


def _of_keepalived(folder: Path, play: Mapping[str, Any]) -> _Moments:
    return _Moments(verdict=_first(_since(folder / f"keepalived-{play['final']}.log", play), "Entering MASTER STATE"))


def _since(path: Path, play: Mapping[str, Any]) -> list[tuple[float, str]]:
    """Return the lines of a node's journal after an accident, each with how many seconds after."""
    began = datetime.fromisoformat(play["began_wall"])
    found = []
    for line in path.read_text(errors="replace").splitlines():
        if match := _SHORT_PRECISE.match(line):
            # The journal names no year.
            moment = datetime.strptime(f"{began.year} {match[1]}", "%Y %b %d %H:%M:%S.%f").replace(tzinfo=UTC)
            found.append(((moment - began).total_seconds(), line))
    return [item for item in found if item[0] >= 0]


def _first(lines: Sequence[tuple[float, str]], *words: str) -> float:
    after = next((seconds for seconds, line in lines if all(word in line for word in words)), None)
    if after is None:
        raise NotSeenError(f"the log does not say {' … '.join(words)!r}")
    return after


_FROM = {
    "floor": _of_the_floor,
    "operator": _of_the_operator,
    "pacemaker": _of_pacemaker,
    "keepalived": _of_keepalived,
}
