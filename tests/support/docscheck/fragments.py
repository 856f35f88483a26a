"""A manifest of a page made whole for an API server to judge: a part of a spec gets the rest of a pair around it."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from support.docscheck.scenes import NAMESPACE
from support.manifests import CHART, example, schema

if TYPE_CHECKING:
    from support.docscheck.pages import Block

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh"
SHORTENED = "ssh-ed25519 AAAA…"


class UnknownFragmentError(Exception):
    """A manifest's first words are no field of anything that is known here."""


@dataclass(frozen=True, slots=True)
class Whole:
    """What is judged, and by what."""

    documents: tuple[dict[str, Any], ...] = ()
    """Objects for the API server."""
    values: dict[str, Any] | None = None
    """Values for the chart."""


def made_whole(block: Block) -> Whole:
    """Returns what a block is a part of.

    Raises UnknownFragmentError, and yaml.YAMLError where it is no YAML.
    """
    found = [item for item in yaml.safe_load_all(block.text.replace(SHORTENED, KEY)) if item]
    if all(isinstance(item, dict) and "kind" in item for item in found):
        return Whole(documents=tuple(found))
    (part,) = found
    if not isinstance(part, dict):
        raise UnknownFragmentError("write it with the field that it stands under")
    spec = schema()["properties"]["spec"]["properties"]
    node = spec["nodes"]["items"]["properties"]
    if set(part) <= set(spec):
        return Whole(documents=(_pair(part),))
    if set(part) <= set(node):
        return Whole(documents=(_pair({}, node=part),))
    if set(part) <= set(yaml.safe_load((CHART / "values.yaml").read_text())):
        return Whole(values=part)
    raise UnknownFragmentError(f"{', '.join(part)}: neither of a spec, nor of a node, nor of the chart's values")


def _pair(part: dict[str, Any], *, node: dict[str, Any] | None = None) -> dict[str, Any]:
    # Beside a virtual machine there is no place for what the other example has.
    is_machine = "virtualMachine" in part.get("replication", {})
    (pair,) = copy.deepcopy(example("maestro-in-a-virtual-machine.yaml" if is_machine else "maestro-by-hand.yaml"))
    pair["metadata"] = {"name": "fragment", "namespace": NAMESPACE}
    pair["spec"] |= part
    pair["spec"]["nodes"][0] |= node or {}
    return pair
