"""One screen for one pair: who is active, which way the data goes, what it waits for; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ARROW_WIDTH = 24
GOOD_TRUE = ("Ready", "Available", "PeerReady", "Protected", "DataInSync", "FencingReady", "Verified")
GOOD_TRUE_TOO = ("TrafficOnActive", "AutomaticFailoverAllowed", "VersionsMatch", "BackupFresh")
BAD_TRUE = ("ActiveNodeOverridden", "ObserverIsolated", "SplitBrainDetected", "Stalled")


def screen(pair: Mapping[str, Any]) -> str:
    """Return the whole screen as text."""
    meta, spec, status = pair["metadata"], pair["spec"], pair.get("status") or {}
    lines = [
        f"{meta['namespace']}/{meta['name']}   {status.get('state', 'not seen yet')}",
        f"  active {status.get('activeNode', '-')}   declared {spec['activeNode']}   "
        f"epoch {_epoch(status)}   term {status.get('term', '-')}",
        "",
        *_nodes(spec, status),
        "",
        *_episode(status),
        *_waits(status),
        "",
        *_conditions(status),
    ]
    if status.get("plan"):
        lines += ["", f"  plan: {status['plan']}"]
    return "\n".join(lines)


def _epoch(status: Mapping[str, Any]) -> str:
    mark = (status.get("epoch") or {}).get("inForce")
    return f"{mark['number']} of {mark['owner']}" if mark else "-"


def _nodes(spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return one line a node, with the arrow of replication between them."""
    seen = {item["name"]: item for item in status.get("nodes", [])}
    active = status.get("activeNode")
    lines = []
    for node in spec["nodes"]:
        found = seen.get(node["name"], {})
        mark = "*" if node["name"] == active else " "
        services = " ".join(f"{item['name']}={item['state']}" for item in found.get("services", []))
        reach = "" if found.get("reachable", True) else f"  cannot be read: {found.get('reason')}"
        votes = " ".join(f"{item['vantagePoint']}:{item['vote']}" for item in found.get("votes", []))
        fence = {True: "fence ready", False: "NO FENCE"}.get(found.get("fencingReady"), "fence ?")
        lines.append(
            f"{mark} {node['name']:<12} {node['address']:<16} {found.get('verdict', '?'):<10} {fence}"
            f"  {services}{reach}  {votes}".rstrip()
        )
    if active is not None and len(lines) > 1:
        replication = status.get("replication") or {}
        word = "in sync" if replication.get("inSync") else replication.get("reason", "?")
        down = spec["nodes"][0]["name"] == active
        lines.insert(1, f"      {'|' if not down else '|'}  data ({word})")
        lines.insert(2, f"      {'v' if down else '^'}")
    return lines


def _episode(status: Mapping[str, Any]) -> list[str]:
    episode = status.get("episode")
    if not episode:
        return ["  nothing is under way"]
    done = [f"{item['name']} {item.get('seconds', 0):.2f} s" for item in episode.get("steps", [])]
    return [
        f"  {episode['kind']} {episode['source']} -> {episode['target']}: {episode['step']}"
        f"   ({episode['id']})",
        f"    {', '.join(done)}" if done else "    no step begun",
    ]


def _waits(status: Mapping[str, Any]) -> list[str]:
    stalled = next((c for c in status.get("conditions", []) if c["type"] == "Stalled"), None)
    if stalled is None or stalled["status"] != "True":
        return []
    return [f"  waits: {stalled['reason']}: {stalled['message']}"]


def _conditions(status: Mapping[str, Any]) -> list[str]:
    """Return the conditions that are not as they should be."""
    lines = []
    for item in status.get("conditions", []):
        bad = "False" if item["type"] in (*GOOD_TRUE, *GOOD_TRUE_TOO) else None
        bad = "True" if item["type"] in BAD_TRUE else bad
        if item["status"] == bad:
            lines.append(f"  ! {item['type']}={item['status']}  {item['reason']}: {item['message']}")
    return lines or ["  every condition is as it should be"]
