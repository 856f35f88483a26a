"""What people read of a virtual machine that a cluster keeps; pure.

The law of this file: what the operator does not see is Unknown. How the machine's disks are kept, and whether its hosts
could be fenced, its cluster knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.decision import Judged
    from maestro_operator.model.seen import Seen

KEPT_BY_ITS_CLUSTER = (Reason.CLUSTER_DECIDES, "the virtual machine's cluster keeps its disks and fences its hosts")


def machine_available(seen: Seen, service: Judged) -> tuple[Literal["True", "False", "Unknown"], Reason, str]:
    """The machine runs, on whichever host, and nobody who asks it says that it is not well."""
    readings = [node for node in seen.nodes.values() if isinstance(node, NodeSeen)]
    running = [node.name for node in readings if seen.runs_everything(node)]
    if len(running) == 1:
        if service.verdict == "Sick" and seen.status.active_node == running[0]:
            return "False", service.reason, service.message
        return "True", Reason.ANSWERS, f"the machine runs on {running[0]}"
    if running:
        return "False", Reason.SPLIT_BRAIN, "the machine runs on both hosts"
    if len(readings) < len(seen.nodes):
        return "Unknown", Reason.NOT_YET_KNOWN, "not every host could be read"
    return "False", Reason.MACHINE_DOWN, "the machine runs on neither host"
