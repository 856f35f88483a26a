"""Whether what a change asks for is reached: from the resource alone, as anybody can read it; pure.

The law of this file: nothing counts as done that the operator has not written so. A change that nobody
has seen yet, an order that was rolled back and a move whose checks failed are three different things.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from maestro_operator.cli.trying import TRIED
from maestro_operator.model.pair import Management, Say
from maestro_operator.model.steps import EpisodeKind

if TYPE_CHECKING:
    from collections.abc import Mapping

MOVES = (EpisodeKind.SWITCHOVER, EpisodeKind.FAILOVER, EpisodeKind.TAKE_BACK, EpisodeKind.RENEW)
LEADS_TO_A_MOVE = (Say.RETRY, Say.HAND_BACK)
LEADS_TO = {Say.RESTORE: EpisodeKind.RESTORE, Say.DISCARD_QUARANTINE: EpisodeKind.DISCARD}


class How(Enum):
    """How a change stands."""

    WAITS = "waits"
    DONE = "done"
    MISSED = "missed"
    """It came to an end, and not to the one that was asked for."""


@dataclass(frozen=True, slots=True)
class Stand:
    """How a change stands, in one line."""

    how: How
    text: str


def stand(pair: Mapping[str, Any], asked: Mapping[str, Any], *, generation: int) -> Stand:
    """Return how a change of spec stands that made this generation."""
    status = pair.get("status") or {}
    if status.get("observedGeneration", 0) < generation:
        return Stand(How.WAITS, "no operator has seen the change yet")
    if "activeNode" in asked:
        return _moved(status, str(asked["activeNode"]))
    if "management" in asked:
        return _managed(status, str(asked["management"]))
    if "answers" in asked:
        return _answered(pair, asked["answers"][-1])
    return Stand(How.DONE, "the operator has seen it")


def _moved(status: Mapping[str, Any], wanted: str) -> Stand:
    episode = status.get("episode") or {}
    if episode.get("kind") in MOVES:
        return Stand(How.WAITS, _under_way(status, episode))
    if status.get("activeNode") == wanted == status.get("observedActiveNode"):
        return _verified(status, wanted)
    if status.get("orderNotDone"):
        return Stand(How.MISSED, f"{status['orderNotDone']} was not carried out{_held(status)}")
    return Stand(How.WAITS, f"{status.get('activeNode', 'no node')} is active{_held(status)}")


def _verified(status: Mapping[str, Any], active: str) -> Stand:
    """A node that was moved to and does not serve, or fails its checks, is not what was asked for."""
    for kind in ("Available", "Verified"):
        found = _condition(status, kind)
        if found.get("status") == "False":
            text = f"{active} is active, and {kind} is False, {found['reason']}: {found['message']}"
            return Stand(How.MISSED, text)
    last: Mapping[str, Any] = next(iter(status.get("history") or []), {})
    down = last.get("downtimeSeconds")
    return Stand(How.DONE, f"{active} is active" + (f"; it was down for {down:.1f} s" if down is not None else ""))


def _managed(status: Mapping[str, Any], wanted: str) -> Stand:
    episode = status.get("episode") or {}
    if wanted == Management.RELEASE:
        is_released = status.get("state") == "Released"
        return Stand(How.DONE, "nothing is left on the nodes") if is_released else Stand(How.WAITS, _state(status))
    if wanted == Management.PAUSED and episode:
        return Stand(How.WAITS, _under_way(status, episode))
    return Stand(How.DONE, f"management is {wanted}")


def _answered(pair: Mapping[str, Any], answer: Mapping[str, Any]) -> Stand:
    """An answer to an episode under way is done with it; every other one when it was taken, and what follows is."""
    status, named = pair["status"], str(answer["episode"])
    episode = status.get("episode") or {}
    if episode.get("id") == named:
        return Stand(How.WAITS, _under_way(status, episode))
    ended: Mapping[str, Any] = next((item for item in status.get("history") or [] if item["id"] == named), {})
    taken = {(item["episode"], item["say"], item.get("of")) for item in status.get("takenAnswers") or []}
    is_taken = (named, answer["say"], answer.get("of")) in taken
    if answer["say"] == Say.FAIL_OVER or (is_taken and answer["say"] in LEADS_TO_A_MOVE):
        return _moved(status, str(pair["spec"]["activeNode"]))
    if answer["say"] in TRIED:
        return _tried(status, Say(answer["say"]), str(answer["of"]))
    if is_taken and answer["say"] in LEADS_TO:
        return _carried_out(status, LEADS_TO[answer["say"]])
    if is_taken and answer["say"] in (Say.ACKNOWLEDGE, Say.ADOPT):
        return Stand(How.DONE, f"{answer['say']} was taken")
    if answer["say"] in (Say.ACCEPT_LOSS, Say.CONFIRM_FENCED) and ended:
        if ended["result"] != "Done":
            return Stand(How.MISSED, f"{named} ended: {ended['result']}")
        return _verified(status, str(status.get("activeNode")))
    return Stand(How.WAITS, f"{answer['say']} was not taken yet{_held(status)}")


def _tried(status: Mapping[str, Any], say: Say, name: str) -> Stand:
    """Return how what is tried stands; one that was refused is as little reached as one that failed."""
    kind, what, _ = TRIED[say]
    found = [item for item in status.get("rehearsals") or [] if (item["kind"], item["id"]) == (kind, name)]
    if not found:
        return Stand(How.WAITS, f"{what} {name} has not begun{_held(status)}")
    result, episode = found[0].get("result"), status.get("episode") or {}
    if result is not None:
        return Stand(How.DONE if result == "Passed" else How.MISSED, f"{what} {name}: {result}: {found[0]['message']}")
    waits = (
        _condition(status, "Reconciling").get("message", "") if say is Say.DRILL else f"since {found[0]['startedAt']}"
    )
    return Stand(How.WAITS, f"{what} {name}: {_under_way(status, episode) if episode else waits}")


def _carried_out(status: Mapping[str, Any], kind: EpisodeKind) -> Stand:
    """Return how the one episode stands that an answer leads to."""
    episode = status.get("episode") or {}
    if episode:
        return Stand(How.WAITS, _under_way(status, episode))
    last: Mapping[str, Any] = next((item for item in status.get("history") or [] if item["kind"] == kind), {})
    if not last:
        return Stand(How.WAITS, f"{kind} has not begun{_held(status)}")
    return Stand(How.DONE if last["result"] == "Done" else How.MISSED, f"{last['id']} ended: {last['result']}")


def _under_way(status: Mapping[str, Any], episode: Mapping[str, Any]) -> str:
    way = f"{episode['kind']} {episode['source']} → {episode['target']}: {episode['step']}"
    return way + _held(status)


def _held(status: Mapping[str, Any]) -> str:
    found = _condition(status, "Stalled")
    return f"; held, {found['reason']}: {found['message']}" if found.get("status") == "True" else ""


def _state(status: Mapping[str, Any]) -> str:
    return f"the state is {status.get('state', 'unknown')}{_held(status)}"


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next((item for item in status.get("conditions") or [] if item["type"] == kind), {})
    return found
