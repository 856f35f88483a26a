"""One screen for one pair: who is active, which way the data goes, what it waits for; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_operator.cli.table import GAP, table

if TYPE_CHECKING:
    from collections.abc import Mapping

GOOD_TRUE = (
    *("Ready", "Available", "PeerReady", "Protected", "DataInSync", "FencingReady"),
    *("Verified", "TrafficOnActive", "VersionsMatch", "BackupFresh", "RestoreTested", "StartTested", "DrillRecent"),
)
BAD_TRUE = ("Stalled", "ActiveNodeOverridden", "ObserverIsolated", "SplitBrainDetected")
FENCING = {True: "can be fenced", False: "CANNOT BE FENCED", None: "fencing unknown"}
HISTORY_SHOWN = 3


def screen(pair: Mapping[str, Any], *, width: int) -> str:
    """Return the whole screen as text; lines longer than `width` are cut."""
    status = pair.get("status") or {}
    lines = [
        *_head(pair, status),
        "",
        *_nodes(pair["spec"], status),
        "",
        *_episode(pair, status),
        *_conditions(status),
        *_history(status),
        *_rehearsals(status),
    ]
    return "\n".join(_cut(line, width) for line in lines)


def _cut(line: str, width: int) -> str:
    line = line.rstrip()
    return line if len(line) <= width else f"{line[: width - 1]}…"


def _head(pair: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    meta, spec = pair["metadata"], pair["spec"]
    mark = (status.get("epoch") or {}).get("inForce")
    facts = {
        "active": status.get("activeNode", "none"),
        "declared": spec["activeNode"],
        "epoch": f"{mark['number']} of {mark['owner']}" if mark else "none",
        "term": str(status.get("term", "none")),
        "management": spec.get("management", "Enforce"),
    }
    lines = [
        f"{meta['namespace']}/{meta['name']}: {status.get('state', 'not seen by an operator yet')}",
        "  " + GAP.join(f"{name} {value}" for name, value in facts.items()),
    ]
    if status and status.get("observedGeneration") != meta.get("generation"):
        lines.append(f"  the operator has not seen generation {meta.get('generation')} of spec yet")
    if status.get("plan"):
        lines.append(f"  {status['plan']}")
    return lines


def _nodes(spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """Return one line a node in the order of the spec, and between them the arrow of replication."""
    seen = {item["name"]: item for item in status.get("nodes", [])}
    active = status.get("activeNode")
    rows = table(_node(node, seen.get(node["name"], {}), active) for node in spec["nodes"])
    first, second = (node["name"] for node in spec["nodes"])
    data = f"data: {_replication(status)}"
    arrows = {first: ("│", "▼"), second: ("▲", "│")}
    above, below = arrows.get(active or "", ("", ""))
    between = [f"  {above}   {data}", f"  {below}"] if above else []
    return [rows[0], *between, rows[1]]


def _node(node: Mapping[str, Any], found: Mapping[str, Any], active: str | None) -> list[str]:
    role = {True: "ACTIVE", False: "standby"}[node["name"] == active] if active else "-"
    if not found:
        services = "not looked at yet"
    elif not found.get("reachable"):
        services = f"cannot be read: {found['reason']}"
    else:
        services = ", ".join(f"{item['name']} {item['state']}" for item in found.get("services", [])) or "no service"
    fence = FENCING[found.get("fencingReady")]
    votes = ", ".join(f"{item['vantagePoint']} says {item['vote']}" for item in found.get("votes", []))
    return [node["name"], node["address"], role, found.get("verdict", "Uncertain"), services, fence, votes]


def _replication(status: Mapping[str, Any]) -> str:
    found = status.get("replication") or {}
    reason = found.get("reason") or "nothing known"
    words = ["in sync" if found.get("inSync") else f"NOT IN SYNC ({reason})"]
    if found.get("generation"):
        words.append(f"copy {found['generation']['epoch']}.{found['generation']['counter']}")
    if any(letter.isdigit() for letter in found.get("lag") or ""):
        words.append(f"{found['lag']} behind")
    return ", ".join(words)


def _episode(pair: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    episode = status.get("episode")
    lines = ["Nothing is under way."]
    if episode:
        lines = [f"{episode['kind']} {episode['source']} → {episode['target']} under way: {episode['id']}"]
        lines += table((_step(item) for item in episode.get("steps", [])), indent="    ")
    stalled = next((item for item in status.get("conditions", []) if item["type"] == "Stalled"), None)
    if stalled is not None and stalled["status"] == "True":
        lines += [f"  HELD: {stalled['reason']}", f"    {stalled['message']}"]
        if episode and stalled["reason"] == "FenceUnproven":
            lines.append(f"    {_confirm(pair['metadata'], episode)}")
    return [*lines, ""]


def _confirm(meta: Mapping[str, Any], episode: Mapping[str, Any]) -> str:
    return (
        f"kubectl maestro confirm-fence {meta['name']} -n {meta['namespace']} --node {episode['source']}"
        f' --episode {episode["id"]} --why "..."'
    )


def _step(item: Mapping[str, Any]) -> list[str]:
    seconds = f"{item['seconds']:8.2f} s" if item.get("seconds") is not None else ""
    tries = f"{item['attempts']} tries" if item.get("attempts", 1) > 1 else ""
    return [item["name"], item["state"], seconds, tries, item.get("message") or ""]


def _conditions(status: Mapping[str, Any]) -> list[str]:
    """Return the conditions that are not as they should be."""
    rows = []
    for item in status.get("conditions", []):
        is_wrong = item["status"] == ("True" if item["type"] in BAD_TRUE else "False")
        if is_wrong and item["type"] in (*GOOD_TRUE, *BAD_TRUE):
            rows.append([f"{item['type']}={item['status']}", item["reason"], item["message"]])
    if not rows:
        return ["Every condition is as it should be."] if status.get("conditions") else []
    return ["Not as it should be:", *table(rows)]


def _history(status: Mapping[str, Any]) -> list[str]:
    entries = status.get("history", [])[:HISTORY_SHOWN]
    if not entries:
        return []
    return ["", "Last episodes:", *table(_entry(item) for item in entries)]


def _rehearsals(status: Mapping[str, Any]) -> list[str]:
    entries = status.get("rehearsals", [])[:HISTORY_SHOWN]
    if not entries:
        return []
    return ["", "Last rehearsals:", *table(_rehearsal(item) for item in entries)]


def _rehearsal(item: Mapping[str, Any]) -> list[str]:
    when = item.get("finishedAt", item["startedAt"])
    return [when, f"{item['kind']} {item['id']}", item.get("result", "under way"), item.get("message", "")]


def _entry(item: Mapping[str, Any]) -> list[str]:
    return [
        item["finishedAt"],
        f"{item['kind']} {item['source']} → {item['target']}",
        item["result"],
        _amount("down", item.get("downtimeSeconds")),
        _amount("declared loss", item.get("declaredLossSeconds")),
        (item.get("proof") or {}).get("method", ""),
    ]


def _amount(what: str, seconds: float | None) -> str:
    return "" if seconds is None else f"{what} {seconds:.1f} s"
