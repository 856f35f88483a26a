"""Log lines as JSON objects, each of which names the pair that it is about.

A loop and all that it calls run in a context that holds their pair, so a driver that knows only a node
is logged with its pair all the same.
"""

from __future__ import annotations

import json
import logging
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Final

from pythonjsonlogger.json import JsonFormatter
from typing_extensions import override

if TYPE_CHECKING:
    from contextvars import Context

ABOUT: Final[ContextVar[str]] = ContextVar("ABOUT", default="")
"""The pair, `namespace/name`, in whose loop this runs; empty outside of every loop."""


class NamesPair(logging.Filter):
    """Adds the pair of the context to a line that does not name one itself."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """Add what is to be added, and let every line pass."""
        pair = ABOUT.get()
        if pair and not hasattr(record, "pair"):
            record.pair = pair
        return True


def context_of(pair: str) -> Context:
    """Return a context for a pair's loop: whatever is logged in it names the pair."""
    context = copy_context()
    context.run(ABOUT.set, pair)
    return context


def json_handler() -> logging.Handler:
    """Return a handler that writes each line as one JSON object to the standard error stream."""
    handler = logging.StreamHandler()
    handler.addFilter(NamesPair())
    handler.setFormatter(
        JsonFormatter(
            "{levelname}{name}{message}",
            style="{",
            json_serializer=json.dumps,
            timestamp="time",
            rename_fields={"levelname": "level", "name": "logger"},
        )
    )
    return handler


def log_as_json(level: str) -> None:
    """Write every log line of this process as JSON."""
    logging.basicConfig(level=level, handlers=[json_handler()], force=True)
    logging.captureWarnings(capture=True)
    for noisy in ("asyncssh", "kopf", "aiohttp"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
