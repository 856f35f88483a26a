"""What a VolumeReplication of csi-addons says, read strictly: what is ordered, and whether it was carried out.

The law of this file: an order is carried out where the controller says so of this very generation of the object, and
the state is the ordered one. What it said of an earlier generation is of an earlier order. A side is in sync where two
conditions of this generation say that nothing is missing; a missing condition says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from maestro_operator.kube.objects import Kind
from maestro_operator.model.printable import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

VOLUMES = Kind("replication.storage.openshift.io", "v1alpha1", "volumereplications", "VolumeReplication")
PRIMARY, SECONDARY, RESYNC = "primary", "secondary", "resync"
STATES: Mapping[str, str] = {PRIMARY: "Primary", SECONDARY: "Secondary", RESYNC: "Secondary"}
"""The state in which each order ends; there is none of its own for a resync."""
FAILED_TO_RESYNC = "FailedToResync"
MESSAGE_CHARACTERS = 300
_PART_OF_A_DURATION = re.compile(r"(\d+(?:\.\d+)?)(h|ms|us|\u00b5s|ns|m|s)")
_UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "\u00b5s": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class VolumeSide:
    """One side of a replicated volume, as its object says it."""

    ordered: str
    """primary, secondary, resync: what the object is told to be."""
    state: str = "Unknown"
    """Primary, Secondary, Unknown: what it was made last."""
    is_carried_out: bool = False
    """The controller says of this generation that it is what is ordered."""
    is_in_sync: bool = False
    """It says of this generation that nothing is missing and that nothing is being copied."""
    is_split: bool = False
    """The storage refuses to bring this side up to the other one's data, because it has data of its own."""
    resyncs_by_itself: bool = False
    """`autoResync`: what this side alone has would be overwritten unasked."""
    trouble: str = ""
    """What the controller says of a failure."""
    synced_at: str | None = None
    synced_in_seconds: float = 0.0

    @property
    def gave_up(self) -> bool:
        """Tell whether this side is demoted and the other one has everything it had."""
        return self.ordered == SECONDARY and self.is_carried_out and self.is_in_sync

    def copy_age_seconds(self, *, now: str) -> float | None:
        """Return how old the newest data are that the other side is sure to have, None where this one cannot say.

        A sync brings what was there when it began: its duration counts too. Only a primary knows.
        """
        if self.synced_at is None or not (self.ordered == PRIMARY and self.is_carried_out):
            return None
        try:
            age = (datetime.fromisoformat(now) - datetime.fromisoformat(self.synced_at)).total_seconds()
        except (TypeError, ValueError):
            return None
        return max(0.0, age) + self.synced_in_seconds


def side_of(found: Mapping[str, Any]) -> VolumeSide | str:
    """Return what an object says, or why it cannot be understood."""
    spec, status = found.get("spec") or {}, found.get("status") or {}
    ordered, generation = str(spec.get("replicationState")), (found.get("metadata") or {}).get("generation")
    if ordered not in STATES or not isinstance(generation, int):
        return f"replicationState {printable(ordered, longest=40)!r} of generation {generation!r}"
    seconds = _seconds_of(str(status.get("lastSyncDuration") or "0s"))
    if seconds is None:
        return f"lastSyncDuration {printable(str(status['lastSyncDuration']), longest=40)!r}"
    said = {
        item["type"]: item
        for item in status.get("conditions") or []
        if isinstance(item, dict) and "type" in item and item.get("observedGeneration") == generation
    }
    completed = said.get("Completed", {})
    is_done = completed.get("status") == "True" and status.get("observedGeneration") == generation
    has_failed = completed.get("status") == "False"
    return VolumeSide(
        ordered=ordered,
        state=str(status.get("state") or "Unknown"),
        is_carried_out=is_done and status.get("state") == STATES[ordered],
        is_in_sync=all(said.get(kind, {}).get("status") == "False" for kind in ("Degraded", "Resyncing")),
        is_split=has_failed and completed.get("reason") == FAILED_TO_RESYNC,
        resyncs_by_itself=spec.get("autoResync", False) is not False,
        trouble=_trouble_of(completed, status) if has_failed else "",
        synced_at=status.get("lastSyncTime"),
        synced_in_seconds=seconds,
    )


def _trouble_of(completed: Mapping[str, Any], status: Mapping[str, Any]) -> str:
    said = f"{completed.get('reason', 'failed')}: {status.get('message') or completed.get('message') or 'not said why'}"
    return printable(said, longest=MESSAGE_CHARACTERS)


def _seconds_of(text: str) -> float | None:
    """Return a duration as Go writes it (`1m2.5s`), None where it is something else."""
    parts = _PART_OF_A_DURATION.findall(text)
    if "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
