"""The operator as the chart runs it: a process under its own ServiceAccount, with the rules the chart gives it."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml

from maestro_operator.cli import main as cli
from maestro_operator.metrics import GAUGES, OWN, TURN_SECONDS, TURNS
from maestro_operator.model.reasons import Reason
from maestro_operator.report.conditions import CONDITIONS
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.manifests import RBAC_KINDS, ROOT, Manifest, changed, example, rendered
from support.operator_environment import belonging, environment
from support.pair_api import PairApi

HOME = "operator-home"
PAIRS = "operated"
RELEASE = "process-maestro-operator"
START_SECONDS = 40
"""On a machine that builds something else at the same time."""
END_SECONDS = 5


@dataclass
class Operator:
    """One process of the operator."""

    process: subprocess.Popen[bytes]
    log: Path
    kubeconfig: Path

    def lines(self) -> list[dict[str, Any]]:
        """Every whole log line, parsed."""
        return [json.loads(line) for line in self.log.read_text().split("\n")[:-1]]

    @property
    def port(self) -> int:
        return next((line["port"] for line in self.lines() if "port" in line), 0)

    def page(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def figure(self, series: str) -> float | None:
        """The value of one series on the page of metrics, None where it is not there."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.page("/metrics")[1], re.MULTILINE)
        return float(found.group(1)) if found else None

    def turns(self) -> int:
        return int(json.loads(self.page("/livez")[1])["turns"])

    def end(self) -> float:
        """Tells it to end; returns how long that took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=4 * END_SECONDS)
        return time.monotonic() - began


def is_true(condition: Callable[[], object], *, within_seconds: float) -> bool:
    return bool(await_condition(lambda: bool(condition()), within_seconds=within_seconds))


@pytest.fixture(scope="module")
def rights(schema_plane: ControlPlane) -> ControlPlane:
    """The chart's rules, applied, and a free Lease so that nobody waits for a missing one."""
    for namespace in (HOME, PAIRS):
        schema_plane.ensure_namespace(namespace)
    chosen = {"rbac": {"secrets": [{"namespace": PAIRS}]}}
    rules = [found for found in rendered(HOME, values=chosen, release=RELEASE) if found["kind"] in RBAC_KINDS]
    lease = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "maestro-operator", "namespace": HOME},
    }
    schema_plane.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all([*rules, lease]))
    return schema_plane


@pytest.fixture(scope="module")
def start(rights: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Operator]]:
    folder = tmp_path_factory.mktemp("operators")
    kubeconfig = rights.kubeconfig_for_service_account(HOME, RELEASE)
    started: list[Operator] = []

    def start_one(name: str) -> Operator:
        log = folder / f"{name}.log"
        # What other tests leave on the same API server is none of its business.
        knobs = belonging(kubeconfig, watch=PAIRS, home=HOME)
        with log.open("wb") as stream:
            process = subprocess.Popen(
                [sys.executable, "-m", "maestro_operator.main"],
                env=environment(knobs),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=folder,
            )
        started.append(Operator(process, log, kubeconfig))
        return started[-1]

    yield start_one
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.wait()


@pytest.fixture(scope="module")
def private_key() -> str:
    return asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()


@pytest.fixture(scope="module")
def pairs(rights: ControlPlane, private_key: str) -> PairApi:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "lists-ssh", "namespace": PAIRS},
        "stringData": {"ssh-privatekey": private_key},
    }
    rights.run_kubectl("apply", "-f", "-", input_text=json.dumps(secret))
    return PairApi(rights.admin_kubeconfig, namespace=PAIRS)


@pytest.fixture(scope="module")
def running() -> list[Operator]:
    """The operators that were started, newest last; a test may end one."""
    return []


@pytest.fixture
def operator(start: Callable[[str], Operator], pairs: PairApi, running: list[Operator]) -> Operator:
    """The operator that leads, over a pair whose nodes refuse every connection."""
    if not pairs.read("held").is_good:
        created(pairs, "held")
    if not running:
        running.append(start("first"))
    one = running[-1]
    assert is_true(lambda: one.figure("maestro_operator_leader") == 1, within_seconds=START_SECONDS), (
        one.log.read_text()
    )
    assert is_true(lambda: status(pairs, "held").get("conditions"), within_seconds=START_SECONDS), one.log.read_text()
    return one


def created(pairs: PairApi, name: str) -> Manifest:
    (pair,) = example("maestro-by-hand.yaml")
    for at, node in enumerate(("127.0.0.2", "127.0.0.3")):
        pair = changed(pair, f"spec.nodes.{at}.address", node)
        pair = changed(pair, f"spec.nodes.{at}.ssh.host", node)
        pair = changed(pair, f"spec.nodes.{at}.ssh.port", 1)  # nobody listens there
    answer = pairs.create(changed(pair, "metadata.name", name))
    assert answer.is_good, answer.message
    return answer.body


def status(pairs: PairApi, name: str) -> Manifest:
    return dict(pairs.read(name).body.get("status", {}))


def events(plane: ControlPlane, pair: str) -> list[Manifest]:
    found = json.loads(plane.run_kubectl("get", "events.events.k8s.io", "-n", PAIRS, "-o", "json"))["items"]
    about = [item for item in found if item["regarding"]["name"] == pair]
    return sorted(about, key=lambda item: str(item["eventTime"]))


def test_it_becomes_ready_and_shows_every_condition(operator: Operator, pairs: PairApi) -> None:
    assert operator.page("/readyz")[0] == 200
    assert operator.page("/livez")[0] == 200
    assert [one["type"] for one in status(pairs, "held")["conditions"]] == list(CONDITIONS)


def test_a_changed_decision_is_one_event_and_idle_turns_are_none(
    operator: Operator, pairs: PairApi, rights: ControlPlane
) -> None:
    created(pairs, "told")
    assert is_true(lambda: events(rights, "told"), within_seconds=20)
    before = operator.turns()
    assert is_true(lambda: operator.turns() >= before + 10, within_seconds=60)
    idle = events(rights, "told")

    assert pairs.patch("told", {"spec": {"management": "Paused"}}).is_good
    assert is_true(lambda: len(events(rights, "told")) > len(idle), within_seconds=20)
    before = operator.turns()
    assert is_true(lambda: operator.turns() >= before + 6, within_seconds=60)
    told = events(rights, "told")

    said = [(one["type"], one["reason"]) for one in told]
    assert said[len(idle) :] == [("Warning", "Paused")]
    assert len(said) == len(set(said))
    assert {reason for _, reason in said} <= {reason.value for reason in Reason}
    uid = pairs.read("told").body["metadata"]["uid"]
    assert {(one["regarding"]["kind"], one["regarding"]["uid"]) for one in told} == {("MaestroPair", uid)}
    assert {one["reportingController"] for one in told} == {"maestropair.dev"}


def test_whoever_may_view_a_pair_sees_why_and_the_same_is_decided_again(
    operator: Operator,
    pairs: PairApi,
    rights: ControlPlane,
    private_key: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    del operator
    created(pairs, "explained")
    viewer = rights.kubeconfig_for_service_account(PAIRS, viewing(rights))
    assert is_true(lambda: status(pairs, "explained").get("conditions"), within_seconds=20)
    assert is_true(lambda: events(rights, "explained"), within_seconds=20)
    known = ["explained", "-n", PAIRS, "--kubeconfig", str(viewer)]

    assert cli.main(["explain", *known]) == 0
    explained = capsys.readouterr().out
    rules = {one["action"] for one in events(rights, "explained")}
    assert any(f"\n→ {rule} " in explained for rule in rules)
    assert cli.main(["replay", *known]) == 0
    assert "looks, each decided again as it was" in capsys.readouterr().out
    assert cli.main(["explain", *known, "-o", "json"]) == 0
    uid = pairs.read("explained").body["metadata"]["uid"]
    assert json.loads(capsys.readouterr().out)["key"] == {"namespace": PAIRS, "name": "explained", "uid": uid}
    secret = private_key.splitlines()[1]
    assert secret not in json.dumps(events(rights, "explained"))


def viewing(rights: ControlPlane) -> str:
    """A ServiceAccount with the chart's role of a viewer; returns its name."""
    name = "looks-on"
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": f"{RELEASE}-viewer"}
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": name, "namespace": PAIRS},
        "roleRef": role,
        "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": PAIRS}],
    }
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": PAIRS}}
    rights.run_kubectl("apply", "-f", "-", input_text=yaml.safe_dump_all([account, binding]))
    return name


def test_every_declared_metric_is_there_and_the_series_of_a_gone_pair_go(operator: Operator, pairs: PairApi) -> None:
    created(pairs, "goes")
    label = 'name="goes",namespace="operated"'
    held = f'maestro_pair_condition{{{label},status="False",type="Ready"}}'
    turns = f'maestro_pair_turns_total{{{label},result="ok"}}'
    assert is_true(lambda: operator.figure(held) == 1 and operator.figure(turns), within_seconds=20)
    assert operator.figure(f'maestro_pair_condition{{{label},status="True",type="Ready"}}') == 0

    pairs.delete("goes")

    assert is_true(lambda: label not in operator.page("/metrics")[1], within_seconds=10)
    page = operator.page("/metrics")[1]
    assert 'name="held"' in page
    declared = {family.name for family in (*GAUGES, TURN_SECONDS, *OWN)} | {f"{TURNS.name}_total"}
    assert set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE)) - {f"{TURN_SECONDS.name}_created"} == declared


def test_it_never_writes_spec(operator: Operator, pairs: PairApi) -> None:
    del operator
    managers = pairs.read("held").body["metadata"]["managedFields"]

    assert {entry.get("subresource", "") for entry in managers if "f:status" in entry["fieldsV1"]} == {"status"}
    assert len([entry for entry in managers if "f:spec" in entry["fieldsV1"]]) == 1
    assert pairs.read("held").body["metadata"]["generation"] == 1


def test_a_spare_waits_and_leads_as_soon_as_the_leader_is_told_to_end(
    operator: Operator,
    start: Callable[[str], Operator],
    running: list[Operator],
    rights: ControlPlane,
    pairs: PairApi,
) -> None:
    spare = start("spare")
    running.append(spare)
    assert is_true(lambda: spare.page("/readyz")[0] == 200, within_seconds=START_SECONDS), spare.log.read_text()
    assert is_true(lambda: spare.turns() >= 3, within_seconds=20)
    assert (spare.figure("maestro_operator_leader"), operator.figure("maestro_operator_leader")) == (0, 1)
    term = status(pairs, "held")["term"]

    ended_seconds = operator.end()
    assert is_true(lambda: spare.figure("maestro_operator_leader") == 1, within_seconds=10)

    assert ended_seconds < END_SECONDS
    assert operator.process.returncode == 0
    lease = json.loads(rights.run_kubectl("get", "lease", "maestro-operator", "-n", HOME, "-o", "json"))
    assert lease["spec"]["holderIdentity"] in spare.log.read_text()
    assert is_true(lambda: status(pairs, "held")["term"] == term + 1, within_seconds=20)


def test_the_logs_are_json_and_hold_no_secret_and_no_refusal(operator: Operator, private_key: str) -> None:
    token = json.loads(operator.kubeconfig.read_text())["users"][0]["user"]["token"]
    inner = [line for line in private_key.splitlines() if "PRIVATE KEY" not in line and line]
    logs = list(operator.log.parent.glob("*.log"))

    text = "".join(log.read_text() for log in logs)
    lines = [json.loads(line) for line in text.splitlines()]

    assert {"time", "level", "logger", "message"} <= set.intersection(*(set(line) for line in lines))
    assert {line["level"] for line in lines} <= {"INFO", "WARNING", "ERROR"}
    about_pairs = [
        (line.get("pair"), found) for line in lines if (found := re.search(rf"{PAIRS}/[a-z]+", line["message"]))
    ]
    assert about_pairs
    assert [(pair, found.group()) for pair, found in about_pairs if pair != found.group()] == []
    for secret in (token, *inner, *(base64.b64encode(line.encode()).decode() for line in inner)):
        assert secret not in text
    assert "orbidden" not in text
    assert "Traceback" not in text


def test_wrong_settings_are_said_in_one_line_and_end_it() -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), "MAESTRO_LEASE_SECONDS": "5"}

    done = subprocess.run(
        [sys.executable, "-m", "maestro_operator.main"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert "MAESTRO_LEASE_SECONDS: write a whole number from 12 to 3600" in json.loads(line)["message"]


def test_no_way_to_the_api_server_is_said_in_one_line_and_ends_it(tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.kubeconfig")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "operator"), "MAESTRO_KUBECONFIG": absent}

    done = subprocess.run(
        [sys.executable, "-m", "maestro_operator.main"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert absent in json.loads(line)["message"]
