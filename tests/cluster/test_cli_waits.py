"""Changes that are only tried, changes that are waited for, and a screen that lives, against a real API server."""

import json
import threading
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from maestro_operator.cli import main as cli
from maestro_operator.cli import pairs, verbs
from maestro_operator.cli.change import Change
from maestro_operator.cli.main import DONE, INCOMPLETE, NOT_DONE, STOPPED
from maestro_operator.cli.pairs import MaestroPair
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi

NAMESPACE = "waits"
SECONDS = "20"
MOMENT = "2026-11-22T20:00:00.000Z"


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture(autouse=True)
def kubeconfig(schema_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(schema_plane.admin_kubeconfig))
    return schema_plane.admin_kubeconfig


def a_pair(stored: PairApi, **status: object) -> str:
    (pair,) = example("maestro-by-hand.yaml")
    name = f"p-{uuid.uuid4().hex[:8]}"
    answer = stored.create(changed(pair, "metadata.name", name))
    assert answer.is_good, answer.message
    tell(stored, name, observedGeneration=1, state="Active", **status)
    return name


def tell(stored: PairApi, name: str, **status: object) -> None:
    """Writes status as an operator would."""
    written = stored.patch(name, {"status": status}, subresource="/status")
    assert written.is_good, written.message


def run(verb: str, name: str, *words: str) -> int:
    return cli.main([verb, name, "-n", NAMESPACE, *words])


def after_the_change(stored: PairApi, monkeypatch: pytest.MonkeyPatch, act: Callable[[int], None]) -> None:
    """Has somebody act in the place of the operator, as soon as a change was made; it is given the generation."""
    make = pairs.change

    def make_and_act(pair: MaestroPair, wanted: Change, *, only_try: bool) -> None:
        make(pair, wanted, only_try=only_try)
        threading.Thread(target=act, args=(pair.obj["metadata"]["generation"],), daemon=True).start()

    monkeypatch.setattr(verbs, "change", make_and_act)


def test_a_change_that_is_only_tried_changes_nothing_and_prints_what_it_would_be(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)

    assert run("pause", name, "--dry-run", "--wait") == DONE

    told = capsys.readouterr().out
    assert "Only tried" in told
    assert yaml.safe_load(told.partition("\n\n")[2]) == {"spec": {"management": "Paused"}}
    after = stored.read(name).body
    assert after["metadata"]["generation"] == 1
    assert after["spec"]["management"] == "Enforce"


def test_a_change_that_would_be_refused_is_refused_when_it_is_only_tried(
    schema_plane: ControlPlane, stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)
    schema_plane.run_kubectl("create", "clusterrole", f"see-{name}", "--verb=get", "--resource=maestropairs")
    schema_plane.run_kubectl(
        "create",
        "clusterrolebinding",
        f"see-{name}",
        f"--clusterrole=see-{name}",
        f"--serviceaccount={NAMESPACE}:looker",
    )
    looker = schema_plane.kubeconfig_for_service_account(NAMESPACE, "looker")
    # A right is in force a moment after it was given.
    assert await_condition(lambda: run("status", name, "--kubeconfig", str(looker)) == DONE, within_seconds=20)
    capsys.readouterr()

    assert run("pause", name, "--dry-run", "--kubeconfig", str(looker)) == NOT_DONE

    assert "the change was refused" in capsys.readouterr().err


def test_a_pause_is_waited_for_until_the_operator_says_so(
    stored: PairApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)
    after_the_change(stored, monkeypatch, lambda generation: tell(stored, name, observedGeneration=generation))

    assert run("pause", name, "--wait", "--timeout", SECONDS) == DONE

    assert capsys.readouterr().err.splitlines()[-1] == "done: management is Paused"


def test_what_ends_otherwise_is_done_but_incomplete_with_a_code_of_its_own(
    stored: PairApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)

    def roll_back(generation: int) -> None:
        episode = {
            "id": "switchover-2", "kind": "Switchover", "source": "a", "target": "b", "trigger": "Ordered",
            "startedAt": MOMENT, "epoch": 2, "step": "FinalSync",
        }  # fmt: skip
        tell(stored, name, observedGeneration=generation, episode=episode)
        tell(stored, name, observedGeneration=generation, episode=None, orderNotDone="switchover-2")

    after_the_change(stored, monkeypatch, roll_back)

    assert run("switchover", name, "b", "--wait", "--timeout", SECONDS) == INCOMPLETE

    said = capsys.readouterr().err.splitlines()
    assert said[-1] == "kubectl maestro: switchover-2 was not carried out"
    assert stored.read(name).body["spec"]["activeNode"] == "b", "the order stands"


def test_what_is_not_reached_in_time_is_incomplete_and_says_what_it_waits_for(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)

    assert run("pause", name, "--wait", "--timeout", "1") == INCOMPLETE

    assert "not reached in 1 s: no operator has seen the change yet" in capsys.readouterr().err
    assert stored.read(name).body["spec"]["management"] == "Paused"


def test_a_pair_that_is_deleted_meanwhile_is_not_waited_for(
    stored: PairApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)
    after_the_change(stored, monkeypatch, lambda _: assert_good(stored, name))

    assert run("pause", name, "--wait", "--timeout", SECONDS) == NOT_DONE

    said = capsys.readouterr().err
    assert "was deleted" in said or "there is no MaestroPair" in said


def assert_good(stored: PairApi, name: str) -> None:
    assert stored.delete(name).is_good


def test_a_live_screen_shows_every_change_until_it_is_stopped(
    stored: PairApi, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored)
    shown: list[str] = []

    def show(text: str, *, flush: bool) -> None:
        shown.append(text)
        if len(shown) == 1:
            tell(stored, name, state="SwitchingOver")
        if "SwitchingOver" in text:
            raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", show)

    assert run("status", name, "-w") == STOPPED

    assert f"{NAMESPACE}/{name}: Active" in shown[0]
    assert f"{NAMESPACE}/{name}: SwitchingOver" in shown[-1]


def test_history_and_quarantine_are_shown_as_text_json_and_yaml(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    entry: Manifest = {
        "id": "failover-2", "kind": "Failover", "source": "a", "target": "b", "trigger": "Automatic",
        "startedAt": MOMENT, "finishedAt": MOMENT, "result": "Done", "downtimeSeconds": 21.5,
        "steps": [{"name": "Fence", "state": "Done", "seconds": 2.5, "remoteCommands": 3, "apiWrites": 1}],
    }  # fmt: skip
    kept = {"node": "a", "episode": "failover-2", "bytes": 3 * 2**20}
    name = a_pair(stored, history=[entry], quarantine=[kept])
    told = {}
    for words in (("history",), ("history", "--episode", "failover-2"), ("quarantine",)):
        for output in ("text", "json", "yaml"):
            assert run(words[0], name, *words[1:], "-o", output) == DONE
            told[(*words, output)] = capsys.readouterr().out

    assert json.loads(told["history", "json"]) == [entry]
    assert yaml.safe_load(told["history", "--episode", "failover-2", "yaml"]) == entry
    assert json.loads(told["quarantine", "json"]) == [kept]
    assert "Failover a → b   Automatic   Done     21.5 s" in told["history", "text"]
    assert "down for 21.5 s" in told["history", "--episode", "failover-2", "text"]
    assert "Fence   Done       2.50 s   3 commands, 1 writes" in told["history", "--episode", "failover-2", "text"]
    assert "a      failover-2   3.0 MiB" in told["quarantine", "text"]
    assert run("history", name, "--episode", "switchover-9") == NOT_DONE
    assert "there are: failover-2" in capsys.readouterr().err
