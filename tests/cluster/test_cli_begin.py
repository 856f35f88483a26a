"""`kubectl maestro init` and `validate` against a real API server: the schema, rights, Secrets and what was written."""

import base64
import json
from pathlib import Path

import asyncssh
import pytest
import yaml

from maestro_operator.cli import main as cli
from maestro_operator.cli.beginning import PROFILES, Beginning, manifest
from maestro_operator.cli.main import DONE, NOT_DONE
from support.controlplane import ControlPlane
from support.manifests import Manifest, changed
from support.pair_api import PairApi

NAMESPACE = "begin"
TOLD = Beginning("news", NAMESPACE, public_name="news.example.net", a="198.51.100.10", b="198.51.100.20")
CANARY = "canary-2f1d9c7e-tsig-and-power"


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture(autouse=True)
def kubeconfig(schema_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(schema_plane.admin_kubeconfig))
    return schema_plane.admin_kubeconfig


def secret(named: str, **content: str) -> Manifest:
    data = {key.replace("_", "-"): base64.b64encode(value.encode()).decode() for key, value in content.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": named, "namespace": NAMESPACE}, "data": data}


def judged(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[tuple[str, str], list[str]], str]:
    """The exit code, the texts by grade and area, and everything that was printed."""
    code = cli.main(["validate", *words, "-o", "json"])
    shown = capsys.readouterr()
    texts: dict[tuple[str, str], list[str]] = {}
    for item in json.loads(shown.out)["findings"]:
        texts.setdefault((item["grade"], item["area"]), []).append(item["text"])
    return code, texts, shown.out + shown.err


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_passes_the_strict_schema_and_the_server_has_no_default_to_add(stored: PairApi, profile: str) -> None:
    document = yaml.safe_load(manifest(profile, TOLD))

    answer = stored.create(document, dry_run=True)

    assert answer.is_good, answer.message
    assert answer.body["spec"] == document["spec"], "every value is written out"


@pytest.fixture(scope="module")
def key(schema_plane: ControlPlane, stored: PairApi) -> str:
    """The private key in the Secrets that the profiles name, which are there with it."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    secrets = [secret(f"news-{node}-ssh", ssh_privatekey=key) for node in ("a", "b")]
    secrets += [secret(f"news-{node}-bmc", password=CANARY) for node in ("a", "b")]
    secrets.append(secret("news-tsig", name="news.", secret=base64.b64encode(CANARY.encode()).decode()))
    secrets.append(secret("worse-a-ssh", ssh_privatekey=CANARY))
    schema_plane.run_kubectl("create", "-f", "-", input_text=yaml.safe_dump_all(secrets))
    return key


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_with_its_secrets_has_no_problem(
    stored: PairApi, key: str, profile: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(manifest(profile, TOLD))

    code, found, said = judged(capsys, "-f", str(path))

    assert code == DONE, said
    assert found["ok", "manifest"][-1] == "the API server would take it: schema, rules and policies"
    assert len(found["ok", "secrets"]) == 5
    assert CANARY not in said
    assert key.splitlines()[1] not in said
    assert not stored.read("news").is_good, "nothing was kept"


def test_what_the_schema_refuses_is_told_in_its_words_and_a_secret_that_is_no_key_is_not_told(
    key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Beginning("worse", NAMESPACE, public_name="worse.example.net", a="198.51.100.10", b="198.51.100.20")
    document = changed(yaml.safe_load(manifest("maestro-linux", told)), "spec.nodes.1.address", "198.51.100.10")
    path = tmp_path / "pair.yaml"
    path.write_text(yaml.safe_dump(document))

    code, found, said = judged(capsys, "-f", str(path))

    assert code == NOT_DONE
    assert any("the two nodes have the same address" in text for text in found["problem", "manifest"])
    assert any("is no private key" in text for text in found["problem", "secrets"])
    assert any(f"there is no Secret {NAMESPACE}/worse-b-ssh" in text for text in found["problem", "secrets"])
    assert CANARY not in said


def test_a_pair_is_judged_by_what_the_operator_wrote(stored: PairApi, capsys: pytest.CaptureFixture[str]) -> None:
    told = Beginning("written", NAMESPACE, public_name="w.example.net", a="198.51.100.10", b="198.51.100.20")
    assert stored.create(yaml.safe_load(manifest("maestro-linux", told))).is_good
    _, unseen, _ = judged(capsys, "written", "-n", NAMESPACE)
    moment = "2026-11-22T20:00:00.000Z"
    common = {"reason": "Why", "message": "because", "lastTransitionTime": moment}
    truths = {"Available": "True", "FencingReady": "False", "BackupFresh": "Unknown", "SplitBrainDetected": "False"}
    truths["DrillRecent"] = "False"
    status = {
        "observedGeneration": 1,
        "nodes": [
            {
                "name": "a",
                "reachable": True,
                "reason": "Answers",
                "verdict": "Healthy",
                "epoch": 1,
                "fencingReady": True,
            },
            {"name": "b", "reachable": False, "reason": "TimedOut"},
        ],
        "conditions": [{"type": kind, "status": truth, **common} for kind, truth in truths.items()],
        "verifiedAtRest": {"node": "a", "at": moment, "failed": [{"name": "addresses", "message": "lui.ini: line 4"}]},
    }
    assert stored.patch("written", {"status": status}, subresource="/status").is_good

    code, found, _ = judged(capsys, "written", "-n", NAMESPACE)

    assert any("no operator has seen the pair" in text for text in unseen["problem", "cluster"])
    assert code == NOT_DONE
    assert "the operator has seen the spec as it is" in found["ok", "cluster"]
    assert "Available=True, Why: because" in found["ok", "nodes"]
    assert "SplitBrainDetected=False, Why: because" in found["ok", "nodes"]
    assert "BackupFresh=Unknown, Why: because" in found["warning", "backup"]
    assert "DrillRecent=False, Why: because" in found["warning", "rehearsals"]
    assert "FencingReady=False, Why: because" in found["problem", "fencing"]
    assert "b cannot be read: TimedOut" in found["problem", "nodes"]
    assert "a: its guard knows epoch 1, and is without a role" in found["ok", "guard"]
    assert found["problem", "addresses"] == ["spec.verification[addresses]: lui.ini: line 4"]


def test_what_a_person_may_not_look_at_is_a_warning_and_never_ok(
    schema_plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = schema_plane.kubeconfig_for_service_account(NAMESPACE, "nobody")
    path = tmp_path / "pair.yaml"
    path.write_text(manifest("maestro-linux", TOLD))

    code, found, said = judged(capsys, "-f", str(path), "--kubeconfig", str(nobody))

    assert code == DONE, said
    assert ("ok", "secrets") not in found
    assert len(found["warning", "secrets"]) == 5
    assert "you may not change the pair" in found["warning", "rights"]
    assert any(text.startswith("the API server refuses it: ") for text in found["warning", "manifest"])


def test_without_the_definition_that_is_the_problem(
    tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(manifest("maestro-linux", TOLD))
    with ControlPlane.start(tmp_path_factory.mktemp("bare-plane"), own_processes=True) as bare:
        code, found, _ = judged(capsys, "-f", str(path), "--kubeconfig", str(bare.admin_kubeconfig))

    assert code == NOT_DONE
    assert found["problem", "cluster"] == [
        "the API server serves no maestropair.dev/v1alpha1: install the chart, or crds/"
    ]
