"""A way to a node: what drivers ask of a session, wherever it ends: on the node itself, or in a place apart on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager

    import asyncssh

    from maestro_operator.model.seen import Unknown
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.completed import Completed


class NodeWay(Protocol):
    """Commands and connections on a node."""

    async def run(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        deadline_seconds: float,
        stdin: bytes = b"",
        needs_root: bool = True,
    ) -> Completed | Unknown:
        """Run a command there and return what it printed; each word is quoted."""

    async def talk_tcp(
        self, node: FrozenNode, address: tuple[str, int], *, send: bytes, deadline_seconds: float
    ) -> bytes | Unknown:
        """Connect to an address from there, send, and return what came until the other end closed."""

    def tcp(
        self, node: FrozenNode, address: tuple[str, int], *, deadline_seconds: float
    ) -> AbstractAsyncContextManager[tuple[asyncssh.SSHReader[bytes], asyncssh.SSHWriter[bytes]] | Unknown]:
        """Give a connection from there to an address, or why there is none; it ends with the block."""
