"""A virtual machine of KubeVirt between two nodes of the cluster: read from the API, moved by KubeVirt itself.

The law of this file: nothing is believed but what the API server says of the machine of that uid, and of a host that
the cluster hears of. Off is no instance, or one on another host; every other word may be a machine that writes. No
instance is made, ended or cut off here. The types are KubeVirt's own (kubevirt.io/v1); a stand-in for its controller is
all that this was tried against.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from maestro_operator.kube.objects import Kind, NotAllowed
from maestro_operator.model.errors import ApiTrouble, StatusConflict
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, NodeSeen, Unit, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.clock import Clock
    from maestro_operator.model.machine import KubeVirt
    from maestro_operator.model.pair import PairSpec
    from maestro_operator.model.status import FrozenNode

INSTANCES = Kind("kubevirt.io", "v1", "virtualmachineinstances", "VirtualMachineInstance")
MIGRATIONS = Kind("kubevirt.io", "v1", "virtualmachineinstancemigrations", "VirtualMachineInstanceMigration")
HOST_NAME = "kubernetes.io/hostname"
READ_SECONDS = 8.0
POLL_SECONDS = 0.5
MESSAGE_CHARACTERS = 300
ABSENT = "absent"
STATES: Mapping[str, str] = {
    "running": "active",
    "paused": "activating",
    "coming": "activating",
    "pending": "activating",
    "scheduling": "activating",
    "scheduled": "activating",
    ABSENT: "inactive",
    "succeeded": "deactivating",
    "failed": "deactivating",
    "unknown": "deactivating",
}
"""What KubeVirt says of an instance on a host, as the state of a unit; where it moves to it is coming.

An instance that failed may run on all the same, on a host that the cluster gave up: it is not off before it is gone.
"""
ENDED = ("Succeeded", "Failed")
_IDENTITY = re.compile(r"[0-9a-zA-Z-]{8,64}")
_NONE = "spec.replication.virtualMachine.kubevirt is not set"


class Cluster(Protocol):
    """The pair's namespace, and the nodes of the cluster."""

    async def read(self, kind: Kind, name: str) -> Mapping[str, Any] | None:
        """Return an object, or None where there is none."""

    async def selected(self, kind: Kind, selector: str) -> list[Mapping[str, Any]]:
        """Return every object that a selector fits."""

    async def create(self, kind: Kind, name: str, body: Mapping[str, Any]) -> None:
        """Create an object, each field of which the server knows."""

    async def node(self, name: str) -> Mapping[str, Any] | None:
        """Return a node of the cluster, or None where there is none."""


class KubeVirtHosts:
    """Both hosts of one pair's machine."""

    def __init__(self, cluster: Cluster, *, spec: Callable[[], PairSpec], clock: Clock) -> None:
        """Keep the way to the API server, and how to ask for the spec as it is now."""
        self._cluster = cluster
        self._spec = spec
        self._clock = clock

    def _machine(self) -> KubeVirt | None:
        machine = self._spec().machine
        return machine.kubevirt if machine is not None else None

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read of a host how the machine stands there; of one that the cluster does not hear of nothing is known."""
        machine = self._machine()
        if machine is None or node.name not in machine.hosts:
            return Unknown(Reason.NOT_CONFIGURED, f"{_NONE}, or its hosts do not name {node.name}")
        name = machine.hosts[node.name]
        try:
            async with asyncio.timeout(READ_SECONDS):
                host, instance = await asyncio.gather(
                    self._cluster.node(name), self._cluster.read(INSTANCES, machine.name)
                )
        except NotAllowed as error:
            return Unknown(Reason.NOT_CONFIGURED, f"{node.name}: {error}")
        except (ApiTrouble, TimeoutError) as error:
            return Unknown(Reason.TIMED_OUT, f"{node.name}: the API server: {str(error) or 'no answer in time'}")
        if host is None:
            return Unknown(Reason.NOT_CONFIGURED, f"{node.name}: the cluster has no node {name}")
        return _host_seen(node.name, host, instance, machine=machine, now=self._clock.now())

    async def migrate(self, source: FrozenNode, target: FrozenNode, *, deadline_seconds: float) -> Outcome:
        """Move the machine from the host that was read to run it to the other one."""
        machine = self._machine()
        if machine is None or target.name not in machine.hosts:
            return Refused(Reason.NOT_CONFIGURED, f"{_NONE}, or its hosts do not name {target.name}")
        here, there = await self.read(source), await self.read(target)
        if _runs(there) and _is_off(here):
            return Done()
        what = f"{source.name}: moving {machine.name} to {target.name}"
        try:
            async with asyncio.timeout(deadline_seconds):
                if any(_is_under_way(item, machine) for item in await self._cluster.selected(MIGRATIONS, "")):
                    return InProgress(f"{what}: a move is under way")
                if isinstance(there, Unknown) or not _is_off(there):
                    said = there.message if isinstance(there, Unknown) else f"{there.units[0].sub} there"
                    return Failed(Reason.TARGET_UNREADABLE, f"{what}: {said}")
                if not _runs(here):
                    return Refused(Reason.STEP_REFUSED, f"{what}: the machine does not run on {source.name}")
                return await self._moved(machine, source, target, what=what)
        except NotAllowed as error:
            return Refused(Reason.STEP_REFUSED, f"{what}: {error}")
        except (ApiTrouble, StatusConflict, TimeoutError) as error:
            return Failed(Reason.COMMAND_FAILED, f"{what}: {str(error) or 'it has not ended in time, and goes on'}")

    async def _moved(self, machine: KubeVirt, source: FrozenNode, target: FrozenNode, *, what: str) -> Outcome:
        """Ask for one move, and wait until KubeVirt says how it ended."""
        name = f"{machine.name[:40]}-{uuid.uuid4().hex[:12]}"
        wanted = {"vmiName": machine.name, "addedNodeSelector": {HOST_NAME: machine.hosts[target.name]}}
        await self._cluster.create(MIGRATIONS, name, {"spec": wanted})
        while True:
            found = await self._cluster.read(MIGRATIONS, name)
            status = (found or {}).get("status") or {}
            if found is None or status.get("phase") in ENDED:
                break
            await self._clock.sleep(POLL_SECONDS)
        here, there = await self.read(source), await self.read(target)
        if _runs(there) and _is_off(here):
            return Done({"migration": name})
        why = printable(_why(status), longest=MESSAGE_CHARACTERS)
        return Failed(Reason.COMMAND_FAILED, f"{what}: {name} ended as {status.get('phase', 'deleted')}: {why}")


def _runs(seen: NodeSeen | Unknown) -> bool:
    return isinstance(seen, NodeSeen) and seen.units[0].active == "active"


def _is_off(seen: NodeSeen | Unknown) -> bool:
    return isinstance(seen, NodeSeen) and seen.is_stopped


def _is_under_way(migration: Mapping[str, Any], machine: KubeVirt) -> bool:
    phase = (migration.get("status") or {}).get("phase")
    return migration["spec"].get("vmiName") == machine.name and phase not in ENDED


def _why(status: Mapping[str, Any]) -> str:
    state = status.get("migrationState") or {}
    return str(state.get("failureReason") or "the hosts say otherwise")


def _host_seen(
    name: str, host: Mapping[str, Any], instance: Mapping[str, Any] | None, *, machine: KubeVirt, now: str
) -> NodeSeen | Unknown:
    status = host.get("status") or {}
    ready: Mapping[str, Any] = next((it for it in status.get("conditions") or [] if it["type"] == "Ready"), {})
    if ready.get("status") != "True":
        said = printable(str(ready.get("message") or "no condition Ready"), longest=MESSAGE_CHARACTERS)
        return Unknown(Reason.TIMED_OUT, f"{name}: the cluster does not hear of {machine.hosts[name]}: {said}")
    info = status.get("nodeInfo") or {}
    identity, boot = str(info.get("machineID", "")), str(info.get("bootID", ""))
    if not (_IDENTITY.fullmatch(identity) and _IDENTITY.fullmatch(boot)):
        return Unknown(Reason.BAD_ANSWER, f"{name}: node {machine.hosts[name]} tells no machineID and bootID")
    word = word_of(instance, machine.hosts[name], uid=machine.uid)
    if word not in STATES:
        return Unknown(Reason.BAD_ANSWER, f"{name}: {word[:40]!r} is no phase of an instance")
    return NodeSeen(
        name=name,
        machine_id=identity,
        boot_id=boot,
        uptime_seconds=_seconds_since(str(ready.get("lastTransitionTime", "")), now=now),
        guard=Guard(GuardState.ABSENT),
        units=(Unit(name=machine.name, active=STATES[word], sub=word),),
    )


def word_of(instance: Mapping[str, Any] | None, host: str, *, uid: str) -> str:
    """Return how an instance stands on a host, in one word; one of another machine is none of it."""
    owners = (instance or {}).get("metadata", {}).get("ownerReferences") or []
    if instance is None or uid not in {item.get("uid") for item in owners}:
        return ABSENT
    status = instance.get("status") or {}
    move = status.get("migrationState") or {}
    is_moving = bool(move) and not move.get("completed") and not move.get("failed")
    if status.get("nodeName") != host:
        return "coming" if is_moving and move.get("targetNode") == host else ABSENT
    conditions = status.get("conditions") or []
    if any(it.get("type") == "Paused" and it.get("status") == "True" for it in conditions):
        return "paused"
    return str(status.get("phase") or "unknown").lower()


def _seconds_since(moment: str, *, now: str) -> float:
    """Return how long ago the host began to be heard of, which is no longer than it has been up."""
    try:
        return max(0.0, (datetime.fromisoformat(now) - datetime.fromisoformat(moment)).total_seconds())
    except ValueError:
        return 0.0
