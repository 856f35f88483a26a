"""`kubectl maestro explain` and `replay`: why, rule by rule, and whether the same is decided again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from maestro_operator.cli import main as cli
from maestro_operator.cli.change import CannotError
from maestro_operator.cli.decisions import again, kept_by, kept_in
from maestro_operator.cli.why import why
from maestro_operator.decide import decide, rules_of
from maestro_operator.model.recorded import DECISION, LOOK, digest, to_plain
from maestro_operator.model.seen import Seen
from maestro_operator.model.status import StepRecord
from maestro_operator.model.steps import EpisodeKind, StepName
from support.golden import World, worlds
from support.looks import GONE, NOW, fenced, move, outage, reading, seen, standby, standby_guard, status

FENCED = outage(
    status=status(episode=move()),
    nodes={"a": GONE, "b": standby(guard=standby_guard(grant_epoch=None, grant_source=None))},
    last=fenced(reading("off", 1.0, 3), reading("off", 5.0, 4)),
)


def event(look: Seen, *, at: str = NOW, **marks: str) -> dict[str, Any]:
    """An event as the operator writes it."""
    decided = decide(look)
    kept = {LOOK: json.dumps(to_plain(look)), DECISION: digest(decided.decision), **marks}
    said = {"action": decided.rule, "reason": "Why", "note": "what was said"}
    return {"eventTime": at, "metadata": {"annotations": kept}, **said}


def rules_in(text: str) -> list[str]:
    """The rules that were asked, in order."""
    return [line[2:].split(" ")[0] for line in text.splitlines() if line[:2] in ("  ", "→ ") and line[2:3].isalpha()]


# ---------------------------------------------------------------- explain


@pytest.mark.parametrize("world", list(worlds()), ids=lambda world: str(world.name))
def test_every_rule_is_named_up_to_the_one_that_decided(world: World) -> None:
    text = why(world.look())

    names = [rule.__name__ for rule in rules_of(world.look())]
    assert rules_in(text) == names[: names.index(world.expect["rule"]) + 1]
    assert f"\n→ {world.expect['rule']} " in text
    assert str(decide(world.look()).decision.message) in text


def test_an_outage_is_explained_by_its_votes_and_by_every_brake() -> None:
    text = why(outage(pairs_silent=3, pairs_known=3))

    assert "- a is Down, OutageConcluded: operator and peer agree: a is down" in text
    assert "- brake no fence: released" in text
    assert "- brake too many at once: TooManyAtOnce, 3 of 3 pairs are silent at once" in text
    assert "\nHold, TooManyAtOnce: a is down; no automatic failover" in text


def test_an_episode_is_explained_by_its_turns_and_its_step() -> None:
    text = why(FENCED)

    assert "- Failover move-2 from a to b, epoch 2" in text
    assert "- turn take back: no" in text
    assert "- step Fence: done\n" in text
    assert "- step Declare: done already" in text
    assert "\nPerform Promote, StepTaken: Failover move-2: Promote" in text


def test_an_episode_that_turns_round_is_explained_by_the_turn() -> None:
    rebuilt = move(
        step=StepName.FENCE,
        steps=(StepRecord(name=StepName.RAISE, state="Done", term=1, started_at=NOW, deadline=NOW),),
    )

    text = why(seen(status=status(episode=rebuilt)))

    assert "- turn back: Record, SeenAlive: a is healthy again and was not fenced" in text
    assert "step Fence" not in text


def test_an_episode_that_cannot_go_on_is_explained_by_the_turn_that_ends_it() -> None:
    text = why(outage(status=status(episode=move(EpisodeKind.REJOIN, step=StepName.GRANT, source="a", target="b"))))

    assert "turn pointless: Record, ReturnUnreadable" in text


def test_a_step_that_is_held_says_by_what() -> None:
    text = why(outage(status=status(episode=move()), last=fenced(reading("off", 1.0, 3))))

    assert "- step Fence: not done; held, FenceUnproven: fence_redfish was not read twice" in text


# ---------------------------------------------------------------- what was kept


def test_what_events_keep_is_read_oldest_first_and_other_events_are_left_out() -> None:
    late, early = event(outage(), at="2026-01-01T00:00:02Z"), event(seen(), at="2026-01-01T00:00:01Z")

    kept = kept_in([late, {"metadata": {}}, early, {"metadata": {"annotations": None}}])

    assert [(item.at, item.rule) for item in kept] == [
        ("2026-01-01T00:00:01Z", "steady"),
        ("2026-01-01T00:00:02Z", "outage"),
    ]
    assert [item.seen() for item in kept] == [seen(), outage()]


@pytest.mark.parametrize("look", [seen(), outage(), FENCED], ids=["steady", "outage", "fenced"])
def test_the_same_is_decided_again(look: Seen) -> None:
    (kept,) = kept_in([event(look)])

    line, is_same = again(kept)

    assert is_same
    assert "the same" in line


def test_another_decision_is_told_with_what_it_was() -> None:
    (kept,) = kept_in([event(outage(), **{DECISION: digest(decide(seen()).decision)})])

    line, is_same = again(kept)

    assert not is_same
    assert line.endswith("it was outage, Why: what was said")


def test_the_digest_tells_decisions_apart_by_the_status_that_they_write() -> None:
    first, second = (decide(outage(now=now)).decision for now in (NOW, "2026-01-01T00:16:41.000Z"))

    assert digest(first) == digest(decide(outage()).decision)
    assert digest(first) != digest(second)


DOCUMENTS: Mapping[str, object] = {
    "a look": to_plain(outage()),
    "an event": event(outage()),
    "a list of events": {"items": [event(outage())]},
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_a_file_holds_a_look_an_event_or_events(document: object) -> None:
    (kept,) = kept_by(document)

    assert kept.seen() == outage()


@pytest.mark.parametrize("document", ["a word", {}, {"now": NOW}], ids=str)
def test_a_file_that_holds_neither_is_refused(document: object) -> None:
    with pytest.raises(CannotError):
        kept_by(document)


# ---------------------------------------------------------------- the program


def saved(folder: Path, document: object) -> str:
    path = folder / "kept.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def test_a_look_in_a_file_is_explained_without_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--file", saved(tmp_path, to_plain(outage()))]) == 0

    assert capsys.readouterr().out == f"{why(outage())}\n"


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_the_look_itself_is_printed_and_explains_itself_again(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = saved(tmp_path, {"items": [event(outage(), at="1"), event(seen(), at="2")]})

    assert cli.main(["explain", "--file", events, "--ago", "1", "-o", form]) == 0

    assert yaml.safe_load(capsys.readouterr().out) == to_plain(outage())


def test_replay_says_that_all_are_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["replay", "--file", saved(tmp_path, {"items": [event(outage()), event(seen())]})]) == 0

    assert "2 looks, each decided again as it was" in capsys.readouterr().out


def test_replay_fails_where_another_decision_comes_of_a_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = saved(tmp_path, {"items": [event(outage(), **{DECISION: "another"}), event(seen())]})

    assert cli.main(["replay", "--file", events]) == 1

    assert "1 of 2 looks lead to another decision" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["explain"], ["replay"]])
def test_without_a_pair_and_a_file_there_is_nothing_to_explain(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 1

    assert "name a pair, or a file" in capsys.readouterr().err


def test_one_that_is_not_kept_any_more_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "--ago", "1", "--file", saved(tmp_path, to_plain(outage()))]) == 1

    assert "1 decisions are kept" in capsys.readouterr().err
