"""What a changed decision leaves: one event, with the look that it was decided from; never a failed turn."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from maestro_operator.cli.decisions import again, kept_in
from maestro_operator.decide import decide
from maestro_operator.kube.events import EventRecorder
from maestro_operator.metrics import PairMetrics
from maestro_operator.model.recorded import LOOK_LENGTH
from maestro_operator.model.seen import Leadership, Seen
from maestro_operator.publisher import AGAIN_SECONDS, Announcer
from support.kills.enumeration import finish
from support.kills.stories import STORIES
from support.looks import outage, seen, status


@dataclass(slots=True)
class Events:
    """Keeps the events that were taken, in the form in which an API server gives them back."""

    taken: list[dict[str, Any]] = field(default_factory=list)

    def record(self, _key: object, **event: Any) -> None:  # noqa: ANN401
        """Takes one event."""
        marks: Mapping[str, str] = event.pop("annotations")
        self.taken.append({"eventTime": "", "metadata": {"annotations": dict(marks)}, **event})


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def announcer(events: Events) -> Announcer:
    return Announcer(metrics=PairMetrics(), events=cast("EventRecorder", events))


async def publish(announcer: Announcer, *looks: Seen) -> None:
    for look in looks:
        await announcer.publish(look, decide(look), look.status)


async def test_the_event_keeps_the_look_that_was_decided_from(announcer: Announcer, events: Events) -> None:
    await publish(announcer, outage())

    (kept,) = kept_in(events.taken)
    assert kept.seen() == outage()
    assert again(kept)[1]


async def test_the_same_decision_is_an_event_again_only_after_a_while(announcer: Announcer, events: Events) -> None:
    later = AGAIN_SECONDS + seen().monotonic_seconds

    await publish(announcer, seen(), seen(), seen(monotonic_seconds=later - 1), seen(monotonic_seconds=later))

    assert [item.seen().monotonic_seconds for item in kept_in(events.taken)] == [seen().monotonic_seconds, later]


async def test_what_did_not_change_is_logged_once(announcer: Announcer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="maestro_operator.publisher"):
        await publish(announcer, seen(), seen(monotonic_seconds=seen().monotonic_seconds + AGAIN_SECONDS))

    assert len(caplog.records) == 1


async def test_a_spare_writes_no_event(announcer: Announcer, events: Events) -> None:
    await publish(announcer, seen(leadership=Leadership(1, has_lease=False, led_for_seconds=9, sure_for_seconds=9)))

    assert events.taken == []


async def test_a_look_that_is_too_long_is_left_out_and_said(
    announcer: Announcer, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    await publish(announcer, seen(status=status(plan="x" * LOOK_LENGTH)))

    assert [item["metadata"]["annotations"] for item in events.taken] == [{}]
    assert "too long to be kept" in caplog.text


async def test_a_look_that_cannot_be_written_down_costs_no_turn(
    announcer: Announcer, events: Events, caplog: pytest.LogCaptureFixture
) -> None:
    strange = replace(seen(), now=cast("str", object()))

    await announcer.publish(strange, decide(seen()), strange.status)

    assert [item["metadata"]["annotations"] for item in events.taken] == [{}]
    assert "could not be written down" in caplog.text


@pytest.mark.parametrize("name", STORIES)
async def test_every_decision_of_every_kind_of_episode_is_decided_again_as_it_was(
    name: str, announcer: Announcer, events: Events
) -> None:
    pair = await STORIES[name].told()
    await finish(pair, STORIES[name])
    looks = zip(pair.recorder.seen, pair.recorder.decided, strict=True)

    for look, decided in looks:
        await announcer.publish(look, decided, look.status)

    kept = kept_in(events.taken)
    assert kept
    assert [again(item) for item in kept if not again(item)[1]] == []
    assert max(len(item.look) for item in kept) < LOOK_LENGTH / 4
    assert all(json.loads(item.look)["key"] for item in kept)
