"""Where the blocks of a page are tried that are run on a server: by one test for each page, on the bed's nodes."""

from __future__ import annotations

from support.docscheck.pages import ROOT, Block, taken_apart

TESTS = "tests/drivers/test_pages_on_nodes.py"
PAGES = (
    "docs/how-to/change-a-node.md",
    "docs/how-to/from-scripts-or-pacemaker.md",
    "docs/how-to/prepare-two-servers.md",
    "docs/how-to/remove-a-pair.md",
    "docs/runbooks/MaestroPairBackupFailed.md",
    "docs/runbooks/MaestroPairNodeFlapping.md",
)
REPOSITORY = "In the repository"


def is_elsewhere(block: Block) -> bool:
    """Tells whether a block is run neither at the reader's desk nor in the repository."""
    return block.language == "sh" and block.title not in ("", REPOSITORY)


def block_of(page: str) -> str:
    """Returns the one block of a page that is run on a server."""
    (found,) = [block for block in taken_apart(page, (ROOT / page).read_text()).blocks if is_elsewhere(block)]
    return found.text
