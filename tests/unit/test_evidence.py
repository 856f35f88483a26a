"""The committed results, seen to be missed: a check that cannot fail keeps nothing."""

import json
import subprocess
from pathlib import Path

import pytest

from support.evidence import declared
from support.evidence.check import check
from support.evidence.declared import DeclarationError, Declared
from support.report import ROOT

MATRIX = Declared(report="matrix", command="make matrix", depends=("code",), cells=("one", "two"))


def git(repository: Path, *words: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    command = ("git", "-C", str(repository), *identity, *words)
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Returns a repository with code that the report depends on, and an empty evidence folder."""
    (tmp_path / "evidence").mkdir()
    (tmp_path / "code").write_text("first")
    (tmp_path / "docs").write_text("first")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def keep(repository: Path, *, tree: str = "", failed: str = "", cells: tuple[str, ...] = ("one", "two")) -> None:
    claims = [{"id": cell, "ok": cell != failed} for cell in cells]
    tested = tree or git(repository, "rev-parse", "HEAD^{tree}")
    document = {"ok": not failed, "tree": tested, "seconds": 1, "claims": claims}
    (repository / "evidence" / "matrix.json").write_text(json.dumps(document))


def line(repository: Path) -> str:
    return check(MATRIX, folder=repository / "evidence", repository=repository).line()


def commit(repository: Path, name: str) -> None:
    (repository / name).write_text("second")
    git(repository, "commit", "-qam", "second")


def test_a_whole_report_of_this_code_is_good(repository: Path) -> None:
    keep(repository)
    commit(repository, "docs")

    assert line(repository) == "ok     matrix: 2 cells, of this code"


def test_a_report_of_older_code_is_said_and_does_not_fail(repository: Path) -> None:
    keep(repository)
    commit(repository, "code")

    found = check(MATRIX, folder=repository / "evidence", repository=repository)

    assert found.fault == ""
    assert found.stale.startswith("1 files it depends on changed since tree ")


@pytest.mark.parametrize(
    ("tree", "says"),
    [("f" * 40, "is not in this clone"), (f"{'f' * 40}-dirty", "it tested changes on top of tree")],
)
def test_a_tree_that_cannot_be_compared_is_stale(repository: Path, tree: str, says: str) -> None:
    keep(repository, tree=tree)

    assert says in line(repository)


def test_a_missing_report_fails_and_names_what_makes_it(repository: Path) -> None:
    assert line(repository) == "FAILED matrix: is not there; `make matrix` makes it"


def test_a_missing_cell_fails(repository: Path) -> None:
    keep(repository, cells=("one",))

    assert line(repository) == "FAILED matrix: lacks two; `make matrix` makes it anew"


def test_a_failed_cell_fails(repository: Path) -> None:
    keep(repository, failed="two")

    assert line(repository) == "FAILED matrix: failed: two"


def test_a_report_cut_short_fails(repository: Path) -> None:
    (repository / "evidence" / "matrix.json").write_text('{"ok": true, "cla')

    assert line(repository).startswith("FAILED matrix: cannot be read")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[evidence]]\nreport = "x"\ncommand = "y"\ndepends = []\n', "give cells or cells_from"),
        ('[[evidence]]\nreport = "x"\ncells = ["y"]\n', "x: "),
        ('[[evidnce]]\nreport = "x"\n', "only [[evidence]] is known"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "evidence.toml"
    path.write_text(text)

    with pytest.raises(DeclarationError) as refused:
        declared.read(path)

    assert says in str(refused.value)


def test_every_committed_report_is_declared_and_every_path_it_depends_on_is_there() -> None:
    reports = declared.read()

    assert {path.stem for path in (ROOT / "evidence").glob("*.json")} == {one.report for one in reports}
    assert [path for one in reports for path in one.depends if not (ROOT / path).exists()] == []
