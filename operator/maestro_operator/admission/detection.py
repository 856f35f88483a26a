"""What the schema cannot see in `spec.detection`: windows, witnesses, where else is connected to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maestro_operator.drivers.nodes.ssh import known_hosts_line
from maestro_operator.windows import fault_of_window

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_operator.model.pair import PairSpec

Fault = tuple[str, str]
"""A field and what is wrong with it, or what stands there."""
POINTS = "spec.detection.vantagePoints"


def detection_faults(spec: PairSpec) -> Iterator[Fault]:
    """Find windows that cannot be followed, and witnesses that are a node or have no key."""
    for window in spec.detection.maintenance_windows:
        fault = fault_of_window(window)
        if fault is not None:
            yield f"spec.detection.maintenanceWindows[{window.name}]", fault
    keys = {line.split(" ", 1)[1] for node in spec.nodes if (line := known_hosts_line(node.ssh)) is not None}
    for point in spec.detection.vantage_points:
        if point.ssh is None:
            continue
        field, line = f"{POINTS}[{point.name}].ssh.hostKey", known_hosts_line(point.ssh.ssh)
        if line is None:
            yield field, "is no public key: write what ssh-keyscan prints of the witness"
        elif line.split(" ", 1)[1] in keys:
            yield field, "is the key of one of the two nodes, and a node is no witness of itself: write a third machine"


def detection_addresses(spec: PairSpec) -> Iterator[Fault]:
    """Give every address that the vantage points are asked at, and where they ask a virtual machine."""
    if spec.machine is not None:
        yield "spec.replication.virtualMachine.address", spec.machine.address
    for point in spec.detection.vantage_points:
        if point.ssh is not None:
            yield f"{POINTS}[{point.name}].ssh.host", point.ssh.host
        if point.prometheus is not None:
            yield f"{POINTS}[{point.name}].prometheus.url", urlsplit(point.prometheus.url).hostname or ""


def detection_patterns(spec: PairSpec) -> Iterator[Fault]:
    """Give every pattern that only a vantage point looks for."""
    for probe in spec.detection.probes:
        for word, named in (("https", probe.https), ("smtp", probe.smtp)):
            if named is not None and named.pattern is not None:
                yield f"spec.detection.probes.{word}.pattern", named.pattern
