"""What a validation asks the API server: the definition, rights, Secrets, and what the operator wrote of the pair.

The law of this file: nothing is opened but the connection to the API server. What the operator sees of nodes, devices
and names it has written to status; what a Secret holds is looked at and never told.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from maestro_operator.admission.secrets import named_secrets
from maestro_operator.cli.findings import Finding, problem, warning, well
from maestro_operator.cli.pairs import MaestroPair, call
from maestro_operator.cli.screen import BAD_TRUE, GOOD_TRUE
from maestro_operator.model.pair import PairSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pykube.http import HTTPClient

GROUP, VERSION, PLURAL = "maestropair.dev", "v1alpha1", "maestropairs"
NOT_FOUND, FORBIDDEN, GOOD = 404, 403, 300
RIGHTS = (
    ("get", "", "see the pair"),
    ("patch", "", "change the pair"),
    ("update", "operate", "order and answer (role pair-operator)"),
    ("update", "fence", "confirm that a machine is off (role fencer)"),
    ("update", "design", "change what the pair is (role pair-admin)"),
)
AREAS = {
    "FencingReady": "fencing",
    "DataInSync": "replication",
    "BackupFresh": "backup",
    "RestoreTested": "backup",
    "StartTested": "rehearsals",
    "DrillRecent": "rehearsals",
    "TrafficOnActive": "traffic",
    "VersionsMatch": "nodes",
    "PeerReady": "nodes",
    "Available": "nodes",
    "SplitBrainDetected": "nodes",
}


def of_the_cluster(api: HTTPClient, namespace: str) -> Iterator[Finding]:
    """Say whether pairs are served at all, and what the person may do with them."""
    served = call(api, "get", version=f"{GROUP}/{VERSION}", url="")
    if served.status_code >= GOOD:
        yield problem("cluster", f"the API server serves no {GROUP}/{VERSION}: install the chart, or crds/")
        return
    yield well("cluster", f"the API server serves {GROUP}/{VERSION}")
    for verb, subresource, what in RIGHTS:
        asked = {"verb": verb, "group": GROUP, "resource": PLURAL, "subresource": subresource, "namespace": namespace}
        may = _reviewed(api, asked)
        if may is None:
            yield warning("rights", f"it cannot be asked whether you may {what}")
        elif may:
            yield well("rights", f"you may {what}")
        else:
            yield warning("rights", f"you may not {what}")


def _reviewed(api: HTTPClient, asked: Mapping[str, str]) -> bool | None:
    """Return whether the person may, None where that cannot be asked."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = call(
        api, "post", version="authorization.k8s.io/v1", url="selfsubjectaccessreviews", data=json.dumps(review)
    )
    if answer.status_code >= GOOD:
        return None
    return bool(answer.json()["status"]["allowed"])


def of_the_schema(api: HTTPClient, namespace: str, document: Mapping[str, Any]) -> Iterator[Finding]:
    """Have the API server judge a manifest strictly, without keeping it."""
    name = str((document.get("metadata") or {}).get("name"))
    there = call(api, "get", version=f"{GROUP}/{VERSION}", namespace=namespace, url=f"{PLURAL}/{name}")
    way = "dryRun=All&fieldValidation=Strict&fieldManager=kubectl-maestro"
    if there.status_code == NOT_FOUND:
        body = {**document, "metadata": {**document["metadata"], "namespace": namespace}}
        answer = call(
            api, "post", version=f"{GROUP}/{VERSION}", namespace=namespace, url=f"{PLURAL}?{way}", data=json.dumps(body)
        )
    else:
        answer = call(
            api,
            "patch",
            version=f"{GROUP}/{VERSION}",
            namespace=namespace,
            url=f"{PLURAL}/{name}?{way}&force=true",
            headers={"Content-Type": "application/apply-patch+yaml"},
            data=json.dumps(document),
        )
    if answer.status_code < GOOD:
        yield well("manifest", "the API server would take it: schema, rules and policies")
        return
    said = answer.json()
    causes = (said.get("details") or {}).get("causes") or [{"message": said.get("message", answer.reason)}]
    grade = warning if answer.status_code == FORBIDDEN else problem
    for cause in causes:
        yield grade("manifest", f"the API server refuses {cause.get('field', 'it')}: {cause['message']}")


def of_the_secrets(api: HTTPClient, namespace: str, spec: Mapping[str, Any]) -> Iterator[Finding]:
    """Say of every Secret that is named whether it is there and of use."""
    try:
        named = list(named_secrets(PairSpec.model_validate(spec)))
    except ValidationError:
        return
    for field, name, judge in named:
        answer = call(api, "get", version="v1", namespace=namespace, url=f"secrets/{name}")
        if answer.status_code == NOT_FOUND:
            yield problem("secrets", f"{field}: there is no Secret {namespace}/{name}: create it")
        elif answer.status_code >= GOOD:
            yield warning("secrets", f"{field}: you may not read {namespace}/{name}, so it was not looked at")
        else:
            fault = judge(_content(answer.json()))
            text = f"{field}: Secret {namespace}/{name}"
            yield problem("secrets", f"{text}: {fault[1]}") if fault else well("secrets", f"{text} is of use")


def secret_names(spec: Mapping[str, Any]) -> tuple[str, ...]:
    """Return every Secret that a spec names, as far as this version reads the spec."""
    try:
        return tuple(dict.fromkeys(name for _, name, _ in named_secrets(PairSpec.model_validate(spec))))
    except ValidationError:
        return ()


def _content(secret: Mapping[str, Any]) -> dict[str, bytes]:
    found = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            continue
    return found


def of_the_operator(pair: MaestroPair) -> Iterator[Finding]:
    """Say what the operator wrote of nodes, guards, devices, names, copies and backups."""
    status, meta = pair.obj.get("status") or {}, pair.obj["metadata"]
    if not status:
        yield problem("cluster", "no operator has seen the pair: does one run, and does it watch this namespace?")
        return
    if status.get("observedGeneration") != meta.get("generation"):
        yield problem(
            "cluster", f"no operator has seen generation {meta.get('generation')} of spec yet: does one lead?"
        )
    else:
        yield well("cluster", "the operator has seen the spec as it is")
    for node in status.get("nodes") or []:
        yield from _node(node)
    for item in status.get("conditions") or []:
        yield from _condition(item)
    failed = {item["name"]: item["message"] for item in (status.get("verifiedAtRest") or {}).get("failed") or []}
    audits = [check["name"] for check in pair.obj["spec"].get("verification") or [] if "addressAudit" in check]
    for name in audits:
        if name in failed:
            yield problem("addresses", f"spec.verification[{name}]: {failed[name]}")
        elif status.get("verifiedAtRest"):
            yield well("addresses", f"spec.verification[{name}] found no address of a node where it would stay behind")
        else:
            yield warning("addresses", f"spec.verification[{name}] was not made at rest yet")


def _node(node: Mapping[str, Any]) -> Iterator[Finding]:
    name = node["name"]
    if node.get("reachable"):
        yield well("nodes", f"{name} is read over SSH, verdict {node.get('verdict')}")
        known = node.get("epoch") is not None
        text = f"{name}: its guard knows epoch {node.get('epoch')}, and is {node.get('role') or 'without a role'}"
        yield well("guard", text) if known else warning("guard", f"{name}: its guard holds no epoch yet")
    else:
        yield problem("nodes", f"{name} cannot be read: {node['reason']}")
        yield warning("guard", f"{name}: its guard could not be asked")
    ready = node.get("fencingReady")
    why = node.get("fencingReason") or "no device was read yet"
    if ready:
        yield well("fencing", f"{name} could be fenced now")
    else:
        yield (warning if ready is None else problem)("fencing", f"{name} could not be fenced now: {why}")


def _condition(item: Mapping[str, Any]) -> Iterator[Finding]:
    kind, truth = item["type"], item["status"]
    if kind not in (*GOOD_TRUE, *BAD_TRUE):
        return
    area, text = AREAS.get(kind, "cluster"), f"{kind}={truth}, {item['reason']}: {item['message']}"
    if truth == "Unknown":
        yield warning(area, text)
    else:
        wrong = warning if kind == "DrillRecent" else problem
        yield (well if (truth == "True") is (kind in GOOD_TRUE) else wrong)(area, text)
