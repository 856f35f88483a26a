"""Reads pytest's JUnit file: the counts as pytest wrote them, not as its screen looked."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from support.tiers.verdict import Counts

if TYPE_CHECKING:
    from pathlib import Path


def read(path: Path) -> Counts | None:
    """Returns the counts of all suites in the file, or None when there is none or it is cut short."""
    try:
        root = ET.parse(path).getroot()  # noqa: S314 (written by the pytest we started)
    except (OSError, ET.ParseError):
        return None
    counts = Counts()
    for suite in root.iter("testsuite"):
        failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        skipped = int(suite.get("skipped", "0"))
        passed = max(0, int(suite.get("tests", "0")) - failed - skipped)
        counts += Counts(passed=passed, failed=failed, skipped=skipped)
    return counts
