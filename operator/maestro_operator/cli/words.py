"""The verbs of `kubectl maestro`, and the words that each takes."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from maestro_operator.cli import reading, reporting, starting, verbs
from maestro_operator.cli.beginning import PROFILES
from maestro_operator.cli.trying import VERBS
from maestro_operator.model.pair import Management, Say

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_MINUTES = 7 * 24 * 60
WAIT_SECONDS = 900
OUTPUTS = ("text", "json", "yaml")
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


class Verbs:
    """The parser as it is built: each verb with the words that its kind has in common."""

    def __init__(self) -> None:
        """Begin without any verb."""
        self.parser = argparse.ArgumentParser(prog="kubectl maestro", description="See and steer MaestroPairs.")
        self._found = self.parser.add_subparsers(required=True, metavar="VERB")
        self._pair = _of_a_pair()
        self._pair_or_file = _of_a_pair(may_be_left_out=True)
        self._change = _of_a_change()
        self._spoken = argparse.ArgumentParser(add_help=False)
        self._spoken.add_argument("--by", help="who says it; default: your login name")
        self._spoken.add_argument("--why", help="why; it stands in the resource")

    def reads(self, name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        """Add a verb that looks at one pair."""
        return self._add(name, verb, text, self._pair)

    def reads_looks(self, name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        """Add a verb that looks at kept decisions: a pair's, or a file's."""
        added = self._add(name, verb, text, self._pair_or_file)
        about = "a look, an event or a list of events, as YAML or JSON, in place of the pair's events"
        added.add_argument("-f", "--file", type=argparse.FileType(), help=about)
        return added

    def changes(self, name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        """Add a verb that changes one pair."""
        return self._add(name, verb, text, self._pair, self._change)

    def answers(self, name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        """Add a verb that changes one pair by somebody's word."""
        return self._add(name, verb, text, self._pair, self._change, self._spoken)

    def stands_alone(self, name: str, verb: Callable[[argparse.Namespace], None], text: str) -> argparse.ArgumentParser:
        """Add a verb that needs no pair."""
        return self._add(name, verb, text)

    def reads_pair_or_file(
        self, name: str, verb: Callable[[argparse.Namespace], None], text: str
    ) -> argparse.ArgumentParser:
        """Add a verb that looks at a pair, or at a manifest."""
        added = self._add(name, verb, text, self._pair_or_file)
        added.add_argument("-f", "--file", type=argparse.FileType(), help="a manifest, in place of a pair; - is stdin")
        return added

    def _add(
        self, name: str, verb: Callable[[argparse.Namespace], None], /, text: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        added = self._found.add_parser(name, parents=list(parents), help=text, description=text)
        added.set_defaults(verb=verb)
        return added


def parser() -> argparse.ArgumentParser:
    """Return the parser of every verb."""
    found = Verbs()
    _add_beginnings(found)
    _add_looks(found)
    _add_orders(found)
    _add_answers(found)
    return found.parser


def _of_a_pair(*, may_be_left_out: bool = False) -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("pair", help="the MaestroPair's name", nargs="?" if may_be_left_out else None)
    add_cluster(common)
    return common


def add_cluster(to: argparse.ArgumentParser) -> None:
    """Add where the API server is and which namespace is meant."""
    to.add_argument("-n", "--namespace", help="its namespace; default: the one of the kubeconfig's context")
    to.add_argument("--kubeconfig", help="default: $KUBECONFIG, else ~/.kube/config")


def _of_a_change() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--dry-run", action="store_true", help="let the API server judge the change, print it, and change nothing"
    )
    common.add_argument("--wait", action="store_true", help="tell how it gets on, and end when it is reached or missed")
    common.add_argument(
        "--timeout", type=_seconds, default=WAIT_SECONDS, metavar="SECONDS", help=f"with --wait; default {WAIT_SECONDS}"
    )
    return common


def _output(to: argparse.ArgumentParser, text: str = "") -> None:
    to.add_argument("-o", "--output", choices=OUTPUTS, default="text", help=text or None)


def _add_beginnings(found: Verbs) -> None:
    text = "print a whole manifest from a profile, every value written out, guesses and your own marked"
    init = found.stands_alone("init", starting.init, text)
    init.add_argument("profile", choices=PROFILES)
    init.add_argument("--name", default="lists", help="the pair's name; default: lists")
    init.add_argument("-n", "--namespace", default="maestro", help="its namespace; default: maestro")
    init.add_argument("--public-name", default="lists.example.org", help="the name that users know")
    init.add_argument("--a", default="192.0.2.10", metavar="ADDRESS", help="the address of node a")
    init.add_argument("--b", default="192.0.2.20", metavar="ADDRESS", help="the address of node b")
    text = "judge a pair, or a manifest before it is applied: N ok, N warnings, N problems"
    validate = found.reads_pair_or_file("validate", starting.validate, text)
    validate.add_argument("-o", "--output", choices=("text", "json", "html"), default="text")
    validate.add_argument("--static", action="store_true", help="ask no API server; with --file")


def _add_looks(found: Verbs) -> None:
    status = found.reads("status", reading.status, "one screen for one pair")
    _output(status)
    status.add_argument("-w", "--watch", action="store_true", help="anew after every change, until Ctrl-C")
    history = found.reads("history", reading.past, "the finished episodes, or one of them with its steps")
    history.add_argument("--episode", metavar="ID", help="this one, step by step")
    _output(history)
    kept = found.answers("quarantine", verbs.quarantine, "what old sides wrote last and is kept aside")
    which = kept.add_mutually_exclusive_group()
    which.add_argument("--export", metavar="ITEM", help="print the command that brings it here as an archive")
    which.add_argument("--discard", metavar="ITEM", help="give it up: it is deleted at the next rest")
    _output(kept)
    plan = found.reads_looks("plan", reading.planned, "the steps of a move, were it ordered now; nothing is changed")
    plan.add_argument("--to", dest="node", metavar="NODE", help="the node to move to; default: the other one")
    _output(plan)
    text = "write a redacted bundle for whoever helps: spec, status, events, decisions, logs"
    report = found.reads("report", reporting.report, text)
    report.add_argument("--to", metavar="FILE", help="default: maestro-report-PAIR-TIME.tar.gz")
    report.add_argument("--operator-namespace", default="maestro-system", help="where the operator runs")
    why = found.reads_looks("explain", reading.explain, "why the newest decision was made, rule by rule")
    why.add_argument("--ago", type=_count, default=0, help="a decision before it: 1 is the one before the newest")
    _output(why, "yaml: what was seen")
    found.reads_looks("replay", reading.replay, "decide anew from every look that is kept")


def _add_orders(found: Verbs) -> None:
    for name, how, text in MANAGED:
        found.changes(name, verbs.manage, text).set_defaults(how=how)
    move = found.changes("switchover", verbs.switch_over, "make a node active")
    move.add_argument("node", help="the node that shall be active")
    found.answers("failover", verbs.fail_over, "give the active side up, and fence it if need be")
    for name, say, text in VERBS:
        tried = found.answers(name, verbs.rehearse, text)
        tried.add_argument("--name", help="what it is called in the status; default: what is tried and the time")
        tried.set_defaults(says=say)
    planned = found.changes("maintenance", verbs.maintenance, "a planned reboot is no outage")
    length = planned.add_mutually_exclusive_group(required=True)
    length.add_argument("--minutes", type=_minutes, help="how long, from now on")
    length.add_argument("--end", dest="minutes", action="store_const", const=None, help="it is over")


def _add_answers(found: Verbs) -> None:
    for name, say, of, text in SHORT:
        short = found.answers(name, verbs.say_short, text)
        short.add_argument("--episode", help="default: the one that waits for it")
        short.set_defaults(says=say, of=None)
        if of is not None:
            short.add_argument(f"--{of}", dest="of", required=True)
    answer = found.answers("answer", verbs.answer, "any answer to one episode")
    answer.add_argument("episode", help="the episode that waits, as `status` names it")
    answer.add_argument("say", help=", ".join(Say))
    answer.add_argument("--of", help="the node, backup, amount, item or name that is meant")
    text = "say that a node is certainly off, for the episode that waits for it"
    confirm = found.changes("confirm-fence", verbs.confirm_fence, text)
    confirm.add_argument("--node", required=True, help="the node that you made sure is off")
    confirm.add_argument("--episode", required=True, help="the episode that waits, as `status` names it")
    confirm.add_argument("--why", required=True, help="how you made sure; it is kept in the history")
    confirm.add_argument("--by", help="who says it; default: your login name")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("write a whole number from 0 on")
    return int(text)


def _seconds(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("write whole seconds, such as 600")
    return int(text)


def _minutes(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= MOST_MINUTES:
        raise argparse.ArgumentTypeError(f"write a whole number from 1 to {MOST_MINUTES}")
    return int(text)
