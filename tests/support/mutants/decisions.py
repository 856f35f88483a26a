"""Mutants of `decide`, made from its syntax tree: rules deleted and swapped, comparisons and Unknown branches inverted.

The law of this file: mechanical. Nothing here knows what a rule is for; a place is mutated because of its form, and the
tests that are dropped are those that name an epoch, a term, an owner or an age.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections import Counter
from typing import TYPE_CHECKING

from typing_extensions import override

from support.mutants.mutant import ROOT, Mutant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FOLDER = ROOT / "operator/maestro_operator/decide"
LISTS = ("RULES", "TURNS", "BRAKES")
INVERSE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
HELD = re.compile(r"epoch|term\b|owner|mark\b|promis|in_force|fresh|_age|age_|_seconds|deadline|proof|boot|permit")
"""What a test names that holds an epoch, a term, an owner or an expiry."""
LAWS: tuple[tuple[str, frozenset[int]], ...] = (
    (r"prove\.", frozenset({1, 2, 3})),
    (r"verdict\.|brakes\.(_votes|_isolated|_too_many|outage)", frozenset({4})),
    (r"facts\.(next_epoch|promise_above|highest|in_force|least|is_behind|holds_epoch)", frozenset({5})),
    (r"rules\.(take_term|strange)", frozenset({5})),
    (r"ability\.|phases\._(final|resync|promoted)|brakes\.(out_of_sync|peer_ready)|episodes\._with", frozenset({6})),
    (r"phases\.(_quarantined|_stopped|_epoch_stored)|rules\.rejoin|adoption\.split_brain", frozenset({7})),
    (r"adoption\.|turns\._overtaken|regain\.", frozenset({8})),
    (r"rules\.owner_without", frozenset({8, 13})),
    (r"journal\.|episodes\.(carry_on|_again|_perform|_strange)", frozenset({9})),
    (r"rules\.(order$|accepted|hand_back|retry|acknowledged|_flapping)", frozenset({10})),
    (r"rules\.(resting|restart|_planned)|upkeep\.|turns\.(_not_begun|_pointless)|phases\._confirm", frozenset({11})),
    (r"facts\.(points_at|is_localised|address_of)|phases\._(moved|localised|start_ready)", frozenset({12})),
    (r"rules\.repair", frozenset({12})),
    (r"episodes\._wait_at|phases\._fence_ready", frozenset({13})),
    (r"rules\.(braked|service_down|standby_absent|order_not)", frozenset({13})),
    (r"phases\.|turns\.|episodes\.|facts\.(cannot_write|receives|owner_serves|is_ours)", frozenset({1})),
    (r"rules\.RULES", frozenset(range(1, 14)) - {12}),
    (r"brakes\.", frozenset({4, 13})),
)
"""Which laws stand on a place: `module.function`, the first that fits."""


def laws_of(place: str) -> frozenset[int]:
    """Returns the laws that stand on a function; every one of `decide` serves the one writer at least."""
    return next((laws for pattern, laws in LAWS if re.match(pattern, place)), frozenset({1}))


def mutants() -> Iterator[Mutant]:
    """Gives every mutant of every module of `decide`, and the controls."""
    for path in sorted(FOLDER.glob("*.py")):
        yield from mutants_of(path)
    yield from controls()


def mutants_of(path: Path) -> Iterator[Mutant]:
    """Gives every mutant of one module."""
    source, counts = path.read_text(), Counter[str]()
    tree = ast.parse(source)
    order = {id(node): index for index, node in enumerate(ast.walk(tree))}
    for place, node in _walk(tree, path.stem):
        for what, change in _changes(node):
            counts[f"{place} {what}"] += 1
            name = f"{place}: {what} ({counts[f'{place} {what}']})"
            yield Mutant("decide", name, path, _changed(source, order[id(node)], change), laws_of(place))


def _changes(node: ast.AST) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    """Gives every way to turn one node wrong, in words and as a function of a copy of it."""
    if isinstance(node, ast.AnnAssign | ast.Assign) and _listed(node) is not None:
        yield from _of_a_list(node)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in INVERSE:
        yield f"inverts {ast.unparse(node)}", _inverted
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "isinstance" and _asks_for_knowledge(node):
        yield f"inverts {ast.unparse(node)}", _negated
    if isinstance(node, ast.BoolOp):
        for index, operand in enumerate(node.values):
            if HELD.search(ast.unparse(operand)):
                yield f"drops {ast.unparse(operand)}", _without(index)
    if isinstance(node, ast.If) and HELD.search(ast.unparse(node.test)) and not node.orelse:
        yield f"never asks {ast.unparse(node.test)}", _never


def _asks_for_knowledge(node: ast.Call) -> bool:
    return ast.unparse(node.args[1]) in ("Unknown", "NodeSeen", "TrafficSeen", "DeviceSeen")


def _listed(node: ast.AnnAssign | ast.Assign) -> ast.Tuple | None:
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    is_one = isinstance(target, ast.Name) and target.id in LISTS and isinstance(node.value, ast.Tuple)
    return node.value if is_one and isinstance(node.value, ast.Tuple) else None


def _of_a_list(node: ast.AnnAssign | ast.Assign) -> Iterator[tuple[str, Callable[[ast.AST], ast.AST]]]:
    listed = _listed(node)
    names = [ast.unparse(item) for item in listed.elts] if listed else []
    for index, name in enumerate(names):
        yield f"deletes {name}", _with_items(functools.partial(_deleted, index))
        if index + 1 < len(names):
            after = names[index + 1]
            yield f"swaps {name} and {after}", _with_items(functools.partial(_swapped, index))


def _deleted(at: int, items: list[ast.expr]) -> list[ast.expr]:
    return [*items[:at], *items[at + 1 :]]


def _swapped(at: int, items: list[ast.expr]) -> list[ast.expr]:
    return [*items[:at], items[at + 1], items[at], *items[at + 2 :]]


def _with_items(of: Callable[[list[ast.expr]], list[ast.expr]]) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.AnnAssign | ast.Assign)
        listed = _listed(node)
        assert listed is not None
        listed.elts = of(listed.elts)
        return node

    return change


def _inverted(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.Compare)
    node.ops[0] = INVERSE[type(node.ops[0])]()
    return node


def _negated(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.expr)
    return ast.UnaryOp(ast.Not(), node)


def _without(index: int) -> Callable[[ast.AST], ast.AST]:
    def change(node: ast.AST) -> ast.AST:
        assert isinstance(node, ast.BoolOp)
        left = [value for at, value in enumerate(node.values) if at != index]
        return left[0] if len(left) == 1 else ast.BoolOp(node.op, left)

    return change


def _never(node: ast.AST) -> ast.AST:
    assert isinstance(node, ast.If)
    node.test = ast.Constant(value=False)
    return node


# ---------------------------------------------------------------- the tree


def _walk(tree: ast.Module, module: str) -> Iterator[tuple[str, ast.AST]]:
    """Gives every node with the function, or the name at the top of the module, in which it stands."""
    for item in tree.body:
        name = getattr(item, "name", None)
        if isinstance(item, ast.AnnAssign | ast.Assign):
            name = ast.unparse(item.target if isinstance(item, ast.AnnAssign) else item.targets[0])
        if name is not None:
            for node in ast.walk(item):
                yield f"{module}.{name}", node


def _changed(source: str, at: int, change: Callable[[ast.AST], ast.AST]) -> str:
    """Returns the text with one node changed, the one at a place in the order in which a tree is walked."""
    tree = ast.parse(source)
    node = next(itertools.islice(ast.walk(tree), at, None))
    return ast.unparse(ast.fix_missing_locations(_Put(node, change).visit(tree)))


class _Put(ast.NodeTransformer):
    """Puts what a change makes of one node in its place."""

    def __init__(self, node: ast.AST, change: Callable[[ast.AST], ast.AST]) -> None:
        """Keeps the node and the change."""
        self._node, self._change = node, change

    @override
    def visit(self, node: ast.AST) -> ast.AST:
        """Changes the one node, and looks below every other."""
        return self._change(node) if node is self._node else super().generic_visit(node)


# ---------------------------------------------------------------- controls


def controls() -> Iterator[Mutant]:
    """Gives changes that change nothing: whole modules with operands turned round and conditions negated twice."""
    harmless: tuple[tuple[str, str, Callable[[ast.AST], ast.AST | None]], ...] = (
        ("prove", "turns the sides of every equation", _mirrored),
        ("facts", "negates every condition twice", _negated_twice),
        ("turns", "writes every != as not ==", _spelt_out),
    )
    for module, what, change in harmless:
        path = FOLDER / f"{module}.py"
        tree = ast.parse(path.read_text())
        text = ast.unparse(ast.fix_missing_locations(_Everywhere(change).visit(tree)))
        yield Mutant("decide", f"{module}: {what}", path, text, frozenset(), is_harmless=True)


class _Everywhere(ast.NodeTransformer):
    """Changes every node that a change fits."""

    def __init__(self, change: Callable[[ast.AST], ast.AST | None]) -> None:
        """Keeps the change."""
        self._change = change

    @override
    def visit(self, node: ast.AST) -> ast.AST:
        """Changes what is below first."""
        below = super().generic_visit(node)
        return self._change(below) or below


def _mirrored(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
        return None
    return ast.Compare(node.comparators[0], node.ops, [node.left])


def _negated_twice(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.If):
        return None
    node.test = ast.UnaryOp(ast.Not(), ast.UnaryOp(ast.Not(), node.test))
    return node


def _spelt_out(node: ast.AST) -> ast.AST | None:
    if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(node.ops[0], ast.NotEq):
        return None
    return ast.UnaryOp(ast.Not(), ast.Compare(node.left, [ast.Eq()], node.comparators))
