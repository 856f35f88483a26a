"""Decisions as they were kept: each an event that carries the look it was decided from, and a word for the decision.

Nothing here decides: `kept_in` reads, `again` asks the rules.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maestro_operator.cli.change import CannotError
from maestro_operator.decide import decide
from maestro_operator.model.errors import BadInput
from maestro_operator.model.recorded import DECISION, LOOK, digest, from_plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from maestro_operator.model.seen import Seen


@dataclass(frozen=True, slots=True)
class Kept:
    """One decision as it was kept."""

    at: str
    rule: str
    reason: str
    note: str
    look: str
    """What was seen, as JSON."""
    decision: str
    """The digest of what was decided; empty where only the look is there."""

    def seen(self) -> Seen:
        """Return the look.

        Raises:
            CannotError: it is none that this version can know.

        """
        try:
            return from_plain(json.loads(self.look))
        except (BadInput, ValueError, AttributeError) as error:
            raise CannotError(f"the look of {self.at} cannot be decided from: {error}") from error


def kept_in(events: Iterable[Mapping[str, Any]]) -> tuple[Kept, ...]:
    """Return the decisions that events of a pair keep, oldest first."""
    found = [
        Kept(
            at=str(event.get("eventTime")),
            rule=str(event.get("action")),
            reason=str(event.get("reason")),
            note=str(event.get("note")),
            look=marks[LOOK],
            decision=marks.get(DECISION, ""),
        )
        for event in events
        if LOOK in (marks := (event.get("metadata") or {}).get("annotations") or {})
    ]
    return tuple(sorted(found, key=lambda item: item.at))


def kept_by(document: object) -> tuple[Kept, ...]:
    """Return the decisions that a file keeps: one look, one event, or a list of events.

    Raises:
        CannotError: it is none of these.

    """
    if not isinstance(document, Mapping):
        raise CannotError("the file holds neither a look nor events")
    if "items" in document or LOOK in (document.get("metadata") or {}).get("annotations", {}):
        return kept_in(document.get("items", [document]))
    look = Kept(at=str(document.get("now")), rule="", reason="", note="", look=json.dumps(document), decision="")
    look.seen()
    return (look,)


def again(kept: Kept) -> tuple[str, bool]:
    """Decide anew; return one line, and whether the same was decided."""
    decided = decide(kept.seen())
    decision = decided.decision
    is_same = digest(decision) == kept.decision
    now = f"{decided.rule}: {decision.message}"
    if is_same or not kept.decision:
        return f"{kept.at}   {'the same' if is_same else 'decided'}   {now}", True
    return f"{kept.at}   ANOTHER    {now}; it was {kept.rule}, {kept.reason}: {kept.note}", False
