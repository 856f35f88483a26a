"""Completion, as kubectl asks its plugins for it: `kubectl_complete-maestro WORD...` prints what the last word may be.

The law of this file: it never fails and never waits long. Where nothing is known, nothing is offered.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import requests
from pykube.exceptions import PyKubeError

from maestro_operator.cli.change import CannotError
from maestro_operator.cli.pairs import MaestroPair, connect, read
from maestro_operator.cli.words import parser
from maestro_operator.model.pair import Say

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NO_FILES = ":4"
"""What kubectl's completion takes as: offer these, and no files."""
FILES = ":0"


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the last word may be, one a line, and how the shell shall go on."""
    words = list(sys.argv[1:] if argv is None else argv) or [""]
    try:
        offered, way = _offered(words[:-1], words[-1])
    except (CannotError, PyKubeError, requests.RequestException, OSError, ValueError, KeyError):
        offered, way = [], NO_FILES
    print("\n".join([*(word for word in offered if word.startswith(words[-1])), way]))
    return 0


def _offered(before: list[str], last: str) -> tuple[list[str], str]:
    verbs = _verbs()
    if not before:
        return list(verbs), NO_FILES
    verb = verbs.get(before[0])
    if verb is None:
        return [], NO_FILES
    options = {name: action for action in verb._actions for name in action.option_strings}  # noqa: SLF001 - no other way
    asked = options.get(before[-1]) if len(before) > 1 else None
    if asked is not None and asked.nargs != 0:
        return _values(asked, before)
    if last.startswith("-"):
        return sorted(name for name in options if name.startswith("--")), NO_FILES
    return _positional(verb, options, before), NO_FILES


def _verbs() -> dict[str, argparse.ArgumentParser]:
    (found,) = (item for item in parser()._actions if isinstance(item, argparse._SubParsersAction))  # noqa: SLF001
    return dict(found.choices)


def _values(asked: argparse.Action, before: list[str]) -> tuple[list[str], str]:
    """Return the values of an option."""
    if asked.choices:
        return [str(item) for item in asked.choices], NO_FILES
    if asked.dest in ("file", "kubeconfig", "to"):
        return [], FILES
    pair = _pair(before)
    if pair is None:
        return [], NO_FILES
    if asked.dest == "node":
        return [node["name"] for node in pair.obj["spec"]["nodes"]], NO_FILES
    return (list(_episodes(pair)) if asked.dest == "episode" else []), NO_FILES


def _positional(verb: argparse.ArgumentParser, options: dict[str, argparse.Action], before: list[str]) -> list[str]:
    """Return what the next word without a hyphen may be."""
    places = [action for action in verb._actions if not action.option_strings]  # noqa: SLF001
    given = _plain(options, before[1:])
    if len(given) >= len(places):
        return []
    place = places[len(given)]
    if place.choices:
        return [str(item) for item in place.choices]
    if place.dest == "pair":
        api = connect(_option(before, "--kubeconfig"))
        where = _option(before, "--namespace", "-n") or api.config.namespace
        return [pair.name for pair in MaestroPair.objects(api).filter(namespace=where)]
    if place.dest == "say":
        return [item.value for item in Say]
    pair = _pair(before)
    if pair is None:
        return []
    if place.dest == "node":
        return [node["name"] for node in pair.obj["spec"]["nodes"]]
    return list(_episodes(pair)) if place.dest == "episode" else []


def _plain(options: dict[str, argparse.Action], words: list[str]) -> list[str]:
    """Return the words that are neither options nor their values."""
    found, is_value = [], False
    for word in words:
        if is_value:
            is_value = False
        elif word.startswith("-"):
            action = options.get(word)
            is_value = action is not None and action.nargs != 0
        else:
            found.append(word)
    return found


def _option(words: list[str], *names: str) -> str | None:
    return next((words[at + 1] for at, word in enumerate(words[:-1]) if word in names), None)


def _pair(before: list[str]) -> MaestroPair | None:
    verb = _verbs()[before[0]]
    options = {name: action for action in verb._actions for name in action.option_strings}  # noqa: SLF001
    given = _plain(options, before[1:])
    if not given:
        return None
    return read(connect(_option(before, "--kubeconfig")), _option(before, "--namespace", "-n"), given[0])


def _episodes(pair: MaestroPair) -> Iterator[str]:
    status = pair.obj.get("status") or {}
    names = [(status.get("episode") or {}).get("id"), status.get("orderNotDone")]
    names += [item["id"] for item in status.get("history") or []]
    yield from dict.fromkeys(name for name in names if name)


if __name__ == "__main__":
    sys.exit(main())
