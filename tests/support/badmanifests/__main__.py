"""`make bad-manifests`: applies every manifest of examples/bad and writes build/bad-manifests.json.

BREAK=accepts-anything leaves the schema without its rules, BREAK=no-operator leaves the operator out: either must
make the command fail. ONLY=word plays the files whose name has the word.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from support.badmanifests.judge import judge_operator, play, refuse_by_api, split
from support.badmanifests.manifest import BadManifest, read_all
from support.badmanifests.stage import Stage
from support.controlplane.clock import monotonic_seconds
from support.report import BUILD, Claim, write_report
from support.run_folder import emptied

BREAKS = ("", "accepts-anything", "no-operator")
LEAST = 40
"""How many manifests there are at least."""


def main() -> int:
    """Plays, prints one line a manifest and returns the exit code."""
    planted, only = os.environ.get("BREAK", ""), os.environ.get("ONLY", "")
    if planted not in BREAKS:
        print(f"BREAK is one of {', '.join(BREAKS[1:])}, not {planted!r}", file=sys.stderr)
        return 2
    began = monotonic_seconds()
    manifests = [one for one in read_all() if only in one.name]
    with emptied(BUILD / "bad-manifests") as directory:
        claims = played(directory, planted, manifests=manifests)
    if not only:
        claims.append(Claim("manifests", len(manifests) >= LEAST, len(manifests), f">= {LEAST}"))
    seconds = monotonic_seconds() - began
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id}" + ("" if claim.ok else f"\n     {claim.measured}"))
    build = BUILD if not planted and not only else directory
    path = write_report("bad-manifests", claims, seconds=seconds, build=build)
    bad = sum(not claim.ok for claim in claims)
    print(f"{len(claims)} claims, {bad} not met, {seconds:.1f} s: {path.relative_to(Path.cwd())}")
    return 1 if bad or not claims else 0


def played(directory: Path, planted: str, *, manifests: list[BadManifest]) -> list[Claim]:
    """Plays the manifests, with a fault where one is planted, and returns what is claimed of each."""
    by_api, by_operator = split(manifests)
    accepts, has_operator = planted == "accepts-anything", planted != "no-operator"
    with Stage(directory, accepts_anything=accepts, has_operator=has_operator) as stage:
        played = play(stage, by_operator)
        claims = refuse_by_api(stage, by_api)
        claims += judge_operator(stage, played)
        agents = stage.agents_told()
        effects = [command for log in stage.grounds.logs.values() for command in log.effects]
    claims.append(Claim("no-command-on-a-node", not effects, len(effects), 0, evidence=tuple(effects[:5])))
    claims.append(Claim("no-fence-agent-told-to-switch", not agents, len(agents), 0))
    return claims


if __name__ == "__main__":
    sys.exit(main())
