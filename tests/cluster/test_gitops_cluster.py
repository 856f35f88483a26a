"""Flux' expressions by the API server's own CEL, and the Kustomize overlay by kubectl, judged strictly."""

import re
import uuid

import pytest
import yaml

from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.gitops import OVERLAY, expressions, samples, table
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi

NAMESPACE = "gitops"
MOMENT = "2026-11-22T20:00:00.000Z"
IN_FORCE_SECONDS = 40
FLUX = [name for name, row in table().items() if row[1] != "-"]


def for_the_api_server(expression: str) -> str:
    """Flux gives an expression the object's own fields as variables; a policy gives it `object`."""
    return re.sub(r"(?<![.\w'])(status|metadata)\.", r"object.\1.", expression)


def policy() -> list[Manifest]:
    """A policy that refuses every write to status, and says what each expression is."""
    told = " + ".join(f"' {name}=' + string({for_the_api_server(text)})" for name, text in expressions().items())
    name = f"flux.{NAMESPACE}"
    rule = {"apiGroups": ["maestropair.dev"], "apiVersions": ["*"], "operations": ["UPDATE"]}
    spec = {
        "matchConstraints": {"resourceRules": [{**rule, "resources": ["maestropairs/status"]}]},
        "matchConditions": [{"name": "here", "expression": f"object.metadata.namespace == '{NAMESPACE}'"}],
        "validations": [{"expression": "false", "messageExpression": told}],
    }
    common = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": name}}
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {**common, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**common, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    api = PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)
    (pair,) = example("maestro-by-hand.yaml")
    assert api.create(changed(pair, "metadata.name", "sample")).is_good
    schema_plane.run_kubectl("create", "-f", "-", input_text=yaml.safe_dump_all(policy()))
    # A policy is in force a moment after it was made.
    assert await_condition(lambda: bool(verdicts(api, samples()["healthy"])), within_seconds=IN_FORCE_SECONDS)
    return api


def verdicts(api: PairApi, sample: Manifest) -> dict[str, bool]:
    """What the API server says of each expression for a sample's conditions; nothing while no policy is in force."""
    generation = api.read("sample").body["metadata"]["generation"]
    is_seen = sample["status"]["observedGeneration"] == sample["metadata"]["generation"]
    conditions = [{"lastTransitionTime": MOMENT, **item} for item in sample["status"]["conditions"]]
    observed = generation if is_seen else generation - 1
    # The plan differs each time: a write that changes nothing is judged by no policy.
    status = {"observedGeneration": observed, "conditions": conditions, "plan": uuid.uuid4().hex}
    answer = api.patch("sample", {"status": status}, subresource="/status")
    return {name: truth == "true" for name, truth in re.findall(r"(\w+)=(true|false)", answer.message)}


@pytest.mark.parametrize("name", FLUX)
def test_exactly_the_one_expression_is_true_that_the_page_says(stored: PairApi, name: str) -> None:
    found = verdicts(stored, samples()[name])

    assert found == {word: word == table()[name][1] for word in ("failed", "inProgress", "current")}


def test_the_overlay_is_built_by_kubectl_and_taken_strictly_with_the_sites_own_values(
    schema_plane: ControlPlane, pairs: PairApi
) -> None:
    built = schema_plane.run_kubectl("kustomize", str(OVERLAY), "-o", "/dev/stdout")
    pair = yaml.safe_load(built)

    answer = pairs.create({**pair, "metadata": {**pair["metadata"], "namespace": "pairs"}}, dry_run=True)

    assert answer.is_good, answer.message
    assert [node["address"] for node in answer.body["spec"]["nodes"]] == ["198.51.100.10", "198.51.100.20"]
    assert (
        answer.body["spec"]["activeNode"] == yaml.safe_load((OVERLAY / "order.yaml").read_text())["spec"]["activeNode"]
    )
    assert pair["metadata"]["namespace"] == "maestro"
