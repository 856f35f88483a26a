"""The chart as rendered: what it makes, what it lets the operator do, and that a real API server takes all of it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from maestro_operator import settings
from maestro_operator.model.surroundings import FINALIZER
from support.chart_readme import README, chart_readme
from support.controlplane import CommandError, ControlPlane, obtain_programs
from support.controlplane.clock import await_condition
from support.controlplane.monitoring_schemas import monitoring_schemas
from support.manifests import CHART, CRD_PATH, Manifest, RenderError, crd, example, rendered, rendered_rbac
from support.pair_api import PairApi, await_served, install_schema
from support.sync_chart_crd import COPY, chart_copy

RELEASE_NAMESPACE = "chart-test"
PAIR_NAMESPACE = "chart-pairs"
SUBJECT = f"system:serviceaccount:{RELEASE_NAMESPACE}:maestro-operator"
LIMIT_SECONDS = 60.0
SCHEMA = CHART / "values.schema.json"
EVERYTHING = {
    "replicas": 2,
    "rbac": {"secrets": [{"namespace": PAIR_NAMESPACE, "names": ["a-bmc"]}]},
    "podMonitor": {"create": True},
    "dashboard": {"create": True},
    "networkPolicy": {"metricsFrom": [{"podSelector": {}}], "egress": [{"ports": [{"port": 22, "protocol": "TCP"}]}]},
    "serviceMonitor": {"create": True},
    "prometheusRule": {"create": True},
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
    "podAnnotations": {"example.org/a": "b"},
    "podLabels": {"example.org/team": "mail"},
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"operator": "Exists"}],
    "priorityClassName": "system-cluster-critical",
    "extraEnv": [{"name": "TZ", "value": "UTC"}],
    "statusPage": {"create": True, "expose": True, "from": [{"podSelector": {}}]},
}


def of_kind(objects: list[Manifest], kind: str) -> list[Manifest]:
    return [found for found in objects if found["kind"] == kind]


def pod_spec(objects: list[Manifest]) -> Manifest:
    (deployment,) = of_kind(objects, "Deployment")
    return dict(deployment["spec"]["template"]["spec"])


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """An API server with the schema and the chart's rules, as an administrator leaves it."""
    with ControlPlane.start(tmp_path_factory.mktemp("chart-plane"), own_processes=True) as started:
        for namespace in (RELEASE_NAMESPACE, PAIR_NAMESPACE, "elsewhere"):
            started.ensure_namespace(namespace)
        install_schema(started)
        apply(started, rendered_rbac(RELEASE_NAMESPACE, secret_namespaces=(PAIR_NAMESPACE,)))
        yield started


def apply(plane: ControlPlane, objects: list[Manifest], *words: str) -> str:
    text = yaml.safe_dump_all(objects)
    return plane.run_kubectl("apply", "--validate=strict", *words, "-f", "-", input_text=text)


# ---------------------------------------------------------------- as text


def test_helm_finds_nothing_to_complain_of() -> None:
    helm = obtain_programs("helm")["helm"]

    done = subprocess.run(
        [str(helm), "lint", str(CHART), "--strict"], capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )

    assert done.returncode == 0, done.stdout


def test_the_chart_carries_the_crd_of_the_project() -> None:
    assert COPY.read_text() == chart_copy()
    (made,) = of_kind(rendered(), "CustomResourceDefinition")
    assert made["spec"] == crd()["spec"]
    assert made["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_crd_can_be_left_to_somebody_else() -> None:
    assert of_kind(rendered(values={"crds": {"install": False}}), "CustomResourceDefinition") == []


def test_two_operators_run_and_one_of_them_goes_at_a_time() -> None:
    objects = rendered()
    (deployment,), (budget,) = of_kind(objects, "Deployment"), of_kind(objects, "PodDisruptionBudget")
    labels = deployment["spec"]["selector"]["matchLabels"]

    assert deployment["spec"]["replicas"] == 2
    assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 1, "maxSurge": 0}
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"]["matchLabels"] == labels
    (term,) = pod_spec(objects)["affinity"]["podAntiAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert term["podAffinityTerm"]["labelSelector"]["matchLabels"] == labels
    assert of_kind(rendered(values={"replicas": 1}), "PodDisruptionBudget") == []
    own: dict[str, object] = {"affinity": {"nodeAffinity": {}}}
    assert pod_spec(rendered(values=own))["affinity"] == {"nodeAffinity": {}}
    assert deployment["spec"]["template"]["spec"]["serviceAccountName"] == "maestro-operator"


def test_every_variable_that_the_chart_sets_is_a_knob_of_the_operator() -> None:
    (container,) = pod_spec(rendered())["containers"]
    source = Path(settings.__file__).read_text()

    names = {item["name"] for item in container["env"]}

    assert {"MAESTRO_LEASE_NAMESPACE", "MAESTRO_LISTEN_PORT"} <= names
    assert all(f'"{name}"' in source for name in names)


def test_the_probes_ask_what_the_operator_serves_on_the_port_it_listens_on() -> None:
    (container,) = pod_spec(rendered())["containers"]

    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    assert {"name": "MAESTRO_LISTEN_PORT", "value": "8080"} in container["env"]
    assert container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


def test_only_the_pages_are_let_in_and_what_goes_out_is_closed_only_where_that_was_chosen() -> None:
    prometheus = {"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}
    chosen = {"metricsFrom": [prometheus], "egress": [{"ports": [{"port": 22}]}]}
    (plain,) = of_kind(rendered(), "NetworkPolicy")
    (closed,) = of_kind(rendered(values={"networkPolicy": chosen}), "NetworkPolicy")

    assert plain["spec"]["policyTypes"] == ["Ingress"]
    assert plain["spec"]["ingress"] == [{"ports": [{"port": "http"}]}]
    assert closed["spec"]["policyTypes"] == ["Ingress", "Egress"]
    assert closed["spec"]["ingress"] == [{"ports": [{"port": "http"}], "from": [prometheus]}]
    assert closed["spec"]["egress"] == [{"ports": [{"port": 22}]}]
    assert of_kind(rendered(values={"networkPolicy": {"create": False}}), "NetworkPolicy") == []


def test_every_value_is_in_the_schema_and_nothing_else_is() -> None:
    values, schema = yaml.safe_load((CHART / "values.yaml").read_text()), json.loads(SCHEMA.read_text())

    assert unknown(values, schema, schema) == []
    assert set(values) == set(schema["properties"]) - {"global"}


def unknown(value: Manifest, place: Manifest, schema: Manifest, way: str = "") -> list[str]:
    """The values that the schema has no word for, and the words of it that have no value."""
    if "$ref" in place:
        place = schema["definitions"][place["$ref"].rsplit("/", 1)[1]]
    known = place.get("properties")
    if known is None:
        return []
    found = [f"{way}.{name}" for name in set(value) ^ (set(known) - {"global"})]
    for name, inner in value.items():
        if isinstance(inner, dict) and name in known:
            found += unknown(inner, known[name], schema, f"{way}.{name}")
    return found


def test_the_readme_of_the_chart_is_what_its_values_say() -> None:
    assert README.read_text() == chart_readme()


@pytest.mark.parametrize("monitor", ["podMonitor", "serviceMonitor"])
def test_a_monitor_keeps_the_label_by_which_the_alerts_go(monitor: str) -> None:
    (made,) = of_kind(rendered(values={monitor: {"create": True}}), monitor[0].upper() + monitor[1:])
    (endpoint,) = made["spec"].get("podMetricsEndpoints") or made["spec"]["endpoints"]

    assert endpoint["honorLabels"] is True
    assert endpoint["path"] == "/metrics"


def test_with_one_namespace_to_watch_nothing_is_granted_beyond_it() -> None:
    objects = rendered(values={"watchNamespace": PAIR_NAMESPACE})

    assert of_kind(objects, "ClusterRole") == []
    assert of_kind(objects, "ClusterRoleBinding") == []
    assert {role["metadata"]["namespace"] for role in of_kind(objects, "Role")} == {PAIR_NAMESPACE, "maestro-system"}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"replica": 1}, "replica"),
        ({"replicas": "two"}, "replicas"),
        ({"logLevel": "LOUD"}, "logLevel"),
        ({"rbac": {"secrets": [{"names": ["x"]}]}}, "namespace"),
        ({"rbac": {"secrets": [{"namespace": "x", "names": []}]}}, "names"),
        ({"image": {"digest": "latest"}}, "digest"),
        ({"lease": {"seconds": 3}}, "seconds"),
        ({"serviceAccount": {"create": False}}, "serviceAccount.name is needed"),
        ({"serviceMonitor": {"create": True}, "service": {"create": False}}, "needs service.create"),
    ],
)
def test_values_that_cannot_be_meant_are_refused_by_name(values: dict[str, object], words: str) -> None:
    with pytest.raises(RenderError) as refused:
        rendered(values=values)

    assert words in str(refused.value)


# ---------------------------------------------------------------- on a real API server


@pytest.mark.parametrize("values", [{}, EVERYTHING, {"watchNamespace": PAIR_NAMESPACE}], ids=["plain", "all", "one"])
def test_a_real_api_server_takes_everything_that_is_rendered(plane: ControlPlane, values: dict[str, object]) -> None:
    known = set(plane.run_kubectl("api-resources", "-o", "name").split())
    objects = rendered(RELEASE_NAMESPACE, values=values)
    strangers = {found["kind"] for found in objects if found["apiVersion"].startswith("monitoring.coreos.com/")}

    said = apply(
        plane, [found for found in objects if found["kind"] not in strangers], "--dry-run=server", "--server-side",
        "--force-conflicts",
    )  # fmt: skip

    assert len(said.splitlines()) == len(objects) - len(strangers)
    assert "deployments.apps" in known
    assert strangers == ({"PodMonitor", "ServiceMonitor", "PrometheusRule"} if values is EVERYTHING else set())


@pytest.fixture
def monitored(plane: ControlPlane) -> Iterator[ControlPlane]:
    """The API server as one has it who runs prometheus-operator."""
    files = [word for path in monitoring_schemas() for word in ("--filename", str(path))]
    plane.run_kubectl("apply", "--server-side", *files)
    kinds = ("podmonitors", "prometheusrules", "servicemonitors")
    plane.run_kubectl("wait", "--for=condition=Established", *(f"crd/{kind}.monitoring.coreos.com" for kind in kinds))
    yield plane
    plane.run_kubectl("delete", *files)


def test_what_the_chart_makes_for_prometheus_operator_is_taken_by_its_own_schemas(monitored: ControlPlane) -> None:
    objects = rendered(RELEASE_NAMESPACE, values=EVERYTHING)
    theirs = [found for found in objects if found["apiVersion"].startswith("monitoring.coreos.com/")]
    words = ("--dry-run=server", "--server-side", "--validate=strict")

    said = apply(monitored, theirs, *words)

    assert len(said.splitlines()) == len(theirs) > 2
    for found in theirs:
        wrong = {**found, "spec": {**found["spec"], "endpoint": []}}
        with pytest.raises(CommandError, match="endpoint"):
            apply(monitored, [wrong], *words)


def test_the_pod_is_admitted_where_only_restricted_pods_are(plane: ControlPlane) -> None:
    plane.ensure_namespace("restricted")
    plane.run_kubectl("label", "namespace", "restricted", "pod-security.kubernetes.io/enforce=restricted")
    plane.run_kubectl("create", "serviceaccount", "maestro-operator", "--namespace=restricted")
    pod: Manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "operator", "namespace": "restricted"},
        "spec": pod_spec(rendered()),
    }

    assert "created" in apply(plane, [pod], "--dry-run=server")
    with pytest.raises(CommandError, match="restricted"):
        apply(plane, [{**pod, "spec": {**pod["spec"], "hostNetwork": True}}], "--dry-run=server")


Right = tuple[str, str, str]
"""A verb, a resource with its group and perhaps a name or subresource, and a namespace."""
ALLOWED: tuple[Right, ...] = (
    ("get", "maestropairs.maestropair.dev", PAIR_NAMESPACE),
    ("list", "maestropairs.maestropair.dev", "elsewhere"),
    ("watch", "maestropairs.maestropair.dev", "elsewhere"),
    ("update", "maestropairs.maestropair.dev/status", PAIR_NAMESPACE),
    ("create", "events.events.k8s.io", PAIR_NAMESPACE),
    ("create", "leases.coordination.k8s.io", RELEASE_NAMESPACE),
    ("get", "leases.coordination.k8s.io/maestro-operator", RELEASE_NAMESPACE),
    ("update", "leases.coordination.k8s.io/maestro-operator", RELEASE_NAMESPACE),
    ("get", "secrets/a-bmc", PAIR_NAMESPACE),
    ("patch", "maestropairs.maestropair.dev", PAIR_NAMESPACE),
)
REFUSED: tuple[Right, ...] = (
    ("update", "maestropairs.maestropair.dev", PAIR_NAMESPACE),
    ("create", "maestropairs.maestropair.dev", PAIR_NAMESPACE),
    ("delete", "maestropairs.maestropair.dev", PAIR_NAMESPACE),
    ("patch", "maestropairs.maestropair.dev/status", PAIR_NAMESPACE),
    ("get", "secrets/a-bmc", RELEASE_NAMESPACE),
    ("get", "secrets/a-bmc", "elsewhere"),
    ("list", "secrets", PAIR_NAMESPACE),
    ("watch", "secrets", PAIR_NAMESPACE),
    ("update", "leases.coordination.k8s.io/another", RELEASE_NAMESPACE),
    ("get", "leases.coordination.k8s.io/maestro-operator", PAIR_NAMESPACE),
    ("get", "configmaps", RELEASE_NAMESPACE),
    ("create", "pods", RELEASE_NAMESPACE),
    ("get", "customresourcedefinitions.apiextensions.k8s.io", ""),
    ("list", "namespaces", ""),
)


@pytest.fixture(scope="module")
def verdicts(plane: ControlPlane) -> dict[Right, bool]:
    """What the API server says that the operator's ServiceAccount may, all asked at once."""
    asked = [*ALLOWED, *REFUSED]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [review(*right) for right in asked]})
    words = '{.spec.resourceAttributes.verb} {.status.allowed}{"\\n"}'
    said = plane.run_kubectl("create", "-f", "-", "-o", f"jsonpath={words}", input_text=text).splitlines()
    assert [line.split()[0] for line in said] == [verb for verb, _, _ in asked]
    return {right: line.split()[1] == "true" for right, line in zip(asked, said, strict=True)}


def review(verb: str, what: str, namespace: str) -> Manifest:
    resource, _, rest = what.partition("/")
    plural, _, group = resource.partition(".")
    wanted = {"verb": verb, "group": group, "resource": plural, "namespace": namespace}
    wanted |= {"subresource": rest} if rest == "status" else {"name": rest}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{RELEASE_NAMESPACE}", "system:authenticated"]
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": SUBJECT, "groups": groups, "resourceAttributes": wanted},
    }


@pytest.mark.parametrize("right", ALLOWED, ids=" ".join)
def test_the_operator_may_do_what_it_needs(verdicts: dict[Right, bool], right: Right) -> None:
    assert verdicts[right]


@pytest.mark.parametrize("right", REFUSED, ids=" ".join)
def test_the_operator_may_do_nothing_else(verdicts: dict[Right, bool], right: Right) -> None:
    assert not verdicts[right]


def test_the_operator_writes_status_and_cannot_write_spec(plane: ControlPlane) -> None:
    admin = PairApi(plane.admin_kubeconfig, namespace=PAIR_NAMESPACE)
    (pair,) = example("maestro-linux.yaml")
    there = admin.create(pair).body
    operator = PairApi(
        plane.kubeconfig_for_service_account(RELEASE_NAMESPACE, "maestro-operator"), namespace=PAIR_NAMESPACE
    )

    written = operator.replace({**there, "status": {"term": 1, "plan": "none"}}, subresource="/status")
    assert written.is_good, written.message
    refused = operator.replace({**written.body, "spec": {**there["spec"], "activeNode": "b"}})
    smuggled = operator.replace({**written.body, "spec": {**there["spec"], "activeNode": "b"}}, subresource="/status")

    assert refused.status == 403
    assert smuggled.body["spec"] == there["spec"]


def test_the_operator_may_patch_its_own_finalizer_and_nothing_else_of_a_pair(plane: ControlPlane) -> None:
    admin = PairApi(plane.admin_kubeconfig, namespace=PAIR_NAMESPACE)
    (pair,) = example("maestro-linux.yaml")
    name = "held"
    there = admin.create({**pair, "metadata": {**pair["metadata"], "name": name, "finalizers": ["people/theirs"]}})
    assert there.is_good, there.message
    operator = PairApi(
        plane.kubeconfig_for_service_account(RELEASE_NAMESPACE, "maestro-operator"), namespace=PAIR_NAMESPACE
    )
    refused: dict[str, Manifest] = {
        "spec belongs to people": {"spec": {"activeNode": "b"}},
        "labels, annotations and owners": {"metadata": {"annotations": {"somebody": "else"}}},
        "its own finalizer and no other": {"metadata": {"finalizers": [FINALIZER]}},
    }

    # A policy is in force a moment after it was made.
    assert await_condition(
        lambda: not operator.patch(name, {"metadata": {"labels": {"not": "yet"}}}).is_good, within_seconds=20
    )

    for words, change in refused.items():
        answer = operator.patch(name, change)
        assert answer.status == 422, (words, answer)
        assert words in answer.message
    both = ["people/theirs", FINALIZER]
    for finalizers in (both, ["people/theirs"]):
        answer = operator.patch(name, {"metadata": {"finalizers": finalizers}})
        assert answer.body["metadata"]["finalizers"] == finalizers, answer.message
    assert admin.patch(name, {"spec": {"activeNode": "b"}}).is_good


# ---------------------------------------------------------------- as a release


def a_live_pair(plane: ControlPlane) -> Manifest:
    """A pair that an operator served: with its finalizer, and a status of its own."""
    plane.ensure_namespace(PAIR_NAMESPACE)
    api = PairApi(plane.admin_kubeconfig, namespace=PAIR_NAMESPACE)
    (pair,) = example("maestro-linux.yaml")
    made = api.create({**pair, "metadata": {**pair["metadata"], "finalizers": [FINALIZER]}})
    assert made.is_good, made.message
    written = api.patch(pair["metadata"]["name"], {"status": {"term": 3, "plan": "none"}}, subresource="/status")
    assert written.is_good, written.message
    return without_bookkeeping(written.body)


def pairs_of(plane: ControlPlane) -> list[Manifest]:
    text = plane.run_kubectl("get", "maestropairs.maestropair.dev", "-A", "-o", "json")
    return [without_bookkeeping(item) for item in json.loads(text)["items"]]


def without_bookkeeping(pair: Manifest) -> Manifest:
    """The pair but for what kubectl leaves out."""
    return {**pair, "metadata": {name: word for name, word in pair["metadata"].items() if name != "managedFields"}}


def test_an_upgrade_brings_a_new_schema_and_a_removal_keeps_the_pairs(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """What lies in a chart's own crds folder is never upgraded by helm, which is why the CRD is a template."""
    helm = obtain_programs("helm")["helm"]
    with ControlPlane.start(tmp_path_factory.mktemp("release-plane"), own_processes=True) as plane:
        plane.ensure_namespace(RELEASE_NAMESPACE)

        def run(*words: str) -> str:
            command = [str(helm), *words, f"--namespace={RELEASE_NAMESPACE}", f"--kubeconfig={plane.admin_kubeconfig}"]
            return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT_SECONDS).stdout

        notes = run("install", "maestro-operator", str(CHART))
        await_served(plane)
        live = a_live_pair(plane)
        older = {"spec": {"names": {"shortNames": ["old"]}}}
        plane.run_kubectl("patch", "-f", str(CRD_PATH), "--type=merge", "-p", json.dumps(older))
        run("upgrade", "maestro-operator", str(CHART), "--set", "replicas=0")
        upgraded = pairs_of(plane)
        run("uninstall", "maestro-operator")
        removed = pairs_of(plane)
        kept = json.loads(plane.run_kubectl("get", "-f", str(CRD_PATH), "-o", "json"))
        left = plane.run_kubectl("get", "deployments,serviceaccounts", f"--namespace={RELEASE_NAMESPACE}", "-o", "name")

    assert kept["spec"]["names"]["shortNames"] == ["mp"]
    assert upgraded == removed == [live], "the pair is as it was: neither deleted nor changed"
    assert "kubectl maestro init maestro-linux" in notes
    assert "It may read no Secret yet" in notes
    assert left.split() == ["serviceaccount/default"]


@pytest.mark.parametrize(
    ("values", "environment", "ports"),
    [
        ({}, {}, ["http"]),
        ({"create": True}, {"PORT": "8081", "ADDRESS": "127.0.0.1"}, ["http"]),
        ({"create": True, "expose": True}, {"PORT": "8081", "ADDRESS": "0.0.0.0"}, ["http", "status-page"]),
    ],
    ids=["off", "for the pod alone", "exposed"],
)
def test_the_status_page_is_off_and_then_for_the_pod_alone_unless_it_is_exposed(
    values: Manifest, environment: Manifest, ports: list[str]
) -> None:
    objects = rendered(values={"statusPage": values})
    (container,) = pod_spec(objects)["containers"]
    (policy,) = of_kind(objects, "NetworkPolicy")

    named = {item["name"].removeprefix("MAESTRO_STATUS_PAGE_"): item["value"] for item in container["env"]}
    assert {name: value for name, value in named.items() if "_" not in name} == environment
    assert [port["name"] for port in container["ports"]] == ports
    assert [port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]] == ports
