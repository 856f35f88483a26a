"""The verbs of `kubectl maestro` that order and answer, against a real API server: what each writes and refuses."""

import copy
import uuid
from pathlib import Path
from typing import Any

import pytest
import yaml

from maestro_operator.cli import main as cli
from support.controlplane import ControlPlane
from support.manifests import Manifest, changed, example
from support.pair_api import PairApi

NAMESPACE = "orders"
MOMENT = "2026-11-22T20:00:00.000Z"
SERVES: Manifest = {
    "activeNode": "a",
    "observedActiveNode": "a",
    "pairUID": "u-1",
    "term": 1,
    "epoch": {
        "promised": {"number": 1, "owner": "a", "episode": "adopt-1"},
        "inForce": {"number": 1, "owner": "a", "episode": "adopt-1"},
    },
}
ADOPTS: Manifest = {
    "id": "adopt-1",
    "kind": "Adopt",
    "source": "b",
    "target": "a",
    "trigger": "Discovered",
    "startedAt": MOMENT,
    "epoch": 1,
    "step": "Adopt",
    "proof": {
        "node": "b",
        "method": "Adopted",
        "evidence": ["b is stopped"],
        "epoch": 1,
        "episode": "adopt-1",
        "term": 1,
        "provedAt": MOMENT,
    },
}


@pytest.fixture(scope="module")
def stored(schema_plane: ControlPlane) -> PairApi:
    schema_plane.ensure_namespace(NAMESPACE)
    return PairApi(schema_plane.admin_kubeconfig, namespace=NAMESPACE)


@pytest.fixture(autouse=True)
def kubeconfig(schema_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("KUBECONFIG", str(schema_plane.admin_kubeconfig))
    return schema_plane.admin_kubeconfig


def a_pair(stored: PairApi, status: Manifest | None = None) -> str:
    (pair,) = example("maestro-by-hand.yaml")
    name = f"p-{uuid.uuid4().hex[:8]}"
    answer = stored.create(changed(pair, "metadata.name", name))
    assert answer.is_good, answer.message
    # The one way to an active node that the schema admits is by Adopt's intent.
    statuses = [status] if not status or "activeNode" not in status else [SERVES | {"episode": ADOPTS}, status]
    for one in statuses:
        if one is not None:
            written = stored.patch(name, {"status": {"episode": None} | one}, subresource="/status")
            assert written.is_good, written.message
    return name


def episode(kind: str, name: str = "e-7", step: str = "Preflight") -> Manifest:
    return {
        "episode": {
            "id": name, "kind": kind, "source": "a", "target": "b", "trigger": "Ordered", "startedAt": MOMENT,
            "epoch": 2, "step": step,
        }
    }  # fmt: skip


def past(kind: str, name: str, result: str = "Done") -> Manifest:
    return {
        "id": name, "kind": kind, "source": "a", "target": "b", "trigger": "Ordered", "startedAt": MOMENT,
        "finishedAt": MOMENT, "result": result,
    }  # fmt: skip


def run(verb: str, name: str, *words: str) -> int:
    return cli.main([verb, name, "-n", NAMESPACE, *words])


def spec(stored: PairApi, name: str) -> Manifest:
    return dict(stored.read(name).body["spec"])


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, Any]:
    """The sentence, and the change to make in Git."""
    sentence, _, git = capsys.readouterr().out.partition("\n\n")
    return sentence, yaml.safe_load(git.partition("\n\n")[0])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("pause",), {"management": "Paused"}),
        (("release",), {"management": "Release"}),
        (("switchover", "b"), {"activeNode": "b"}),
        (("failover",), {"activeNode": "b"}),
    ],
    ids=" ".join,
)
def test_an_order_changes_its_one_field_prints_the_same_for_git_and_changes_nothing_when_repeated(
    stored: PairApi, words: tuple[str, ...], expected: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, SERVES)
    before = spec(stored, name)

    assert run(words[0], name, *words[1:]) == 0

    assert spec(stored, name) == before | expected
    assert said(capsys)[1] == {"spec": expected}
    generation = stored.read(name).body["metadata"]["generation"]
    assert run(words[0], name, *words[1:]) == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert stored.read(name).body["metadata"]["generation"] == generation


def test_what_was_paused_is_resumed(stored: PairApi) -> None:
    name = a_pair(stored, SERVES)

    assert (run("pause", name), run("resume", name)) == (0, 0)

    assert spec(stored, name)["management"] == "Enforce"


def test_a_drill_is_asked_for_once_and_only_at_rest(stored: PairApi, capsys: pytest.CaptureFixture[str]) -> None:
    name = a_pair(stored, SERVES | {"history": [past("Rejoin", "rejoin-1")]})

    assert run("drill", name, "--name", "spring", "--by", "me") == 0
    asked = [{"episode": "rejoin-1", "say": "Drill", "of": "spring", "by": "me"}]
    assert spec(stored, name)["answers"] == asked
    assert said(capsys)[1] == {"spec": {"answers": asked}}
    assert run("drill", name, "--name", "spring", "--by", "me") == 0
    assert "nothing was changed" in capsys.readouterr().out
    assert run("drill", name) == 0
    assert spec(stored, name)["answers"][1]["of"].startswith("drill-20")
    assert run("test-start", name, "--name", "copy", "--by", "me") == 0
    assert spec(stored, name)["answers"][2] == {"episode": "rejoin-1", "say": "TestStart", "of": "copy", "by": "me"}
    assert run("test-restore", name) == 0
    assert spec(stored, name)["answers"][3]["of"].startswith("restore-20")

    drilled = {"id": "spring", "kind": "Drill", "node": "a", "startedAt": MOMENT}
    for status, why in (
        ({}, "no episode of this pair is finished yet"),
        (episode("Rejoin"), "e-7 is under way"),
        ({"rehearsals": [drilled]}, "a drill is under way"),
        (
            {"history": [past("Rejoin", "r")], "rehearsals": [drilled | {"result": "Failed"}]},
            "there was a drill spring",
        ),
    ):
        name = a_pair(stored, SERVES | status)
        assert run("drill", name, "--name", "spring") == 1
        assert why in capsys.readouterr().err
        assert "answers" not in spec(stored, name)


def test_a_maintenance_has_an_end_and_can_be_ended(stored: PairApi, capsys: pytest.CaptureFixture[str]) -> None:
    name = a_pair(stored, SERVES)

    assert run("maintenance", name, "--minutes", "30") == 0
    until = spec(stored, name)["detection"]["maintenanceUntil"]
    assert said(capsys)[1] == {"spec": {"detection": {"maintenanceUntil": until}}}
    assert run("maintenance", name, "--end") == 0

    assert until.endswith("Z")
    assert "maintenanceUntil" not in spec(stored, name)["detection"]
    for words in (["--minutes", "0"], ["--minutes", "-5"], ["--minutes", "soon"], [], ["--minutes", "5", "--end"]):
        with pytest.raises(SystemExit) as ended:
            run("maintenance", name, *words)
        assert ended.value.code == 2


def test_a_failover_gives_up_the_old_side_of_the_switchover_that_waits(stored: PairApi) -> None:
    name = a_pair(stored, SERVES | episode("Switchover"))

    assert run("failover", name, "--by", "jo", "--why", "its room is flooded") == 0

    (word,) = spec(stored, name)["answers"]
    assert word == {"episode": "e-7", "say": "FailOver", "by": "jo", "why": "its room is flooded"}
    assert spec(stored, name)["activeNode"] == "a"


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [
        ({"orderNotDone": "s-1"}, ("retry",), {"episode": "s-1", "say": "Retry"}),
        ({"history": [past("Failover", "f-2"), past("Switchover", "s-1")]}, ("hand-back",),
         {"episode": "f-2", "say": "HandBack"}),
        ({"history": [past("Switchover", "s-3") | {"trigger": "Drill"}, past("Failover", "f-2")]}, ("hand-back",),
         {"episode": "s-3", "say": "HandBack"}),
        ({"history": [past("Repair", "r-3"), past("Switchover", "s-1")]}, ("acknowledge",),
         {"episode": "s-1", "say": "Acknowledge"}),
        ({"automaticMove": {"episode": "f-1", "finishedAt": MOMENT}, "history": [past("Switchover", "s-2")]},
         ("acknowledge",), {"episode": "f-1", "say": "Acknowledge"}),
        (episode("Failover"), ("accept-loss", "--seconds", "90"), {"episode": "e-7", "say": "AcceptLoss", "of": "90"}),
        ({}, ("adopt", "--uid", "u-9"), {"episode": "adopt-u-9", "say": "Adopt", "of": "u-9"}),
        (episode("Failover"), ("answer", "e-7", "accept-loss", "--of", "120s"),
         {"episode": "e-7", "say": "AcceptLoss", "of": "120s"}),
        (episode("Switchover"), ("answer", "e-7", "FailOver"), {"episode": "e-7", "say": "FailOver"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_an_answer_goes_to_the_episode_that_waits_for_it(
    stored: PairApi,
    status: Manifest,
    words: tuple[str, ...],
    expected: Manifest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    name = a_pair(stored, SERVES | status)

    assert run(words[0], name, *words[1:], "--by", "jo") == 0

    assert spec(stored, name)["answers"] == [expected | {"by": "jo"}]
    assert said(capsys)[1] == {"spec": {"answers": [expected | {"by": "jo"}]}}


@pytest.mark.parametrize(
    ("status", "words", "why"),
    [
        (SERVES, ("switchover", "c"), "there is no node c; the pair has a and b"),
        ({}, ("failover",), "no node is known to be active"),
        (SERVES | episode("Failover"), ("failover",), "e-7 is under way"),
        (SERVES, ("retry",), "nothing waits for Retry: no order was left undone"),
        (SERVES, ("accept-loss", "--seconds", "9"), "nothing waits for AcceptLoss: no episode is under way"),
        (SERVES | episode("Failover"), ("accept-loss", "--seconds", "few"), "write whole seconds, such as 120"),
        (SERVES, ("answer", "e-9", "Retry"), "there is no episode e-9; the pair has none"),
        (
            SERVES | episode("Failover"),
            ("answer", "e-7", "Perhaps"),
            "no answer Perhaps; write one of HandBack",
        ),
        (
            SERVES | episode("Failover"),
            ("answer", "e-7", "ConfirmFenced", "--of", "a"),
            "maestro confirm-fence",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_could_only_be_a_slip_is_refused_with_the_remedy(
    stored: PairApi, status: Manifest, words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, status or None)
    before = copy.deepcopy(stored.read(name).body["spec"])

    assert run(words[0], name, *words[1:]) == 1

    printed = capsys.readouterr()
    assert why in printed.err
    assert printed.err.startswith("kubectl maestro: ")
    assert printed.out == ""
    assert spec(stored, name) == before


def test_an_order_while_the_pair_is_paused_says_that_it_waits(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    name = a_pair(stored, SERVES)
    run("pause", name)
    capsys.readouterr()

    assert run("switchover", name, "b") == 0

    assert "management is Paused, so it waits" in capsys.readouterr().out


def test_an_order_for_a_dead_active_side_says_that_it_is_a_failover(
    stored: PairApi, capsys: pytest.CaptureFixture[str]
) -> None:
    down = {"name": "a", "reachable": False, "reason": "TimedOut", "verdict": "Down"}
    name = a_pair(stored, SERVES | {"nodes": [down]})

    assert run("switchover", name, "b") == 0

    assert "a is down, so this is a failover" in capsys.readouterr().out
