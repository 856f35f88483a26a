"""The verbs of `kubectl maestro`: read the pair, ask one function for the change, make it, print it."""

from __future__ import annotations

import getpass
import json
import os
import shutil
from typing import TYPE_CHECKING

import yaml

from maestro_operator.cli import decisions, orders
from maestro_operator.cli.change import CannotError, Change, answered, say_of
from maestro_operator.cli.episodes import known, waiting_for
from maestro_operator.cli.fence import objection
from maestro_operator.cli.pairs import MaestroPair, change, connect, events_of, read
from maestro_operator.cli.screen import screen
from maestro_operator.cli.why import why
from maestro_operator.clock import SystemClock
from maestro_operator.model.pair import Management, Say

if TYPE_CHECKING:
    import argparse

WIDTH_UNKNOWN = (140, 24)
"""Where the output is no terminal."""


def status(given: argparse.Namespace) -> None:
    """Print one screen, or the status as it is."""
    pair = _read(given).obj
    if given.output == "json":
        print(json.dumps(pair.get("status", {}), indent=2))
    elif given.output == "yaml":
        print(yaml.safe_dump(pair.get("status", {}), sort_keys=False), end="")
    else:
        print(screen(pair, width=shutil.get_terminal_size(WIDTH_UNKNOWN).columns))


def explain(given: argparse.Namespace) -> None:
    """Print why the newest decision was made, or one before it, rule by rule; or the look that it was made from."""
    kept = _kept(given)
    if given.ago >= len(kept):
        raise CannotError(f"{len(kept)} decisions are kept; ask for one from 0, the newest, to {len(kept) - 1}")
    item = kept[-1 - given.ago]
    if given.output == "text":
        print(why(item.seen()))
    elif given.output == "json":
        print(json.dumps(json.loads(item.look), indent=2))
    else:
        print(yaml.safe_dump(json.loads(item.look), sort_keys=False), end="")


def replay(given: argparse.Namespace) -> None:
    """Decide anew from every look that is kept, and say where another decision comes of it."""
    told = [decisions.again(item) for item in _kept(given)]
    print("\n".join(line for line, _ in told))
    others = sum(not is_same for _, is_same in told)
    if others:
        raise CannotError(f"{others} of {len(told)} looks lead to another decision with this version")
    print(f"{len(told)} looks, each decided again as it was")


def _kept(given: argparse.Namespace) -> tuple[decisions.Kept, ...]:
    """Return the decisions that a file keeps, else those of the pair's events, oldest first."""
    if given.file is not None:
        with given.file as file:
            return decisions.kept_by(yaml.safe_load(file))
    if given.pair is None:
        raise CannotError("name a pair, or a file by --file")
    pair = _read(given)
    kept = decisions.kept_in(events_of(pair))
    if not kept:
        raise CannotError(f"no decision about {pair.namespace}/{pair.name} is kept: does an operator lead?")
    return kept


def confirm_fence(given: argparse.Namespace) -> None:
    """Say that a node is off, after holding that against what the pair says it waits for."""
    pair = _read(given)
    against = objection(pair.obj, node=given.node, episode=given.episode)
    if against is not None:
        raise CannotError(f"{against}; nothing was answered")
    _answer(pair, given, say=Say.CONFIRM_FENCED, episode=given.episode, of=given.node)


def answer(given: argparse.Namespace) -> None:
    """Give any answer to the episode that the person names."""
    pair, say = _read(given), say_of(given.say)
    if say is Say.CONFIRM_FENCED:
        raise CannotError("say that by `kubectl maestro confirm-fence`: it looks for signs of life first")
    _answer(pair, given, say=say, episode=known(pair.obj, given.episode), of=given.of)


def say_short(given: argparse.Namespace) -> None:
    """Give the one answer that the verb is named after, to the episode that waits for it."""
    pair = _read(given)
    episode = f"adopt-{given.of}" if given.says is Say.ADOPT else waiting_for(pair.obj, given.says)
    _answer(pair, given, say=given.says, episode=given.episode or episode, of=given.of)


def manage(given: argparse.Namespace) -> None:
    """Pause, resume or release."""
    pair = _read(given)
    wanted = orders.release(pair.obj) if given.how is Management.RELEASE else orders.manage(pair.obj, given.how)
    _make(pair, wanted)


def switch_over(given: argparse.Namespace) -> None:
    """Order the other node."""
    pair = _read(given)
    _make(pair, orders.switch_over(pair.obj, given.node))


def fail_over(given: argparse.Namespace) -> None:
    """Give the active side up: by the answer to the switchover that waits for it, else by the order."""
    pair = _read(given)
    episode, node = orders.give_up_on(pair.obj)
    if episode is not None:
        _answer(pair, given, say=Say.FAIL_OVER, episode=episode, of=None)
        return
    _make(pair, orders.switch_over(pair.obj, node))
    print("\nWhere the switchover waits because the old side cannot be stopped, say `failover` once more to fence it.")


def maintenance(given: argparse.Namespace) -> None:
    """Begin or end a planned maintenance."""
    pair = _read(given)
    _make(pair, orders.maintain(pair.obj, now=SystemClock().now(), minutes=given.minutes))


def _read(given: argparse.Namespace) -> MaestroPair:
    return read(connect(given.kubeconfig), given.namespace, given.pair)


def _answer(pair: MaestroPair, given: argparse.Namespace, *, say: Say, episode: str, of: str | None) -> None:
    word = {"episode": episode, "say": say.value, "of": of, "by": given.by or _login_name(), "why": given.why}
    _make(pair, answered(pair.obj, word))


def _make(pair: MaestroPair, wanted: Change) -> None:
    """Make the change and print it, with what to do in Git."""
    if not wanted.spec:
        print(f"{wanted.said}; nothing was changed")
        return
    change(pair, wanted)
    print(wanted.said)
    print("Where the pair is kept in Git, make the same change there, or the next sync takes it away:\n")
    print(wanted.git)


def _login_name() -> str:
    """Return who is logged in; a user without a name in a container is still somebody."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
