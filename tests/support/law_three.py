"""The rules on `status` that the schema holds in CEL, as one small function, for stores in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def refusal(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Returns why the API server would refuse to put `new` in the place of `old`, or None where it would not."""
    checks = (_unset, _shape, _numbers, _owners, _owner_change)
    return next((why for check in checks if (why := check(old, new)) is not None), None)


def _mark(status: Mapping[str, Any], which: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = status.get("epoch", {}).get(which) or {"number": 0, "owner": ""}
    return found


def _unset(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    for field in ("activeNode", "pairUID"):
        if old.get(field) and not new.get(field):
            return f"{field} cannot be unset"
    for which in ("promised", "inForce"):
        if _mark(old, which)["number"] and not _mark(new, which)["number"]:
            return f"epoch.{which} cannot be unset"
    return None


def _shape(_old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    promised, in_force = _mark(new, "promised"), _mark(new, "inForce")
    if (new.get("activeNode") or "") != in_force["owner"]:
        return "activeNode must be the owner of epoch.inForce"
    if promised["number"] < in_force["number"]:
        return "epoch.inForce is not promised"
    if in_force["number"] and promised["number"] == in_force["number"] and promised["owner"] != in_force["owner"]:
        return "one number has two owners"
    return None


def _numbers(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    if new.get("term", 0) < old.get("term", 0):
        return "term may not fall"
    for which in ("promised", "inForce"):
        if _mark(new, which)["number"] < _mark(old, which)["number"]:
            return f"epoch.{which}.number may not fall"
    return None


def _owners(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    for before in (_mark(old, "promised"), _mark(old, "inForce")):
        for after in (_mark(new, "promised"), _mark(new, "inForce")):
            if after["number"] and after["number"] == before["number"] and after["owner"] != before["owner"]:
                return "epoch gives a number that has an owner to another one"
    return None


def _owner_change(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    episode = new.get("episode") or {}
    step = episode.get("step", "")
    active, in_force = new.get("activeNode"), _mark(new, "inForce")
    rises = in_force["number"] > _mark(old, "inForce")["number"]
    if rises and step not in ("Promote", "SwapPermit", "Adopt"):
        return f"epoch.inForce may not change in the step {step!r}"
    if rises and step == "SwapPermit" and in_force["owner"] != _mark(old, "inForce")["owner"]:
        return "SwapPermit only renews"
    pair_changes = old.get("pairUID") and old.get("activeNode") and old["pairUID"] != new.get("pairUID")
    if pair_changes and step != "Adopt":
        return "pairUID may not change"
    takes_over = (active and active != old.get("activeNode")) or (rises and step != "SwapPermit")
    return _proof(new, episode, step) if takes_over else None


def _proof(new: Mapping[str, Any], episode: Mapping[str, Any], step: str) -> str | None:
    proof = episode.get("proof")
    active, number = new.get("activeNode"), _mark(new, "inForce")["number"]
    if step not in ("Promote", "Adopt"):
        return f"activeNode may not change in the step {step!r}"
    if proof is None:
        return "episode.proof is needed"
    if proof["node"] == active:
        return "episode.proof.node must be the other node"
    if not proof["epoch"] == number == episode["epoch"]:
        return "episode.proof.epoch must be this epoch"
    if proof["episode"] != episode["id"]:
        return "episode.proof.episode must be this episode"
    if proof["method"] == "Adopted" and step != "Adopt":
        return "Adopted serves only Adopt"
    if proof["method"] == "NeverRan" and episode["kind"] != "Activate":
        return "NeverRan serves only Activate"
    return None if active == episode["target"] else "activeNode must be episode.target"
