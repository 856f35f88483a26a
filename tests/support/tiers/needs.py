"""What a tier needs of the machine, asked of the bed's doctor."""

from __future__ import annotations

import functools
import os
import subprocess
from typing import TYPE_CHECKING

from support.bed import doctor

if TYPE_CHECKING:
    from collections.abc import Collection

BED = "bed"
"""Everything the doctor looks at: what two nodes in namespaces of their own take."""


def unmet(names: Collection[str]) -> str:
    """Returns why this machine cannot run a tier with these needs, each with its remedy; empty when it can."""
    problems = _problems() if names else ()
    return "; ".join(
        f"{check.name}: {check.found} → {check.remedy}" for check in problems if BED in names or check.name in names
    )


def install(names: Collection[str]) -> None:
    """Installs what tiers with these needs lack: as root only, saying so first; the doctor's word stands otherwise."""
    if not names or os.geteuid() != 0:
        return
    try:
        doctor.install_missing()
    except (OSError, subprocess.SubprocessError) as error:
        print(f"make test: could not install what is missing: {error}", flush=True)
    _problems.cache_clear()


@functools.cache
def _problems() -> tuple[doctor.Check, ...]:
    """Asks the doctor once a run: its trials take a second each."""
    return doctor.problems()
