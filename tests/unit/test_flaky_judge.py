"""The judge of two operators says nothing of lawful records, and finds each fault that is planted in them."""

from __future__ import annotations

from typing import Any

import pytest

from support.flaky.judge import Records, judge

SECOND = 1_000_000_000
LEASE_SECONDS = 15.0

Line = dict[str, Any]


def renewal(operator: str, at: float, *, fault: str | None = None, holder: str | None = None) -> Line:
    moment = int(at * SECOND)
    return {
        "operator": operator,
        "method": "PUT",
        "path": "/apis/coordination.k8s.io/v1/namespaces/n/leases/l",
        "watch": False,
        "status": 200,
        "fault": fault,
        "body": {"spec": {"holderIdentity": operator if holder is None else holder}},
        "asked_ns": moment,
        "carried_out_ns": moment + 1,
        "ended_ns": moment + 2,
    }


def effect(operator: str, at: float, *, term: int, verb: str = "promise") -> Line:
    moment = int(at * SECOND)
    return {
        "operator": operator,
        "world": "n/p",
        "verb": verb,
        "is_order": verb != "stop",
        "node": "a",
        "term": term,
        "asked_ns": moment,
        "carried_out_ns": moment + 1,
        "outcome": "Done",
        "word": "",
    }


def note(what: str, at: float, **more: object) -> Line:
    return {"what": what, "at_ns": int(at * SECOND), **more}


LAWFUL = Records(
    effects=(effect("one", 2, term=1), effect("two", 21, term=2)),
    requests=(renewal("one", 1), renewal("one", 3), renewal("two", 20)),
    notes=(
        note("order", 1, pair="p", node="b"),
        note("leader-lost", 4, operator="one"),
        note("rest", 22, pair="p", node="b"),
    ),
    writers=(),
)


def broken(records: Records) -> set[str]:
    claims = judge(records, lease_seconds=LEASE_SECONDS, story="s")
    return {claim.id.removeprefix("s:") for claim in claims if not claim.ok}


def with_more(**more: tuple[Line, ...]) -> Records:
    parts = {
        name: (*getattr(LAWFUL, name), *more.get(name, ())) for name in ("effects", "requests", "notes", "writers")
    }
    return Records(**parts)


def test_lawful_records_hold() -> None:
    assert broken(LAWFUL) == set()


@pytest.mark.parametrize(
    ("records", "found"),
    [
        (with_more(effects=(effect("one", 22, term=1),)), "terms-never-fall"),
        (with_more(effects=(effect("one", 22, term=1, verb="stop"),)), "effects-of-two-leaders-never-overlap"),
        (with_more(effects=(effect("one", 2, term=2),)), "effects-of-two-leaders-never-overlap"),
        (with_more(effects=(effect("two", 32, term=2),)), "every-effect-rests-on-a-lease"),
        (with_more(effects=(effect("three", 22, term=3),)), "every-effect-rests-on-a-lease"),
        (
            with_more(requests=(renewal("two", 30, fault="lose-answer"),), effects=(effect("two", 33, term=2),)),
            "every-effect-rests-on-a-lease",
        ),
        (with_more(requests=(renewal("one", 25),)), "leaderships-never-overlap"),
        (with_more(notes=(note("leader-lost", 21, operator="two"),)), "taken-over-in-time"),
        (with_more(notes=(note("order", 23, pair="p", node="a"),)), "every-order-is-carried-out"),
        (with_more(writers=({"moment": "at 3: a and b"},)), "one-writer"),
    ],
)
def test_a_planted_fault_is_found(records: Records, found: str) -> None:
    assert found in broken(records)


def test_who_gave_its_lease_up_may_be_followed_at_once() -> None:
    given_up = with_more(requests=(renewal("two", 22, holder=""), renewal("one", 23)))

    assert "leaderships-never-overlap" not in broken(given_up)
