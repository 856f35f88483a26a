"""The program `kubectl-maestro`: its verbs and their options.

Exit codes: 0 done, or nothing left to do; 1 not done, the message says why; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

import requests

from maestro_operator.cli import verbs
from maestro_operator.cli.change import CannotError
from maestro_operator.model.pair import Management, Say

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE, NOT_DONE = 0, 1
MOST_MINUTES = 7 * 24 * 60
MANAGED = (
    ("pause", Management.PAUSED, "do nothing more after the episode under way; the pair runs on"),
    ("resume", Management.ENFORCE, "carry orders out again"),
    ("release", Management.RELEASE, "take guards, gates and keys off both nodes; what runs there runs on"),
)
SHORT = (
    ("retry", Say.RETRY, None, "repeat the order that was rolled back"),
    ("acknowledge", Say.ACKNOWLEDGE, None, "the last move is understood; the next one need not wait"),
    ("hand-back", Say.HAND_BACK, None, "go back to the declared node after an automatic failover"),
    ("accept-loss", Say.ACCEPT_LOSS, "seconds", "how many seconds of data this episode may lose"),
    ("adopt", Say.ADOPT, "uid", "take over nodes that belong to another pair uid"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    given = _parser().parse_args(argv)
    try:
        given.verb(given)
    except CannotError as error:
        print(f"kubectl maestro: {error}", file=sys.stderr)
        return NOT_DONE
    except (requests.RequestException, OSError) as error:
        print(f"kubectl maestro: the API server cannot be asked: {error}", file=sys.stderr)
        return NOT_DONE
    return DONE


def _common(*, may_be_left_out: bool = False) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("pair", help="the MaestroPair's name", nargs="?" if may_be_left_out else None)
    common.add_argument("-n", "--namespace", help="its namespace; default: the one of the kubeconfig's context")
    common.add_argument("--kubeconfig", help="default: $KUBECONFIG, else ~/.kube/config")
    return common


def _parser() -> argparse.ArgumentParser:
    common = _common()
    spoken = argparse.ArgumentParser(add_help=False, parents=[common])
    spoken.add_argument("--by", help="who says it; default: your login name")
    spoken.add_argument("--why", help="why; it stands in the resource")
    parser = argparse.ArgumentParser(prog="kubectl maestro", description="See and steer MaestroPairs.")
    found = parser.add_subparsers(required=True, metavar="VERB")

    status = found.add_parser("status", parents=[common], help="one screen for one pair")
    status.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text")
    status.set_defaults(verb=verbs.status)
    _add_decisions(found, common=_common(may_be_left_out=True))
    for name, how, text in MANAGED:
        found.add_parser(name, parents=[common], help=text).set_defaults(verb=verbs.manage, how=how)
    move = found.add_parser("switchover", parents=[common], help="make a node active")
    move.add_argument("node", help="the node that shall be active")
    move.set_defaults(verb=verbs.switch_over)
    give_up = found.add_parser("failover", parents=[spoken], help="give the active side up, and fence it if need be")
    give_up.set_defaults(verb=verbs.fail_over)
    planned = found.add_parser("maintenance", parents=[common], help="a planned reboot is no outage")
    length = planned.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=_minutes, help="how long, from now on")
    length.add_argument("--end", dest="minutes", action="store_const", const=None, help="it is over")
    planned.set_defaults(verb=verbs.maintenance)
    _add_answers(found, common=common, spoken=spoken)
    return parser


def _add_decisions(
    found: argparse._SubParsersAction[argparse.ArgumentParser], *, common: argparse.ArgumentParser
) -> None:
    why = found.add_parser("explain", parents=[common], help="why the newest decision was made, rule by rule")
    why.add_argument("--ago", type=_count, default=0, help="a decision before it: 1 is the one before the newest")
    why.add_argument("-o", "--output", choices=("text", "json", "yaml"), default="text", help="yaml: what was seen")
    why.set_defaults(verb=verbs.explain)
    again = found.add_parser("replay", parents=[common], help="decide anew from every look that is kept")
    again.set_defaults(verb=verbs.replay)
    for verb in (why, again):
        text = "a look, an event or a list of events, as YAML or JSON, in place of the pair's events"
        verb.add_argument("-f", "--file", type=argparse.FileType(), help=text)


def _add_answers(
    found: argparse._SubParsersAction[argparse.ArgumentParser],
    *,
    common: argparse.ArgumentParser,
    spoken: argparse.ArgumentParser,
) -> None:
    for name, say, of, text in SHORT:
        short = found.add_parser(name, parents=[spoken], help=text)
        short.add_argument("--episode", help="default: the one that waits for it")
        short.set_defaults(verb=verbs.say_short, says=say, of=None)
        if of is not None:
            short.add_argument(f"--{of}", dest="of", required=True)
    answer = found.add_parser("answer", parents=[spoken], help="any answer to one episode")
    answer.add_argument("episode", help="the episode that waits, as `status` names it")
    answer.add_argument("say", help=", ".join(Say))
    answer.add_argument("--of", help="the node, backup, amount or item that is meant")
    answer.set_defaults(verb=verbs.answer)
    confirm = found.add_parser(
        "confirm-fence", parents=[common], help="say that a node is certainly off, for the episode that waits for it"
    )
    confirm.add_argument("--node", required=True, help="the node that you made sure is off")
    confirm.add_argument("--episode", required=True, help="the episode that waits, as `status` names it")
    confirm.add_argument("--why", required=True, help="how you made sure; it is kept in the history")
    confirm.add_argument("--by", help="who says it; default: your login name")
    confirm.set_defaults(verb=verbs.confirm_fence)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("write a whole number from 0 on")
    return int(text)


def _minutes(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST_MINUTES}")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
