"""People's words that a node is off, recorded before they count: who, when, why.

The law of this file: pure. A word is recorded when it is first seen and keeps that moment; another reason, another
name or the same word written anew after it was taken out is another word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.pair import Say
from maestro_operator.model.status import Word

if TYPE_CHECKING:
    from maestro_operator.model.pair import Answer
    from maestro_operator.model.seen import Seen

WORDS_KEPT = 8


def words(seen: Seen) -> tuple[Word, ...]:
    """Return the words that stand in the spec now, each with the moment at which it was first seen."""
    known = {(word.episode, word.of, word.by, word.why): word for word in seen.status.words}
    said = [item for item in seen.spec.answers if item.say is Say.CONFIRM_FENCED and item.of is not None]
    found = (known.get((item.episode, item.of or "", item.by, item.why)) or _new(seen, item) for item in said)
    return tuple(found)[-WORDS_KEPT:]


def _new(seen: Seen, item: Answer) -> Word:
    return Word(
        episode=item.episode,
        of=item.of or "",
        by=item.by,
        why=item.why,
        written_by=seen.answers_by,
        seen_at=seen.now,
    )
