"""A bundle and completion against a real API server: canaries in every place that a bundle is made from."""

import base64
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from maestro_operator.cli import completing
from maestro_operator.cli import main as cli
from maestro_operator.cli.beginning import Beginning, manifest
from maestro_operator.cli.main import DONE, INCOMPLETE, NOT_DONE
from support.canaries import leaks
from support.controlplane import ControlPlane, obtain_programs
from support.controlplane.clock import await_condition
from support.manifests import Manifest
from support.pair_api import PairApi

NAMESPACE = "report"
TOLD = Beginning("news", NAMESPACE, public_name="news.example.net", a="198.51.100.10", b="198.51.100.20")
CANARIES = {
    "power": "canary-4b1c-power-of-a",
    "key": "canary-7a2d-tsig-of-the-zone",
    "unknown": "canary-9e3f-nobody-knows",
}


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    """One pair with canaries in its Secrets, its annotations, its answers, its status and its events."""
    schema_plane.ensure_namespace(NAMESPACE)
    api = PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)
    pair = yaml.safe_load(manifest("maestro-linux", TOLD))
    pair["metadata"]["annotations"] = {
        "kubectl.kubernetes.io/last-applied-configuration": f'{{"password":"{CANARIES["unknown"]}"}}',
        "example.org/note": f"the controller takes {CANARIES['power']}",
    }
    word = {"episode": "failover-2", "say": "Retry", "why": f"logged in with password={CANARIES['unknown']}"}
    pair["spec"]["answers"] = [word]
    created = api.create(pair)
    assert created.is_good, created.message
    said = base64.b64encode(CANARIES["key"].encode()).decode()
    status = {"observedGeneration": 1, "state": "Active", "plan": f"the server answered {said}"}
    assert api.patch("news", {"status": status}, subresource="/status").is_good
    objects = [
        secret("news-a-bmc", "password", CANARIES["power"]),
        secret("news-tsig", "secret", CANARIES["key"]),
        event(created.body["metadata"]["uid"]),
    ]
    schema_plane.run_kubectl("create", "-f", "-", input_text=yaml.safe_dump_all(objects))
    return api


def secret(name: str, key: str, value: str) -> Manifest:
    meta = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {key: value}}


def event(uid: str) -> Manifest:
    about = {"apiVersion": "maestropair.dev/v1alpha1", "kind": "MaestroPair", "name": "news", "namespace": NAMESPACE}
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": "news.1",
            "namespace": NAMESPACE,
            "annotations": {"maestropair.dev/look": f'{{"token":"{CANARIES["unknown"]}"}}'},
        },
        "eventTime": "2026-11-22T20:00:00.000000Z",
        "reportingController": "maestropair.dev/operator",
        "reportingInstance": "x",
        "action": "fence",
        "reason": "StepFailed",
        "type": "Warning",
        "note": f"fence_ipmilan said {CANARIES['power']}",
        "regarding": {**about, "uid": uid},
    }


@pytest.fixture(autouse=True)
def kubeconfig(schema_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(schema_plane.admin_kubeconfig))
    return schema_plane.admin_kubeconfig


@pytest.mark.usefixtures("stored")
def test_no_secret_leaves_in_a_bundle_and_what_could_not_be_had_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, folder = tmp_path / "bundle.tar.gz", tmp_path / "in"

    code = cli.main(["report", "news", "-n", NAMESPACE, "--to", str(path), "--operator-namespace", NAMESPACE])

    shown = capsys.readouterr()
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    files = {item.name: item.read_text() for item in folder.rglob("*") if item.is_file()}
    assert code == INCOMPLETE
    assert f"no operator runs in namespace {NAMESPACE}" in shown.err
    assert "missing: logs: no operator runs" in files["README.txt"]
    assert leaks(folder, CANARIES) == []
    assert "fence_ipmilan said [redacted]" in files["events.json"]
    assert "news.example.net" in files["pair.yaml"]
    assert "OK" in files["validate.txt"].upper()
    assert path.stat().st_mode & 0o077 == 0
    assert cli.main(["report", "news", "-n", NAMESPACE, "--to", str(path)]) == NOT_DONE
    assert "is there already" in capsys.readouterr().err


@pytest.mark.usefixtures("stored")
def test_whoever_may_read_no_secret_gets_a_bundle_that_says_so(
    schema_plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    role = yaml.safe_dump(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "Role",
            "metadata": {"name": "sees", "namespace": NAMESPACE},
            "rules": [{"apiGroups": ["maestropair.dev"], "resources": ["maestropairs"], "verbs": ["get"]}],
        }
    )
    schema_plane.run_kubectl("create", "-f", "-", input_text=role)
    schema_plane.run_kubectl(
        "create", "rolebinding", "sees", "--role=sees", f"--serviceaccount={NAMESPACE}:seer", f"--namespace={NAMESPACE}"
    )
    seer = schema_plane.kubeconfig_for_service_account(NAMESPACE, "seer")
    path, there = tmp_path / "bundle.tar.gz", ("news", "-n", NAMESPACE, "--kubeconfig", str(seer))
    # A right is in force a moment after it was given.
    assert await_condition(lambda: cli.main(["status", *there]) == DONE, within_seconds=20)
    capsys.readouterr()

    code = cli.main(["report", *there, "--to", str(path)])

    said = capsys.readouterr().err
    assert code == INCOMPLETE
    for words in ("Secret news-tsig: you may not read it", "events.json: ", "leases.json: ", "logs: "):
        assert words in said


# ---------------------------------------------------------------- completion


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    assert completing.main(words) == 0
    *found, way = capsys.readouterr().out.split()
    return found, way


@pytest.mark.usefixtures("stored")
def test_every_word_is_offered_where_it_fits(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = ("-n", NAMESPACE)

    assert {"status", "switchover", "validate"} < set(offered(capsys, "")[0])
    assert offered(capsys, "swi") == (["switchover"], ":4")
    assert offered(capsys, "status", *here, "") == (["news"], ":4")
    assert offered(capsys, "switchover", *here, "news", "") == (["a", "b"], ":4")
    assert offered(capsys, "plan", "news", *here, "--to", "") == (["a", "b"], ":4")
    assert offered(capsys, "init", "mae") == (["maestro-linux", "maestro-windows"], ":4")
    assert offered(capsys, "status", "news", "-o", "y") == (["yaml"], ":4")
    assert offered(capsys, "validate", "--fi") == (["--file"], ":4")
    assert offered(capsys, "validate", "--file", "") == ([], ":0")
    assert offered(capsys, "answer", "news", "failover-2", *here, "Ret") == (["Retry"], ":4")
    assert offered(capsys, "nonsense", "") == ([], ":4")
    assert offered(capsys, "status", "--kubeconfig", str(tmp_path / "none"), "") == ([], ":4")


@pytest.mark.usefixtures("stored")
def test_kubectl_itself_completes_the_plugins_words(schema_plane: ControlPlane) -> None:
    kubectl = obtain_programs("kubectl")["kubectl"]
    way = os.pathsep.join([str(kubectl.parent), str(Path(sys.executable).parent), os.environ["PATH"]])

    done = subprocess.run(
        [str(kubectl), "__complete", "maestro", "switchover", "-n", NAMESPACE, "news", ""],
        env={**os.environ, "PATH": way},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert done.stdout.split() == ["a", "b", ":4"]
