"""Nodes that are no Linux: what is sent to them is written down, and their guards refuse in the same words.

No Windows and no Solaris was there to try it on: these tests hold the text, tests/drivers/test_guard_solaris.py the
Solaris guard's decisions under a real ksh93.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re

import pytest

from maestro_operator.model.pair import Platform
from maestro_operator.transport.bundle import remote_script
from maestro_operator.transport.platforms import guard_files, solaris_guard, spoken, windows_guard
from support.manifests import ROOT
from support.transcripts import golden, transcript

pytestmark = pytest.mark.unit
NODE = ROOT / "operator" / "maestro_operator" / "transport" / "node"
CMD_CHARACTERS = 8191
"""The longest line that cmd.exe, in which OpenSSH for Windows runs a command, takes."""
VERBS = (
    "lead", "promise", "promote", "permit", "quiesce", "demote", "renew", "quarantined", "sever", "revoke",
)  # fmt: skip


@pytest.mark.parametrize("platform", [Platform.WINDOWS, Platform.SOLARIS])
def test_what_is_sent_and_what_is_made_of_the_answers_is_as_it_was_written_down(platform: Platform) -> None:
    kept = golden(platform).read_text()

    now = asyncio.run(transcript(platform))

    assert now == kept, "if that is meant: python -m support.transcripts"


def function_of(text: str, head: str) -> str:
    """The text of one function, up to the brace that ends it at the beginning of a line, or on the same line."""
    found = re.search(rf"^{re.escape(head)}[ (][^\n]*(?:\}}\n|\n(?:.*\n)*?\}}\n)", text, re.MULTILINE)
    assert found is not None, head
    return found[0]


def refusals(text: str) -> list[str]:
    return re.findall(r"\b(?:refuse|Refuse) (\w+)", text)


@pytest.mark.parametrize("verb", VERBS)
def test_the_windows_guard_refuses_each_order_in_the_words_of_the_linux_one(verb: str) -> None:
    linux = refusals(function_of((NODE / "maestro-guard").read_text(), f"order_{verb}"))

    windows = refusals(function_of(windows_guard(), f"function Order-{verb.capitalize()}"))

    assert windows == linux


@pytest.mark.parametrize(
    ("linux", "windows"),
    [
        ("order()", "function Order "),
        ("refuse_unless_permitted()", "function Refuse-Unless-Permitted"),
        ("need_state()", "function Need-State"),
        ("is_permitted()", "function Is-Permitted"),
    ],
)
def test_what_stands_before_every_order_is_the_same(linux: str, windows: str) -> None:
    text = (NODE / "maestro-guard").read_text()
    words = re.compile(r"\b(?:refuse|Refuse|unknown|Unknown) (\w+)")
    one = function_of(text, linux.removesuffix("()"))
    other = function_of(windows_guard(), windows.strip())

    assert words.findall(one) == words.findall(other)


def test_the_windows_guard_takes_every_verb_of_an_order_with_the_same_options() -> None:
    text = (NODE / "maestro-guard").read_text()
    taken = max(re.findall(r"^        (create \| lead[^)]*)\)", text, re.MULTILINE), key=len)
    options = dict(re.findall(r"(\w+) = '(e?[osk]?)'", windows_guard().partition("$WANTS = @{")[2].partition("}")[0]))

    assert set(taken.split(" | ")) == set(options)
    assert options["promise"] == "eo"


def test_the_state_is_written_in_the_same_lines() -> None:
    keys = re.search(r"\$KEYS = ((?:'\w+',?\s*)+)", windows_guard())
    body = (NODE / "maestro-guard").read_text().partition("_keys='")[2].partition("'")[0]

    assert keys is not None
    assert re.findall(r"'(\w+)'", keys[1]) == body.split()[1:]


def test_no_value_reaches_a_shell_on_windows_and_the_line_is_short_enough() -> None:
    words = ("promise", "--owner", 'a"; Remove-Item C:/ #')

    said = spoken(Platform.WINDOWS, "order", words, seconds=30)

    assert said.argv == spoken(Platform.WINDOWS, "observe", (), seconds=1).argv
    assert len(" ".join(said.argv)) < CMD_CHARACTERS
    assert json.loads(said.stdin)["words"] == list(words)
    assert said.stdin.isascii()
    assert base64.b64decode(said.argv[-1]).decode("utf-16-le").startswith("[Console]")


def test_the_solaris_guard_decides_by_the_very_text_of_the_linux_one() -> None:
    linux = (NODE / "maestro-guard").read_text().removesuffix('main "$@"\n')

    assert solaris_guard().startswith(linux)
    assert solaris_guard().endswith('main "$@"\n')
    assert spoken(Platform.SOLARIS, "order", ("lead",), seconds=5).argv[2] == remote_script("order")
    said_anew = set(re.findall(r"^(\w+)\(\)", solaris_guard().removeprefix(linux), re.MULTILINE))
    decides = {f"order_{verb}" for verb in VERBS} | {"order", "create", "is_permitted", "read_order", "store", "parse"}
    assert not said_anew & decides


@pytest.mark.parametrize("platform", [Platform.WINDOWS, Platform.SOLARIS])
def test_what_is_installed_ends_with_one_word_for_all_of_it(platform: Platform) -> None:
    first, again, other = (guard_files(platform, text) for text in ("node=a\n", "node=a\n", "node=b\n"))

    assert first == again
    assert first[-1].path.endswith("bundle")
    assert first[-1].content != other[-1].content
