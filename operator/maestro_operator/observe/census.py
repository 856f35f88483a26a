"""How many of an operator's pairs have fallen silent: where most do at once, it is the observer that broke.

Every loop says at each look whether its pair's active node could be read, and is told how many could not. All of it
may be lost at any moment; a fresh operator counts anew.
"""

from __future__ import annotations


class Census:
    """Counts the pairs whose active node is known, and those of them whose active node cannot be read."""

    def __init__(self) -> None:
        """Begin with no pair."""
        self._is_silent: dict[str, bool] = {}

    def note(self, uid: str, *, is_silent: bool) -> None:
        """Take down whether the active node of a pair could not be read at its last look."""
        self._is_silent[uid] = is_silent

    def forget(self, uid: str) -> None:
        """Count a pair no more: it is gone, or nobody is known to be active there."""
        self._is_silent.pop(uid, None)

    @property
    def silent(self) -> int:
        """Return how many pairs are silent."""
        return sum(self._is_silent.values())

    @property
    def known(self) -> int:
        """Return how many pairs are counted."""
        return len(self._is_silent)
