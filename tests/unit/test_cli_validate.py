"""`kubectl maestro init` and the part of `validate` that needs no cluster."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import yaml
from typing_extensions import override

from maestro_operator.cli import main as cli
from maestro_operator.cli.beginning import PROFILES, Beginning, manifest, marked
from maestro_operator.cli.findings import Finding, Grade, as_html, as_text, problem, summary, warning, well
from maestro_operator.cli.judging import judged
from maestro_operator.cli.looking import of_the_operator
from maestro_operator.cli.main import DONE, NOT_DONE
from maestro_operator.model.pair import PairSpec
from support.manifests import EXAMPLES, changed

TOLD = Beginning("news", "mail", public_name="news.example.net", a="198.51.100.10", b="2001:db8::20")


def begun(profile: str, told: Beginning = TOLD) -> dict[str, Any]:
    return dict(yaml.safe_load(manifest(profile, told)))


def problems(document: dict[str, Any]) -> list[str]:
    return [item.text for item in judged(document) if item.grade is Grade.PROBLEM]


def warnings(document: dict[str, Any]) -> list[str]:
    return [item.text for item in judged(document) if item.grade is Grade.WARNING]


# ---------------------------------------------------------------- init


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_is_a_manifest_that_the_operator_would_carry_out(profile: str) -> None:
    document = begun(profile)

    assert document["metadata"] == {"name": "news", "namespace": "mail"}
    spec = PairSpec.model_validate(document["spec"])
    assert [node.address for node in spec.nodes] == ["198.51.100.10", "2001:db8::20"]
    assert spec.traffic[0].public_names == ("news.example.net",)
    assert problems(document) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_what_only_people_know_is_marked_and_so_is_what_was_assumed(profile: str) -> None:
    text = manifest(profile, TOLD)

    change, assumed = marked(text)

    for words in ("hostKey", "identity", "servers", "address"):
        lines = [line for line in text.splitlines() if line.strip().startswith(f"{words}:")]
        assert lines
        assert all("# CHANGE" in line for line in lines), words
    assert change >= 16
    assert all("# assumed" in line for line in text.splitlines() if line.strip().startswith("paths:"))
    assert assumed > 10
    assert "$" not in "".join(line.partition("#")[0] for line in text.splitlines())


def test_nothing_of_a_profile_moves_by_itself_before_somebody_practised_it() -> None:
    for profile in PROFILES:
        assert begun(profile)["spec"]["failover"]["automatic"] == "Disabled"
    assert begun("maestro-windows")["spec"]["management"] == "Observe"
    assert any("Windows was never tried" in text for text in warnings(begun("maestro-windows")))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--name", "News"), "--name News is none"),
        (("--public-name", "news\n  extra: 1"), "is none"),
        (("--public-name", "news"), "--public-name news is none"),
        (("--a", "node-a.example.org"), "--a node-a.example.org is no address"),
        (("--namespace", ""), "--namespace  is none"),
    ],
)
def test_a_value_that_is_none_of_its_kind_is_refused(
    words: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["init", "maestro-linux", *words]) == NOT_DONE

    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.out == ""


def test_what_is_printed_is_the_manifest_alone_and_what_is_left_to_do_is_said_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["init", "mailman3"]) == DONE

    shown = capsys.readouterr()
    assert yaml.safe_load(shown.out)["kind"] == "MaestroPair"
    assert "values are yours to change" in shown.err


# ---------------------------------------------------------------- validate, without a cluster


def test_the_examples_have_no_problem() -> None:
    for path in sorted(EXAMPLES.glob("*.yaml")):
        for document in yaml.safe_load_all(path.read_text()):
            assert problems(document) == [], path.name


def test_every_fault_is_told_and_not_only_the_first() -> None:
    document = begun("maestro-linux")
    key = document["spec"]["nodes"][0]["ssh"]["hostKey"]
    document = changed(document, "spec.nodes.1.ssh.hostKey", f"{key} of-b")
    document = changed(document, "spec.nodes.1.address", "127.0.0.1")
    document = changed(document, "spec.verification.2.log.fail", ["(a+)+b"])

    found = problems(document)

    assert [text for text in found if "spec.nodes[b].address: 127.0.0.1 is" in text]
    assert [text for text in found if "spec.nodes[b].ssh.hostKey: is the key of the other node too" in text]
    assert [text for text in found if "spec.verification[lui-log].log.fail" in text]
    assert not any(item.grade is Grade.OK and "would carry it out" in item.text for item in judged(document))


def test_a_misspelt_field_and_another_kind_are_problems() -> None:
    document = begun("mailman3")
    document["spec"]["activNode"] = document["spec"].pop("activeNode")

    assert {text.partition(":")[0] for text in problems(document)} == {"spec.activeNode", "spec.activNode"}
    assert "this is no MaestroPair" in problems({"apiVersion": "v1", "kind": "Secret"})[0]


def test_what_may_surprise_people_is_a_warning() -> None:
    document = begun("maestro-linux")
    bare = changed(document, "spec.nodes.0.fencing", [{"name": "graceful"}])
    for field in ("traffic", "verification", "localise"):
        bare = changed(bare, f"spec.{field}", [])
    own = changed(document, "spec.verification.0.http.host", "198.51.100.10")
    near = changed(document, "spec.verification.0.http.host", "198.51.100.100")

    texts = "\n".join(warnings(bare))
    assert "spec.nodes[a].fencing has no device" in texts
    assert "spec.nodes[a].fencing has no rung human" in texts
    assert "spec.traffic is empty" in texts
    assert "spec.backup is not set" in "\n".join(warnings(begun("mailman3")))
    assert "spec.backup is not set" not in texts
    assert "spec.verification is empty" in texts
    assert "spec.localise pins no news.example.net" in "\n".join(warnings(changed(document, "spec.localise", [])))
    assert "spec.verification[tracker] names 198.51.100.10, which is a's own" in "\n".join(warnings(own))
    assert "which is a's own" not in "\n".join(warnings(near))
    assert "hostKey is the one of a profile" in "\n".join(warnings(document))


def test_the_exit_code_is_that_of_problems_and_warnings_alone_are_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(manifest("listserv-linux", TOLD))
    bad.write_text(manifest("listserv-linux", TOLD).replace("198.51.100.10", "127.0.0.1"))

    assert cli.main(["validate", "--static", "-f", str(good)]) == DONE
    first = capsys.readouterr()
    assert cli.main(["validate", "--static", "-f", str(bad), "-o", "json"]) == NOT_DONE
    second = capsys.readouterr()

    assert first.out.splitlines()[-1].endswith("warnings, 0 problems")
    assert "values are still marked CHANGE" in first.out
    told = json.loads(second.out)
    assert told["numbers"]["problem"] >= 1
    assert {item["grade"] for item in told["findings"]} == {"ok", "warning", "problem"}
    assert "problem" in second.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [", "this is no YAML"),
        ("", "the file holds 0 pairs"),
        ("kind: MaestroPair\n---\nkind: MaestroPair\n", "the file holds 2 pairs"),
    ],
)
def test_a_file_that_holds_no_one_pair_is_refused(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "file.yaml"
    path.write_text(text)

    assert cli.main(["validate", "--static", "-f", str(path)]) == NOT_DONE

    assert said in capsys.readouterr().err


# ---------------------------------------------------------------- the three forms

FOUND = (
    well("nodes", "a is read over SSH"),
    warning("backup", "not watched"),
    problem("fencing", "<script>alert(1)</script> & more"),
    problem("traffic", "b"),
)


def test_the_numbers_come_last_in_one_line() -> None:
    assert as_text("lists/maestro", FOUND).splitlines()[-1] == "1 ok, 1 warning, 2 problems"
    assert summary([]) == "0 ok, 0 warnings, 0 problems"


class Cells(html.parser.HTMLParser):
    """Reads the cells of the page, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.cells: list[str] = []

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "td":
            self.cells.append("")

    @override
    def handle_data(self, data: str) -> None:
        if self.cells and data.strip():
            self.cells[-1] += data


def test_the_page_says_the_same_and_what_was_found_is_text_in_it() -> None:
    page = Cells()
    page.feed(as_html("lists/<b>", FOUND))

    rows = [tuple(page.cells[at : at + 3]) for at in range(0, len(page.cells), 3)]
    assert [Finding(Grade(grade), area, text.rstrip()) for grade, area, text in rows] == list(FOUND)
    assert not {"script", "b"} & set(page.tags)
    assert "http" not in as_html("x", FOUND).replace("http-equiv", "")


def test_a_mirror_whose_settings_may_lose_or_fork_data_is_a_problem_that_names_them() -> None:
    said = "a: fencing:dont-care, after-sb-1pri:discard-secondary; see the page of the driver"
    condition = {"type": "DataInSync", "status": "False", "reason": "MirrorUnsafe", "message": said}
    status = {"observedGeneration": 1, "conditions": [condition]}
    pair = Mock(obj={"metadata": {"generation": 1}, "spec": {}, "status": status})

    found = [item for item in of_the_operator(pair) if item.area == "replication"]

    assert found == [problem("replication", f"DataInSync=False, MirrorUnsafe: {said}")]
