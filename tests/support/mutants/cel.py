"""Mutants of the schema's rules for `status`: each rule deleted, each comparison inverted, each alternative dropped."""

from __future__ import annotations

import copy
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import yaml

from support.manifests import CRD_PATH
from support.mutants.mutant import Mutant

if TYPE_CHECKING:
    from collections.abc import Iterator

    from support.manifests import Manifest

COMPARISON = re.compile(r" (==|!=|>=|<=|>|<) ")
INVERSE = {"==": "!=", "!=": "==", ">=": "<", "<=": ">", ">": "<=", "<": ">="}
RULES = "x-kubernetes-validations"
LAWS: tuple[tuple[str, frozenset[int]], ...] = (
    (r"term", frozenset({5})),
    (r"proof|activeNode", frozenset({1, 3})),
    (r"epoch|promised|inForce", frozenset({3, 5})),
    (r"status", frozenset({3})),
)


def mutants() -> Iterator[Mutant]:
    """Gives every mutant of the rules that stand on `status` or above it, and the control."""
    crd = yaml.load(CRD_PATH.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - a safe one
    counts = Counter[str]()
    for where, rules in _lists(_schema(crd)):
        for index, rule in enumerate(rules):
            text = " ".join(str(rule["rule"]).split())
            for what, other in _changes(text):
                counts[f"{where} {what}"] += 1
                name = f"{where}: {what} ({counts[f'{where} {what}']})"
                changed = copy.deepcopy(crd)
                there = dict(_lists(_schema(changed)))[where]
                if other is None:
                    del there[index]
                else:
                    there[index]["rule"] = other
                yield Mutant("cel", name, CRD_PATH, _dumped(changed), _laws_of(text))
    yield control(crd)


def control(crd: Manifest) -> Mutant:
    """Returns the change that changes nothing: every rule in parentheses."""
    changed = copy.deepcopy(crd)
    for _, rules in _lists(_schema(changed)):
        for rule in rules:
            rule["rule"] = f"({rule['rule']})"
    return Mutant("cel", "puts every rule in parentheses", CRD_PATH, _dumped(changed), frozenset(), is_harmless=True)


def _changes(rule: str) -> Iterator[tuple[str, str | None]]:
    yield f"deletes {rule}", None
    for match in COMPARISON.finditer(rule):
        other = f"{rule[: match.start(1)]}{INVERSE[match.group(1)]}{rule[match.end(1) :]}"
        yield f"inverts {match.group(1)} at {match.start(1)} in {rule}", other
    parts = _parts(rule)
    for index, part in enumerate(parts):
        if len(parts) > 1:
            left = " && ".join([*parts[:index], *parts[index + 1 :]])
            yield f"drops {part} of {rule}", left


def _parts(rule: str) -> list[str]:
    """Returns what a rule joins by `&&` outside every parenthesis; one that also has `||` there is one part."""
    depth, parts, begin = 0, [], 0
    for at, sign in enumerate(rule):
        depth += (sign in "([{") - (sign in ")]}")
        if depth == 0 and rule.startswith(" || ", at):
            return [rule]
        if depth == 0 and rule.startswith(" && ", at):
            parts.append(rule[begin:at])
            begin = at + 4
    return [*parts, rule[begin:]]


def _laws_of(rule: str) -> frozenset[int]:
    return next((laws for pattern, laws in LAWS if re.search(pattern, rule)), frozenset({3}))


def _schema(crd: Manifest) -> Manifest:
    schema: Manifest = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _lists(schema: Manifest) -> Iterator[tuple[str, list[Any]]]:
    """Gives the lists of rules at the root and everywhere below status, by where they stand."""
    if RULES in schema:
        yield "root", schema[RULES]
    yield from _below("status", schema["properties"]["status"])


def _below(where: str, schema: Manifest) -> Iterator[tuple[str, list[Any]]]:
    if RULES in schema:
        yield where, schema[RULES]
    for name, child in schema.get("properties", {}).items():
        yield from _below(f"{where}.{name}", child)
    if isinstance(schema.get("items"), dict):
        yield from _below(f"{where}[]", schema["items"])


def _dumped(crd: Manifest) -> str:
    return yaml.dump(crd, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper), sort_keys=False)
