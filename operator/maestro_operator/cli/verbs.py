"""The verbs of `kubectl maestro` that change: read the pair, ask one function for the change, make it, print it."""

from __future__ import annotations

import getpass
import os
import sys
from typing import TYPE_CHECKING

from maestro_operator.cli import orders, reading
from maestro_operator.cli.change import CannotError, Change, IncompleteError, answered, say_of
from maestro_operator.cli.episodes import known, waiting_for
from maestro_operator.cli.fence import objection
from maestro_operator.cli.following import follow
from maestro_operator.cli.pairs import MaestroPair, change
from maestro_operator.cli.reading import pair_of
from maestro_operator.cli.waiting import How, stand
from maestro_operator.clock import SystemClock
from maestro_operator.model.pair import Management, Say

if TYPE_CHECKING:
    import argparse


def confirm_fence(given: argparse.Namespace) -> None:
    """Say that a node is off, after holding that against what the pair says it waits for."""
    pair = pair_of(given)
    against = objection(pair.obj, node=given.node, episode=given.episode)
    if against is not None:
        raise CannotError(f"{against}; nothing was answered")
    _answer(pair, given, say=Say.CONFIRM_FENCED, episode=given.episode, of=given.node)


def answer(given: argparse.Namespace) -> None:
    """Give any answer to the episode that the person names."""
    pair, say = pair_of(given), say_of(given.say)
    if say is Say.CONFIRM_FENCED:
        raise CannotError("say that by `kubectl maestro confirm-fence`: it looks for signs of life first")
    _answer(pair, given, say=say, episode=known(pair.obj, given.episode), of=given.of)


def quarantine(given: argparse.Namespace) -> None:
    """Print what is kept aside, or how to have one thing elsewhere, or give one up."""
    pair = pair_of(given)
    if given.export is not None:
        print(orders.export(pair.obj, given.export))
    elif given.discard is not None:
        orders.keeper(pair.obj, given.discard)
        _answer(pair, given, say=Say.DISCARD_QUARANTINE, episode=given.discard, of=given.discard)
    else:
        reading.quarantine(given)


def say_short(given: argparse.Namespace) -> None:
    """Give the one answer that the verb is named after, to the episode that waits for it."""
    pair = pair_of(given)
    episode = f"adopt-{given.of}" if given.says is Say.ADOPT else waiting_for(pair.obj, given.says)
    _answer(pair, given, say=given.says, episode=given.episode or episode, of=given.of)


def manage(given: argparse.Namespace) -> None:
    """Pause, resume or release."""
    pair = pair_of(given)
    wanted = orders.release(pair.obj) if given.how is Management.RELEASE else orders.manage(pair.obj, given.how)
    _make(given, pair, wanted)


def switch_over(given: argparse.Namespace) -> None:
    """Order the other node."""
    pair = pair_of(given)
    _make(given, pair, orders.switch_over(pair.obj, given.node))


def fail_over(given: argparse.Namespace) -> None:
    """Give the active side up: by the answer to the switchover that waits for it, else by the order."""
    pair = pair_of(given)
    episode, node = orders.give_up_on(pair.obj)
    if episode is not None:
        _answer(pair, given, say=Say.FAIL_OVER, episode=episode, of=None)
        return
    _make(given, pair, orders.switch_over(pair.obj, node))
    print("\nWhere the switchover waits because the old side cannot be stopped, say `failover` once more to fence it.")


def rehearse(given: argparse.Namespace) -> None:
    """Ask for something to be tried: a drill, or a test beside the pair."""
    pair = pair_of(given)
    episode, name = orders.rehearsal(pair.obj, given.says, now=SystemClock().now(), name=given.name)
    _answer(pair, given, say=given.says, episode=episode, of=name)


def maintenance(given: argparse.Namespace) -> None:
    """Begin or end a planned maintenance."""
    pair = pair_of(given)
    _make(given, pair, orders.maintain(pair.obj, now=SystemClock().now(), minutes=given.minutes))


def _answer(pair: MaestroPair, given: argparse.Namespace, *, say: Say, episode: str, of: str | None) -> None:
    word = {"episode": episode, "say": say.value, "of": of, "by": given.by or _login_name(), "why": given.why}
    _make(given, pair, answered(pair.obj, word))


def _make(given: argparse.Namespace, pair: MaestroPair, wanted: Change) -> None:
    """Make the change, or only try it; print it, with what to do in Git; and wait where that was asked for."""
    if not wanted.spec:
        print(f"{wanted.said}; nothing was changed")
        return
    change(pair, wanted, only_try=given.dry_run)
    if given.dry_run:
        print(wanted.said)
        print("Only tried: the API server would take it, and nothing was changed. The same change as YAML:\n")
    else:
        print(wanted.said)
        print("Where the pair is kept in Git, make the same change there, or the next sync takes it away:\n")
    print(wanted.git, flush=True)
    if given.wait and not given.dry_run:
        _await(pair, wanted, seconds=given.timeout)


def _await(pair: MaestroPair, wanted: Change, *, seconds: int) -> None:
    """Tell how the change gets on, a line each time that changes, until it is reached.

    Raises:
        IncompleteError: it came to another end, or to none in time.

    """
    generation, said = pair.obj["metadata"]["generation"], ""
    for found in follow(pair, seconds=seconds, clock=SystemClock()):
        now = stand(found.obj, wanted.spec, generation=generation)
        if now.text != said:
            print(f"{now.how.value}: {now.text}", file=sys.stderr, flush=True)
        said = now.text
        if now.how is How.DONE:
            return
        if now.how is How.MISSED:
            raise IncompleteError(now.text)
    raise IncompleteError(f"not reached in {seconds} s: {said}")


def _login_name() -> str:
    """Return who is logged in; a user without a name in a container is still somebody."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
