"""The verbs of `kubectl maestro`: parse, call one function, print.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

import requests
import yaml

from maestro_operator.cli.fence import answer_for, as_git_change, is_answered, objection
from maestro_operator.cli.pairs import CannotError, MaestroPair, add_answer, connect, read
from maestro_operator.cli.screen import screen

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, NOT_DONE = 0, 1
WIDTH_UNKNOWN = (140, 24)
"""Where the output is no terminal."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        arguments.verb(arguments)
    except CannotError as error:
        print(f"kubectl maestro: {error}", file=sys.stderr)
        return NOT_DONE
    except (requests.RequestException, OSError) as error:
        print(f"kubectl maestro: the API server cannot be asked: {error}", file=sys.stderr)
        return NOT_DONE
    return DONE


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("pair", help="the MaestroPair's name")
    common.add_argument("-n", "--namespace", help="its namespace; default: the one of the kubeconfig's context")
    common.add_argument("--kubeconfig", help="default: $KUBECONFIG, else ~/.kube/config")
    parser = argparse.ArgumentParser(prog="kubectl maestro", description="See and steer MaestroPairs.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    status = verbs.add_parser("status", parents=[common], help="one screen for one pair")
    status.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    status.set_defaults(verb=_status)
    confirm = verbs.add_parser(
        "confirm-fence", parents=[common], help="say that a node is certainly off, for the episode that waits for it"
    )
    confirm.add_argument("--node", required=True, help="the node that you made sure is off")
    confirm.add_argument("--episode", required=True, help="the episode that waits, as `status` names it")
    confirm.add_argument("--why", required=True, help="how you made sure; it is kept in the history")
    confirm.add_argument("--by", help="who says it; default: your login name")
    confirm.set_defaults(verb=_confirm_fence)
    return parser


def _status(arguments: argparse.Namespace) -> None:
    pair = read(connect(arguments.kubeconfig), arguments.namespace, arguments.pair).obj
    if arguments.output == "json":
        print(json.dumps(pair.get("status", {}), indent=2))
    elif arguments.output == "yaml":
        print(yaml.safe_dump(pair.get("status", {}), sort_keys=False), end="")
    else:
        print(screen(pair, width=shutil.get_terminal_size(WIDTH_UNKNOWN).columns))


def _confirm_fence(arguments: argparse.Namespace) -> None:
    """Add the answer, after holding it against what the pair says it waits for."""
    pair: MaestroPair = read(connect(arguments.kubeconfig), arguments.namespace, arguments.pair)
    node, episode = arguments.node, arguments.episode
    against = objection(pair.obj, node=node, episode=episode)
    if against is not None:
        raise CannotError(f"{against}; nothing was answered")
    if is_answered(pair.obj, node=node, episode=episode):
        print(f"answered before: {node} is off, for {episode}; nothing was changed")
        return
    answer = answer_for(node=node, episode=episode, by=arguments.by or _login_name(), why=arguments.why)
    add_answer(pair, answer)
    print(f"answered: {node} is off, for {episode}")
    print("Where the pair is kept in Git, make the same change there, or the next sync takes it away:\n")
    print(as_git_change(answer))


def _login_name() -> str:
    """Return who is logged in; a user without a name in a container is still somebody."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


if __name__ == "__main__":
    sys.exit(main())
