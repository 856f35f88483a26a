"""The operator beside its peers: `python -m support.peers`.

ROUNDS=7 rounds; in each, every side is dealt every accident, all with the same silence before a node counts as gone;
and then three of them a power cut once more, each with the least silence that is safe for it. SIDES=floor,operator and
KINDS=planned,power-cut play these alone, and the report is then not what is asked for. BREAK=two-writers or forgets
plants a fault in a planned move of the operator; the command must then fail. `python -m support.peers list` prints the
ids of the claims.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from typing import TYPE_CHECKING

from support.bed import clock
from support.peers.breaks import BREAKS, meddling
from support.peers.floor import Floor
from support.peers.judge import Cost, NotSeenError, cost_of
from support.peers.keepalived import Keepalived
from support.peers.own import Own
from support.peers.pacemaker import Pacemaker
from support.peers.parts import Parts, parts_of
from support.peers.play import CUT, KINDS, PLANNED, Player
from support.peers.ratios import BEST, OWN, Cell, ratio_claims
from support.peers.spent import Spent, spent_claims
from support.peers.stage import PeerStage
from support.report import BUILD, Claim, write_report

if TYPE_CHECKING:
    from pathlib import Path

    from support.peers.sides import Side

TARGET = "bench-peers"
SAME = ("floor", "keepalived", "pacemaker", OWN)
SIDES = (*SAME, *(f"{name}{BEST}" for name in SAME if name != "floor"))
"""Those at their best are dealt a power cut alone."""
ADVERT_SECONDS, BEST_ADVERT_SECONDS = 1.0, 0.3
"""A master that is silent is given up after 3.6 of them."""
TOKEN_MILLISECONDS, BEST_TOKEN_MILLISECONDS = 1650, 1000
"""With the consensus, 1.2 times as long, a node is gone after 3.6 seconds: as with keepalived. The best is what was
Corosync's own default up to its version 3.0."""
DOWN_FOR_SECONDS, BEST_DOWN_FOR_SECONDS = 3, 2
"""The best is the least that the schema takes: a period and a time-out of one second each."""
USAGE = 2


def main() -> int:
    """Play, judge and write the report; return 0 where every claim holds."""
    if sys.argv[1:] == ["list"]:
        print(*ids(), sep="\n")
        return 0
    planted, rounds = os.environ.get("BREAK", ""), int(os.environ.get("ROUNDS") or 7)
    sides, kinds = _chosen("SIDES", SIDES), _chosen("KINDS", KINDS)
    if planted:
        sides, kinds, rounds = (OWN,), (PLANNED,), 1
    if (planted and planted not in BREAKS) or not set(sides) <= set(SIDES) or not set(kinds) <= set(KINDS):
        print(f"{TARGET}: SIDES of {SIDES}, KINDS of {KINDS}, BREAK of {BREAKS}", file=sys.stderr)
        return USAGE
    began = clock.monotonic_seconds()
    folder = BUILD / f"{TARGET}{'-' + planted if planted else ''}"
    shutil.rmtree(folder, ignore_errors=True)
    _play(folder, sides=sides, kinds=kinds, rounds=rounds, planted=planted)
    claims = claims_of(folder, sides=sides, kinds=kinds, rounds=rounds)
    path = write_report(TARGET, claims, seconds=clock.monotonic_seconds() - began)
    for claim in claims:
        print(f"{'ok  ' if claim.ok else 'FAIL'} {claim.id:<28} {claim.measured}  {''.join(claim.evidence[:1])}")
    print(f"{path.relative_to(BUILD.parent)}: {'ok' if all(claim.ok for claim in claims) else 'NOT ok'}")
    return 0 if all(claim.ok for claim in claims) else 1


def ids() -> list[str]:
    """Return the ids of all claims of a whole run."""
    cells = [f"{side}-{kind}" for kind in KINDS for side in SIDES if _is_dealt(side, kind)]
    # Nobody moves anything when only the nodes' own link is cut, so there is no outage to divide by.
    ratios = [
        f"ratio-{kind}-{side}"
        for kind in KINDS
        for side in SIDES
        if side.removesuffix(BEST) != OWN and _divides(kind) and _is_dealt(side, kind)
    ]
    spent = [*(f"parts-{side}" for side in SIDES), "after-verdict-pacemaker", f"after-verdict-pacemaker{BEST}"]
    return ["versions", *cells, *ratios, *spent]


def _is_dealt(side: str, kind: str) -> bool:
    return kind == CUT or not side.endswith(BEST)


def _divides(kind: str) -> bool:
    return kind != "link"


def claims_of(folder: Path, *, sides: tuple[str, ...], kinds: tuple[str, ...], rounds: int) -> list[Claim]:
    """Return what the files of a run show."""
    cells = {
        (side, kind): _cell(folder, side, kind, rounds=rounds)
        for kind in kinds
        for side in sides
        if _is_dealt(side, kind)
    }
    evidence = str(folder.relative_to(BUILD.parent)) if folder.is_relative_to(BUILD.parent) else str(folder)
    claims = [_versions(folder, sides), *(cell.claim(rounds, evidence=evidence) for cell in cells.values())]
    claims += ratio_claims({key: cell for key, cell in cells.items() if _divides(key[1])}, rounds)
    spent = [_spent(folder, side, rounds=rounds) for side in sides] if CUT in kinds else []
    return claims + spent_claims(spent, rounds)


def _spent(folder: Path, side: str, *, rounds: int) -> Spent:
    found: dict[int, Parts] = {}
    unseen: list[str] = []
    for number in range(rounds):
        try:
            found[number] = parts_of(folder / f"{number}-{side}-{CUT}")
        except (NotSeenError, FileNotFoundError) as error:
            unseen.append(f"round {number}: {error}")
    return Spent(side=side, parts=found, unseen=unseen)


def _versions(folder: Path, sides: tuple[str, ...]) -> Claim:
    said: dict[str, str] = {}
    for path in sorted(folder.glob("versions-*.json")):
        said |= json.loads(path.read_text())
    sides = tuple(side for side in sides if not side.endswith(BEST))
    missing = [side for side in sides if not (folder / f"versions-{side}.json").exists()]
    words = ", ".join(f"{name} {version}" for name, version in sorted(said.items())) or "this tree alone"
    return Claim(id="versions", ok=not missing, measured=words, bound=f"said by {', '.join(sides)}")


def _cell(folder: Path, side: str, kind: str, *, rounds: int) -> Cell:
    costs: list[Cost] = []
    unseen: list[str] = []
    for number in range(rounds):
        try:
            costs.append(cost_of(folder / f"{number}-{side}-{kind}"))
        except (NotSeenError, FileNotFoundError) as error:
            unseen.append(f"round {number}: {error}")
    return Cell(side=side, kind=kind, costs=costs, unseen=unseen)


def _chosen(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(word for word in os.environ.get(name, "").split(",") if word) or known


def _play(folder: Path, *, sides: tuple[str, ...], kinds: tuple[str, ...], rounds: int, planted: str) -> None:
    began = clock.monotonic_seconds()

    def say(text: str) -> None:
        print(f"{clock.monotonic_seconds() - began:7.1f} {text}", flush=True)

    with PeerStage(folder / "stage", say=say) as stage:
        made: dict[str, Side] = {
            "floor": Floor(stage.bed, folder / "connections"),
            "keepalived": Keepalived(stage.bed, advert_seconds=ADVERT_SECONDS),
            "pacemaker": Pacemaker(stage.bed, token_milliseconds=TOKEN_MILLISECONDS),
            OWN: Own(stage, down_for_seconds=DOWN_FOR_SECONDS),
            f"keepalived{BEST}": Keepalived(stage.bed, advert_seconds=BEST_ADVERT_SECONDS),
            f"pacemaker{BEST}": Pacemaker(stage.bed, token_milliseconds=BEST_TOKEN_MILLISECONDS),
            f"{OWN}{BEST}": Own(stage, down_for_seconds=BEST_DOWN_FOR_SECONDS),
        }
        meddle = meddling(planted, stage.bed) if planted else None
        for number in range(rounds):
            for name in sides:
                side, dealt = made[name], [kind for kind in kinds if _is_dealt(name, kind)]
                if not dealt:
                    continue
                side.begin()
                for kind in dealt:
                    Player(side, stage.bed).play(folder / f"{number}-{name}-{kind}", kind=kind, meddle=meddle)
                    say(f"round {number}: {name}, {kind}")
                if number == 0:
                    (folder / f"versions-{name}.json").write_text(json.dumps(side.versions()) + "\n")
                side.rest()


if __name__ == "__main__":
    sys.exit(main())
