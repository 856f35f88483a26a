"""Which operator looks after which pair, where there are too many for one.

The law of this file: pure, and every operator comes to the same answer from the pair's uid alone. A share says who
looks at a pair, never who may order its nodes: that is the term's to say, which a node compares with every order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from typing_extensions import override

MOST = 64


@dataclass(frozen=True, slots=True)
class Shard:
    """One of so many equal shares of all pairs; the first is number 1."""

    number: int = 1
    count: int = 1

    @staticmethod
    def from_words(text: str) -> Shard:
        """Return what `2/3` says: the second of three.

        Raises:
            ValueError: it says nothing of the kind.

        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count) <= MOST):
            message = f"write number/count with at most {MOST} shards, such as 2/3, not {text!r}"
            raise ValueError(message)
        return Shard(int(number), int(count))

    @override
    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.number}/{self.count}"

    def own_name(self, name: str) -> str:
        """Return the name of what the operators of this share have of their own: where all is one share, the name."""
        return name if self.count == 1 else f"{name}-{self.number}-of-{self.count}"

    def has(self, uid: str) -> bool:
        """Tell whether a pair belongs to this share."""
        return int(hashlib.sha256(uid.encode()).hexdigest()[:12], 16) % self.count == self.number - 1
