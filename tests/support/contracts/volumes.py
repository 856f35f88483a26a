"""The contract of a replicated volume: its storage in memory, its objects in memory and on a real API server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.memory.world import MemoryClock
from maestro_operator.drivers.replication.volume import Cluster, VolumeOrders
from maestro_operator.drivers.replication.volume_text import PRIMARY, SECONDARY
from maestro_operator.kube.objects import Kind, ObjectStore
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason
from support.csiaddons import NAME, NAMESPACES, Standin
from support.csiaddons.storage import MemoryCluster, MirroredStorage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from kubernetes.aio.client import ApiClient

    from maestro_operator.clock import Clock

BEGINNING = {"a": PRIMARY, "b": SECONDARY}


class Killed(Exception):
    """The operator was killed right after a write."""


class Between:
    """A way to a cluster with which something happens between two calls: it is killed, or somebody else writes."""

    def __init__(self, cluster: Cluster, *, dies: bool, after_read: Callable[[int], Awaitable[None]] | None) -> None:
        """Keeps the real way there."""
        self._cluster = cluster
        self._dies = dies
        self._after_read = after_read
        self._reads = 0

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Returns an object, which somebody may have written before it is looked at."""
        found = await self._cluster.read(kind, name)
        self._reads += 1
        if self._after_read is not None:
            await self._after_read(self._reads)
        return found

    async def write(self, kind: Kind, name: str, body: Mapping[str, Any], *, version: str | None) -> None:
        """Writes, and may not be there any more."""
        await self._cluster.write(kind, name, body, version=version)
        if self._dies:
            raise Killed


class Receipt:
    """A receipt of the guard, which is there or not, and serves once."""

    def __init__(self, *, given: bool) -> None:
        """Is there, or not."""
        self.given = given
        self.asked = 0

    async def __call__(self) -> Outcome:
        """Uses it."""
        self.asked += 1
        good, self.given = self.given, False
        return Done() if good else Refused(Reason.REFUSED_BY_GUARD, "no receipt", "NoReceipt")


class VolumePair(Protocol):
    """Two sides of a volume, a the primary with some records and b its secondary with the same ones."""

    storage: MirroredStorage
    patience_seconds: float
    """How long an order is waited for in a test that is not meant to see it carried out."""
    deadline_seconds: float

    def orders(
        self, name: str, *, dies: bool = False, after_read: Callable[[int], Awaitable[None]] | None = None
    ) -> VolumeOrders:
        """Returns the orders to one side as a new process would give them; one that `dies` is killed after a write."""

    def silence(self, name: str) -> None:
        """Lets the API server of one side answer nobody."""

    def heal(self) -> None:
        """Lets both answer, and both storages reach each other."""

    async def ordered(self, name: str) -> tuple[str, int]:
        """Returns what the object of a side is ordered to be, and of which generation it is."""

    async def touch(self, name: str, change: Mapping[str, Any]) -> None:
        """Merges something into an object, as somebody else does."""


class MemoryVolumePair:
    """Everything in memory."""

    patience_seconds = deadline_seconds = 20.0

    def __init__(self) -> None:
        """Makes both sides."""
        self.clock: Clock = MemoryClock()
        self.storage = MirroredStorage(("a", "b"), clock=self.clock)
        self.clusters = {name: MemoryCluster(self.storage) for name in BEGINNING}
        for name, word in BEGINNING.items():
            self.clusters[name].add(NAME, side=name, ordered=word)

    def orders(
        self, name: str, *, dies: bool = False, after_read: Callable[[int], Awaitable[None]] | None = None
    ) -> VolumeOrders:
        """Returns new orders to one side."""
        cluster: Cluster = self.clusters[name]
        return VolumeOrders(Between(cluster, dies=dies, after_read=after_read), NAME, what=name, clock=self.clock)

    def silence(self, name: str) -> None:
        """Lets one side's cluster answer nobody."""
        self.clusters[name].is_silent = True

    def heal(self) -> None:
        """Lets both answer."""
        self.storage.is_cut = False
        for cluster in self.clusters.values():
            cluster.is_silent = False

    async def ordered(self, name: str) -> tuple[str, int]:
        """Returns what an object is ordered to be."""
        found = self.clusters[name].objects[NAME]
        return found["spec"]["replicationState"], found["metadata"]["generation"]

    async def touch(self, name: str, change: Mapping[str, Any]) -> None:
        """Merges something into an object."""
        self.clusters[name].touch(NAME, change)


class ClusterVolumePair:
    """Both objects on a real API server, under the stand-in for csi-addons' controller."""

    patience_seconds, deadline_seconds = 3.0, 30.0

    def __init__(self, standin: Standin, api: ApiClient, silent: ApiClient) -> None:
        """Makes both sides anew; `silent` is a way to an API server that is not there."""
        self.clock: Clock = SystemClock()
        self._standin = standin
        self._api, self._no_api = api, silent
        self._silent: set[str] = set()
        self.storage = MirroredStorage(("a", "b"), clock=self.clock)
        standin.begin(self.storage, BEGINNING)

    def orders(
        self, name: str, *, dies: bool = False, after_read: Callable[[int], Awaitable[None]] | None = None
    ) -> VolumeOrders:
        """Returns new orders to one side."""
        api = self._no_api if name in self._silent else self._api
        cluster: Cluster = ObjectStore(api, NAMESPACES[name])
        return VolumeOrders(Between(cluster, dies=dies, after_read=after_read), NAME, what=name, clock=self.clock)

    def silence(self, name: str) -> None:
        """Asks for one side where nobody listens."""
        self._silent.add(name)

    def heal(self) -> None:
        """Lets both answer."""
        self.storage.is_cut = False
        self._silent.clear()

    async def ordered(self, name: str) -> tuple[str, int]:
        """Returns what an object is ordered to be."""
        found = await asyncio.to_thread(self._standin.found, name)
        return found["spec"]["replicationState"], found["metadata"]["generation"]

    async def touch(self, name: str, change: Mapping[str, Any]) -> None:
        """Merges something into an object."""
        await asyncio.to_thread(self._standin.patch, name, dict(change))
