"""Each right that the chart gives the operator is needed: without it, what it is for does not work."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from kubernetes.aio import client
from kubernetes.aio.client.exceptions import ApiException

from maestro_operator.clock import SystemClock
from maestro_operator.kube.connection import connect
from maestro_operator.kube.resource import PairStore, list_pairs
from maestro_operator.kube.secrets import SecretReader
from maestro_operator.model.pair import PairKey
from maestro_operator.model.surroundings import Resource
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.manifests import Manifest, changed, example, rendered_rbac
from support.pair_api import PairApi

NAMESPACE = "rights"
PAIR, SECRET, LEASE = "needed", "key", "maestro-operator"
EVERYTHING = "has-everything"
FORBIDDEN = 403
IN_FORCE_SECONDS = 40
Right = tuple[str, str]
"""A resource and a verb."""


@dataclass(frozen=True)
class Tried:
    """One connection as somebody, and the pair."""

    api: client.ApiClient
    key: PairKey
    resource: Resource
    """The pair as an administrator reads it now."""
    lease: client.V1Lease
    """And the Lease."""

    async def read(self) -> object:
        return await PairStore(self.api, self.key).read()

    async def listed(self) -> object:
        return await list_pairs(self.api, None)

    async def watched(self) -> object:
        """As the library of the watch asks."""
        custom = client.CustomObjectsApi(self.api)
        return await custom.list_namespaced_custom_object(
            "maestropair.dev", "v1alpha1", NAMESPACE, "maestropairs", watch=True, timeout_seconds=1
        )

    async def held(self) -> object:
        return await PairStore(self.api, self.key).hold(self.resource, held=True)

    async def status_written(self) -> object:
        return await PairStore(self.api, self.key).write_status(self.resource, {"term": 1})

    async def event_told(self) -> object:
        event = client.EventsV1Event(
            metadata=client.V1ObjectMeta(generate_name="told-", namespace=NAMESPACE),
            event_time=datetime(2026, 11, 22, 20, 0, 0, 1, tzinfo=UTC),
            type="Normal",
            reason="StepTaken",
            action="step",
            note="x",
            reporting_controller="maestropair.dev",
            reporting_instance="x",
            regarding=client.V1ObjectReference(namespace=NAMESPACE, name=PAIR),
        )
        return await client.EventsV1Api(self.api).create_namespaced_event(NAMESPACE, event)

    async def lease_read(self) -> object:
        return await client.CoordinationV1Api(self.api).read_namespaced_lease(LEASE, NAMESPACE)

    async def lease_made(self) -> object:
        lease = client.V1Lease(metadata=client.V1ObjectMeta(generate_name="made-", namespace=NAMESPACE))
        return await client.CoordinationV1Api(self.api).create_namespaced_lease(NAMESPACE, lease)

    async def lease_renewed(self) -> object:
        return await client.CoordinationV1Api(self.api).replace_namespaced_lease(LEASE, NAMESPACE, self.lease)

    async def secret_read(self) -> object:
        return await SecretReader(self.api, clock=SystemClock())(NAMESPACE, SECRET)


NEEDED: dict[Right, Callable[[Tried], Awaitable[object]]] = {
    ("maestropairs", "get"): Tried.read,
    ("maestropairs", "list"): Tried.listed,
    ("maestropairs", "watch"): Tried.watched,
    ("maestropairs", "patch"): Tried.held,
    ("maestropairs/status", "update"): Tried.status_written,
    ("events", "create"): Tried.event_told,
    ("leases", "get"): Tried.lease_read,
    ("leases", "create"): Tried.lease_made,
    ("leases", "update"): Tried.lease_renewed,
    ("secrets", "get"): Tried.secret_read,
}


def rules_of_the_operator() -> list[Manifest]:
    """Every rule that is bound to the operator's ServiceAccount, whichever role it stands in."""
    objects = rendered_rbac(NAMESPACE, secret_namespaces=(NAMESPACE,))
    bound = {
        item["roleRef"]["name"]
        for item in objects
        if item["kind"].endswith("RoleBinding") and item["subjects"][0]["kind"] == "ServiceAccount"
    }
    roles = (item for item in objects if item["kind"] in ("Role", "ClusterRole") and item["metadata"]["name"] in bound)
    return [rule for role in roles for rule in role["rules"]]


def rights_of(rules: list[Manifest]) -> set[Right]:
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def without(rules: list[Manifest], right: Right) -> list[Manifest]:
    kept = [
        {**rule, "verbs": [verb for verb in rule["verbs"] if (rule["resources"][0], verb) != right]} for rule in rules
    ]
    return [rule for rule in kept if rule["verbs"]]


def named(right: Right) -> str:
    return f"lacks-{right[1]}-{right[0].replace('/', '-')}"


def role_for(user: str, rules: list[Manifest]) -> list[Manifest]:
    meta = {"name": f"rights-{user}"}
    group = "rbac.authorization.k8s.io"
    common = {"apiVersion": f"{group}/v1", "metadata": meta}
    reference = {"apiGroup": group, "kind": "ClusterRole", "name": meta["name"]}
    subject = {"apiGroup": group, "kind": "User", "name": user}
    return [
        {**common, "kind": "ClusterRole", "rules": rules},
        {**common, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


def test_the_chart_gives_no_right_beside_those_that_are_tried() -> None:
    assert rights_of(rules_of_the_operator()) == set(NEEDED)


@pytest.fixture(scope="module")
def key(schema_plane: ControlPlane) -> PairKey:
    """The pair, after a role that lacks one right was made for each right, and one that lacks none."""
    schema_plane.ensure_namespace(NAMESPACE)
    (pair,) = example("maestro-by-hand.yaml")
    made = PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE).create(changed(pair, "metadata.name", PAIR))
    assert made.is_good, made.message
    rules = rules_of_the_operator()
    objects = [role for right in NEEDED for role in role_for(named(right), without(rules, right))]
    objects += role_for(EVERYTHING, rules)
    meta = {"namespace": NAMESPACE}
    objects.append({"apiVersion": "v1", "kind": "Secret", "metadata": {**meta, "name": SECRET}})
    objects.append({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {**meta, "name": LEASE}})
    schema_plane.run_kubectl("create", "-f", "-", input_text=yaml.safe_dump_all(objects))
    return PairKey(namespace=NAMESPACE, name=PAIR, uid=made.body["metadata"]["uid"])


async def works(kubeconfig: Path, key: PairKey, user: str, *, right: Right) -> bool:
    """Whether what needs a right works for somebody; nothing but a refusal counts as no."""
    api = await connect(kubeconfig)
    try:
        resource = await PairStore(api, key).read()
        assert resource is not None
        lease = await client.CoordinationV1Api(api).read_namespaced_lease(LEASE, NAMESPACE)
        api.set_default_header("Impersonate-User", user)
        await NEEDED[right](Tried(api, key, resource=resource, lease=lease))
    except ApiException as error:
        if error.status != FORBIDDEN:
            raise
        return False
    except KeyError:
        # The reader of Secrets says so of one that it may not read.
        return False
    finally:
        await api.close()
    return True


@pytest.mark.parametrize("right", NEEDED, ids=" ".join)
def test_a_right_is_needed_for_what_it_is_given_for(schema_plane: ControlPlane, key: PairKey, right: Right) -> None:
    other = next(item for item in NEEDED if item != right)

    def tried(user: str, what: Right) -> bool:
        return asyncio.run(works(schema_plane.admin_kubeconfig, key, user, right=what))

    # A role is in force a moment after it was made.
    assert await_condition(
        lambda: tried(EVERYTHING, right) and tried(named(right), other), within_seconds=IN_FORCE_SECONDS
    )
    assert not tried(named(right), right)
