"""`make conform N=200 SEED=1`: the twins beside what is real, on N random lives; writes build/conform.json.

PARTS=guard,schema,nodes chooses; left out, it is guard and schema. LIFE=7 plays that life alone on the nodes;
records lie in build/conform/.
BREAK=guard lets the guard's twin obey a lower epoch, BREAK=schema the rules' twin let numbers fall, BREAK=boot the
nodes' twin take an earlier boot's permit for this one's: each must be found.
"""

from __future__ import annotations

import logging
import os
import random
import sys
import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from maestro_operator.drivers.memory import guard_twin
from maestro_operator.drivers.memory.guard_twin import GuardState
from support import law_three
from support.conform import guards, nodes, schema
from support.conform.traces import Recorded, Trace, trace
from support.controlplane import ControlPlane
from support.modelcheck.beginnings import checked_spec
from support.modelcheck.clock import monotonic_seconds
from support.pair_api import PairApi, install_schema
from support.report import BUILD, Claim, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    from maestro_operator.model.pair import PairSpec

KEYS = {
    "a": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
    "b": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi",
}
NAMESPACE = "conform"
EACH = 4
"""So many of the ways to turn a write wrong are asked about with each."""
MOST_SHOWN = 8
PARTS = ("guard", "schema", "nodes")
BREAKS = {"": ("guard", "schema"), "guard": ("guard",), "schema": ("schema",), "boot": ("nodes",)}
"""Each planted fault with the parts that must find it; the nodes are played where PARTS names them."""
FOLDER = BUILD / "conform"


def main() -> int:
    """Compares and reports; returns 0 where nothing differs, or a planted fault was found."""
    logging.disable(logging.CRITICAL)
    number, seed = int(os.environ.get("N") or "200"), int(os.environ.get("SEED") or "1")
    fault, began = os.environ.get("BREAK", ""), monotonic_seconds()
    if fault not in BREAKS:
        print(f"BREAK={fault} is none of {', '.join(filter(None, BREAKS))}", file=sys.stderr)
        return 2
    asked = os.environ.get("PARTS")
    parts = tuple(asked.split(",")) if asked else BREAKS[fault]
    if not set(parts) <= set(PARTS):
        print(f"PARTS={asked} is not of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    claims = list(_compared(parts, number=number, seed=seed, fault=fault))
    path = write_report(f"conform-{fault}" if fault else "conform", claims, seconds=monotonic_seconds() - began)
    for claim in claims:
        shown = () if claim.ok else claim.evidence
        print(f"{'ok  ' if claim.ok else 'NOT '} {claim.id}: {claim.measured} ({claim.bound})", *shown, sep="\n     ")
    print(path)
    differs = not all(claim.ok for claim in claims)
    return int(differs != bool(fault))


def _compared(parts: Sequence[str], *, number: int, seed: int, fault: str) -> Iterator[Claim]:
    """Makes the lives with sound twins, and compares with what is planted."""
    if "guard" in parts or "schema" in parts:
        lives = list(_lives(number, seed))
        yield Claim("lives", bool(lives), len(lives), "> 0")
        with tempfile.TemporaryDirectory(prefix="conform-") as folder, _planted(fault):
            if "guard" in parts:
                yield from _guards(Path(folder), lives)
            if "schema" in parts:
                yield from _schema(Path(folder), lives, seed)
    if "nodes" in parts:
        yield from nodes.compared(FOLDER, nodes.lives(number, seed), planted=_planted(fault))


def _lives(number: int, seed: int) -> Iterator[Trace]:
    stage, spec = Recorded(), _real(checked_spec())
    for index in range(number):
        yield trace(stage, spec, random.Random(f"{seed}-{index}"))


def _guards(folder: Path, lives: list[Trace]) -> Iterator[Claim]:
    given = list(dict.fromkeys(case for life in lives for item in life.given for case in guards.turned_wrong(item)))
    found = guards.differing(folder / "guard", given)
    verbs = sorted({item.order.verb for item in given})
    yield Claim(
        "guard-orders",
        len(given) > len(lives),
        len(given),
        "more than lives, distinct, as given or turned wrong",
        tuple(verbs),
    )
    yield Claim("guard-twin-is-true", not found, len(found), 0, tuple(found[:MOST_SHOWN]))


def _schema(folder: Path, lives: list[Trace], seed: int) -> Iterator[Claim]:
    with ControlPlane.start(folder / "plane", own_processes=True) as plane:
        install_schema(plane)
        plane.ensure_namespace(NAMESPACE)
        pairs = PairApi(plane.admin_kubeconfig, namespace=NAMESPACE)
        asked, differs = 0, list[str]()
        for index, life in enumerate(life for life in lives if life.written):
            chosen = random.Random(f"{seed}-schema-{index}")
            more, said = schema.differing(pairs, life.written, chosen, name=f"life-{index}", each=EACH)
            asked, differs = asked + more, [*differs, *said]
    yield Claim("status-writes", asked > len(lives), asked, "more than lives, as written or turned wrong")
    yield Claim("schema-twin-is-true", not differs, len(differs), 0, tuple(differs[:MOST_SHOWN]))


def _real(spec: PairSpec) -> PairSpec:
    """Returns the spec with host keys that are some, as the schema wants them."""
    nodes = tuple(
        node.model_copy(update={"given_ssh": node.ssh.model_copy(update={"host_key": KEYS[node.name]})})
        for node in spec.nodes
    )
    return spec.model_copy(update={"nodes": nodes})


def _planted(fault: str) -> AbstractContextManager[object]:
    match fault:
        case "guard":
            return mock.patch.object(guard_twin, "_check_not_lower", return_value=None)
        case "schema":
            return mock.patch.object(law_three, "_numbers", return_value=None)
        case "boot":
            return mock.patch.multiple(GuardState, may_run=_in_any_boot, needs_confirmation=_never)
        case _:
            return nullcontext()


def _in_any_boot(guard: GuardState, _boot: str) -> bool:
    return guard.permit is not None and guard.owns(guard.permit.epoch)


def _never(_guard: GuardState, _boot: str) -> bool:
    return False


if __name__ == "__main__":
    sys.exit(main())
