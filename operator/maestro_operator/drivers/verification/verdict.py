"""How one look of a check ended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether all is as it should be, whether another look could change that, and evidence that may be shown."""

    passed: bool
    is_final: bool
    message: str


def well(message: str) -> Verdict:
    """Return a verdict that ends the check well."""
    return Verdict(passed=True, is_final=True, message=message)


def not_yet(message: str) -> Verdict:
    """Return a failure that another look may turn."""
    return Verdict(passed=False, is_final=False, message=message)


def never(message: str) -> Verdict:
    """Return a failure that no other look turns."""
    return Verdict(passed=False, is_final=True, message=message)
