"""Two mirrored volumes in memory, and what csi-addons' controller makes of an order to one of them.

The storage sends what the primary has to the other side, as long as the sides reach each other; it refuses to promote a
side whose other one is a primary, and to overwrite what only one side has, unless it is forced. The controller forces a
promotion by itself, demotes first and looks only later whether everything arrived, and says `Completed` before that.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.replication.volume_text import PRIMARY, RESYNC, SECONDARY, STATES
from maestro_operator.model.errors import ApiTrouble, StatusConflict

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.kube.objects import Kind

SYNC_SECONDS = 2.0


@dataclass(slots=True)
class Volume:
    """One side of the volume: what it has, and whether the storage lets it be written."""

    records: list[str] = field(default_factory=list)
    is_primary: bool = False


class MirroredStorage:
    """Two volumes, the way between them, and the controller of each one's cluster."""

    def __init__(self, names: tuple[str, str], *, clock: Clock) -> None:
        """Make two empty volumes of which nobody is the primary."""
        self.volumes = {name: Volume() for name in names}
        self.is_cut = False
        """The storages do not reach each other."""
        self.asleep: set[str] = set()
        """Sides whose controller looks at nothing."""
        self.forced: list[str] = []
        """Each promotion that the storage refused first."""
        self.lost: list[str] = []
        """What only one side had when it was overwritten."""
        self._clock = clock
        self._synced_at: str | None = None

    def _other(self, name: str) -> Volume:
        return next(volume for other, volume in self.volumes.items() if other != name)

    def writers(self) -> list[str]:
        """Return the sides that the storage lets be written."""
        return [name for name, volume in self.volumes.items() if volume.is_primary]

    def write(self, name: str) -> bool:
        """Write one record to a side, where its storage lets it be written; it is sent only with the next mirroring."""
        volume = self.volumes[name]
        if volume.is_primary:
            volume.records.append(f"{name}{len(volume.records)}")
        return volume.is_primary

    def mirror(self) -> None:
        """Send what one side has more than the other one, where they reach each other and neither has its own."""
        if self.is_cut or len(self.writers()) > 1:
            return
        for volume in self.volumes.values():
            other = next(it for it in self.volumes.values() if it is not volume)
            if not other.is_primary and other.records == volume.records[: len(other.records)]:
                other.records = list(volume.records)
                self._synced_at = self._clock.now()

    # ------------------------------------------------------------ what the controller does with one object

    def reconcile(self, name: str, found: Mapping[str, Any]) -> dict[str, Any] | None:
        """Carry out what an object orders as far as one look of its controller does; return its status, if any."""
        if name in self.asleep:
            return None
        status = copy.deepcopy(dict(found.get("status") or {}))
        generation, word = found["metadata"]["generation"], found["spec"]["replicationState"]
        said = {item["type"]: item for item in status.get("conditions", [])}

        def say(kind: str, answer: str, reason: str) -> None:
            said[kind] = {"type": kind, "status": answer, "reason": reason, "observedGeneration": generation}

        state, message = str(status.get("state") or "Unknown"), f"volume is marked {word}"
        volume = self.volumes[name]
        if word != PRIMARY and status.get("observedGeneration") == generation and _is_well(said):
            # A secondary that has everything is looked at no more before it is ordered something.
            return None
        if word == PRIMARY:
            self._promote(name)
            state = STATES[word]
            say("Completed", "True", "Promoted")
            say("Degraded", "False", "Healthy")
            say("Resyncing", "False", "NotResyncing")
            self.mirror()
            status |= {"lastSyncTime": self._synced_at, "lastSyncDuration": f"{SYNC_SECONDS:g}s"}
        elif word == SECONDARY and state != STATES[SECONDARY]:
            volume.is_primary = False
            state, message = STATES[word], "volume is marked secondary and is degraded"
            say("Completed", "True", "Demoted")
            say("Degraded", "True", "VolumeDegraded")
            say("Resyncing", "False", "NotResyncing")
        else:
            volume.is_primary = False
            is_ready = self._resync(name, force=word == RESYNC or found["spec"].get("autoResync", False))
            if is_ready is None:
                message = "failed to resync volume: split-brain"
                say("Completed", "False", "FailedToResync")
                say("Degraded", "True", "Error")
                say("Resyncing", "False", "FailedToResync")
            else:
                state = STATES[word] if is_ready else state
                say("Completed", "True", "Demoted")
                say("Degraded", "False" if is_ready else "True", "Healthy" if is_ready else "VolumeDegraded")
                say("Resyncing", "False" if is_ready else "True", "NotResyncing" if is_ready else "ResyncTriggered")
        if word != PRIMARY:
            status["lastSyncTime"] = None
        conditions = list(said.values())
        return {
            **status,
            "state": state,
            "message": message,
            "conditions": conditions,
            "observedGeneration": generation,
        }

    def _promote(self, name: str) -> None:
        volume, other = self.volumes[name], self._other(name)
        if volume.is_primary:
            return
        # The storage cannot know of one that it does not reach, and refuses then too.
        if other.is_primary or self.is_cut:
            self.forced.append(name)
        volume.is_primary = True

    def _resync(self, name: str, *, force: bool) -> bool | None:
        """Tell whether this side is ready, None where it has what the other one does not."""
        self.mirror()
        volume, other = self.volumes[name], self._other(name)
        if self.is_cut:
            return False
        ours = volume.records
        if other.is_primary and ours != other.records[: len(ours)]:
            if not force:
                return None
            self.lost += [record for record in ours if record not in other.records]
            volume.records = list(other.records)
        return volume.records == other.records


def _is_well(said: Mapping[str, Mapping[str, Any]]) -> bool:
    return [said[kind]["status"] for kind in ("Completed", "Degraded") if kind in said] == ["True", "False"]


class MemoryCluster:
    """The objects of one cluster in memory, each a side of the storage; its controller looks whenever it is read."""

    def __init__(self, storage: MirroredStorage) -> None:
        """Keep the storage; there is no object yet."""
        self._storage = storage
        self._versions = 0
        self.objects: dict[str, dict[str, Any]] = {}
        self.sides: dict[str, str] = {}
        """Of which side of the storage each object is."""
        self.is_silent = False

    def add(self, name: str, *, side: str, ordered: str, **spec: object) -> None:
        """Make an object for a side of the storage."""
        self.sides[name] = side
        self.objects[name] = {
            "metadata": {"name": name, "generation": 1},
            "spec": {"replicationState": ordered, "autoResync": False, **spec},
        }
        self._stamp(name)

    def _stamp(self, name: str) -> None:
        self._versions += 1
        self.objects[name]["metadata"]["resourceVersion"] = str(self._versions)

    def _answer(self) -> None:
        if self.is_silent:
            message = "no answer"
            raise ApiTrouble(message)

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return an object after a look of its controller, or None where there is none.

        Raises:
            ApiTrouble: the cluster is silent.

        """
        del kind
        self._answer()
        if name not in self.objects:
            return None
        self.look(name)
        return copy.deepcopy(self.objects[name])

    def look(self, name: str) -> None:
        """Let the controller look at one object."""
        status = self._storage.reconcile(self.sides[name], self.objects[name])
        if status is not None and status != self.objects[name].get("status"):
            self.objects[name]["status"] = status
            self._stamp(name)

    def touch(self, name: str, change: Mapping[str, Mapping[str, Any]]) -> None:
        """Merge something into an object, as somebody else does."""
        found = self.objects[name]
        for part, fields in change.items():
            found[part].update(fields)
        found["metadata"]["generation"] += "spec" in change
        self._stamp(name)

    async def write(self, kind: Kind, name: str, body: Mapping[str, Any], *, version: str | None) -> None:
        """Replace the object that has this resource version.

        Raises:
            ApiTrouble: the cluster is silent.
            StatusConflict: somebody wrote it since it was read.

        """
        del kind
        self._answer()
        found = self.objects[name]
        if version != found["metadata"]["resourceVersion"]:
            message = "the object has been modified"
            raise StatusConflict(message)
        if found["spec"] != body["spec"]:
            found["spec"] = copy.deepcopy(dict(body["spec"]))
            found["metadata"]["generation"] += 1
        self._stamp(name)
