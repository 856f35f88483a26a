"""The chart's roles for people, each tried by impersonation on a real API server: what it may, and what it may not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from maestro_operator.model.pair import Say
from support.controlplane import CommandError, ControlPlane
from support.controlplane.clock import await_condition
from support.manifests import Manifest, changed, example, rendered, rendered_rbac
from support.pair_api import install_schema

HOME, PAIRS, ELSEWHERE = "roles-home", "roles-pairs", "roles-elsewhere"
ROLES = ("viewer", "pair-operator", "fencer", "pair-admin")
PAIR = "lists"
IN_FORCE_SECONDS = 30


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with the schema, the chart's roles, one user a role and one pair."""
    with ControlPlane.start(tmp_path_factory.mktemp("roles-plane"), own_processes=True) as started:
        for namespace in (HOME, PAIRS, ELSEWHERE):
            started.ensure_namespace(namespace)
        install_schema(started)
        (pair,) = example("maestro-linux.yaml")
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lists-a-ssh", "namespace": PAIRS}}
        objects = [*rendered_rbac(HOME), *(bound(role) for role in ROLES), secret]
        started.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all(objects))
        for namespace in (PAIRS, ELSEWHERE):
            started.run_kubectl("apply", f"--namespace={namespace}", "-f", "-", input_text=yaml.safe_dump(pair))
        # A policy is in force a moment after it was made.
        assert await_condition(
            lambda: not patched(started, "fencer", {"management": "Paused"}), within_seconds=IN_FORCE_SECONDS
        )
        yield started


def bound(role: str) -> Manifest:
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": role, "namespace": PAIRS},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": f"maestro-operator-{role}",
        },
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": role}],
    }


def kubectl(plane: ControlPlane, role: str, *words: str, namespace: str = PAIRS) -> str:
    """Runs kubectl as the user of a role; returns what it said where it was refused, else nothing."""
    try:
        plane.run_kubectl(*words, f"--namespace={namespace}", f"--as={role}")
    except CommandError as refused:
        return str(refused) or "refused"
    return ""


def patched(plane: ControlPlane, role: str, spec: Manifest, *, namespace: str = PAIRS) -> bool:
    return not refusal(plane, role, spec, namespace=namespace)


def refusal(plane: ControlPlane, role: str, spec: Manifest, *, namespace: str = PAIRS) -> str:
    """Returns what was said against a change of spec, which is only tried; nothing where it would be taken."""
    body = json.dumps({"spec": spec})
    words = ("patch", "maestropair", PAIR, "--type=merge", f"--patch={body}", "--dry-run=server")
    return kubectl(plane, role, *words, namespace=namespace)


def nodes_with(**changes: Any) -> Manifest:  # noqa: ANN401
    (pair,) = example("maestro-linux.yaml")
    for path, value in changes.items():
        pair = changed(pair, f"spec.nodes.{path.replace('__', '.')}", value)
    return {"nodes": pair["spec"]["nodes"]}


SAYS = {say: {"episode": "failover-2", "say": say, "of": "120"} for say in Say}
CONFIRMED = {"answers": [{"episode": "failover-2", "say": "ConfirmFenced", "of": "a"}]}
ORDERS: dict[str, Manifest] = {
    "another active node": {"activeNode": "b"},
    "a pause": {"management": "Paused"},
    "a maintenance": {"detection": {"maintenanceUntil": "2030-01-01T00:00:00Z"}},
    **{f"the answer {say}": {"answers": [answer]} for say, answer in SAYS.items() if say is not Say.CONFIRM_FENCED},
}
DESIGNS: dict[str, Manifest] = {
    "another address": nodes_with(**{"0__address": "192.0.2.99"}),
    "another host key": nodes_with(**{"0__ssh__hostKey": "ssh-ed25519 AAAA"}),
    "another deadline of a fence": nodes_with(**{"0__fencing__1__deadlineSeconds": 90}),
    "another budget": {"failover": {"maxDataLossSeconds": 9999}},
    "a shorter detection": {"detection": {"downForSeconds": 30}},
    "no verification": {"verification": None},
    "a field that was not there": {"localise": [{"name": "more", "hostsPin": {"names": ["x.example.org"]}}]},
    "an order with a design in it": {"activeNode": "b", "failover": {"blockSeconds": 0}},
}


@pytest.mark.parametrize("what", ORDERS)
def test_a_pair_operator_gives_orders_and_answers_and_a_fencer_and_a_viewer_do_not(
    plane: ControlPlane, what: str
) -> None:
    assert refusal(plane, "pair-operator", ORDERS[what]) == ""
    assert "ask for the role pair-operator" in refusal(plane, "fencer", ORDERS[what])
    assert 'cannot patch resource "maestropairs"' in refusal(plane, "viewer", ORDERS[what])


def test_a_fencer_confirms_that_a_machine_is_off_and_a_pair_operator_does_not(plane: ControlPlane) -> None:
    both = {"answers": [SAYS[Say.RETRY], *CONFIRMED["answers"]]}

    assert refusal(plane, "fencer", CONFIRMED) == ""
    assert "ask for the role fencer" in refusal(plane, "pair-operator", CONFIRMED)
    assert "ask for the role fencer" in refusal(plane, "pair-operator", both)
    assert "ask for the role pair-operator" in refusal(plane, "fencer", both)


@pytest.mark.parametrize("what", DESIGNS)
def test_only_a_pair_admin_changes_what_the_pair_is(plane: ControlPlane, what: str) -> None:
    for role in ("pair-operator", "fencer"):
        assert "ask for the role pair-" in refusal(plane, role, DESIGNS[what])
    assert "ask for the role" not in refusal(plane, "pair-admin", DESIGNS[what])


def test_a_confirmation_that_stands_is_taken_back_by_nobody_who_may_not_operate(plane: ControlPlane) -> None:
    plane.run_kubectl(
        "patch",
        "maestropair",
        PAIR,
        f"--namespace={PAIRS}",
        "--type=merge",
        f"--patch={json.dumps({'spec': CONFIRMED})}",
    )
    try:
        assert "ask for the role pair-operator" in refusal(plane, "fencer", {"answers": []})
        assert refusal(plane, "pair-operator", {"answers": [*CONFIRMED["answers"], SAYS[Say.RETRY]]}) == ""
    finally:
        plane.run_kubectl(
            "patch", "maestropair", PAIR, f"--namespace={PAIRS}", "--type=merge", '--patch={"spec": {"answers": null}}'
        )


def test_a_viewer_reads_pairs_and_events_and_no_role_reads_secrets_or_writes_status(plane: ControlPlane) -> None:
    for role in ROLES:
        assert kubectl(plane, role, "get", "maestropairs") == ""
        assert kubectl(plane, role, "get", "events.events.k8s.io") == ""
        assert 'cannot get resource "secrets"' in kubectl(plane, role, "get", "secrets", "lists-a-ssh")
        for what in (
            "patch maestropairs --subresource=status",
            "update maestropairs --subresource=status",
            "list secrets",
        ):
            assert kubectl(plane, role, "auth", "can-i", *what.split())


@pytest.mark.parametrize("role", ROLES)
def test_only_a_pair_admin_deletes_and_nobody_reaches_another_namespace(plane: ControlPlane, role: str) -> None:
    deleted = kubectl(plane, role, "delete", "maestropair", PAIR, "--dry-run=server")

    assert (deleted == "") is (role == "pair-admin")
    for verb in ("get", "patch", "delete"):
        assert kubectl(plane, role, "auth", "can-i", verb, "maestropairs", namespace=ELSEWHERE)


def test_with_one_namespace_to_watch_the_roles_are_of_that_namespace_and_can_be_left_out() -> None:
    values: dict[str, object] = {"watchNamespace": PAIRS}
    roles = [found for found in rendered(HOME, values=values) if found["kind"] == "Role"]

    assert {f"maestro-operator-{role}" for role in ROLES} <= {found["metadata"]["name"] for found in roles}
    none = rendered(HOME, values={"roles": {"create": False}})
    assert not any(found["metadata"]["name"].endswith(("-viewer", ".people")) for found in none)
