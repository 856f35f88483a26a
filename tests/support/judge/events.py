"""Events of all sources on one clock: the wall clock in nanoseconds, which all parts of one bed share."""

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.judge import jsonlines
from support.judge.evidence import EvidenceBrokenError, Write

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
NAME_CHANGE = re.compile(
    r"^(?P<wall>\S+) .*updating zone '[^']*': (?P<verb>adding an RR|deleting an RR|deleting rrset) at"
    r" '(?P<name>[^']+)'(?: (?P<type>\S+))?(?: (?P<data>\S+))?"
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something one source saw at one moment."""

    source: str
    """`bmc`, `power`, `api`, `dns`, `guard` or `application`."""
    kind: str
    wall_ns: int
    node: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def wall_nanoseconds(text: str) -> int:
    """Return an RFC 3339 time as nanoseconds since 1970, to the microsecond."""
    moment = dt.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise EvidenceBrokenError(f"{text} names no time zone")
    return (moment - EPOCH) // dt.timedelta(microseconds=1) * 1000


def read_bmc(path: Path) -> tuple[Event, ...]:
    """Read what the BMCs answered: `read-on`, `read-off`, `read-other` and `reset` events.

    Only an answered, authorised read of the system itself is a reading.
    """
    return tuple(event for line in jsonlines.read(path) for event in _bmc_events(line))


def read_power(path: Path) -> tuple[Event, ...]:
    """Read what the nodes' power supplies really did: `power-on`, `power-cut` and the like."""
    return tuple(
        Event(
            source="power", kind=line["event"], wall_ns=wall_nanoseconds(line["wall"]), node=line["node"], detail=line
        )
        for line in jsonlines.read(path)
    )


def read_status_writes(path: Path, *, name: str) -> tuple[Event, ...]:
    """Read every accepted write of one pair's status from the API server's audit log.

    `wall_ns` is when the server had stored it; `detail` has `received_ns`, `user`, the object's `uid` and the `status`
    that was sent.
    """
    return tuple(event for line in jsonlines.read(path) for event in _status_writes(line, name))


def read_name_changes(path: Path, *, name: str) -> tuple[Event, ...]:
    """Read from BIND's update log what was set (`name-set`) and taken away (`name-removed`) for one name."""
    events: list[Event] = []
    for line in path.read_text().splitlines():
        match = NAME_CHANGE.match(line)
        if match and match["name"].rstrip(".").lower() == name:
            kind = "name-set" if match["verb"] == "adding an RR" else "name-removed"
            detail = {"type": match["type"], "data": match["data"]}
            events.append(Event(source="dns", kind=kind, wall_ns=wall_nanoseconds(match["wall"]), detail=detail))
    return tuple(events)


def first_writes(writes: Iterable[Write]) -> tuple[Event, ...]:
    """Return, for each node and epoch, the moment at which its application first accepted a record."""
    first: dict[tuple[str, int | None], Write] = {}
    for write in sorted(writes, key=lambda write: write.monotonic_ns):
        first.setdefault((write.node, write.epoch), write)
    return tuple(
        Event(source="application", kind="first-write", wall_ns=write.wall_ns, node=node, detail={"epoch": epoch})
        for (node, epoch), write in first.items()
    )


def proof_in(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the proof that a status carries in its running episode, or None."""
    episode = status.get("episode")
    proof = episode.get("proof") if isinstance(episode, dict) else None
    return proof if isinstance(proof, dict) else None


def _bmc_events(line: dict[str, Any]) -> Iterator[Event]:
    if line.get("event") != "request" or not 200 <= int(line["status"]) < 300:
        return
    kind = None
    answer = line["answer"]
    if line["method"] == "GET" and isinstance(answer, dict) and "PowerState" in answer:
        kind = {"On": "read-on", "Off": "read-off"}.get(str(answer["PowerState"]), "read-other")
    if line["method"] == "POST":
        kind = "reset"
    if kind is not None:
        yield Event(source="bmc", kind=kind, wall_ns=wall_nanoseconds(line["wall"]), node=line["bmc"], detail=line)


def _status_writes(line: dict[str, Any], name: str) -> Iterator[Event]:
    reference = line.get("objectRef") or {}
    if (
        line.get("stage") != "ResponseComplete"
        or line.get("verb") not in ("update", "patch")
        or (reference.get("resource"), reference.get("subresource"), reference.get("name"))
        != ("maestropairs", "status", name)
        or not 200 <= int((line.get("responseStatus") or {}).get("code", 0)) < 300
    ):
        return
    sent = line.get("requestObject")
    status = sent.get("status") if isinstance(sent, dict) else None
    if isinstance(status, dict):
        yield Event(
            source="api",
            kind="status-write",
            wall_ns=wall_nanoseconds(line["stageTimestamp"]),
            detail={
                "received_ns": wall_nanoseconds(line["requestReceivedTimestamp"]),
                "user": (line.get("user") or {}).get("username"),
                "uid": reference.get("uid"),
                "status": status,
            },
        )
