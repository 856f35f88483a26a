"""The mutants themselves: mechanical, each a program, each change one change, and judged without mercy."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from support.mutants import cel, decisions, guard
from support.mutants.ledger import Ledger
from support.mutants.mutant import Mutant, Verdict
from support.mutants.verdicts import LAWS, claims

SOURCE = """
RULES = (first, second)

def allows(seen, node):
    if node.epoch < seen.epoch:
        return None
    return isinstance(node, Unknown) or (node.owner == "a" and node.name != "b")
"""


@pytest.fixture
def made(tmp_path: Path) -> list[Mutant]:
    path = tmp_path / "rules.py"
    path.write_text(SOURCE)
    return list(decisions.mutants_of(path))


def test_each_rule_is_deleted_neighbours_are_swapped_and_each_test_is_inverted_or_dropped(made: list[Mutant]) -> None:
    assert sorted(item.name.partition(": ")[2] for item in made) == [
        "deletes first (1)",
        "deletes second (1)",
        "drops node.owner == 'a' (1)",
        "drops node.owner == 'a' and node.name != 'b' (1)",
        "inverts isinstance(node, Unknown) (1)",
        "inverts node.epoch < seen.epoch (1)",
        "inverts node.name != 'b' (1)",
        "inverts node.owner == 'a' (1)",
        "never asks node.epoch < seen.epoch (1)",
        "swaps first and second (1)",
    ]


def test_every_mutant_is_another_program(made: list[Mutant]) -> None:
    assert len({item.text for item in made}) == len(made)
    assert ast.unparse(ast.parse(SOURCE)) not in {item.text for item in made}
    assert all(ast.parse(item.text) for item in made)


def test_a_rule_is_really_gone_and_its_neighbours_really_swapped(made: list[Mutant]) -> None:
    lines = {item.name.partition(": ")[2]: item.text.splitlines()[0] for item in made}

    assert lines["deletes first (1)"] == "RULES = (second,)"
    assert lines["swaps first and second (1)"] == "RULES = (second, first)"


PLACES = (
    *("prove.prove", "verdict.conclude", "facts.next_epoch", "rules.take_term", "ability.declare", "rules.rejoin"),
    *(
        "adoption.adopt",
        "journal.begin",
        "rules.order",
        "rules.resting",
        "rules.repair",
        "rules.braked",
        "phases._demoted",
    ),
)


def test_every_law_stands_somewhere() -> None:
    assert {law for place in PLACES for law in decisions.laws_of(place)} == set(LAWS)


GUARD = """#!/bin/sh
order_permit() {
    # [ "$epoch" -ge 1 ] in a comment is none
    [ "$epoch" -ge "$promised" ] || refuse LowerEpoch
    if [ "$permit_boot" = "$boot" ]; then refuse HoldsPermit; fi
    [ -d /etc ] || exit 1
}
"""


def test_the_guards_tests_of_numbers_and_owners_are_inverted_and_dropped() -> None:
    *mutants, control = guard.mutants(GUARD)

    assert [item.text.splitlines()[3].strip() for item in mutants[:2]] == [
        '[ "$epoch" -lt "$promised" ] || refuse LowerEpoch',
        "true || refuse LowerEpoch",
    ]
    assert [item.text.splitlines()[4].strip() for item in mutants[2:]] == [
        'if [ "$permit_boot" != "$boot" ]; then refuse HoldsPermit; fi',
        "if false; then refuse HoldsPermit; fi",
    ]
    assert control.is_harmless
    assert 'if [ "$boot" = "$permit_boot" ]' in control.text


def test_some_mutants_of_the_real_guard_are_shell_programs() -> None:
    for mutant in list(guard.mutants())[::60]:
        done = subprocess.run(["sh", "-n"], input=mutant.text, text=True, capture_output=True, check=False)
        assert done.returncode == 0, mutant.name


def test_the_schemas_rules_are_deleted_inverted_and_dropped() -> None:
    rule = "has(self.a) && (self.b > 1 || self.c == 2)"

    assert dict(cel._changes(rule)) == {
        f"deletes {rule}": None,
        f"inverts > at 23 in {rule}": "has(self.a) && (self.b <= 1 || self.c == 2)",
        f"inverts == at 37 in {rule}": "has(self.a) && (self.b > 1 || self.c != 2)",
        f"drops has(self.a) of {rule}": "(self.b > 1 || self.c == 2)",
        f"drops (self.b > 1 || self.c == 2) of {rule}": "has(self.a)",
    }


def test_a_mutant_of_the_schema_is_a_whole_definition_of_it() -> None:
    first = next(cel.mutants())

    assert yaml.safe_load(first.text)["kind"] == "CustomResourceDefinition"


# ---------------------------------------------------------------- what is said of them


def verdicts(killed: int = 3, *, part: str = "decide", alive: int = 5) -> list[Verdict]:
    every = tuple(LAWS)
    mutants = [Verdict(f"m{at}", part, f"mutant {at}", "golden worlds", 0.1, every) for at in range(killed)]
    return mutants + [Verdict(f"c{at}", part, f"control {at}", None, 0.1, (), is_harmless=True) for at in range(alive)]


def failed(found: list[Verdict], *, total: int = 3, argued: dict[str, str] | None = None) -> list[str]:
    return [claim.id for claim in claims(found, total={"decide": total}, argued=argued or {}) if not claim.ok]


def test_all_killed_and_all_controls_alive_is_good() -> None:
    assert failed(verdicts()) == []


def test_a_survivor_is_named_until_it_is_argued() -> None:
    survivor = Verdict("s", "decide", "mutant s", None, 0.1, (1,))

    assert failed([*verdicts(), survivor], total=4) == ["mutants of decide killed, or argued"]
    assert failed([*verdicts(), survivor], total=4, argued={"mutant s": "it changes nothing"}) == []


def test_one_that_was_not_tried_is_not_killed() -> None:
    assert failed(verdicts(), total=4) == ["mutants of decide killed, or argued"]


def test_a_law_with_fewer_than_three_killed_a_dead_control_and_a_stale_argument_are_seen() -> None:
    assert failed(verdicts(2), total=2) == ["killed mutants of each law"]
    assert failed(verdicts(alive=4)) == ["harmless controls that survive"]
    assert failed(verdicts(), argued={"mutant 1": "it is killed"}) == ["arguments that are about no survivor"]


def test_a_run_goes_on_where_the_last_one_stopped(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    first = Ledger(path)
    for verdict in verdicts():
        first.note(verdict)
    path.write_text(path.read_text() + '{"mark": "cut of')

    assert Ledger(path).known == first.known


def test_a_trial_asks_one_check_after_the_other_under_the_processors_limit(tmp_path: Path) -> None:
    path = tmp_path / "tries.py"
    path.write_text(
        "import resource, sys\n"
        "from support.mutants import trial\n"
        "upper = resource.getrlimit(resource.RLIMIT_CPU)[1]\n"
        "is_lowered = lambda: resource.getrlimit(resource.RLIMIT_CPU)[1] != upper\n"
        "trial.CHECKS = {'first': lambda: False, 'second': is_lowered, 'third': lambda: True}\n"
        "print(trial._forked('maestro_operator.decide.prove', ''))\n"
        "trial.CHECKS = {'one that breaks the trial': sys.exit}\n"
        "trial._forked('maestro_operator.decide.prove', '')\n"
    )
    knobs = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    done = subprocess.run([sys.executable, str(path)], env=knobs, text=True, capture_output=True, check=False)

    assert done.stdout == "third\n"
    assert "gave no answer" in done.stderr
