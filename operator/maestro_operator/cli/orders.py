"""What people order of a pair: each verb as a change of its spec, or why it cannot be; pure.

The law of this file: a verb only writes what a person could write in Git, and refuses what could only be a slip.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from maestro_operator.cli.change import CannotError, Change, nothing, set_to
from maestro_operator.cli.trying import TRIED
from maestro_operator.model.pair import Management

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.pair import Say

REPLICA = "/usr/local/lib/maestro-guard/maestro-replica"


def manage(pair: Mapping[str, Any], how: Management) -> Change:
    """Return how to pause, resume or release."""
    before = pair["spec"].get("management", Management.ENFORCE)
    if before == how:
        return nothing(f"management is {how} already")
    waits = "; the episode under way is first carried to its end" if _episode(pair) else ""
    return set_to(f"management: {before} → {how}{waits}", {"management": how.value})


def release(pair: Mapping[str, Any]) -> Change:
    """Return the order to take everything off the nodes again."""
    active = _status(pair).get("activeNode")
    other = next((name for name in _names(pair) if name != active), "")
    change = manage(pair, Management.RELEASE)
    if not change.spec or active is None:
        return change
    said = f"{change.said}\nWhat runs on {active} runs on; the services of {other} stay stopped and disabled"
    return set_to(f"{said}. Once the state is Released nothing holds the two apart but you.", change.spec)


def switch_over(pair: Mapping[str, Any], node: str) -> Change:
    """Return the order that makes a node active.

    Raises:
        CannotError: there is no such node.

    """
    _be_of(pair, node)
    active = _status(pair).get("activeNode")
    if pair["spec"]["activeNode"] == node and active == node:
        return nothing(f"{node} is active, as ordered")
    if pair["spec"]["activeNode"] == node:
        return nothing(f"{node} is ordered already; `kubectl maestro status` says what it waits for")
    how = "an episode is under way; " if _episode(pair) else ""
    if active is not None and active != node and _verdict(pair, active) == "Down":
        how += f"{active} is down, so this is a failover; "
    waits = pair["spec"].get("management", "Enforce")
    how += f"management is {waits}, so it waits; " if waits != "Enforce" else ""
    return set_to(f"ordered: {how}{node} shall be active", {"activeNode": node})


def give_up_on(pair: Mapping[str, Any]) -> tuple[str | None, str]:
    """Return the episode in which the active side is to be given up, or None, and the node that takes over.

    Raises:
        CannotError: no node is known to be active, or its failover is under way already.

    """
    episode, active = _episode(pair), _status(pair).get("activeNode")
    if episode and episode["kind"] == "Switchover":
        return episode["id"], episode["target"]
    if episode and episode["kind"] == "Failover":
        raise CannotError(f"{episode['id']} is under way; `kubectl maestro status` says what it waits for")
    if active is None:
        raise CannotError("no node is known to be active, so there is nothing to fail over from")
    return None, next(name for name in _names(pair) if name != active)


def maintain(pair: Mapping[str, Any], *, now: str, minutes: int | None) -> Change:
    """Return the change that begins a planned maintenance, or ends it."""
    before = (pair["spec"].get("detection") or {}).get("maintenanceUntil")
    if minutes is None:
        if before is None:
            return nothing("no maintenance is planned")
        git = "# take spec.detection.maintenanceUntil out"
        return Change("the maintenance is over", {"detection": {"maintenanceUntil": None}}, git)
    until = (datetime.fromisoformat(now) + timedelta(minutes=minutes)).replace(microsecond=0)
    text = until.isoformat().replace("+00:00", "Z")
    said = f"no automatic failover before {text}; orders are carried out all the same"
    return set_to(said, {"detection": {"maintenanceUntil": text}})


def rehearsal(pair: Mapping[str, Any], say: Say, *, now: str, name: str | None) -> tuple[str, str]:
    """Return the newest finished episode, which a wish for a drill or a test names, and the name of what is tried.

    Raises:
        CannotError: something is under way, or nothing ever was, or there was one of that name.

    """
    episode, status, (kind, what, short) = _episode(pair), _status(pair), TRIED[say]
    tried = {str(item["id"]): item for item in status.get("rehearsals") or [] if item["kind"] == kind}
    if episode:
        raise CannotError(f"{episode['id']} is under way; a {what} begins at rest")
    if any("result" not in item for item in tried.values()):
        raise CannotError(f"a {what} is under way; `kubectl maestro status` says what it waits for")
    history = status.get("history") or []
    if not history:
        raise CannotError(f"no episode of this pair is finished yet, so there is nothing for a {what}")
    named = name or f"{short}-{''.join(digit for digit in now if digit.isdigit())[:14]}"
    if named in tried:
        raise CannotError(f"there was a {what} {named}: {tried[named]['result']}; give another name")
    return str(history[0]["id"]), named


def keeper(pair: Mapping[str, Any], item: str) -> str:
    """Return the node that keeps this aside.

    Raises:
        CannotError: nobody does.

    """
    kept = {str(entry["episode"]): str(entry["node"]) for entry in _status(pair).get("quarantine", [])}
    if item not in kept:
        known = f"kept are {', '.join(kept)}" if kept else "nothing is"
        raise CannotError(f"no {item} is kept aside; {known}")
    return kept[item]


def export(pair: Mapping[str, Any], item: str) -> str:
    """Return the command that a person runs to have it elsewhere.

    Raises:
        CannotError: nobody keeps it.

    """
    name = keeper(pair, item)
    ssh = next(node["ssh"] for node in pair["spec"]["nodes"] if node["name"] == name)
    way = f"ssh -p {ssh.get('port', 22)} {ssh.get('user', 'maestro')}@{ssh['host']}"
    is_mirror = "drbd" in pair["spec"]["replication"]
    return f"{way} sudo -n {REPLICA} export --item {item} >{item}.{'img' if is_mirror else 'tar'}"


def _status(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    return pair.get("status") or {}


def _episode(pair: Mapping[str, Any]) -> Mapping[str, Any]:
    return _status(pair).get("episode") or {}


def _names(pair: Mapping[str, Any]) -> list[str]:
    return [node["name"] for node in pair["spec"]["nodes"]]


def _be_of(pair: Mapping[str, Any], node: str) -> None:
    if node not in _names(pair):
        raise CannotError(f"there is no node {node}; the pair has {' and '.join(_names(pair))}")


def _verdict(pair: Mapping[str, Any], node: str) -> str:
    found: Mapping[str, Any] = next((item for item in _status(pair).get("nodes", []) if item["name"] == node), {})
    return str(found.get("verdict", "Uncertain"))
