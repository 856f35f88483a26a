"""Whether a connection came about before something went wrong: that alone is a sign of life."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aiohttp

if TYPE_CHECKING:
    from types import SimpleNamespace

    from maestro_operator.drivers.probes.streams import Asking


class Connection:
    """Watches one HTTP request from its outside."""

    def __init__(self, asking: Asking) -> None:
        """Keep whom to tell."""
        self._asking = asking
        self.trace = aiohttp.TraceConfig()
        self.trace.on_connection_create_end.append(self._made)

    async def _made(
        self, _session: aiohttp.ClientSession, _context: SimpleNamespace, _ended: aiohttp.TraceConnectionCreateEndParams
    ) -> None:
        self._asking.was_made = True
