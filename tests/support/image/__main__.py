"""`make image`: makes the operator's image, runs the demo's story with it, looks inside, and judges what was seen.

BREAK=as-root runs it as root on a writable root, BREAK=short-bill leaves a package out of the bill of materials; both
must be found. `sync` makes image/Dockerfile from image/recipe.toml, `wheel` the operator's wheel alone, and `judge`
judges what was made before.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.controlplane import obtain_programs
from support.demo.faults import FAULTS, HarmDoneError
from support.demo.story import Story
from support.demo.watcher import StoryStuckError
from support.image import archive, build, dockerfile, judge, kinds, recipe, sbom
from support.image.stage import ImageStage
from support.report import BUILD, ROOT, Claim, write_report
from support.run_folder import held

if TYPE_CHECKING:
    from pathlib import Path

BREAKS = ("", "as-root", "short-bill")
FOLDER = BUILD / "image"
STORY = "image-story"
OF_A_QUIET_MACHINE = ("planned-switch-is-cheap", "steps-say-their-cost")
"""What is about the operator's own speed is measured by the demo, and is the same whatever the operator comes from."""
BEGAN = clock.monotonic_seconds()


def say(text: str) -> None:
    """Print one line with the seconds since the beginning."""
    print(f"[{clock.monotonic_seconds() - BEGAN:6.1f}] {text.lstrip()}", flush=True)


def main() -> int:
    """Make, run, judge, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.image", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("all", "make", "judge", "sync", "wheel"), default="all")
    parser.add_argument("--break", dest="planted", default="", choices=BREAKS)
    options = parser.parse_args()
    match options.what:
        case "sync":
            recipe.DOCKERFILE.write_text(dockerfile.text(recipe.read()))
            return 0
        case "wheel":
            print(build.wheel())
            return 0
        case what:
            with held(FOLDER):
                return _made_or_judged(what, planted=options.planted)


def _made_or_judged(what: str, *, planted: str) -> int:
    if what == "judge":
        return _judged(planted=planted)
    built = made(planted=planted)
    if what == "make":
        return 0
    _play(built, planted=planted)
    return _judged(planted=planted)


def made(*, planted: str) -> build.Built:
    """Makes the image and its bill of materials below build/image."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    wanted = recipe.read()
    built = build.make(wanted, FOLDER, say=say)
    say("once more, to see whether the same comes of it")
    (FOLDER / "again").mkdir()
    again = build.make(wanted, FOLDER / "again", say=lambda _: None)
    (FOLDER / "digests.json").write_text(json.dumps([build.digest(built), build.digest(again)]))
    shutil.rmtree(FOLDER / "again")
    bill = sbom.bill(debian=built.debian, application=built.application, name=wanted.title, version=built.tag)
    if planted == "short-bill":
        bill["components"].pop()
    (FOLDER / "sbom.cdx.json").write_text(json.dumps(bill, indent=1) + "\n")
    return built


def _play(built: build.Built, *, planted: str) -> None:
    """Plays the demo's story with the operator from the image."""
    trouble = None
    with ImageStage(FOLDER / "story", built, say=say, as_root=planted == "as-root") as stage:
        story = Story(stage, FAULTS[""](), say=say)
        try:
            story.play()
        except (StoryStuckError, HarmDoneError, clock.TimedOutError) as stuck:
            trouble = str(stuck)
            say(f"the story ends here: {trouble}")
        stage.look_inside()
        stage.keep_evidence()
        parts = story.parts
    told = {"nodes": "real", "told": trouble is None, "trouble": trouble, "break": "", "parts": parts}
    (FOLDER / "story" / "evidence" / "story.json").write_text(json.dumps(told, indent=2))


def _judged(*, planted: str) -> int:
    """Judges the image, and the story by the demo's own judge; returns the exit code."""
    evidence = FOLDER / "story" / "evidence"
    found = judge.Found(
        image=archive.read(FOLDER / "oci"),
        log=(evidence / "operator.log").read_text().splitlines(),
        inside=judge.looks((evidence / "inside.jsonl").read_text().splitlines()),
        digests=tuple(json.loads((FOLDER / "digests.json").read_text())),
        bill=json.loads((FOLDER / "sbom.cdx.json").read_text()),
        dockerfile=recipe.DOCKERFILE.read_text(),
        lock=recipe.LOCK.read_text(),
        fencing_page=(ROOT / "docs" / "reference" / "fencing.md").read_text(),
        image_page=(ROOT / "docs" / "reference" / "image.md").read_text(),
    )
    claims = [*judge.judge(found), kinds.claim(obtain_programs("kind")["kind"], folder=FOLDER), *_story(evidence)]
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}: {claim.measured} (bound: {claim.bound})")
    seconds = clock.monotonic_seconds() - BEGAN
    print(write_report(f"image-{planted}" if planted else "image", claims, seconds=seconds))
    return 0 if all(claim.ok for claim in claims) else 1


def _story(evidence: Path) -> list[Claim]:
    """Returns the claims of the demo's judge, which runs as a program of its own and sees the evidence alone."""
    command = [sys.executable, "-m", "support.judge.verify", str(evidence), "--target", STORY, "--seconds", "0"]
    subprocess.run(command, check=False, capture_output=True, timeout=120)
    report = json.loads((BUILD / f"{STORY}.json").read_text())
    return [
        Claim(f"story:{one['id']}", one["ok"], one["measured"], one["bound"], tuple(one["evidence"]))
        for one in report["claims"]
        if one["id"] not in OF_A_QUIET_MACHINE
    ]


if __name__ == "__main__":
    sys.exit(main())
