"""`make api-trouble`: the API server in every trouble, two operators over many seeds, and another cluster.

SEED=n plays one story alone, SEEDS=n so many (0 for none); MINUTES_AWAY=n is how long the API server is gone;
PARTS="killed,restored" plays only these scenes. BREAK=no-lease lets one operator ignore its Lease, and
BREAK=no-term lets the nodes forget which leader spoke last: either must make the command fail.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock
from support.controlplane import ControlPlane, ControlPlaneError
from support.flaky import scenes
from support.flaky.judge import Records, judge
from support.flaky.listed import SEEDS
from support.flaky.process import IGNORES_ITS_LEASE
from support.flaky.rig import Rig
from support.flaky.scenes import RELIST_SECONDS, Scene
from support.flaky.stories import Player, Story, drawn
from support.report import BUILD, Claim, write_report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TARGET = "api-trouble"
LEASE_SECONDS = 15.0
AWAY_SECONDS = 120.0
PAIR = "story"
BREAKS = ("", "no-term", IGNORES_ITS_LEASE)
QUIET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the environment asks for."""

    seeds: tuple[int, ...]
    away_seconds: float
    planted: str
    parts: frozenset[str]
    """The scenes to play; empty for all."""

    @staticmethod
    def read(environment: Mapping[str, str]) -> Wishes:
        """Reads them; a planted fault plays the one story that shows it."""
        planted = environment.get("BREAK", "")
        if planted not in BREAKS:
            raise SystemExit(f"BREAK is one of {', '.join(word for word in BREAKS if word)}, not {planted!r}")
        one, many = environment.get("SEED", ""), int(environment.get("SEEDS", "") or SEEDS)
        away_seconds = 60.0 * float(environment.get("MINUTES_AWAY") or AWAY_SECONDS / 60.0)
        parts = frozenset(word.strip() for word in environment.get("PARTS", "").split(",") if word.strip())
        return Wishes((int(one),) if one else tuple(range(1, many + 1)), away_seconds, planted, parts)


@dataclass
class Telling:
    """One run: where it keeps its records and what it claims."""

    folder: Path
    claims: list[Claim]
    began_seconds: float

    def say(self, text: str) -> None:
        """Prints one line with its moment."""
        print(f"{clock.monotonic_seconds() - self.began_seconds:7.1f} s  {text}", flush=True)

    def tell(self, name: str, rig: Rig, play: Callable[[], None]) -> None:
        """Plays one part; what gets stuck is a claim that does not hold."""
        self.say(name)
        stuck = ""
        try:
            play()
        except (clock.TimedOutError, AssertionError, ControlPlaneError, OSError) as error:
            stuck = str(error) or type(error).__name__
            self.say(f"  STUCK: {stuck}")
        self.claims.append(Claim(f"{name}:comes-to-its-end", not stuck, stuck or "to the end", "to the end"))
        rig.note("end", part=name)

    def judge(self, story: str, rig: Rig) -> None:
        """Keeps a rig's records and judges them by what was kept."""
        clock.pause(QUIET_SECONDS)
        folder = self.folder / story
        rig.keep(folder)
        self.claims += judge(Records.read(folder), lease_seconds=LEASE_SECONDS, story=story)


def settings() -> dict[str, str]:
    """Returns what the operators are started with beside their places."""
    return {"MAESTRO_LEASE_SECONDS": str(int(LEASE_SECONDS)), "MAESTRO_RELIST_SECONDS": str(RELIST_SECONDS)}


def two_operators(telling: Telling, plane: ControlPlane, wishes: Wishes) -> None:
    """Plays the stories of all seeds, one after the other, on one pair."""
    stories = [Story("frozen", 1)] if wishes.planted else [drawn(seed) for seed in wishes.seeds]
    if wishes.planted == "no-term":
        stories = [Story("late-order", 1)]
    accepts = wishes.planted == "no-term"
    with Rig(plane, telling.folder / "rig", settings(), accepts_any_term=accepts) as rig:
        player = Player(rig, PAIR, planted=wishes.planted if wishes.planted == IGNORES_ITS_LEASE else "")
        telling.tell("two operators and a pair", rig, player.prepare)
        for number, story in zip(wishes.seeds, stories, strict=False):
            telling.tell(f"seed-{number}-{story.name}", rig, lambda story=story: player.play(story))  # type: ignore[misc]
        telling.judge("two-operators", rig)


def one_api_server(telling: Telling, plane: ControlPlane, wishes: Wishes) -> None:
    """Plays what happens to the API server, the store, the watch and the list."""
    with Rig(plane, telling.folder / "rig-api", settings()) as rig:
        scene, player = Scene(rig, "scene"), Player(rig, "scene")
        telling.tell("two operators and another pair", rig, player.prepare)
        seconds = wishes.away_seconds
        etcd, api = "etcd", "kube-apiserver"
        parts: dict[str, Callable[[], None]] = {
            "gone at rest": lambda: scenes.away_at_rest(scene, seconds=seconds),
            "killed": lambda: scenes.away(
                scene, name="killed", take=plane.kill_apiserver, give=plane.resume, seconds=seconds
            ),
            "frozen": lambda: scenes.away(
                scene, name="frozen", take=lambda: plane.freeze(api), give=lambda: plane.thaw(api), seconds=seconds
            ),
            "etcd killed": lambda: scenes.away(
                scene, name="etcd-killed", take=plane.kill_etcd, give=plane.resume, seconds=seconds
            ),
            "etcd frozen": lambda: scenes.away(
                scene,
                name="etcd-frozen",
                take=lambda: plane.freeze(etcd),
                give=lambda: plane.thaw(etcd),
                seconds=seconds,
            ),
            "watch and list": lambda: scenes.watch_trouble(scene),
            "deleted and created again": lambda: scenes.deleted_missed(scene, lambda: rig.create("scene")),
            "restored": lambda: scenes.restored(scene),
            "restored and bumped": lambda: scenes.restored(scene, bump_revision=1_000_000_000),
            "another cluster": lambda: another_cluster(telling, scene),
        }
        unknown = wishes.parts - parts.keys()
        if unknown:
            raise SystemExit(f"PARTS are {', '.join(parts)}, not {', '.join(sorted(unknown))}")
        for name, play in parts.items():
            if wishes.parts and name not in wishes.parts:
                continue
            telling.tell(name, rig, play)
            telling.claims += scene.claims
            scene.claims.clear()
        telling.judge("api-server", rig)


def another_cluster(telling: Telling, scene: Scene) -> None:
    """Starts a second control plane and an operator there, over the same nodes."""
    rig, folder = scene.rig, telling.folder
    with (
        ControlPlane.start(folder / "plane-2", own_processes=True) as second,
        Rig(
            second, folder / "rig-2", settings(), nodes=rig.nodes, background=rig.background, socket=rig.socket
        ) as other,
    ):
        stranger = other.start("stranger")
        other.await_leader()
        scenes.foreign(scene, other, stranger)


def main() -> int:
    """Plays everything and writes build/api-trouble.json; returns 0 where every claim holds."""
    wishes, began = Wishes.read(os.environ), clock.monotonic_seconds()
    folder = BUILD / TARGET
    shutil.rmtree(folder, ignore_errors=True)
    telling = Telling(folder, [], began)
    if wishes.seeds:
        with ControlPlane.start(folder / "plane", own_processes=True) as plane:
            two_operators(telling, plane, wishes)
    if not wishes.planted and "SEED" not in os.environ:
        with ControlPlane.start(folder / "plane-api", own_processes=True) as plane:
            one_api_server(telling, plane, wishes)
    seconds = clock.monotonic_seconds() - began
    target = f"{TARGET}-{wishes.planted}" if wishes.planted else TARGET
    path = write_report(target, telling.claims, seconds=seconds)
    for claim in telling.claims:
        if not claim.ok:
            print(f"FAIL {claim.id}: {claim.measured} (bound: {claim.bound})", *claim.evidence, sep="\n       ")
    good = sum(claim.ok for claim in telling.claims)
    print(f"{good} of {len(telling.claims)} claims hold; {path}")
    return 0 if json.loads(path.read_text())["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
