"""Two operators as processes, an API server in trouble: no effect without a Lease, no order missed, one writer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.controlplane import ControlPlane
from support.flaky import scenes
from support.flaky.judge import Records, judge
from support.flaky.rig import Rig
from support.flaky.scenes import RELIST_SECONDS, Scene
from support.flaky.stories import Player, Story, drawn
from support.report import Claim

LEASE_SECONDS = 15.0
PAIR = "troubled"
SEEDS = 6


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder = tmp_path_factory.mktemp("t")
    settings = {"MAESTRO_LEASE_SECONDS": "15", "MAESTRO_RELIST_SECONDS": str(RELIST_SECONDS)}
    with ControlPlane.start(folder / "plane", own_processes=True) as plane, Rig(plane, folder / "r", settings) as made:
        yield made


@pytest.fixture(scope="module")
def player(rig: Rig) -> Player:
    """Two operators, the first one leading, and a pair at rest."""
    made = Player(rig, PAIR)
    made.prepare()
    return made


def wrong(rig: Rig, folder: Path) -> list[Claim]:
    """What does not hold of all that was recorded so far."""
    rig.keep(folder)
    return [claim for claim in judge(Records.read(folder), lease_seconds=LEASE_SECONDS, story="test") if not claim.ok]


@pytest.mark.timeout(180)
def test_a_leader_frozen_between_two_commands_says_no_other_one_when_it_wakes(
    rig: Rig, player: Player, tmp_path: Path
) -> None:
    leader = rig.await_leader().name

    player.play(Story("frozen", after_effect=1))

    assert wrong(rig, tmp_path) == []
    assert rig.await_leader().name != leader
    assert not [line for line in rig.effects(leader) if line["verb"] == "stop"]


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_no_two_leaders_act_whatever_happens_to_one(rig: Rig, player: Player, tmp_path: Path, seed: int) -> None:
    player.play(drawn(seed))

    assert wrong(rig, tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(400)
def test_the_last_good_owner_leads_after_a_store_was_put_back(rig: Rig, player: Player, tmp_path: Path) -> None:
    del player
    scene = Scene(rig, PAIR)

    scenes.restored(scene)

    assert [claim for claim in scene.claims if not claim.ok] == []
    assert wrong(rig, tmp_path) == []


@pytest.mark.long
@pytest.mark.timeout(400)
def test_an_order_is_taken_whatever_the_watch_does(rig: Rig, player: Player) -> None:
    del player
    scene = Scene(rig, PAIR)

    scenes.watch_trouble(scene)

    assert [claim for claim in scene.claims if not claim.ok] == []
