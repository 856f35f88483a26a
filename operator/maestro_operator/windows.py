"""When a window of maintenance begins: cron in a time zone of its own, over the change to summer time and back.

The law of this file: a moment that the change leaves out comes right after it, one that comes twice counts
once, and what lasts an hour lasts as long as an hour is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

if TYPE_CHECKING:
    from maestro_operator.model.detection import MaintenanceWindow


def fault_of_window(window: MaintenanceWindow) -> str | None:
    """Return what is wrong with a window, None where it can be followed."""
    try:
        zone = ZoneInfo(window.time_zone)
    except (KeyError, ValueError, OSError):
        return f"timeZone {window.time_zone} is none of the time zone database: write one such as Europe/Berlin"
    try:
        # A day that never comes is refused here, too.
        CronSim(window.schedule, datetime(2026, 1, 1, tzinfo=zone))
    except CronSimError as error:
        return f"schedule is no cron expression of five fields ({error}): write one such as 30 2 * * SUN"
    return None


def began_last(window: MaintenanceWindow, moment: datetime) -> datetime:
    """Return when the window began last, at this very moment at the latest.

    In an hour that comes twice, looking back finds the day before; going on from there finds the right one.
    """
    look_back = (moment + timedelta(seconds=1)).astimezone(ZoneInfo(window.time_zone))
    began = next(CronSim(window.schedule, look_back, reverse=True))
    for later in CronSim(window.schedule, began):
        if later > moment:
            break
        began = later
    return began
