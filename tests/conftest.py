"""What holds for every test: marks by folder, 2 seconds for a unit test, Hypothesis without a deadline of its own."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

_TESTS = Path(__file__).parent
_UNIT_SECONDS = 2
_FOLDERS = frozenset({"unit", "model", "drivers", "cluster", "chart", "e2e"})

# pytest-timeout holds the time of a test; a deadline an example would only fail on busy machines.
settings.register_profile("project", deadline=None, print_blob=True)
settings.load_profile("project")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks each test by its folder, limits unit tests, and skips with its reason what needs root."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        if folder in _FOLDERS:
            item.add_marker(folder)
        if folder == "unit" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_UNIT_SECONDS))
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
