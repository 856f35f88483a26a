"""Faults that can be planted into the docs; each must make the check fail."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from support.docscheck.pages import taken_apart

if TYPE_CHECKING:
    from support.docscheck.pages import Page

BREAKS = ("", "wrong-verb", "wrong-field", "wrong-option", "wrong-runbook", "on-no-node", "nothing")
_TEXTS = {
    "wrong-verb": "```sh\nkubectl maestro stattus PAIR\n```\n",
    "wrong-field": "```yaml\nreplication:\n  rsync: {paths: [/srv/maestro], intervalSecond: 60}\n```\n",
    "on-no-node": '```sh title="On both nodes"\nfalse\n```\n',
    "wrong-option": "Ask `kubectl maestro history PAIR --all`.\n",
}


def broken(pages: list[Page], name: str) -> list[Page]:
    """Returns the pages with a fault planted in the first one that has a block."""
    if name == "nothing":
        return [replace(page, blocks=(), spans=()) for page in pages]
    if name == "wrong-runbook":
        return [_with_another_word(page) if page.name.endswith("MaestroPairOverridden.md") else page for page in pages]
    text = _TEXTS.get(name)
    if text is None:
        return pages
    first, *others = pages
    planted = taken_apart(first.name, text)
    return [replace(first, blocks=(*first.blocks, *planted.blocks), spans=(*first.spans, *planted.spans)), *others]


def _with_another_word(page: Page) -> Page:
    """Returns the runbook with an answer that is taken and does something else than the page says."""
    blocks = [replace(block, text=block.text.replace("HandBack", "Acknowledge")) for block in page.blocks]
    return replace(page, blocks=tuple(blocks))
