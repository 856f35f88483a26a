"""Says what the demo plays on: real parts, or memory nodes where real ones cannot be made; and never hides which."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.bed import doctor

if TYPE_CHECKING:
    from collections.abc import Mapping

Look = Callable[[], tuple[doctor.Check, ...]]
"""Returns what keeps this machine from making nodes."""

WISHES = ("", "real", "memory")


@dataclass(frozen=True, slots=True)
class RealNodes:
    """Two systemd nodes, as the demo is meant to be."""


@dataclass(frozen=True, slots=True)
class MemoryNodes:
    """The operator's own memory nodes, on a real API server."""

    why: str
    """Why real nodes cannot be made here."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """No demo: what was asked for cannot be had here, and another one would be a lie."""

    text: str


Choice = RealNodes | MemoryNodes | Refusal


def choose(environ: Mapping[str, str], *, look: Look) -> Choice:
    """Choose by what is asked for and what there is.

    `MAESTRO_DEMO=real|memory` forces; `CI=true` and a planted fault (`BREAK`) want real parts too.
    """
    wish, fault = environ.get("MAESTRO_DEMO", ""), environ.get("BREAK", "")
    if wish not in WISHES:
        return Refusal(f"MAESTRO_DEMO={wish}: write real or memory, or leave it out")
    if wish == "memory":
        if fault:
            return Refusal(f"BREAK={fault} plants a fault in real parts: leave MAESTRO_DEMO=memory out")
        return MemoryNodes("none were asked for (MAESTRO_DEMO=memory)")
    problems = look()
    if not problems:
        return RealNodes()
    because = _who_wants_real(wish, fault=fault, is_ci=environ.get("CI") == "true")
    if because:
        return Refusal("\n".join([f"{because}, and real nodes cannot be made here:", *map(_with_remedy, problems)]))
    return MemoryNodes(_why(problems))


def _who_wants_real(wish: str, *, fault: str, is_ci: bool) -> str:
    if wish == "real":
        return "MAESTRO_DEMO=real asks for real nodes"
    if fault:
        return f"BREAK={fault} plants a fault in real parts"
    return "CI=true demands real nodes" if is_ci else ""


def _with_remedy(check: doctor.Check) -> str:
    return f"  {check.name}: {check.found}\n    → {check.remedy}"


def _why(problems: tuple[doctor.Check, ...]) -> str:
    """Return one line; without root every trial fails for the same reason."""
    for check in problems:
        if check.name == "root":
            return f"{check.found} ({check.remedy})"
    first, *others = problems
    more = f"; {len(others)} more, see make doctor" if others else ""
    return f"{first.name}: {first.found} ({first.remedy}){more}"


def problems_here() -> tuple[doctor.Check, ...]:
    """Return what keeps this machine from making nodes; root installs what is missing first, and says so."""
    if os.geteuid() == 0:
        try:
            doctor.install_missing()
        except (OSError, subprocess.SubprocessError) as error:
            print(f"make demo: could not install what is missing: {error}", flush=True)
    return doctor.problems()
