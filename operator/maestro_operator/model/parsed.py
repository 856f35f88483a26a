"""What the API server's words mean, parsed once: a pair at rest is looked at again and again in the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from maestro_operator.model.resource import ResourceValue

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T", bound=ResourceValue)


class Parsed(Generic[T]):
    """Keeps the meaning of the last words; the same words have the very same meaning."""

    def __init__(self, model: type[T]) -> None:
        """Keep what words are to mean."""
        self._model = model
        self._last: tuple[Mapping[str, object], T] | None = None

    def of(self, words: Mapping[str, object]) -> T:
        """Return what words mean; the very same value for as long as they are equal.

        Raises:
            ValidationError: they are none of the model's.

        """
        if self._last is None or self._last[0] != words:
            self._last = words, self._model.model_validate(words)
        return self._last[1]
