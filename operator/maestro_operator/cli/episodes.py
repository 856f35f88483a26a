"""Which episode an answer is for, where a person does not name it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maestro_operator.cli.change import CannotError
from maestro_operator.decide.moves import OWN_WAYS
from maestro_operator.model.pair import Say

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ADOPTS = "adopt-"
"""What the name of the waiting of a foreign pair begins with; its uid follows."""


def known(pair: Mapping[str, Any], episode: str) -> str:
    """Return the episode, where the pair has one of that name.

    Raises:
        CannotError: it has none, so the answer would be ignored.

    """
    status = pair.get("status") or {}
    names = [_under_way(status), status.get("orderNotDone"), *(item["id"] for item in status.get("history") or [])]
    there = list(dict.fromkeys(name for name in names if name))
    if episode in there or episode.startswith(ADOPTS):
        return episode
    raise CannotError(f"there is no episode {episode}; the pair has {', '.join(there) or 'none'}")


def waiting_for(pair: Mapping[str, Any], say: Say) -> str:
    """Return the one episode that an answer can be for now.

    Raises:
        CannotError: nothing waits for it, or it has to be named.

    """
    found = _WAITS.get(say, _under_way)(pair.get("status") or {})
    if found is None:
        raise CannotError(f"nothing waits for {say}: {_NEEDS.get(say, 'no episode is under way')}")
    return found


def _under_way(status: Mapping[str, Any]) -> str | None:
    return (status.get("episode") or {}).get("id")


def _moved(status: Mapping[str, Any]) -> str | None:
    """Return the last automatic move, else the last move that was carried out."""
    move = status.get("automaticMove") or {}
    if move and not move.get("acknowledged"):
        return str(move["episode"])
    return _newest(status, "Failover", "Switchover")


def _left_there(status: Mapping[str, Any]) -> str | None:
    """Return the last failover, or a way of a drill after which the pair was left where nobody ordered it."""
    away = [it for it in status.get("history") or [] if it["kind"] == "Failover" or it["trigger"] in OWN_WAYS]
    return next((str(item["id"]) for item in away if item["result"] == "Done"), None)


def _newest(status: Mapping[str, Any], *kinds: str) -> str | None:
    done = [item for item in status.get("history") or [] if item["kind"] in kinds and item["result"] == "Done"]
    return str(done[0]["id"]) if done else None


_WAITS: Mapping[Say, Callable[[Mapping[str, Any]], str | None]] = {
    Say.RETRY: lambda status: status.get("orderNotDone"),
    Say.ACKNOWLEDGE: _moved,
    Say.HAND_BACK: _left_there,
}
_NEEDS: Mapping[Say, str] = {
    Say.RETRY: "no order was left undone",
    Say.ACKNOWLEDGE: "no move was made lately",
    Say.HAND_BACK: "neither a failover nor a drill was made lately",
}
