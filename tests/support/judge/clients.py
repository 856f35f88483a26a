"""Reads what the clients wrote down: every acknowledgement and every failure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.judge import jsonlines
from support.judge.evidence import Ack, EvidenceBrokenError, Failure


@dataclass(frozen=True, slots=True)
class ClientEvidence:
    """All clients' lines, in order of time."""

    acks: tuple[Ack, ...]
    failures: tuple[Failure, ...]


def read_clients(paths: Iterable[Path]) -> ClientEvidence:
    """Read the files of all clients; a run without one acknowledgement proves nothing and is an error."""
    acks: list[Ack] = []
    failures: list[Failure] = []
    for path in paths:
        for line in jsonlines.read(path):
            try:
                if line["kind"] == "ack":
                    acks.append(_ack(line))
                else:
                    failures.append(_failure(line))
            except (KeyError, TypeError, ValueError) as problem:
                raise EvidenceBrokenError(f"{path}: {problem!r} in {line}") from problem
    if not acks:
        raise EvidenceBrokenError("the clients were never acknowledged anything: there is nothing to judge")
    acks.sort(key=lambda ack: ack.received_ns)
    failures.sort(key=lambda failure: failure.failed_ns)
    return ClientEvidence(acks=tuple(acks), failures=tuple(failures))


def _ack(line: dict[str, Any]) -> Ack:
    answer = line["answer"]
    if (answer["client"], answer["number"]) != (line["client"], line["number"]):
        raise ValueError("the answer is for another record")
    return Ack(
        client=line["client"],
        number=line["number"],
        sha256=hashlib.sha256(line["payload"].encode()).hexdigest(),
        address=line["address"],
        sent_ns=line["sent_ns"],
        received_ns=line["received_ns"],
        node=answer["node"],
        boot_id=answer["boot_id"],
        epoch=answer["epoch"],
        monotonic_ns=answer["monotonic_ns"],
        duplicate=answer["duplicate"],
    )


def _failure(line: dict[str, Any]) -> Failure:
    return Failure(
        client=line["client"],
        number=line["number"],
        stage=line["stage"],
        problem=line["problem"],
        address=line["address"],
        sent_ns=line["sent_ns"],
        failed_ns=line["failed_ns"],
    )
