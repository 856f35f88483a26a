"""The check of the docs, seen to fail: pages are taken apart as people read them, and only what was tried is good."""

from pathlib import Path

import pytest

from support.docscheck import looks
from support.docscheck.fragments import UnknownFragmentError, made_whole
from support.docscheck.judge import judge
from support.docscheck.pages import ROOT, Block, page_names, taken_apart
from support.docscheck.play import filled_in, skips, without_skipped
from support.docscheck.record import Record, Tried, read

PAGE = """# Title

Say `kubectl maestro status PAIR`.

1. A list

    ```sh title="On the node"
    first
      second
    ```

<!-- accident: power-cut b -->

```yaml
activeNode: b
```
"""


def block(text: str, *, language: str = "sh", page: str = "docs/page.md") -> Block:
    return Block(page, 1, language, "", text)


def tried(**changes: object) -> Tried:
    values = {"kind": "command", "page": "docs/page.md", "line": 3, "text": "true", "code": 0}
    return Tried(**(values | changes))  # type: ignore[arg-type]


def test_a_page_is_taken_apart_into_blocks_accidents_and_spans() -> None:
    page = taken_apart("p.md", PAGE)

    assert [(one.line, one.language, one.title, one.text) for one in page.blocks] == [
        (7, "sh", "On the node", "first\n  second"),
        (12, "accident", "", "power-cut b"),
        (14, "yaml", "", "activeNode: b"),
    ]
    assert [(one.line, one.text) for one in page.spans] == [(3, "kubectl maestro status PAIR")]


def test_a_verb_an_option_a_target_and_a_path_that_are_not_there_are_found() -> None:
    text = "`kubectl maestro stattus P`, `kubectl maestro status P --all`, `make nothing`, `docs/nowhere.md`\n"
    page = taken_apart("p.md", text + "```\nplain\n```\n")

    found = list(looks.look_at(page, verbs={"status": ["-n", "-w"]}, known_targets={"test"}))

    assert [(one.kind, one.code) for one in found] == [
        ("language", 1),
        ("option", 1),
        ("option", 1),
        ("target", 1),
        ("path", 1),
    ]


def test_what_is_there_is_taken() -> None:
    page = taken_apart("p.md", "`kubectl maestro status P -w`, `make test`, `docs/index.md`, `tests/unit/test_d*.py`\n")

    found = list(looks.look_at(page, verbs={"status": ["-n", "-w"]}, known_targets={"test"}))

    assert [(one.kind, one.code) for one in found] == [("option", 0), ("target", 0), ("path", 0), ("path", 0)]


@pytest.mark.parametrize(
    ("text", "active", "ladder"),
    [
        ("activeNode: b", "b", ["graceful", "human"]),
        ("fencing: [{name: human}]", "a", ["human"]),
    ],
)
def test_a_part_of_a_spec_gets_the_rest_of_a_pair_around_it(text: str, active: str, ladder: list[str]) -> None:
    (found,) = made_whole(block(text, language="yaml")).documents

    assert (found["kind"], found["spec"]["activeNode"]) == ("MaestroPair", active)
    assert [rung["name"] for rung in found["spec"]["nodes"][0]["fencing"]] == ladder


def test_a_part_of_a_virtual_machine_gets_no_services_around_it() -> None:
    text = (ROOT / "docs" / "reference" / "virtual-machine.md").read_text()
    fragment = text.partition("```yaml\n")[2].partition("```")[0]

    (found,) = made_whole(block(fragment, language="yaml")).documents

    assert "services" not in found["spec"]
    assert not any("fencing" in node for node in found["spec"]["nodes"])


def test_a_part_of_the_charts_values_is_for_the_chart() -> None:
    assert made_whole(block("replicas: 1", language="yaml")).values == {"replicas": 1}


@pytest.mark.parametrize("text", ["nonsense: 1", "- name: a"])
def test_a_part_of_nothing_is_refused(text: str) -> None:
    with pytest.raises(UnknownFragmentError):
        made_whole(block(text, language="yaml"))


def test_the_readers_own_words_take_the_place_of_those_in_capitals() -> None:
    status = {"history": [{"id": "rejoin-3", "kind": "Rejoin"}, {"id": "failover-2", "kind": "Failover"}]}

    assert filled_in("answer PAIR EPISODE -n NAMESPACE", "lists", status) == "answer lists failover-2 -n maestro"
    assert filled_in("EPISODE", "lists", {**status, "episode": {"id": "now-4"}}) == "now-4"


def test_a_skipped_command_leaves_its_block_and_is_told() -> None:
    left_out = [{"page": "docs/page.md", "begins": "curl", "why": "because"}]

    kept, found = without_skipped(block("kubectl get mp\ncurl -sS \\\n  http://x/"), left_out)

    assert (kept, found) == ("kubectl get mp", left_out)


def test_every_skip_is_of_a_page_that_is_there_has_a_reason_and_there_are_few() -> None:
    found = skips()

    assert len(found) <= 10
    assert {one["page"] for one in found} <= set(page_names())
    assert all(len(one["why"]) > 20 for one in found)


def test_one_thing_that_did_not_work_fails_its_page() -> None:
    (claim,) = judge([tried(), tried(code=1, said="no")], pages=["docs/page.md"], is_whole=False)

    assert not claim.ok
    assert "line 3, command: true → 1: no" in str(claim.measured)


def test_pages_on_which_nothing_was_tried_are_no_proof_of_anything() -> None:
    claims = {claim.id: claim.ok for claim in judge([], pages=["docs/page.md"], is_whole=True)}

    assert (claims["commands-run"], claims["manifests-judged"]) == (False, False)


def test_more_skips_than_ten_fail() -> None:
    many = [tried(kind="skip", said="because") for _ in range(11)]

    assert {claim.id: claim.ok for claim in judge(many, pages=[], is_whole=True)}["few-are-skipped"] is False


def test_what_was_tried_is_on_disk_as_it_was(tmp_path: Path) -> None:
    record = Record(tmp_path / "tried.jsonl")
    record.note(tried(said="ä\n"))

    assert read(tmp_path / "tried.jsonl") == [tried(said="ä\n")]
