"""What of a page can be looked at without running anything: languages, verbs and options, make's targets, paths."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

from support.docscheck.on_nodes import PAGES, TESTS, is_elsewhere
from support.docscheck.pages import ROOT
from support.docscheck.record import Tried

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.docscheck.pages import Page

LANGUAGES = ("sh", "yaml", "text", "mermaid", "accident")
MAESTRO = re.compile(r"kubectl maestro ([a-z|-]+)(.*)")
OPTION = re.compile(r"(?<![\w-])(--?[a-z][a-z-]*)")
MAKE = re.compile(r"\bmake ([a-z][a-z-]+)")
FOLDERS = ("operator", "tests", "docs", "examples", "charts", "crds", "evidence", "requirements")
PATH = re.compile(rf"^(?:{'|'.join(FOLDERS)})/[\w./*-]+$")
USAGE_SECONDS = 60


def usage() -> Mapping[str, Sequence[str]]:
    """Returns the options of each verb of `kubectl maestro`, asked of the plugin itself."""
    done = subprocess.run(
        [sys.executable, "-m", "support.docscheck.usage"],
        check=True,
        capture_output=True,
        text=True,
        timeout=USAGE_SECONDS,
    )
    return dict(json.loads(done.stdout))


def targets() -> set[str]:
    """Returns the targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def look_at(page: Page, *, verbs: Mapping[str, Sequence[str]], known_targets: set[str]) -> Iterator[Tried]:
    """Gives one line for each thing that a page names."""
    for block in page.blocks:
        code = 0 if block.language in LANGUAGES else 1
        yield Tried("language", page.name, block.line, block.language, code, f"one of {', '.join(LANGUAGES)}")
    texts = [(span.line, span.text) for span in page.spans]
    texts += [
        (block.line, line) for block in page.blocks if block.language in ("sh", "text") for line in _lines(block.text)
    ]
    for line, text in texts:
        yield from _options(page.name, line, text, verbs=verbs)
        for target in MAKE.findall(text) if text.startswith("make ") or "; make" in text else ():
            yield Tried(
                "target", page.name, line, f"make {target}", 0 if target in known_targets else 1, "no such target"
            )
        if PATH.match(text):
            there = any(ROOT.glob(text.rstrip("/"))) or any(ROOT.glob(f"{text}*"))
            yield Tried("path", page.name, line, text, 0 if there else 1, "no such path")


def places(page: Page, skips: Sequence[Mapping[str, str]]) -> Iterator[Tried]:
    """Gives one line for each block that is run elsewhere: tried by a test, left out with a reason, or a fault."""
    for block in page.blocks:
        if is_elsewhere(block):
            skip = next(
                (one for one in skips if one["page"] == page.name and block.text.startswith(one["begins"])), None
            )
            if skip is not None:
                yield Tried("skip", page.name, block.line, skip["begins"], 0, skip["why"])
            else:
                is_tried = page.name in PAGES
                said = f"by {TESTS}" if is_tried else "no test runs it, and no reason is given"
                yield Tried("on-node", page.name, block.line, block.text, int(not is_tried), said)


def _lines(text: str) -> list[str]:
    return text.replace("\\\n", " ").splitlines()


def _options(page: str, line: int, text: str, *, verbs: Mapping[str, Sequence[str]]) -> Iterator[Tried]:
    for named, rest in MAESTRO.findall(text):
        for verb in named.split("|"):
            known = verbs.get(verb)
            unknown = (
                [] if known is None else [word for word in OPTION.findall(rest.partition("#")[0]) if word not in known]
            )
            said = "no such verb" if known is None else f"it has no {', '.join(unknown)}"
            yield Tried("option", page, line, f"kubectl maestro {verb}", int(known is None or bool(unknown)), said)
