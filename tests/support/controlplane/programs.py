"""The project's own builds of the tools it tests with, by name."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from support.controlplane.build import GoBuilder
from support.controlplane.cache import cache_root, obtain
from support.controlplane.toolset import toolset_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.controlplane.cache import Report


def print_progress(line: str) -> None:
    """Says one line on stderr, so that a command's own output stays clean."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def obtain_programs(tool: str, *, report: Report = print_progress) -> Mapping[str, Path]:
    """Returns every program that is built together with the tool (`helm`, `kubectl`, `kind`, ...), by name.

    Comes from the cache at once, or is built. Raises BuildError, and KeyError for a name nobody builds.
    """
    root = cache_root(os.environ)
    return obtain(
        toolset_of(tool), root=root, build=GoBuilder(root=root, report=report, environ=os.environ), report=report
    )
