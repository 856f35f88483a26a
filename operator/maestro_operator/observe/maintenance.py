"""Whether a planned maintenance holds now: one with an end, or a window that comes again and again.

The law of this file: what cannot be read holds for ever, because a person wanted something there. A
window begins by the clock on the wall of its own time zone and lasts as many seconds as really pass.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.model.seen import Maintenance
from maestro_operator.windows import began_last, fault_of_window

if TYPE_CHECKING:
    from maestro_operator.model.detection import MaintenanceWindow
    from maestro_operator.model.pair import PairSpec

FOR_EVER = float("inf")


def maintenance(spec: PairSpec, now: str) -> Maintenance | None:
    """Return the maintenance that holds longest from now on, or None where none holds."""
    moment = datetime.fromisoformat(now)
    found = [_until(spec.detection.maintenance_until, moment)]
    found += [_window(window, moment) for window in spec.detection.maintenance_windows]
    return max((item for item in found if item is not None), key=lambda item: item.left_seconds, default=None)


def _until(until: str | None, moment: datetime) -> Maintenance | None:
    if until is None:
        return None
    text = f"until {until}; wait, or take detection.maintenanceUntil out"
    try:
        left = (datetime.fromisoformat(until) - moment).total_seconds()
    except (TypeError, ValueError):
        return Maintenance(text, FOR_EVER)
    return Maintenance(text, left) if left > 0 else None


def _window(window: MaintenanceWindow, moment: datetime) -> Maintenance | None:
    fault = fault_of_window(window)
    if fault is not None:
        return Maintenance(f"window {window.name}: {fault}", FOR_EVER)
    began = began_last(window, moment.astimezone(UTC))
    ends = began.astimezone(UTC) + timedelta(seconds=window.duration_seconds)
    left = (ends - moment).total_seconds()
    if left <= 0:
        return None
    text = f"window {window.name} until {ends.isoformat()}; wait, or take it out of detection.maintenanceWindows"
    return Maintenance(text, left)
