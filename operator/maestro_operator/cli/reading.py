"""The verbs of `kubectl maestro` that only look: read the pair, ask one function for the text, print it."""

from __future__ import annotations

import json
import math
import shutil
import sys
from typing import TYPE_CHECKING, Any

import yaml

from maestro_operator.cli import decisions, history
from maestro_operator.cli.change import CannotError
from maestro_operator.cli.following import follow
from maestro_operator.cli.pairs import MaestroPair, connect, events_of, read
from maestro_operator.cli.plan import plain, plan, shown
from maestro_operator.cli.screen import screen
from maestro_operator.cli.table import table
from maestro_operator.cli.why import why
from maestro_operator.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from maestro_operator.model.seen import Seen

UNCUT = 10_000
"""The width where the output is no terminal: a pipe or a log keeps every vote."""
CLEAR = "\x1b[H\x1b[2J\x1b[3J"


def pair_of(given: argparse.Namespace) -> MaestroPair:
    """Read the pair that was named."""
    return read(connect(given.kubeconfig), given.namespace, given.pair)


def status(given: argparse.Namespace) -> None:
    """Print one screen, or the status as it is; once, or after every change until it is stopped."""
    pair = pair_of(given)
    if not given.watch:
        print(as_asked(given, pair.obj))
        return
    for found in follow(pair, seconds=math.inf, clock=SystemClock()):
        text = as_asked(given, found.obj)
        print(f"{CLEAR}{text}" if sys.stdout.isatty() else f"{text}\n", flush=True)


def as_asked(given: argparse.Namespace, pair: dict[str, Any]) -> str:
    """Return a pair's screen, as wide as the terminal where there is one, or its status as data."""
    if given.output == "text":
        return screen(pair, width=shutil.get_terminal_size().columns if sys.stdout.isatty() else UNCUT)
    return as_data(pair.get("status", {}), given.output)


def as_data(value: object, output: str) -> str:
    """Return plain data as JSON or YAML."""
    if output == "json":
        return json.dumps(value, indent=2, ensure_ascii=False)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=1000).rstrip()


def past(given: argparse.Namespace) -> None:
    """Print the finished episodes, or one of them with its steps."""
    pair = pair_of(given).obj
    found: Any = history.one(pair, given.episode) if given.episode else history.kept(pair)
    if given.output != "text":
        print(as_data(found, given.output))
    else:
        print(history.told(found) if given.episode else history.history(pair))


def quarantine(given: argparse.Namespace) -> None:
    """Print what old sides wrote last and is kept aside."""
    pair = pair_of(given)
    found = (pair.obj.get("status") or {}).get("quarantine") or []
    if given.output != "text":
        print(as_data(found, given.output))
        return
    if not found:
        print("Nothing is kept aside.")
        return
    rows = [[item["node"], item["episode"], _size(item.get("bytes")), item.get("keptAt", "unknown")] for item in found]
    print("\n".join(table([["node", "episode", "size", "kept at"], *rows], indent="")))


def _size(number: int | None) -> str:
    return "unknown" if number is None else f"{number / 2**20:.1f} MiB"


def planned(given: argparse.Namespace) -> None:
    """Print the steps of a move, were it ordered now; or how the episode under way goes on."""
    look = _kept(given)[-1].seen()
    made = plan(look, given.node)
    print(shown(made, key=f"{look.now}   {look.key}") if given.output == "text" else as_data(plain(made), given.output))


def explain(given: argparse.Namespace) -> None:
    """Print why the newest decision was made, or one before it, rule by rule; or the look that it was made from."""
    kept = _kept(given)
    if given.ago >= len(kept):
        raise CannotError(f"{len(kept)} decisions are kept; ask for one from 0, the newest, to {len(kept) - 1}")
    item = kept[-1 - given.ago]
    look: Seen = item.seen()
    print(why(look) if given.output == "text" else as_data(json.loads(item.look), given.output))


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
    pair = pair_of(given)
    kept = decisions.kept_in(events_of(pair))
    if not kept:
        raise CannotError(f"no decision about {pair.namespace}/{pair.name} is kept: does an operator lead?")
    return kept
