"""Who has what among all the pairs that this operator watches.

The law of this file: nothing is kept that the resources do not say. The book is written anew from
them after every start, before the first turn, and every operator comes to the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Barred

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.claims import Claimant


@dataclass(slots=True)
class ClaimBook:
    """Every pair's claims, by its uid and by what is claimed."""

    _pairs: dict[str, Claimant] = field(default_factory=dict)
    _by_claim: dict[str, set[str]] = field(default_factory=dict)

    def note(self, claimant: Claimant) -> None:
        """Take note of what a pair wants and holds now."""
        self.forget(claimant.key.uid)
        self._pairs[claimant.key.uid] = claimant
        for claim in claimant.wants | claimant.holds:
            self._by_claim.setdefault(claim, set()).add(claimant.key.uid)

    def forget(self, uid: str) -> None:
        """Forget a pair that is gone."""
        gone = self._pairs.pop(uid, None)
        for claim in gone.wants | gone.holds if gone is not None else ():
            self._by_claim[claim].discard(uid)
            if not self._by_claim[claim]:
                del self._by_claim[claim]

    def conflict(self, uid: str, claims: Mapping[str, str]) -> Barred | None:
        """Return the refusal of the first claim that another pair has, each with the field that makes it."""
        me = self._pairs.get(uid)
        if me is None:
            return None
        for claim in sorted(claims):
            others = [self._pairs[item] for item in self._by_claim.get(claim, ()) if item != uid]
            first = min(others, key=lambda other: other.rank(claim), default=None)
            if first is not None and first.rank(claim) < me.rank(claim):
                text = f"{claim} belongs to the pair {first.key}: take it out of one of the two, or delete one"
                return Barred(Reason.HOST_CLAIMED, f"{claims[claim]}: {text}", forbids_contact=True)
        return None
