"""Which pair the commands of a page are run on, what happens to it before, and what must have come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.demo.memory_world import memory_pair
from support.manifests import changed

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.memory.world import MemoryWorld
    from support.manifests import Manifest

NAMESPACE = "maestro"


def _nothing(world: MemoryWorld) -> None:
    del world


def _always(status: Mapping[str, Any]) -> bool:
    del status
    return True


def is_protected(status: Mapping[str, Any]) -> bool:
    """Tells whether a pair is whole and at rest."""
    found = {item["type"]: item["status"] for item in status.get("conditions", ())}
    return found.get("Protected") == "True" and "episode" not in status


@dataclass(frozen=True, slots=True)
class Scene:
    """A pair that serves, what befalls it, and what the page's commands are to bring about."""

    spec: Mapping[str, Any] = field(default_factory=dict)
    """By the path of a field: what is different from the demo's pair."""
    accident: Callable[[MemoryWorld], None] = _nothing
    order: str = ""
    """The node that somebody orders then."""
    befallen: Callable[[Mapping[str, Any]], bool] = _always
    """Tells from status that the accident has become what the page is about."""
    repair: Callable[[MemoryWorld], None] = _nothing
    """What somebody mends before the page's own commands."""
    mended: Callable[[Mapping[str, Any]], bool] = _always
    afterwards: Callable[[Mapping[str, Any]], bool] = _always
    """Tells from status that the page's commands have done what the page says."""
    outcome: str = ""
    """What `afterwards` looks for, in words."""


def _cut_a(world: MemoryWorld) -> None:
    world.power_cut("a")


def _give_a_power(world: MemoryWorld) -> None:
    world.power_on("a")


def _says(kind: str, *words: str) -> Callable[[Mapping[str, Any]], bool]:
    def says(status: Mapping[str, Any]) -> bool:
        return any(
            (item["type"], item["status"]) == (kind, "True") and item["reason"] in words
            for item in status.get("conditions", ())
        )

    return says


def _active(node: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda status: status.get("activeNode") == node


def _failed_over(status: Mapping[str, Any]) -> bool:
    return any(item["kind"] == "Failover" and item["result"] == "Done" for item in status.get("history", ()))


SERVES = Scene()
BY_HAND = {"spec.failover.automatic": "Disabled"}
SCENES = {
    "docs/runbooks/MaestroPairOverridden.md": Scene(
        accident=_cut_a,
        befallen=_failed_over,
        repair=_give_a_power,
        mended=is_protected,
        afterwards=_active("a"),
        outcome="a is active again",
    ),
    "docs/runbooks/MaestroPairDown.md": Scene(
        spec=BY_HAND, accident=_cut_a, befallen=lambda status: "a=Down" in status.get("verdicts", "")
    ),
    "docs/runbooks/MaestroPairHeld.md": Scene(
        spec=BY_HAND | {"spec.failover.maxDataLossSeconds": 0},
        accident=_cut_a,
        order="b",
        befallen=_says("Stalled", "CopyOverBudget", "LossNotAccepted"),
        afterwards=_active("b"),
        outcome="b is active",
    ),
    "docs/how-to/from-scripts-or-pacemaker.md": Scene(
        afterwards=lambda status: status.get("state") == "Released", outcome="nothing is left on the nodes"
    ),
}


WELL_FORMED: Mapping[str, Any] = {
    "spec.nodes.0.ssh.hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
    "spec.nodes.1.ssh.hostKey": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi",
    "spec.nodes.1.fencing.1.devices.0.parameters.systems_uri": "/redfish/v1/Systems/2",
}
"""What makes of a pair for memory nodes one that a validation has nothing against."""


def scene_of(page: str) -> Scene:
    """Returns the scene of a page; most need a pair that serves and nothing else."""
    return SCENES.get(page, SERVES)


def pair_name(page: str, *, number: int = 0) -> str:
    """Returns the name of a page's pair; a page that takes its pair away gets another one each time."""
    words = page.removesuffix(".md").rsplit("/", 1)[-1].lower()
    return f"{words}-{number}" if number else words


def pair_of(page: str, *, number: int = 0) -> Manifest:
    """Returns the pair of a page, before anything befalls it."""
    found = memory_pair(pair_name(page, number=number), namespace=NAMESPACE)
    for path, value in {**WELL_FORMED, **scene_of(page).spec}.items():
        found = changed(found, path, value)
    return found
