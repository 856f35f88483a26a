"""The look from outside after every move: who runs, what the guards hold, where the name points, who answers."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from support.bed import clock
from support.bed.wire import HolderFailedError
from support.demo.story import PUBLIC_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.chaos.lookout import Lookout
    from support.demo.stage import Stage

GUARD = "/usr/local/lib/maestro-guard/maestro-guard"
LOOK = (
    "systemctl is-active maestro-db.service maestro.service | tr '\\n' ' '; echo;"
    " ss -Hltn '( sport = :80 or sport = :5432 )' | wc -l;"
    f" {GUARD} show 2>/dev/null | grep -E '^(inforce|mayrun|permit)' | tr '\\n' ' '"
)


@dataclass(frozen=True, slots=True)
class NodeLook:
    """One node as it is found."""

    is_on: bool
    units: str = ""
    listening: int = 0
    guard: str = ""
    processes: int = 0

    @property
    def runs(self) -> bool:
        """Whether anything of the services runs there."""
        return self.listening > 0 or self.processes > 0 or "active" in self.units.replace("inactive", "").split()

    @property
    def epoch(self) -> str:
        """What the guard holds in force, as it writes it."""
        return next((word.partition("=")[2] for word in self.guard.split() if word.startswith("inforce=")), "")


def complaints(
    status: Mapping[str, Any], nodes: Mapping[str, NodeLook], *, names: list[str], address: str
) -> list[str]:
    """Return what is wrong with a pair that says it is at rest."""
    active = str(status.get("activeNode"))
    found = [f"{name} runs services and is not active" for name, node in nodes.items() if node.runs and name != active]
    if not nodes[active].runs:
        found.append(f"{active} is active and runs nothing")
    epochs = {name: node.epoch for name, node in nodes.items() if node.is_on}
    mark = (status.get("epoch") or {}).get("inForce") or {}
    for name, epoch in epochs.items():
        words = epoch.split(",")
        if words[:2] != [str(mark.get("number")), str(mark.get("owner"))]:
            found.append(f"the guard of {name} holds {epoch or 'nothing'}, status {mark.get('number')} of {active}")
    if names != [address]:
        found.append(f"{PUBLIC_NAME} is {names}, not {address}")
    return found


def look(stage: Stage, lookout: Lookout) -> dict[str, NodeLook]:
    """Look at both nodes from their consoles and from the kernel."""
    found = {}
    for name, node in stage.bed.nodes.items():
        if not node.is_on():
            found[name] = NodeLook(is_on=False)
            continue
        try:
            lines = [*node.run(LOOK, timeout_seconds=20).stdout.decode().splitlines(), "", "", ""]
        except (HolderFailedError, clock.TimedOutError):
            lines = ["", "", ""]
        number = int(lines[1]) if lines[1].strip().isdecimal() else 0
        found[name] = NodeLook(
            is_on=True,
            units=lines[0].strip(),
            listening=number,
            guard=lines[2].strip(),
            processes=len(lookout.services(name)),
        )
    return found


def answers(stage: Stage) -> str:
    """Return what the service says through the public name."""
    try:
        address = stage.lookup(PUBLIC_NAME)[0]
        request = urllib.request.Request(f"http://{address}/lui/", headers={"Host": PUBLIC_NAME})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with stage.bed.network(), opener.open(request, timeout=3) as answer:
            return str(answer.read(4096).decode(errors="replace"))
    except (OSError, IndexError, urllib.error.URLError) as problem:
        return f"nothing: {problem!r}"


def audit(stage: Stage, lookout: Lookout, status: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Look at everything, and return what was seen and what is wrong with it."""
    nodes, names, text = look(stage, lookout), stage.lookup(PUBLIC_NAME), answers(stage)
    address = stage.bed.nodes[str(status["activeNode"])].address
    found = complaints(status, nodes, names=names, address=address)
    if "LISTSERV Maestro" not in text:
        found.append(f"the service answers {text[:120]}")
    seen = {name: asdict(node) for name, node in nodes.items()}
    return {"active": status["activeNode"], "nodes": seen, "names": names}, found
