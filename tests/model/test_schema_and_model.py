"""The schema and the model say the same: walked both ways, field by field, and tried on generated objects."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal, Union, cast, get_args, get_origin

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from maestro_operator.model.pair import PairSpec
from maestro_operator.model.resource import ResourceValue
from maestro_operator.model.status import PairStatus
from support.manifests import Manifest, schema

HALVES: tuple[tuple[str, type[ResourceValue]], ...] = (("spec", PairSpec), ("status", PairStatus))
SIMPLE: Mapping[object, str] = {str: "string", int: "integer", float: "number", bool: "boolean"}


def half(name: str) -> Manifest:
    return cast("Manifest", schema()["properties"][name])


def differences(model: type[BaseModel], node: Manifest, path: str) -> Iterator[str]:
    """Gives every way in which an object of the schema and a class of the model differ."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    properties = node.get("properties", {})
    if node["type"] != "object":
        yield f"{path}: {node['type']} in the schema, an object in the model"
    for name in sorted(fields.keys() ^ properties.keys()):
        yield f"{path}.{name}: only in the {'model' if name in fields else 'schema'}"
    for name in sorted(fields.keys() & properties.keys()):
        here, field, child = f"{path}.{name}", fields[name], properties[name]
        if field.is_required() != (name in node.get("required", ())):
            yield f"{here}: required in the {'model' if field.is_required() else 'schema'} alone"
        if default_of(field) != child.get("default"):
            yield f"{here}: default {default_of(field)!r} in the model, {child.get('default')!r} in the schema"
        yield from differences_of_type(field.annotation, child, here)


def differences_of_type(annotation: object, node: Manifest, path: str) -> Iterator[str]:
    kind, arguments = get_origin(annotation), get_args(annotation)
    if kind in (Union, types.UnionType):
        (inner,) = [item for item in arguments if item is not type(None)]
        yield from differences_of_type(inner, node, path)
    elif kind is Literal:
        yield from same(path, "enum", list(arguments), node.get("enum"))
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from differences(annotation, node, path)
    elif isinstance(annotation, type) and issubclass(annotation, Enum):
        yield from same(path, "enum", [item.value for item in annotation], node.get("enum"))
    elif kind is tuple:
        yield from same(path, "type", "array", node["type"])
        if Ellipsis not in arguments:
            yield from same(path, "length", [len(arguments)] * 2, [node.get("minItems"), node.get("maxItems")])
        yield from differences_of_type(arguments[0], node["items"], f"{path}[]")
    elif kind is dict:
        yield from differences_of_type(arguments[1], node["additionalProperties"], f"{path}{{}}")
    else:
        yield from same(path, "type", SIMPLE.get(annotation), node["type"])
        if "enum" in node:
            yield f"{path}: an enum in the schema alone"


def same(path: str, what: str, model: object, found: object) -> Iterator[str]:
    if model != found:
        yield f"{path}: {what} {model!r} in the model, {found!r} in the schema"


def default_of(field: FieldInfo) -> object:
    """Returns a field's default as the schema writes it; an empty list or nothing is no default there."""
    if field.is_required():
        return None
    value: object = field.get_default(call_default_factory=True, validated_data={})
    plain = plain_value(value)
    return None if plain == [] or (plain == {} and not isinstance(value, BaseModel)) else plain


def plain_value(value: object) -> object:
    if isinstance(value, ResourceValue):
        return without_empty_lists(value.to_resource())
    if isinstance(value, tuple):
        return [plain_value(item) for item in value]
    return value.value if isinstance(value, Enum) else value


def without_empty_lists(value: object) -> object:
    """Drops what only the model writes out: lists with nothing in them, and maps of parameters."""
    if isinstance(value, dict):
        kept = {key: without_empty_lists(item) for key, item in value.items() if item != []}
        return {key: item for key, item in kept.items() if not (key in ("parameters", "addresses") and item == {})}
    return [without_empty_lists(item) for item in value] if isinstance(value, list) else value


# ---------------------------------------------------------------- both ways


@pytest.mark.parametrize(("name", "model"), HALVES)
def test_every_field_of_the_schema_has_its_twin_in_the_model_and_the_other_way_round(
    name: str, model: type[ResourceValue]
) -> None:
    assert list(differences(model, half(name), name)) == []


def test_the_walk_sees_every_kind_of_difference() -> None:
    class Twin(ResourceValue):
        kept: str
        gone: int = 1
        optional: str | None = None
        choice: Literal["A", "B"] = "A"

    node: Manifest = {
        "type": "object",
        "required": ["optional"],
        "properties": {
            "kept": {"type": "integer"},
            "optional": {"type": "string"},
            "choice": {"type": "string", "enum": ["A"], "default": "B"},
            "new": {"type": "string"},
        },
    }

    found = "\n".join(differences(Twin, node, "twin"))

    for expected in (
        "twin.gone: only in the model",
        "twin.new: only in the schema",
        "twin.kept: required in the model alone",
        "twin.optional: required in the schema alone",
        "twin.kept: type 'string' in the model, 'integer' in the schema",
        "twin.choice: default 'A' in the model, 'B' in the schema",
        "twin.choice: enum ['A', 'B'] in the model, ['A'] in the schema",
    ):
        assert expected in found


# ---------------------------------------------------------------- the schema by itself


def every_property(node: Manifest, path: str = "") -> Iterator[tuple[str, Manifest]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from every_property(child, f"{path}.{name}".lstrip("."))
    if "items" in node:
        yield from every_property(node["items"], f"{path}[]")


def test_every_field_is_described_and_bounded_and_every_list_has_its_type() -> None:
    missing = []
    for path, node in every_property(schema()):
        if path in ("metadata", "apiVersion", "kind"):
            continue
        if not path.endswith("[]") and not node.get("description"):
            missing.append(f"{path}: no description")
        if node["type"] == "string" and not {"enum", "maxLength"} & node.keys():
            missing.append(f"{path}: no maxLength")
        if node["type"] in ("integer", "number") and "minimum" not in node:
            missing.append(f"{path}: no minimum")
        if node["type"] == "array" and not {"maxItems", "x-kubernetes-list-type"} <= node.keys():
            missing.append(f"{path}: no maxItems or no list type")
        if "additionalProperties" in node and "maxProperties" not in node:
            missing.append(f"{path}: no maxProperties")

    assert missing == []


def test_what_an_episode_freezes_of_a_node_has_the_shape_of_the_spec() -> None:
    status, spec = half("status"), half("spec")
    frozen = status["properties"]["episode"]["properties"]["frozen"]["items"]["properties"]
    node = spec["properties"]["nodes"]["items"]["properties"]

    for name in ("ssh", "fencing"):
        assert shape(frozen[name]) == shape(node[name])


def shape(node: object) -> object:
    if isinstance(node, dict):
        return {key: shape(item) for key, item in node.items() if key != "x-kubernetes-validations"}
    return node


# ---------------------------------------------------------------- generated objects


def objects(node: Manifest) -> st.SearchStrategy[Any]:
    """Returns objects that the schema admits, defaults filled in or not."""
    match node["type"]:
        case "object" if "properties" in node:
            required = set(node.get("required", ()))
            children = {name: objects(child) for name, child in node["properties"].items()}
            return st.fixed_dictionaries(
                {name: child for name, child in children.items() if name in required},
                optional={name: child for name, child in children.items() if name not in required},
            )
        case "object":
            least = node.get("minProperties", 0)
            values = objects(node["additionalProperties"])
            return st.dictionaries(st.text("abc_", min_size=1, max_size=8), values, min_size=least, max_size=2)
        case "array":
            low = node.get("minItems", 0)
            return st.lists(objects(node["items"]), min_size=low, max_size=max(low, 2))
        case "string" if "enum" in node:
            return st.sampled_from(node["enum"])
        case "string" if "pattern" in node:
            pattern = node["pattern"].removesuffix("$") + r"\Z"
            return st.from_regex(re.compile(pattern, re.ASCII)).filter(lambda text: len(text) <= node["maxLength"])
        case "string":
            return st.just("2026-11-22T19:00:00Z")
        case "boolean":
            return st.booleans()
        case "number":
            return st.integers(0, 9).map(lambda tenths: tenths / 10)
        case _:
            return st.integers(node["minimum"], node.get("maximum", 2**40))


ADMITTED = {name: objects(half(name)) for name, _ in HALVES}
VALIDATORS = {name: Draft202012Validator(half(name)) for name, _ in HALVES}


@pytest.mark.parametrize(("name", "model"), HALVES)
@given(data=st.data())
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
def test_whatever_the_schema_admits_the_model_reads_and_writes_back(
    name: str, model: type[ResourceValue], data: st.DataObject
) -> None:
    admitted = data.draw(ADMITTED[name])

    read = model.model_validate(admitted)
    written = read.to_resource()

    assert model.model_validate(written) == read
    assert list(VALIDATORS[name].iter_errors(written)) == []
    assert is_part_of(without_empty_lists(admitted), without_empty_lists(written))


def is_part_of(smaller: object, larger: object) -> bool:
    """Tells whether everything written is still there; what is new is a default."""
    if isinstance(smaller, dict) and isinstance(larger, dict):
        return all(key in larger and is_part_of(value, larger[key]) for key, value in smaller.items())
    if isinstance(smaller, list) and isinstance(larger, list):
        return len(smaller) == len(larger) and all(map(is_part_of, smaller, larger))
    return smaller == larger
