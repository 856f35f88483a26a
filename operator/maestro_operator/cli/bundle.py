"""A bundle for whoever helps: what there is to know of one pair, redacted, in one file.

The law of this file: one function writes a member, and it redacts first. What could not be had is named in the bundle
and makes the verb end as incomplete; it is never silently absent.
"""

from __future__ import annotations

import base64
import io
import json
import tarfile
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import yaml

from maestro_operator.cli import history
from maestro_operator.cli.change import CannotError
from maestro_operator.cli.findings import as_text
from maestro_operator.cli.judging import judged
from maestro_operator.cli.looking import of_the_cluster, of_the_operator, secret_names
from maestro_operator.cli.pairs import call, events_of
from maestro_operator.cli.redacting import Redactor
from maestro_operator.cli.screen import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.cli.pairs import MaestroPair

GOOD = 300
NOT_FOUND = 404
WIDTH = 200
LOG_LINES = 5000
LEASES = "coordination.k8s.io/v1"
OPERATOR = "app.kubernetes.io/name=maestro-operator"
NOISE = ("managedFields",)
APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@dataclass(slots=True)
class Bundle:
    """Members by name, and what is missing."""

    redact: Redactor
    members: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    def add(self, name: str, make: Callable[[], str]) -> None:
        """Add what is made, redacted; where that cannot be had, say so."""
        try:
            self.members[name] = self.redact(make())
        except CannotError as error:
            self.missing.append(self.redact(f"{name}: {error}"))

    def written(self, *, moment: str) -> bytes:
        """Return the file, the list of what is in it and what is not first."""
        lines = [f"Written by kubectl maestro at {moment}.", f"{self.redact.taken_out} places were redacted.", ""]
        lines += [f"in it: {name}" for name in self.members]
        lines += [f"missing: {text}" for text in self.missing]
        held = io.BytesIO()
        with tarfile.open(fileobj=held, mode="w:gz") as archive:
            for name, text in {"README.txt": "\n".join(lines) + "\n", **self.members}.items():
                content = text.encode()
                member = tarfile.TarInfo(f"maestro-report/{name}")
                member.size, member.mode = len(content), 0o600
                archive.addfile(member, io.BytesIO(content))
        return held.getvalue()


def bundle_of(pair: MaestroPair, *, operator_namespace: str) -> Bundle:
    """Return everything of one pair that the person may see."""
    contents, unread = _secrets(pair)
    made = Bundle(Redactor(contents), missing=unread)
    clean = _clean(pair.obj)
    made.add("pair.yaml", lambda: yaml.safe_dump(clean, sort_keys=False, allow_unicode=True))
    made.add("status.txt", lambda: screen(pair.obj, width=WIDTH) + "\n")
    made.add("history.txt", lambda: "\n\n".join(history.told(item) for item in history.kept(pair.obj)) + "\n")
    found = [*of_the_cluster(pair.api, pair.namespace), *judged(pair.obj), *of_the_operator(pair)]
    made.add("validate.txt", lambda: as_text(f"{pair.namespace}/{pair.name}", found) + "\n")
    made.add("events.json", lambda: json.dumps({"items": [_clean(item) for item in events_of(pair)]}, indent=1))
    made.add("version.json", lambda: _asked(pair, base="/version", version="", url=""))
    made.add("leases.json", lambda: _objects(pair, version=LEASES, namespace=operator_namespace, url="leases"))
    for pod in _pods(made, pair, operator_namespace):
        made.add(f"logs/{pod}.txt", partial(_log, pair, operator_namespace, pod))
    return made


def _secrets(pair: MaestroPair) -> tuple[list[Mapping[str, bytes]], list[str]]:
    """Return what the Secrets that the pair names hold, to take it out; and which could not be held against it."""
    contents: list[Mapping[str, bytes]] = []
    unread = []
    for name in secret_names(pair.obj["spec"]):
        answer = call(pair.api, "get", version="v1", namespace=pair.namespace, url=f"secrets/{name}")
        if answer.status_code < GOOD:
            data = answer.json().get("data") or {}
            contents.append({key: base64.b64decode(value) for key, value in data.items()})
        elif answer.status_code != NOT_FOUND:
            unread.append(f"Secret {name}: you may not read it, so the texts were searched for its places alone")
    return contents, unread


def _clean(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object without what repeats it."""
    meta = {key: value for key, value in (found.get("metadata") or {}).items() if key not in NOISE}
    notes = {key: value for key, value in (meta.get("annotations") or {}).items() if key != APPLIED}
    return {**found, "metadata": {**meta, "annotations": notes} if notes else {**meta, "annotations": {}}}


def _asked(pair: MaestroPair, **request: str) -> str:
    answer = call(pair.api, "get", **request)
    if answer.status_code >= GOOD:
        raise CannotError(f"the API server says {answer.status_code} {answer.reason}")
    return str(answer.text)


def _objects(pair: MaestroPair, *, version: str, namespace: str, url: str) -> str:
    found = json.loads(_asked(pair, version=version, namespace=namespace, url=url))
    return json.dumps([_clean(item) for item in found["items"]], indent=1)


def _pods(made: Bundle, pair: MaestroPair, namespace: str) -> list[str]:
    """Return the operator's pods; none is said as missing."""
    try:
        found = json.loads(_asked(pair, version="v1", namespace=namespace, url=f"pods?labelSelector={OPERATOR}"))
    except CannotError as error:
        made.missing.append(f"logs: {error}")
        return []
    names = [str(item["metadata"]["name"]) for item in found["items"]]
    if not names:
        made.missing.append(f"logs: no operator runs in namespace {namespace}; name its own by --operator-namespace")
    return names


def _log(pair: MaestroPair, namespace: str, pod: str) -> str:
    return _asked(pair, version="v1", namespace=namespace, url=f"pods/{pod}/log?tailLines={LOG_LINES}")
