"""Judges one cell of the matrix from the evidence it left; it imports nothing of the operator.

A cell is one pair whose operator died at one boundary. Its evidence is a mapping: what the nodes did (`lines`), what
the client was told (`acks`), what the API server stored (`writes`, from its audit log), which boundaries the operators
reached (`reached`), how the process died (`death`), and the resource in the end (`final`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from support.kills.laws import broken, lost_seconds

KILLED = -9
MAY_LOSE = ("Failover", "Restore")
"""The kinds of episode that say beforehand what they may lose, and may lose no more."""
Evidence = Mapping[str, Any]


def complaints(cell: Evidence) -> dict[str, list[str]]:
    """Return everything that is wrong with one cell, by law; empty where nothing is."""
    writes = [(at, status) for at, status in cell["writes"]]
    found = broken(cell["lines"], writes)
    for name, judge in (("died-there", _died_there), ("finished", _finished), ("loss-was-declared", _loss)):
        wrong = list(judge(cell))
        if wrong:
            found[name] = wrong
    return found


def _died_there(cell: Evidence) -> Iterator[str]:
    """The process was killed, at this very boundary, and went no further for this pair.

    A step that does the same to both nodes at once may have been held at one of them and gone on at the other.
    """
    boundary = cell["boundary"]
    if cell["death"]["returncode"] != KILLED:
        yield f"the process ended with {cell['death']['returncode']}, not by SIGKILL"
    by_first = [item[2] for item in cell["reached"] if item[1] == "first"]
    if boundary not in by_first:
        yield f"the last boundary reached was {by_first[-1] if by_first else 'none'}"
    else:
        later = by_first[by_first.index(boundary) + 1 :]
        yield from (f"it went on to {one}" for one in later if not _is_beside(one, boundary))
    if not any(item[1] == "second" for item in cell["reached"]) and not cell["boundary"].endswith("End.write.1.after"):
        yield "no second operator did anything"


def _is_beside(one: str, boundary: str) -> bool:
    """Tell whether a boundary is one of an effect of the same step, done to the other node."""
    kind, step, act, *_ = one.split(".")
    held_kind, held_step, held_act, *_ = boundary.split(".")
    is_elsewhere = act.rpartition("-")[2] != held_act.rpartition("-")[2]
    return (kind, step) == (held_kind, held_step) and "write" not in (act, held_act) and is_elsewhere


def _finished(cell: Evidence) -> Iterator[str]:
    """The pair is at rest with the right owner, which serves under its name, and stands protected where it can be."""
    status, wanted = cell["final"].get("status") or {}, cell["wanted"]
    if "episode" in status:
        yield f"it is still at {status['episode'].get('kind')} {status['episode'].get('step')}"
    if status.get("activeNode") != wanted["owner"]:
        yield f"{status.get('activeNode')} is active, not {wanted['owner']}"
    last = cell["lines"][-1]
    running = [name for name, node in last["nodes"].items() if node["running"]]
    if running != [wanted["owner"]]:
        yield f"{running or 'nobody'} runs, not {wanted['owner']}"
    address = last["nodes"][wanted["owner"]]["address"]
    if set(last["names"].values()) != {address}:
        yield f"the name points at {last['names']}, not at {wanted['owner']}"
    if wanted["standby"] and condition(status, "Protected") != "True":
        yield f"Protected is {condition(status, 'Protected')}"
    kinds = [(item["kind"], item["result"]) for item in status.get("history", ())]
    if (cell["kind"], "Done") not in kinds:
        yield f"no {cell['kind']} ended well: {kinds}"


def _loss(cell: Evidence) -> Iterator[str]:
    """Nothing acknowledged is lost, or no more than a failover or a restore declared."""
    lost = int(cell["lost"]) - int(cell["lostBefore"])
    declared = [
        float(item["declaredLossSeconds"])
        for item in (cell["final"].get("status") or {}).get("history", ())
        if item["kind"] in MAY_LOSE and "declaredLossSeconds" in item
    ]
    if lost > 0 and not (cell["kind"] in MAY_LOSE and declared):
        yield f"{lost} acknowledged records are lost, and no failover or restore declared a loss"
    elif lost > 0:
        epoch = max(node["inForce"][0] for node in cell["lines"][-1]["nodes"].values() if node["inForce"])
        seconds = lost_seconds(cell["acks"], lost=lost, final_epoch=epoch)
        if seconds > declared[0]:
            yield f"{seconds:.3f} s of acknowledged records are lost, {declared[0]:.3f} s were declared"


def condition(status: Mapping[str, Any], name: str) -> str:
    """Return the status of one condition, `Unknown` where it is not there."""
    return str(next((item["status"] for item in status.get("conditions", ()) if item["type"] == name), "Unknown"))
