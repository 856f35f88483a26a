"""`kubectl maestro` against a real API server: what it shows, what it refuses, and the one thing it writes."""

import getpass
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml
from pykube.http import HTTPClient

from maestro_operator.cli import main as cli
from maestro_operator.cli import pairs as cli_pairs
from maestro_operator.cli import reading
from support.controlplane import ControlPlane
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi

NAMESPACE = "by-hand"
EPISODE = "failover-7"


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture
def kubeconfig(schema_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(schema_plane.admin_kubeconfig))
    return schema_plane.admin_kubeconfig


def waiting_status(*, reachable: bool = False, vote: str = "Dead", source: str = "a") -> Manifest:
    """The status of a failover from a to b that waits for a person's word."""
    frozen = [
        {"name": node["name"], "address": node["address"], "ssh": node["ssh"], "fencing": node["fencing"]}
        for node in example("maestro-by-hand.yaml")[0]["spec"]["nodes"]
    ]
    moment = "2026-11-22T20:00:00.000Z"
    return {
        "observedGeneration": 1,
        "state": "WaitForUser",
        "episode": {
            "id": EPISODE,
            "kind": "Failover",
            "source": source,
            "target": "b" if source == "a" else "a",
            "trigger": "Ordered",
            "startedAt": moment,
            "epoch": 2,
            "step": "Fence",
            "frozen": frozen,
            "steps": [
                {"name": "Raise", "state": "Done", "term": 1, "startedAt": moment, "deadline": moment, "seconds": 0.2}
            ],
        },
        "nodes": [
            {
                "name": "a",
                "reachable": reachable,
                "reason": "TimedOut",
                "verdict": "Down",
                "votes": [{"vantagePoint": "operator", "vote": vote, "reason": "TimedOut"}],
            },
            {"name": "b", "reachable": True, "reason": "Answers", "verdict": "Healthy"},
        ],
    }


def a_pair(stored: PairApi, status: Manifest | None = None, *, without_human: bool = False) -> str:
    (pair,) = example("maestro-by-hand.yaml")
    pair = changed(pair, "metadata.name", f"p-{uuid.uuid4().hex[:8]}")
    if without_human:
        pair = changed(pair, "spec.nodes.0.fencing", [{"name": "graceful"}])
    answer = stored.create(pair)
    assert answer.is_good, answer.message
    name = str(pair["metadata"]["name"])
    if status is not None:
        written = stored.patch(name, {"status": status}, subresource="/status")
        assert written.is_good, written.message
    return name


def confirm(name: str, *, node: str = "a", episode: str = EPISODE) -> int:
    words = ["confirm-fence", name, "-n", NAMESPACE, "--node", node, "--episode", episode]
    return cli.main([*words, "--why", "I pulled the plug: both cords"])


def answers(stored: PairApi, name: str) -> list[Any]:
    return list(stored.read(name).body["spec"].get("answers", []))


@pytest.mark.usefixtures("kubeconfig")
def test_a_confirmed_fence_is_one_answer_and_its_git_change_says_the_same(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, waiting_status())

    assert confirm(name) == 0

    expected = {
        "episode": EPISODE,
        "say": "ConfirmFenced",
        "of": "a",
        "by": getpass.getuser(),
        "why": "I pulled the plug: both cords",
    }
    printed = capsys.readouterr().out
    assert answers(stored, name) == [expected]
    assert yaml.safe_load(printed.partition("\n\n")[2]) == {"spec": {"answers": [expected]}}
    assert stored.read(name).body["metadata"]["generation"] == 2
    assert confirm(name) == 0
    assert "answered before" in capsys.readouterr().out
    assert answers(stored, name) == [expected]


@pytest.mark.usefixtures("kubeconfig")
def test_an_answer_is_added_to_those_that_are_there(stored: PairApi) -> None:
    name = a_pair(stored, waiting_status())
    before = {"episode": "failover-3", "say": "Acknowledge"}
    assert stored.patch(name, {"spec": {"answers": [before]}}).is_good

    assert confirm(name) == 0

    assert answers(stored, name)[0] == before
    assert [item["say"] for item in answers(stored, name)] == ["Acknowledge", "ConfirmFenced"]


@pytest.mark.usefixtures("kubeconfig")
@pytest.mark.parametrize(
    ("status", "node", "episode", "why"),
    [
        (None, "a", EPISODE, "no episode is under way"),
        (waiting_status(), "a", "failover-6", f"the one that is: {EPISODE}"),
        (waiting_status(), "b", EPISODE, "waits for a, not for b"),
        (waiting_status(reachable=True), "a", EPISODE, "a is alive: the operator reads it over SSH"),
        (waiting_status(vote="Alive"), "a", EPISODE, "a is alive: vantage point operator sees it (Alive, TimedOut)"),
        (waiting_status(vote="Sick"), "a", EPISODE, "a is alive: vantage point operator sees it (Sick, TimedOut)"),
    ],
    ids=["nothing waits", "another episode", "another node", "read over SSH", "seen alive", "seen sick"],
)
def test_a_word_that_cannot_count_is_refused(
    stored: PairApi,
    status: Manifest | None,
    node: str,
    episode: str,
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = a_pair(stored, status)

    assert confirm(name, node=node, episode=episode) == 1

    said = capsys.readouterr()
    assert why in said.err
    assert "nothing was answered" in said.err
    assert said.out == ""
    assert answers(stored, name) == []


@pytest.mark.usefixtures("kubeconfig")
def test_the_ladder_that_counts_is_the_one_the_episode_froze(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """The episode's own ladder has a human rung; the spec's has lost it since, and the other way round."""
    frozen_with, status = a_pair(stored, waiting_status(), without_human=True), waiting_status()
    status["episode"]["frozen"][0]["fencing"] = [{"name": "graceful"}]
    frozen_without = a_pair(stored, status)

    assert confirm(frozen_with) == 0
    assert confirm(frozen_without) == 1

    assert "no rung human" in capsys.readouterr().err


@pytest.mark.usefixtures("kubeconfig")
def test_a_change_in_between_is_never_overwritten(
    stored: PairApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, waiting_status())

    def read_and_be_late(api: HTTPClient, namespace: str | None, wanted: str) -> cli_pairs.MaestroPair:
        pair = cli_pairs.read(api, namespace, wanted)
        assert stored.patch(name, {"spec": {"answers": [{"episode": "e", "say": "Retry"}]}}).is_good
        return pair

    monkeypatch.setattr(reading, "read", read_and_be_late)

    assert confirm(name) == 1

    assert "somebody changed the pair meanwhile" in capsys.readouterr().err
    assert answers(stored, name) == [{"episode": "e", "say": "Retry"}]


def test_the_status_is_shown_as_text_json_and_yaml(
    stored: PairApi, kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, waiting_status())
    expected = stored.read(name).body["status"]
    shown = {}

    for output in ("text", "json", "yaml"):
        words = ["status", name, "-n", NAMESPACE, "-o", output, "--kubeconfig", str(kubeconfig)]
        assert cli.main(words) == 0
        shown[output] = capsys.readouterr().out

    assert json.loads(shown["json"]) == expected
    assert yaml.safe_load(shown["yaml"]) == expected
    assert f"{NAMESPACE}/{name}: WaitForUser" in shown["text"]
    assert f"Failover a → b under way: {EPISODE}" in shown["text"]


def test_a_pair_no_operator_has_seen_is_shown_too(
    stored: PairApi, kubeconfig: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)

    assert cli.main(["status", name, "-n", NAMESPACE, "--kubeconfig", str(kubeconfig)]) == 0

    assert "not seen by an operator yet" in capsys.readouterr().out


@pytest.mark.usefixtures("kubeconfig")
def test_what_cannot_be_read_is_said_and_is_exit_code_1(
    schema_plane: ControlPlane, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = schema_plane.kubeconfig_for_service_account(NAMESPACE, "nobody")
    dead = schema_plane.kubeconfig_for_token("t", name="dead")
    dead.write_text(dead.read_text().replace(schema_plane.server, "https://127.0.0.1:1"))
    cases = {
        "there is no MaestroPair absent in namespace by-hand": ["-n", NAMESPACE],
        "cannot be read": ["--kubeconfig", str(nobody)],
        "the API server cannot be asked": ["--kubeconfig", str(dead)],
        "there is no kubeconfig at": ["--kubeconfig", str(tmp_path / "absent")],
    }

    for message, words in cases.items():
        assert cli.main(["status", "absent", *words]) == 1
        said = capsys.readouterr()
        assert said.err.startswith("kubectl maestro: "), message
        assert message in said.err
        assert len(said.err.splitlines()) == 1


@pytest.mark.usefixtures("kubeconfig")
def test_the_namespace_is_the_contexts_unless_named(
    schema_plane: ControlPlane, stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)
    schema_plane.run_kubectl(
        "create",
        "clusterrolebinding",
        f"see-{name}",
        "--clusterrole=cluster-admin",
        f"--serviceaccount={NAMESPACE}:seer",
    )
    kubeconfig = schema_plane.kubeconfig_for_service_account(NAMESPACE, "seer")

    assert cli.main(["status", name, "--kubeconfig", str(kubeconfig)]) == 0

    assert f"{NAMESPACE}/{name}" in capsys.readouterr().out


def test_wrong_usage_is_exit_code_2() -> None:
    for words in ([], ["status"], ["confirm-fence", "p", "--node", "a"], ["status", "p", "-o", "table"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == 2


def test_the_installed_program_answers() -> None:
    program = Path(sys.executable).parent / "kubectl-maestro"

    done = subprocess.run([str(program), "--help"], capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0
    assert "confirm-fence" in done.stdout
