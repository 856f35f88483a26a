"""Reads pytest's JUnit file: the counts and failures as pytest wrote them, not as its screen looked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from support.tiers.verdict import Counts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A line of the summary says which test failed and how, not all it printed.
_LINE_LETTERS = 240


def read(path: Path) -> Counts | None:
    """Returns the counts of all suites in the file, or None when there is none or it is cut short."""
    root = _root(path)
    if root is None:
        return None
    counts = Counts()
    for suite in root.iter("testsuite"):
        failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        skipped = int(suite.get("skipped", "0"))
        passed = max(0, int(suite.get("tests", "0")) - failed - skipped)
        counts += Counts(passed=passed, failed=failed, skipped=skipped)
    return counts


def failures(path: Path) -> tuple[str, ...]:
    """Returns a line for each test that failed or could not be set up: its name, and the first line of what it said."""
    root = _root(path)
    return () if root is None else tuple(line for case in root.iter("testcase") for line in _said(case))


def _said(case: ET.Element) -> Iterator[str]:
    for kind in ("failure", "error"):
        for found in case.iter(kind):
            first = (found.get("message") or "").strip().partition("\n")[0]
            yield f"{case.get('classname')}::{case.get('name')}: {first}"[:_LINE_LETTERS].rstrip(": ")


def _root(path: Path) -> ET.Element | None:
    try:
        return ET.parse(path).getroot()  # noqa: S314 (written by the pytest we started)
    except (OSError, ET.ParseError):
        return None
