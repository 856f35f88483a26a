"""A look as plain data: nothing that a decision may know is lost, and nothing unknown is taken."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.recorded import from_plain, to_plain
from maestro_operator.model.seen import Barred, Seen
from support.looks import fenced, move, outage, outcome, reading, seen, status

OUTCOMES: tuple[Outcome, ...] = (
    Done(facts={"generation": "1.7"}),
    InProgress("still stopping"),
    Refused(Reason.REFUSED_BY_GUARD, "no", remote_reason="lower-term"),
    Failed(Reason.TIMED_OUT, "no answer"),
)
LOOKS = {
    "a pair that serves": seen(),
    "an outage": outage(),
    "a fence with its evidence": outage(
        status=status(episode=move()), last=fenced(reading("off", 1.0, 3), reading("off", 5.0, 4))
    ),
    "one that is barred": seen(barred=Barred(Reason.HOST_CLAIMED, "another pair's", forbids_contact=True)),
    **{type(item).__name__: seen(last=outcome(item)) for item in OUTCOMES},
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("whole", [True, False])
def test_a_look_comes_back_as_it_was(look: Seen, whole: bool) -> None:  # noqa: FBT001
    assert from_plain(json.loads(json.dumps(to_plain(look, whole=whole)))) == look


def test_annotations_are_not_kept_because_nothing_is_decided_from_them() -> None:
    look = seen(annotations={"note": "anything"})

    assert "anything" not in json.dumps(to_plain(look))
    assert from_plain(to_plain(look)) == replace(look, annotations={})


def test_what_has_its_default_is_left_out() -> None:
    assert "barred" not in to_plain(seen())
    assert to_plain(seen(), whole=True)["barred"] is None


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a field that this version does not know": (lambda it: it["nodes"]["a"].update(mood="good"), "nodes.a.mood"),
    "one inside a list": (lambda it: it["votes"][0].update(mood="good"), "votes.0.mood"),
    "a missing part": (lambda it: it.pop("nodes"), "nodes"),
    "a word for a number": (lambda it: it["leadership"].update(term="first"), "leadership.term"),
    "a field that the resource does not have": (lambda it: it["spec"].update(mood="good"), "spec.mood"),
    "an outcome of no kind": (lambda it: it.update(last={"outcome": {}}), "last.outcome"),
    "an outcome that is none": (lambda it: it.update(last={"outcome": {"Perhaps": {}}}), "last.outcome"),
    "an outcome without what it needs": (lambda it: it.update(last={"outcome": {"Failed": {}}}), "reason"),
    "a last that is no mapping": (lambda it: it.update(last="Done"), "last"),
}


@pytest.mark.parametrize(("spoil", "field"), WRONG.values(), ids=WRONG)
def test_what_is_no_look_is_refused_by_name(spoil: Callable[[dict[str, Any]], object], field: str) -> None:
    plain = to_plain(seen())
    spoil(plain)

    with pytest.raises(BadInput) as refused:
        from_plain(plain)

    assert refused.value.field == field
