"""The cluster says things twice, or forgets them, while a pair on real nodes runs and moves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.bed import clock
from support.demo.stage import Stage
from support.demo.story import CLIENT, NAMESPACE, PAIR
from support.served import (
    SECONDS,
    is_active,
    is_protected,
    main_pid,
    manifest,
    moves,
    order,
    reason,
    sides,
    status,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(600)]
TIMES = 100
RELIST_SECONDS = 120.0
"""A store that gives the same numbers out again fools a watch: then the next list sees the order."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("forgets") / "stage", say=print) as stage:
        stage.kubectl("apply", "-f", "-", input_text=stage.pair())
        until(stage, is_protected, what="the pair is protected")
        stage.start_client(CLIENT)
        yield stage


@pytest.fixture
def pair(stage: Stage) -> Stage:
    """The pair, protected, whoever is active."""
    until(stage, is_protected, what="the pair is protected")
    return stage


def test_a_store_that_was_put_back_to_before_a_switch_moves_nothing_back(pair: Stage, tmp_path: Path) -> None:
    before, after = sides(pair)
    pair.plane.snapshot(tmp_path / "etcd")
    order(pair, after)
    until(pair, lambda it: is_protected(it) and it["activeNode"] == after, what="the switch is done")
    epoch, process = status(pair)["epoch"]["inForce"]["number"], main_pid(pair, after)

    pair.plane.restore(tmp_path / "etcd")
    stood = status(pair)["activeNode"]
    until(pair, lambda it: reason(it, "Stalled") == "WaitForUser", what="it waits for a person")
    pair.await_writes(CLIENT, more=50, seconds=30)
    runs = (is_active(pair, before), is_active(pair, after))
    order(pair, after)
    clock.wait_until(
        lambda: is_protected(status(pair)) and status(pair)["activeNode"] == after,
        timeout_seconds=SECONDS + RELIST_SECONDS,
        what="the owner is adopted",
    )

    assert stood == before
    assert runs == (False, True)
    assert status(pair)["epoch"]["inForce"]["number"] > epoch
    assert main_pid(pair, after) == process


def test_the_same_manifest_applied_a_hundred_times_in_mid_switch_changes_nothing(pair: Stage) -> None:
    active, standby = sides(pair)
    found, before = manifest(pair), len(moves(status(pair)))
    same = {
        **{key: found[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": PAIR, "namespace": NAMESPACE},
        "spec": {**found["spec"], "activeNode": standby},
    }
    text = json.dumps(same)
    pair.kubectl("apply", "-f", "-", input_text=text)
    generation = manifest(pair)["metadata"]["generation"]

    # All of a list is applied by one command, one after the other: the switch takes longer than a few of them.
    many = json.dumps({"apiVersion": "v1", "kind": "List", "items": [same] * TIMES})
    said = pair.kubectl("apply", "-f", "-", input_text=many)
    until(pair, lambda it: is_protected(it) and it["activeNode"] == standby, what="the switch is done")

    assert said.count("unchanged") == TIMES
    assert manifest(pair)["metadata"]["generation"] == generation
    assert len(moves(status(pair))) == before + 1
    assert (is_active(pair, active), is_active(pair, standby)) == (False, True)
