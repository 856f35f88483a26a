"""The verbs of `kubectl maestro`: parse, call one function, print.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from typing import TYPE_CHECKING

import pykube
import requests
import yaml

from maestro_operator.cli.pairs import NoSuchPairError, add_answer, connect, read
from maestro_operator.cli.screen import screen

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, NOT_DONE = 0, 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.verb(arguments))
    except (NoSuchPairError, pykube.exceptions.PyKubeError, OSError) as error:
        print(f"kubectl maestro: {error}", file=sys.stderr)
    except requests.RequestException as error:
        print(f"kubectl maestro: the API server cannot be asked: {error}", file=sys.stderr)
    return NOT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kubectl maestro", description="See and steer MaestroPairs.")
    parser.add_argument("--kubeconfig")
    parser.add_argument("-n", "--namespace", default="default")
    verbs = parser.add_subparsers(required=True, metavar="VERB")
    status = verbs.add_parser("status", help="one screen for one pair")
    status.add_argument("pair")
    status.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    status.set_defaults(verb=_status)
    confirm = verbs.add_parser(
        "confirm-fence", help="say that a node is certainly off, for the failover that waits for it"
    )
    confirm.add_argument("pair")
    confirm.add_argument("--node", required=True, help="the node you made sure is off")
    confirm.add_argument("--episode", required=True, help="the episode that waits, as status names it")
    confirm.add_argument("--why", required=True, help="how you made sure; it is kept in the history")
    confirm.set_defaults(verb=_confirm_fence)
    return parser


def _status(arguments: argparse.Namespace) -> int:
    pair = read(connect(arguments.kubeconfig), arguments.namespace, arguments.pair).obj
    if arguments.output == "json":
        print(json.dumps(pair.get("status", {}), indent=2))
    elif arguments.output == "yaml":
        print(yaml.safe_dump(pair.get("status", {}), sort_keys=False), end="")
    else:
        print(screen(pair))
    return DONE


def _confirm_fence(arguments: argparse.Namespace) -> int:
    """Add the answer, after holding it against what the pair says it waits for."""
    pair = read(connect(arguments.kubeconfig), arguments.namespace, arguments.pair)
    episode = (pair.obj.get("status") or {}).get("episode") or {}
    if episode.get("id") != arguments.episode:
        print(f"no episode {arguments.episode} is under way; status names the one that is", file=sys.stderr)
        return NOT_DONE
    if episode.get("source") != arguments.node:
        print(f"{arguments.episode} waits for {episode.get('source')}, not {arguments.node}", file=sys.stderr)
        return NOT_DONE
    node = next(item for item in pair.obj["status"]["nodes"] if item["name"] == arguments.node)
    alive = [item["vantagePoint"] for item in node.get("votes", []) if item["vote"] in ("Alive", "Sick")]
    if node.get("reachable") or alive:
        seen = "the operator reads it" if node.get("reachable") else f"{alive[0]} sees it"
        print(f"{arguments.node} is alive: {seen}; nothing was answered", file=sys.stderr)
        return NOT_DONE
    answer = {
        "episode": arguments.episode,
        "say": "ConfirmFenced",
        "of": arguments.node,
        "by": getpass.getuser(),
        "why": arguments.why,
    }
    add_answer(pair, answer)
    print(f"answered: {arguments.node} is off, for {arguments.episode}")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
