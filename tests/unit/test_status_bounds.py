"""What the operator writes is bounded by the schema, and what it may come to hold fits into that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from support.manifests import schema

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.unit


def unbounded(node: dict[str, Any], path: str) -> Iterator[str]:
    """Gives every list and text below a part of the schema that may grow without end."""
    if node.get("type") == "array":
        if "maxItems" not in node:
            yield path
        yield from unbounded(node["items"], f"{path}[]")
    elif node.get("type") == "string" and not {"maxLength", "enum", "format"} & node.keys():
        yield path
    for name, part in node.get("properties", {}).items():
        yield from unbounded(part, f"{path}.{name}")


def test_every_list_and_text_of_status_has_a_greatest_length() -> None:
    assert list(unbounded(schema()["properties"]["status"], "status")) == []


def test_a_pair_with_all_the_names_and_devices_that_a_spec_may_have_can_hold_its_claims() -> None:
    spec, status = (schema()["properties"][part]["properties"] for part in ("spec", "status"))
    nodes, entry = spec["nodes"], spec["traffic"]["items"]["properties"]["dns"]["properties"]
    rungs = nodes["items"]["properties"]["fencing"]
    devices = rungs["maxItems"] * rungs["items"]["properties"]["devices"]["maxItems"]
    hosts_machine_and_devices = nodes["maxItems"] * (3 + devices)
    names = spec["traffic"]["maxItems"] * (entry["names"]["maxItems"] + entry["records"]["maxItems"])

    assert status["claims"]["maxItems"] >= hosts_machine_and_devices + names
