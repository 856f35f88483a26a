"""What holds for every test: marks by folder, 2 seconds for a unit test, Hypothesis without a deadline of its own.

A unit test's 2 seconds are of the processor: those of the wall belong to whatever else the machine does.
"""

import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

_TESTS = Path(__file__).parent
_UNIT_SECONDS = 2
_HANGS_SECONDS = 30
_IS_SHORT = pytest.StashKey[bool]()
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
            item.add_marker(pytest.mark.timeout(_HANGS_SECONDS))
            item.stash[_IS_SHORT] = True
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Fails a unit test that took more of the processor than it may, were it right in all else."""
    began = time.process_time()
    result = yield
    took = time.process_time() - began
    if item.stash.get(_IS_SHORT, default=False) and took > _UNIT_SECONDS:
        pytest.fail(f"took {took:.1f} s of the processor; a unit test may take {_UNIT_SECONDS} s", pytrace=False)
    return result
