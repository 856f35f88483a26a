"""A person's word that a node is off: what speaks against it, and how it is written down; pure.

The law of this file: a word is only taken for the episode that waits for it, and never against a
sign of life. The operator judges it again before it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

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


def answer_for(*, node: str, episode: str, by: str, why: str) -> dict[str, str]:
    """Return the answer as it stands in spec.answers."""
    return {"episode": episode, "say": "ConfirmFenced", "of": node, "by": by, "why": why}


def is_answered(pair: Mapping[str, Any], *, node: str, episode: str) -> bool:
    """Tell whether the same word was given before."""
    wanted = (episode, "ConfirmFenced", node)
    given = pair["spec"].get("answers") or []
    return any((item["episode"], item["say"], item.get("of")) == wanted for item in given)


def as_git_change(answer: Mapping[str, str]) -> str:
    """Return the lines to add under `spec.answers` where the pair is kept in Git."""
    item = yaml.safe_dump([dict(answer)], sort_keys=False, width=1000)
    lines = ["spec:", "  answers:", *(f"    {line}" for line in item.splitlines())]
    return "\n".join(lines)


def _rungs(pair: Mapping[str, Any], episode: Mapping[str, Any], node: str) -> list[str]:
    """Return the ladder that counts: the episode's own copy, where it froze one."""
    frozen = episode.get("frozen") or pair["spec"]["nodes"]
    found: Mapping[str, Any] = next((item for item in frozen if item["name"] == node), {})
    return [rung["name"] for rung in found.get("fencing") or []]
