"""Whether both nodes run the same versions: of the guard, and of what the spec lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen

GUARD = "guard"


def versions_match(seen: Seen) -> tuple[Literal["True", "False", "Unknown"], Reason, str]:
    """Both nodes run the same versions of the guard and of everything in spec.versions."""
    names = (GUARD, *(item.name for item in seen.spec.versions))
    found = {name: _by_node(seen, name) for name in names}
    differing = [name for name, by_node in found.items() if len(set(by_node.values())) > 1]
    if differing:
        text = "; ".join(f"{name}: {_listed(found[name])}" for name in differing)
        return "False", Reason.VERSIONS_DIFFER, text
    unknown = [name for name, by_node in found.items() if len(by_node) < len(seen.nodes)]
    if unknown:
        return "Unknown", Reason.NOT_YET_KNOWN, f"not known on both nodes: {', '.join(unknown)}"
    outdated = [node.name for node in _readings(seen) if not node.guard.is_current]
    if outdated:
        text = f"{' and '.join(outdated)}: not what this operator installs; it is installed anew at rest"
        return "False", Reason.NOT_AS_INSTALLED, text
    return "True", Reason.ALL_GOOD, f"the same on both nodes: {', '.join(names)}"


def _readings(seen: Seen) -> list[NodeSeen]:
    return [node for node in seen.nodes.values() if isinstance(node, NodeSeen)]


def _by_node(seen: Seen, name: str) -> dict[str, str]:
    """Return what each node says of a version, as far as it says anything."""
    readings = _readings(seen)
    if name == GUARD:
        return {node.name: node.guard.version for node in readings if node.guard.state is not GuardState.ABSENT}
    return {node.name: node.versions[name] for node in readings if name in node.versions}


def _listed(by_node: dict[str, str]) -> str:
    return ", ".join(f"{node} {version}" for node, version in sorted(by_node.items()))
