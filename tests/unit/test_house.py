"""The rules of the house that no linter knows."""

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

_ROOT = Path(__file__).parents[2]
_MODULE_LINES = 400
_PRODUCT = sorted((_ROOT / "operator").rglob("*.py"))
_LOCKS = sorted((_ROOT / "requirements").glob("*.txt"))
_VAGUE_NAMES = frozenset({"utils.py", "helpers.py", "common.py", "misc.py", "util.py"})


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", lock.read_text(), flags=re.MULTILINE))


def test_the_source_root_does_not_shadow_the_standard_library() -> None:
    assert not (_ROOT / "operator/__init__.py").exists()


def test_every_module_of_the_operator_fits_in_a_head() -> None:
    long = {str(path.relative_to(_ROOT)): lines for path in _PRODUCT if (lines := _lines(path)) > _MODULE_LINES}

    assert long == {}


def test_every_module_is_named_after_something() -> None:
    assert [path.name for path in _PRODUCT if path.name in _VAGUE_NAMES] == []


def test_every_package_of_the_operator_says_what_it_is() -> None:
    packages = {path.parent for path in _PRODUCT}
    silent = [str(package) for package in packages if not _docstring(package / "__init__.py")]

    assert silent == []


@pytest.mark.parametrize("lock", _LOCKS, ids=lambda lock: lock.name)
def test_a_lock_has_hashes_and_names_no_address(lock: Path) -> None:
    text = lock.read_text()

    requirements = re.findall(r"^[a-z0-9].*", text, flags=re.MULTILINE)
    assert requirements
    assert all(" \\" in line for line in requirements)
    assert text.count("--hash=sha256:") >= len(requirements)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_what_is_tested_is_what_runs() -> None:
    tested = pins(_ROOT / "requirements/dev.txt")

    differing = {
        name: pin for name, pin in pins(_ROOT / "requirements/operator.txt").items() if tested.get(name) != pin
    }

    assert differing == {}


def test_every_dependency_says_why_it_was_chosen() -> None:
    for path in (_ROOT / "requirements").glob("*.in"):
        blocks = path.read_text().split("\n\n")
        silent = [block for block in blocks if re.search(r"^[A-Za-z]", block, re.MULTILINE) and "#" not in block]
        assert silent == [], path.name


def declared(*names: str) -> set[str]:
    """Returns the requirements that are written down, as installed packages are named."""
    lines = [line for name in names for line in (_ROOT / "requirements" / name).read_text().splitlines()]
    return {found.group().replace("_", "-").lower() for line in lines if (found := re.match(r"[A-Za-z0-9_.-]+", line))}


def imported(folder: Path) -> set[str]:
    """Returns the packages that the modules below a folder import, as installed packages are named."""
    of_module = packages_distributions()
    text = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    foreign = set(re.findall(r"^ *(?:from|import) (\w+)", text, re.MULTILINE)) - sys.stdlib_module_names
    return {package.replace("_", "-").lower() for name in foreign for package in of_module.get(name, ())}


@pytest.mark.parametrize(
    ("folder", "files"),
    [("operator", ("operator.in",)), ("tests", ("operator.in", "dev.in"))],
    ids=["operator", "tests"],
)
def test_what_is_imported_is_declared_and_not_only_brought_by_another(folder: str, files: tuple[str, ...]) -> None:
    found = imported(_ROOT / folder) - {"maestro-operator"}

    assert len(found) > 5
    assert found - declared(*files) == set()


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def _docstring(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text())) or "") if path.exists() else ""


def test_the_hooks_of_a_commit_are_the_steps_of_lint_and_fetch_nothing() -> None:
    repositories = yaml.safe_load((_ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = [hook for one in repositories for hook in one["hooks"]]
    tiers = tomllib.loads((_ROOT / "tests" / "tiers.toml").read_text())["tier"]
    (steps,) = (tier["steps"] for tier in tiers if tier["name"] == "lint")

    assert {one["repo"] for one in repositories} == {"local"}
    assert {hook["language"] for hook in hooks} == {"system"}
    run = {re.search(r"\.venv/bin/(\S+)", hook["entry"])[1] for hook in hooks}  # type: ignore[index]
    assert run == {step.split()[0] for step in steps}
