"""What was done to a pair: its finished episodes, and what each step of one of them cost; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.table import amount, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


def history(pair: Mapping[str, Any]) -> str:
    """Return one line an episode, newest first."""
    entries = kept(pair)
    if not entries:
        return "No episode is finished yet."
    head = ["finished", "episode", "kind", "trigger", "result", "down", "declared loss", "accepted", "proof"]
    return "\n".join(table([head, *(_line(item) for item in entries)], indent=""))


def one(pair: Mapping[str, Any], episode: str) -> Mapping[str, Any]:
    """Return one finished episode.

    Raises:
        CannotError: it is not kept.

    """
    found = next((item for item in kept(pair) if item["id"] == episode), None)
    if found is None:
        names = ", ".join(item["id"] for item in kept(pair)) or "none"
        raise CannotError(f"no finished episode {episode} is kept; there are: {names}")
    return found


def told(entry: Mapping[str, Any]) -> str:
    """Return one episode with its proof and its steps."""
    return "\n".join(_told(entry))


def kept(pair: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the finished episodes that the resource keeps, newest first."""
    return (pair.get("status") or {}).get("history") or []


def _told(entry: Mapping[str, Any]) -> Iterator[str]:
    yield f"{entry['id']}: {entry['kind']} {entry['source']} → {entry['target']}, {entry['trigger']}"
    yield f"  {entry['startedAt']} to {entry['finishedAt']}: {entry['result']}"
    figures = {
        "down for": entry.get("downtimeSeconds"),
        "declared loss": entry.get("declaredLossSeconds"),
        "accepted loss": entry.get("acceptedLossSeconds"),
    }
    yield from (f"  {name} {seconds:.1f} s" for name, seconds in figures.items() if seconds is not None)
    if entry.get("mayBeSentTwice") is not None:
        yield f"  up to {entry['mayBeSentTwice']} messages of the queue may be sent twice"
    proof = entry.get("proof")
    if proof:
        yield f"  proof: {proof['node']} was {proof['method']}, at {proof['provedAt']}"
        yield from (f"    {item}" for item in proof.get("evidence") or [])
    yield from table(_step(item) for item in entry.get("steps") or [])


def _step(item: Mapping[str, Any]) -> list[str]:
    work = f"{item.get('remoteCommands', 0)} commands, {item.get('apiWrites', 0)} writes"
    return [item["name"], item.get("state", "Done"), f"{item['seconds']:8.2f} s", work, item.get("message") or ""]


def _line(item: Mapping[str, Any]) -> list[str]:
    return [
        item["finishedAt"],
        item["id"],
        f"{item['kind']} {item['source']} → {item['target']}",
        item["trigger"],
        item["result"],
        amount(item.get("downtimeSeconds")),
        amount(item.get("declaredLossSeconds")),
        amount(item.get("acceptedLossSeconds")),
        (item.get("proof") or {}).get("method", ""),
    ]
