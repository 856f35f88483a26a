"""Whether each manifest was refused in the words that it asks for, and whether any node was touched."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from support.badmanifests.manifest import API, OPERATOR, BadManifest
from support.badmanifests.nodes import NETWORK
from support.badmanifests.stage import NAMESPACE, Stage
from support.controlplane import CommandError
from support.controlplane.clock import await_condition
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from support.manifests import Manifest

HELD_SECONDS = 150.0
TOLD_SECONDS = 60.0
NOBODY_SECONDS = 3.0
"""How long is waited for an operator that was left out."""
LOOK_AGAIN_SECONDS = 1.0
SHOWN = 300
DOCUMENTED = "192.0.2."
"""The network of the examples; each manifest gets one of its own on loopback."""
EXAMPLE_KEYS = {
    "a": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
    "b": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi",
}

_ABOUT = re.compile(rf'MaestroPair(?:\.maestropair\.dev)? "([^"]+)" is invalid|\({NAMESPACE}/([^;]+);')
"""Where kubectl begins to say something about an object."""


@dataclass(frozen=True, slots=True)
class Played:
    """What was applied for one manifest, as it was applied."""

    manifest: BadManifest
    number: int
    name: str


def refuse_by_api(stage: Stage, manifests: Sequence[BadManifest]) -> list[Claim]:
    """Applies what the API server must refuse, all at once, and judges its words about each."""
    _apply(stage, [good for one in manifests for good in one.before])
    said = _refusals(stage, [one.bad for one in manifests if not one.subresource])
    said |= _refusals(stage, [one.bad for one in manifests if one.subresource], "--subresource=status")
    claims = []
    for one in manifests:
        text = said.get(one.bad["metadata"]["name"], "")
        missing = [word for word in (one.reason, one.field, one.remedy) if word not in text]
        claims.append(_claim(one, missing, said=text or "the API server took it"))
    return claims


def _refusals(stage: Stage, objects: Sequence[Manifest], *words: str) -> dict[str, str]:
    """Applies objects that are all to be refused; returns what was said about each, by its name."""
    try:
        _apply(stage, objects, "--force-conflicts", *words)
    except CommandError as refused:
        text = " ".join(str(refused).split())
        about = list(_ABOUT.finditer(text))
        ends = [found.start() for found in about[1:]] + [len(text)]
        return {found[1] or found[2]: text[found.start() : end] for found, end in zip(about, ends, strict=True)}
    return {}


def play(stage: Stage, manifests: Sequence[BadManifest]) -> list[Played]:
    """Applies everything that the operator must refuse; what comes before a bad object is awaited."""
    played, before, bad = [], [], []
    for number, manifest in enumerate(manifests, start=1):
        text = json.dumps([*manifest.before, manifest.bad])
        stage.grounds.prepare(number, cloned=manifest.nodes == "cloned", has_names=manifest.nodes == "names")
        for name, key in EXAMPLE_KEYS.items():
            text = text.replace(key, stage.grounds.public_key(name))
        *good, last = json.loads(text.replace(DOCUMENTED, f"{NETWORK}.{number}."))
        before += good
        bad.append(last)
        played.append(Played(manifest, number, last["metadata"]["name"]))
    _apply(stage, before)
    names = [good["metadata"]["name"] for good in before]
    _await(stage, lambda: _hold_machines(stage, names), seconds=HELD_SECONDS)
    _apply(stage, bad)
    return played


def judge_operator(stage: Stage, played: Sequence[Played]) -> list[Claim]:
    """Awaits every refusal and judges condition, event, metric and the nodes' logs."""
    _await(stage, lambda: _all_held(stage, played), seconds=HELD_SECONDS)
    _await(stage, lambda: _all_told(played, _events(stage), stage.metrics()), seconds=TOLD_SECONDS)
    pairs, events, page = _pairs(stage), _events(stage), stage.metrics()
    return [_judged(stage, one, pairs=pairs, events=events, page=page) for one in played]


def _judged(
    stage: Stage, one: Played, *, pairs: Mapping[str, Any], events: Mapping[str, list[tuple[str, str]]], page: str
) -> Claim:
    manifest, missing = one.manifest, []
    status = pairs.get(one.name, {}).get("status", {})
    conditions = {item["type"]: item for item in status.get("conditions", ())}
    said = conditions.get("Stalled", {}).get("message", "nothing")
    for kind, truth in (("Ready", "False"), ("Stalled", "True")):
        found = conditions.get(kind, {})
        if (found.get("status"), found.get("reason")) != (truth, manifest.reason):
            missing.append(f"{kind}={truth} because {manifest.reason}, not {found.get('status')} {found.get('reason')}")
        text = found.get("message", "")
        missing += [f"{word!r} in {kind}" for word in (manifest.field, manifest.remedy) if word not in text]
    notes = [note for reason, note in events.get(one.name, ()) if reason == manifest.reason]
    if not any(manifest.field in note and manifest.remedy in note for note in notes):
        missing.append(f"an event {manifest.reason} with field and remedy")
    if _series(one) not in page:
        missing.append(f"the metric of the hold {manifest.reason}")
    if status.get("episode") or status.get("activeNode"):
        missing.append("no episode")
    log = stage.grounds.logs[one.number]
    missing += [f"no command {command!r}" for command in log.effects[:1]]
    return _claim(manifest, missing, said=f"{said} ({log.readings} readings, {len(log.effects)} effects)")


def _series(one: Played) -> str:
    return f'maestro_pair_hold{{name="{one.name}",namespace="{NAMESPACE}",reason="{one.manifest.reason}"}} 1.0'


def _claim(manifest: BadManifest, missing: Sequence[str], *, said: str) -> Claim:
    bound = f"{manifest.reason}: {manifest.field}: {manifest.remedy}, by {manifest.refused_by}, no effect"
    measured = said if not missing else f"missing: {'; '.join(missing)}; said: {said}"
    return Claim(
        id=manifest.claim,
        ok=not missing,
        measured=measured[:SHOWN] if not missing else measured,
        bound=bound,
        evidence=(f"examples/bad/{manifest.name}.yaml",),
    )


def _apply(stage: Stage, objects: Sequence[Manifest], *words: str) -> None:
    if objects:
        stage.plane.run_kubectl(
            *("apply", "--server-side", "--validate=strict", f"--namespace={NAMESPACE}", *words, "-f", "-"),
            input_text=yaml.safe_dump_all(objects),
        )


def _pairs(stage: Stage) -> Mapping[str, Any]:
    found = json.loads(stage.plane.run_kubectl("get", "maestropairs", f"--namespace={NAMESPACE}", "-o", "json"))
    return {item["metadata"]["name"]: item for item in found["items"]}


def _events(stage: Stage) -> dict[str, list[tuple[str, str]]]:
    words = ("get", "events.events.k8s.io", f"--namespace={NAMESPACE}", "-o", "json")
    told: dict[str, list[tuple[str, str]]] = {}
    for item in json.loads(stage.plane.run_kubectl(*words))["items"]:
        told.setdefault(item["regarding"]["name"], []).append((item["reason"], item.get("note", "")))
    return told


def _await(stage: Stage, condition: Callable[[], bool], *, seconds: float) -> None:
    """Waits for something that the operator does; what did not come is missed by the judgement."""
    await_condition(
        condition, within_seconds=seconds if stage.has_operator else NOBODY_SECONDS, every_seconds=LOOK_AGAIN_SECONDS
    )


def _all_held(stage: Stage, played: Sequence[Played]) -> bool:
    pairs = _pairs(stage)
    return all(_is_held(one, pairs) for one in played)


def _all_told(played: Sequence[Played], events: Mapping[str, list[tuple[str, str]]], page: str) -> bool:
    told = {(name, reason) for name, found in events.items() for reason, _ in found}
    return all((one.name, one.manifest.reason) in told and _series(one) in page for one in played)


def _is_held(one: Played, pairs: Mapping[str, Any]) -> bool:
    conditions = pairs.get(one.name, {}).get("status", {}).get("conditions", ())
    return any((item["type"], item["reason"]) == ("Stalled", one.manifest.reason) for item in conditions)


def _hold_machines(stage: Stage, names: Sequence[str]) -> bool:
    pairs = _pairs(stage)
    claims = [pairs.get(name, {}).get("status", {}).get("claims", ()) for name in names]
    return all(any(claim.startswith("machine ") for claim in held) for held in claims)


def split(manifests: Sequence[BadManifest]) -> tuple[list[BadManifest], list[BadManifest]]:
    """Returns those of the API server and those of the operator."""
    return [one for one in manifests if one.refused_by == API], [one for one in manifests if one.refused_by == OPERATOR]
