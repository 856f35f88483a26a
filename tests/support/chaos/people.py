"""The person beside the pair: orders, by patch or through Git, and the answer to every hold that asks for one.

The law of this file: the person does what the pair's own words say, and nothing that the words do not
ask for; a hold that no person can end is a finding.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVES = ("Switchover", "Failover")
GENEROUS_SECONDS = "100000"


@dataclass(frozen=True, slots=True)
class Answer:
    """A word about one episode."""

    episode: str
    say: str
    of: str | None = None

    def as_item(self) -> dict[str, str]:
        """Return it as it stands in `spec.answers`."""
        found = {"episode": self.episode, "say": self.say}
        return found if self.of is None else {**found, "of": self.of}


@dataclass(frozen=True, slots=True)
class Order:
    """Another `spec.activeNode`."""

    node: str


@dataclass(frozen=True, slots=True)
class StartServices:
    """Start what does not run on a node that may run it."""

    node: str


@dataclass(frozen=True, slots=True)
class StopServices:
    """Stop what runs on a node that may not run it."""

    node: str


@dataclass(frozen=True, slots=True)
class SwitchOn:
    """Go and look at a node that does not answer, and switch it on where it is off."""

    node: str


@dataclass(frozen=True, slots=True)
class CutAndConfirm:
    """Pull a node's plug, and then say so."""

    answer: Answer
    node: str


@dataclass(frozen=True, slots=True)
class Enforce:
    """End a pause."""


Remedy = Answer | Order | StartServices | StopServices | SwitchOn | CutAndConfirm | Enforce


def hold_of(status: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return reason and message of what holds the pair, or None."""
    for condition in status.get("conditions", []):
        if condition["type"] == "Stalled" and condition["status"] == "True":
            return condition["reason"], condition["message"]
    return None


def last_move(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the newest finished move."""
    moves = (item for item in status.get("history", []) if item["kind"] in MOVES and item["result"] == "Done")
    return next(moves, None)


def remedy(spec: Mapping[str, Any], status: Mapping[str, Any], *, dice: int) -> Remedy | None:
    """Return what a person does now, or None where waiting is right."""
    if spec.get("management", "Enforce") != "Enforce":
        return Enforce()
    hold = hold_of(status)
    if hold is not None:
        found = _to_a_hold(*hold, status, dice=dice)
        if found is not None:
            return None if _is_said(found, spec) else found
    found = _to_an_override(spec, status, dice=dice)
    return None if _is_said(found, spec) else found


def _is_said(wanted: Remedy | None, spec: Mapping[str, Any]) -> bool:
    """Tell whether this word stands in spec already: a person says a thing once, and then waits."""
    word = wanted.answer if isinstance(wanted, CutAndConfirm) else wanted
    return isinstance(word, Answer) and word.as_item() in spec.get("answers", [])


def _uid_in(message: str) -> str | None:
    """Return the pair uid that a hold's words say to adopt."""
    found = re.search(r"say: Adopt, of: (\S+)\}", message)
    return found.group(1) if found else None


def _to_a_hold(reason: str, message: str, status: Mapping[str, Any], *, dice: int) -> Remedy | None:
    episode, move = status.get("episode") or {}, last_move(status)
    active = str(status.get("activeNode") or "")
    match reason:
        case "Flapping" if move:
            return Answer(move["id"], "Acknowledge")
        case "RecentAutomaticMove" if status.get("automaticMove"):
            return Answer(status["automaticMove"]["episode"], "Acknowledge")
        case "OrderNotDone":
            left = str(status["orderNotDone"])
            return Answer(left, "Retry") if dice % 2 else Order(active)
        case "ForeignPair" if not active:
            uid = _uid_in(message)
            return Answer(f"adopt-{uid}", "Adopt", uid) if uid else None
        case "CopyOverBudget" | "LossNotAccepted" if episode:
            return Answer(episode["id"], "AcceptLoss", GENEROUS_SECONDS)
        case "FenceUnproven" if episode:
            return CutAndConfirm(Answer(episode["id"], "ConfirmFenced", episode["source"]), episode["source"])
        case "StateLost" | "NodeRolledBack" if active and not episode:
            return Order(other_than(active))
        case _:
            return _at_a_node(reason, status) or fail_over(status)


def _at_a_node(reason: str, status: Mapping[str, Any]) -> Remedy | None:
    """Return what is to be done at a node itself."""
    episode, active = status.get("episode"), str(status.get("activeNode") or "")
    match reason:
        case "StandbyAbsent" if active and not episode:
            # A fence that was under way when everything was healed may have switched it off since.
            return SwitchOn(other_than(active))
        case "TargetUnreadable" if episode:
            return SwitchOn(str(episode["target"]))
        case "ServiceDown" if active:
            return StartServices(active)
        case "SplitBrain" if active:
            return StopServices(other_than(active))
        case _:
            return None


def other_than(node: str) -> str:
    """Return the pair's other node."""
    return "b" if node == "a" else "a"


def fail_over(status: Mapping[str, Any]) -> Answer | None:
    """Return the word that gives up an old side that cannot be read or stopped, where the hold asks for it."""
    hold, episode = hold_of(status), status.get("episode")
    return Answer(episode["id"], "FailOver") if episode and hold and "FailOver" in hold[1] else None


def _to_an_override(spec: Mapping[str, Any], status: Mapping[str, Any], *, dice: int) -> Remedy | None:
    """Accept what the operator moved by itself, or ask for it back; once the standby is protected again."""
    active = status.get("activeNode")
    if status.get("episode") or not active or spec["activeNode"] == active or status.get("orderNotDone"):
        return None
    if spec["activeNode"] != status.get("observedActiveNode"):
        # An order that waits is no override.
        return None
    move = last_move(status)
    if move and move["kind"] == "Failover" and dice % 2:
        return Answer(move["id"], "HandBack")
    return Order(str(active))


def is_at_rest(spec: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Tell whether the pair is as ordered, held by nothing, and the standby could take over."""
    conditions = {item["type"]: item["status"] for item in status.get("conditions", [])}
    return (
        not status.get("episode")
        and status.get("state") == "Active"
        and status.get("activeNode") == spec.get("activeNode")
        and conditions.get("Stalled") != "True"
        and conditions.get("Ready") == "True"
        and conditions.get("Protected") == "True"
    )


def answers_with(spec: Mapping[str, Any], answer: Answer) -> str:
    """Return the merge patch that adds an answer to the newest few."""
    kept = [item for item in spec.get("answers", []) if item != answer.as_item()][-6:]
    return json.dumps({"spec": {"answers": [*kept, answer.as_item()]}})
