"""The pages people read, taken apart: blocks of commands, manifests, accidents, and what stands between backticks."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
SINGLE = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "charts/maestro-operator/README.md")
TUTORIAL = "docs/tutorial/first-pair.md"

FENCE = re.compile(r'^(?P<indent> *)```(?P<language>\w*)(?: title="(?P<title>[^"]*)")?$')
ACCIDENT = re.compile(r"^<!-- accident: (.+) -->$")
SPAN = re.compile(r"`([^`]+)`")

Language = str
"""`sh` and `yaml` are judged, `accident` happens, `text` and `mermaid` are looked at by people alone."""


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a page."""

    page: str
    line: int
    language: Language
    title: str
    """Where it is run, as the reader is told; nothing at the reader's own desk."""
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """What stands between two backticks in a sentence."""

    page: str
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Page:
    """One page, taken apart."""

    name: str
    blocks: tuple[Block, ...]
    spans: tuple[Span, ...]


def page_names() -> list[str]:
    """Returns every page, as the repository names it."""
    return [*SINGLE, *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))]


def read_pages() -> list[Page]:
    """Returns every page."""
    return [taken_apart(name, (ROOT / name).read_text()) for name in page_names()]


def taken_apart(name: str, text: str) -> Page:
    """Returns a page's blocks and spans; a block in a list loses the list's indentation."""
    blocks, spans = [], []
    lines = enumerate(text.splitlines(), start=1)
    for number, line in lines:
        if accident := ACCIDENT.match(line):
            blocks.append(Block(name, number, "accident", "", accident[1]))
        elif (fence := FENCE.match(line)) and line.lstrip().startswith("```"):
            body = "\n".join(_body(lines, indent=fence["indent"]))
            blocks.append(Block(name, number, fence["language"], fence["title"] or "", body))
        else:
            spans += [Span(name, number, found) for found in SPAN.findall(line)]
    return Page(name, tuple(blocks), tuple(spans))


def _body(lines: Iterator[tuple[int, str]], *, indent: str) -> Iterator[str]:
    for _, line in lines:
        if line.strip() == "```":
            return
        yield line.removeprefix(indent)
