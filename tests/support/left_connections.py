"""For modules whose clients leave TLS connections to the garbage collector: a server was killed, or a loop ended."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

LEAVES_CONNECTIONS = [
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.usefixtures("left_connections_collected"),
]


@pytest.fixture(scope="module")
def left_connections_collected() -> Iterator[None]:
    """Collects them with their module, under its own filters, and not in whichever test comes next."""
    yield
    gc.collect()
