"""Writes the page of every story that the walk found and that a test plays again.

python -m support.modelcheck.stories_page
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from support.modelcheck.story import read, told
from support.report import ROOT

FOLDER = ROOT / "tests" / "model" / "stories"
PAGE = ROOT / "docs" / "explanation" / "counter-examples.md"
SHUT = "nothing that people could do led out of where this came to rest; it does now."
HEAD = """# Counter-examples: what the enumeration found

Made by `python -m support.modelcheck.stories_page` from `tests/model/stories`; a test holds it to that, and
`tests/model/test_worlds_enumerated.py` plays every one of them again. How they were found is told in
[Every world](enumeration.md). Each begins with the pair as its line 0 says; the last line says what was wrong then.
"""
BROKE = "## What broke a law, or seemed to\n"
HELD = "## What nothing led out of\n"


def page() -> str:
    """Returns the page as it has to be."""
    return "\n".join([HEAD, BROKE, *_stories(FOLDER), HELD, *_stories(FOLDER / "holds")]).rstrip() + "\n"


def _stories(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.json")):
        found = json.loads(path.read_text()).get("found", SHUT)
        title = path.stem.replace("-", " ")
        yield f"### {title[0].upper()}{title[1:]}\n"
        yield "```text"
        yield from told(read(path), found)
        yield "```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
