"""A side of the comparison, as the player moves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.peers.service import Place


class Side(Protocol):
    """What the player asks of the operator, of each peer and of the floor."""

    @property
    def place(self) -> Place:
        """Where its service is reached."""

    def begin(self) -> None:
        """Bring it up, or wake it from its rest, until it serves and would bear a move."""

    def active(self) -> str:
        """Return the node that serves now."""

    def order(self, node: str) -> None:
        """Order the service to a node; may come back before it is there."""

    def told(self, node: str) -> None:
        """Be told, at the moment of an accident, which node is left; only the floor does anything about it."""

    def settle(self) -> None:
        """Wait until it serves and would bear the next accident, both nodes being up and connected."""

    def keep(self, folder: Path) -> None:
        """Keep what tells of the last accident: its log, or the steps it wrote down."""

    def rest(self) -> None:
        """Leave the nodes to another side: nothing of this one acts on an accident."""

    def versions(self) -> Mapping[str, str]:
        """Return what was run."""
