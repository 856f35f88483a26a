"""`make docs-check`: runs every command and judges every manifest of the docs, and writes build/docs-check.json.

PAGE=text plays the pages whose name has the text; BREAK=name plants a fault, and then the check must fail.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from support.controlplane.clock import monotonic_seconds
from support.docscheck import looks
from support.docscheck.breaks import BREAKS, broken
from support.docscheck.judge import judge
from support.docscheck.memory_desk import MemoryDesk
from support.docscheck.pages import TUTORIAL, read_pages
from support.docscheck.play import AT_ONCE, Player, skips
from support.docscheck.record import Record, read
from support.docscheck.tutorial import MemoryReader, play_tutorial
from support.report import BUILD, write_report
from support.run_folder import emptied

if TYPE_CHECKING:
    from pathlib import Path

    from support.docscheck.pages import Page

INSTALLS = "charts/maestro-operator/README.md"
"""The page whose command brings the operator that the others need."""


def main() -> int:
    """Plays, prints one line a page and returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.docscheck", description=__doc__)
    parser.add_argument("--page", default="", help="only pages whose name has this text")
    parser.add_argument("--break", dest="planted", default="", choices=BREAKS, help="the fault to plant")
    chosen = parser.parse_args()
    began = monotonic_seconds()
    pages = broken([page for page in read_pages() if chosen.page in page.name], chosen.planted)
    with emptied(BUILD / "docs-check") as directory:
        played(pages, directory)
        claims = judge(read(directory / "tried.jsonl"), pages=[page.name for page in pages], is_whole=not chosen.page)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured}")
    bad = sum(not claim.ok for claim in claims)
    build = BUILD if not chosen.planted and not chosen.page else directory
    seconds = monotonic_seconds() - began
    path = write_report("docs-check", claims, seconds=seconds, build=build)
    print(f"{len(claims) - bad} passed, {bad} failed ({seconds:.0f} s): {path}")
    return 1 if bad else 0


def played(pages: list[Page], directory: Path) -> None:
    """Tries everything that the pages say."""
    record = Record(directory / "tried.jsonl")
    verbs, targets = looks.usage(), looks.targets()
    for page in pages:
        for tried in looks.look_at(page, verbs=verbs, known_targets=targets):
            record.note(tried)
        for tried in looks.places(page, skips()):
            record.note(tried)
    others = [page for page in pages if page.name not in (TUTORIAL, INSTALLS)]
    if others:
        with MemoryDesk(directory / "desk") as desk:
            desk.plane.ensure_namespace("maestro")
            player = Player(desk, record)
            for page in read_pages():
                if page.name == INSTALLS:
                    player.play(page)
            player.prepare(others)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(player.play, others))
    for page in pages:
        if page.name == TUTORIAL:
            with MemoryDesk(directory / "tutorial") as desk:
                play_tutorial(page, desk, record, reader=MemoryReader(desk))


if __name__ == "__main__":
    sys.exit(main())
