"""What a way to fence takes away from a node, and what has to be taken away before the other one may write.

The law of this file: a way denies only what it makes impossible by itself. A machine without power can do nothing;
one that was cut off at a gateway runs on, on its own disk, and is merely heard by nobody. Where both nodes write to
one disk that is not enough, whatever was read.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from maestro_operator.model.pair import FencingDevice, Replication

GATEWAY = "gateway"
"""A device that is no fence agent: a router that can cut a node off from everything behind it."""
RESERVATION = "reservation"
"""A device that is no fence agent: the shared disk itself, taken from a node by its persistent reservation."""
OWN_DEVICES = frozenset({GATEWAY, RESERVATION})
"""Devices that no program of ClusterLabs serves."""


OUTSIDE = ("operator", "peer")
"""Who must find from outside that an isolated node is reached by nobody: for the public, and for the survivor."""


class Denial(StrEnum):
    """One thing that a fenced node cannot do any more."""

    SERVICES = "services"
    """Run anything at all."""
    SHARED_DATA = "shared data"
    """Write to a disk that the other node writes to."""
    STREAM = "stream"
    """Send its data to the other node."""
    TRAFFIC = "traffic"
    """Be reached by clients, or reach anybody."""


EVERYTHING = frozenset(Denial)
DENIED_BY: Mapping[str, frozenset[Denial]] = MappingProxyType(
    {
        GATEWAY: frozenset({Denial.STREAM, Denial.TRAFFIC}),
        RESERVATION: frozenset({Denial.SHARED_DATA}),
    },
)
"""Devices that do not switch the machine off, and what each takes away; every other one takes away everything."""


FENCED_WORD: Mapping[str, str] = MappingProxyType({GATEWAY: "isolated", RESERVATION: "preempted"})
"""What a device must be read to say that does not switch the machine off; every other one must say off."""


def fenced_word(device: str) -> str:
    """Return what a device says of a node from which it took what it takes."""
    return FENCED_WORD.get(device, "off")


def denied_by(device: str) -> frozenset[Denial]:
    """Return what a device takes away once it was read to have done so."""
    return DENIED_BY.get(device, EVERYTHING)


def needed(replication: Replication) -> frozenset[Denial]:
    """Return what has to be taken away from a node that runs on, so that no second writer can do harm."""
    data = Denial.SHARED_DATA if replication.shares_data else Denial.STREAM
    return frozenset({data, Denial.TRAFFIC})


def lacking(devices: Iterable[FencingDevice], replication: Replication) -> frozenset[Denial]:
    """Return what all devices of a rung together leave to the node and must not, empty where they suffice."""
    denied: frozenset[Denial] = frozenset()
    for device in devices:
        denied |= denied_by(device.agent)
    return frozenset() if Denial.SERVICES in denied else needed(replication) - denied


def leaves_it_running(devices: Iterable[FencingDevice]) -> bool:
    """Tell whether the node goes on behind what these devices do: then it must be seen from outside to be cut off."""
    return not any(Denial.SERVICES in denied_by(device.agent) for device in devices)


def in_words(denials: Iterable[Denial]) -> str:
    """Return denials for a message, in the order of their declaration."""
    found = frozenset(denials)
    return " and ".join(item.value for item in Denial if item in found)
