"""A person's word that a node is off: what speaks against it; pure.

The law of this file: a word is only taken for the episode that waits for it, and never against a
sign of life. The operator judges it again before it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNS_OF_LIFE = ("Alive", "Sick")
HUMAN = "human"


def objection(pair: Mapping[str, Any], *, node: str, episode: str) -> str | None:
    """Return what speaks against the word that the node is off, or None."""
    status = pair.get("status") or {}
    waiting = status.get("episode")
    if not waiting:
        return f"no episode is under way, so nothing waits for the word that {node} is off"
    if waiting["id"] != episode:
        return f"no episode {episode} is under way; the one that is: {waiting['id']}"
    if waiting["source"] != node:
        return f"{episode} waits for {waiting['source']}, not for {node}"
    if HUMAN not in _rungs(pair, waiting, node):
        return f"the fencing ladder of {node} has no rung human, so nobody's word counts for it"
    seen: Mapping[str, Any] = next((item for item in status.get("nodes", []) if item["name"] == node), {})
    if seen.get("reachable"):
        return f"{node} is alive: the operator reads it over SSH"
    alive = next((item for item in seen.get("votes", []) if item["vote"] in SIGNS_OF_LIFE), None)
    if alive is not None:
        return f"{node} is alive: vantage point {alive['vantagePoint']} sees it ({alive['vote']}, {alive['reason']})"
    return None


def _rungs(pair: Mapping[str, Any], episode: Mapping[str, Any], node: str) -> list[str]:
    """Return the ladder that counts: the episode's own copy, where it froze one."""
    frozen = episode.get("frozen") or pair["spec"]["nodes"]
    found: Mapping[str, Any] = next((item for item in frozen if item["name"] == node), {})
    return [rung["name"] for rung in found.get("fencing") or []]
