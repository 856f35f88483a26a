"""The tier runner, seen to fail: a runner that cannot is no CI."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.bed.doctor import Check
from support.report import Claim
from support.tiers import execute, junit, needs, plan, report
from support.tiers.__main__ import main
from support.tiers.done import Done
from support.tiers.plan import PlanError, Tier
from support.tiers.process import Surroundings
from support.tiers.verdict import Counts, Run, absent, judge, total

_LIMIT_SECONDS = 30.0


def tier(**changes: object) -> Tier:
    values = {"name": "some", "about": "a tier", "budget_seconds": 60, "minimum": 1, "steps": (("true",),)}
    return Tier(**(values | changes))  # type: ignore[arg-type]


def passing(number: int, *, seconds: float = 1.0, skipped: int = 0) -> Run:
    return Run(counts=Counts(passed=number, skipped=skipped), seconds=seconds)


# ------------------------------------------------------------------ verdicts


def test_a_tier_that_ran_whole_and_in_time_is_green() -> None:
    judged = judge(tier(minimum=3), passing(3), strict=True)

    assert judged.ok
    assert judged.counts == Counts(passed=3)


@pytest.mark.parametrize("strict", [True, False])
def test_fewer_tests_than_declared_fail_everywhere(*, strict: bool) -> None:
    judged = judge(tier(minimum=4), passing(3), strict=strict)

    assert judged.problems == ("3 tests, at least 4 were expected",)
    assert judged.counts == Counts(passed=3, failed=1)


def test_a_tier_over_its_budget_fails_in_ci_and_is_a_note_elsewhere() -> None:
    slow = passing(3, seconds=61.0)

    in_ci = judge(tier(), slow, strict=True)
    on_a_laptop = judge(tier(), slow, strict=False)

    assert in_ci.problems == ("over budget: 61 s, 60 s are allowed",)
    assert on_a_laptop.ok
    assert on_a_laptop.notes == in_ci.problems


def test_a_skipped_test_fails_in_ci_and_is_counted_elsewhere() -> None:
    partly = passing(3, skipped=1)

    assert not judge(tier(), partly, strict=True).ok
    assert judge(tier(), partly, strict=False).counts == Counts(passed=3, skipped=1)


def test_a_tier_the_machine_cannot_run_fails_in_ci_and_is_named_elsewhere() -> None:
    in_ci = absent(tier(), "needs root", strict=True)
    on_a_laptop = absent(tier(), "needs root", strict=False)

    assert in_ci.counts == Counts(failed=1)
    assert on_a_laptop.counts == Counts(skipped=1)
    assert "not run some: needs root" in report.lines((on_a_laptop,))


def test_the_closing_line_adds_the_tiers_up() -> None:
    judged = (
        judge(tier(), passing(5), strict=False),
        judge(tier(), Run(counts=Counts(passed=1, failed=2), faults=("ended after 9 s, its limit",)), strict=False),
        absent(tier(), "needs root", strict=False),
    )

    assert report.lines(judged)[-1] == "6 passed, 3 failed, 1 skipped"
    assert total(judged) == Counts(passed=6, failed=3, skipped=1)


def test_a_tier_that_did_not_run_claims_nothing_outside_ci_and_fails_its_claim_there() -> None:
    judged = (absent(tier(), "needs root", strict=False),)

    assert report.claims(judged, strict=False) == ()
    assert report.claims(judged, strict=True) == (Claim(id="some.runs", ok=False, measured="needs root", bound="runs"),)


def test_a_claim_stands_beside_what_it_was_held_against() -> None:
    judged = (judge(tier(minimum=4), passing(3, seconds=61.0, skipped=1), strict=True),)

    claims = report.claims(judged, strict=True)

    assert [(claim.id, claim.ok, claim.measured, claim.bound) for claim in claims] == [
        ("some.failures", True, 0, 0),
        ("some.tests", True, 4, ">= 4"),
        ("some.skipped", False, 1, 0),
        ("some.seconds", False, 61.0, "<= 60"),
    ]


# ------------------------------------------------------------------ the declared plan


def test_the_declared_budgets_leave_ci_its_time() -> None:
    tiers = [one for one in plan.read() if not one.long]

    warm = plan.longest_seconds(tuple(one for one in tiers if not one.cold))
    cold = plan.longest_seconds(tuple(tiers))

    assert warm < 50 * 60
    assert cold < 75 * 60


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[tier]]\nname = "a"\nabout = ""\nbudget_seconds = 1\nminimun = 1\nsteps = ["true"]', "minimun"),
        ('[[tier]]\nname = "a"\nabout = ""\nbudget_seconds = 1\nsteps = ["true"]', "minimum"),
        ('[[tier]]\nname = "a"\nabout = ""\nbudget_seconds = 1\nminimum = 0\nsteps = ["true"]', "at least 1"),
        ('[[tier]]\nname = "a"\nabout = ""\nbudget_seconds = 1\nminimum = 1', "either tests or steps"),
        (
            '[[tier]]\nname = "a"\nabout = ""\nbudget_seconds = 1\nminimum = 1\nneeds = ["luck"]\nsteps = ["true"]',
            "luck",
        ),
        ('[[tiers]]\nname = "a"', "only [[tier]] is known"),
    ],
)
def test_a_plan_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "tiers.toml"
    path.write_text(text)

    with pytest.raises(PlanError) as refused:
        plan.read(path)

    assert says in str(refused.value)


def names(groups: tuple[tuple[tuple[Tier, ...], ...], ...]) -> list[list[list[str]]]:
    return [[[one.name for one in lane] for lane in group] for group in groups]


def test_neighbours_with_lanes_run_side_by_side_and_one_without_runs_alone() -> None:
    declared = (
        tier(name="fill", lane="x", cold=True),
        tier(name="a", lane="x"),
        tier(name="b", lane="y"),
        tier(name="c", lane="x"),
        tier(name="alone"),
        tier(name="last", lane="x"),
    )

    assert names(plan.groups(declared)) == [[["fill"]], [["a", "c"], ["b"]], [["alone"]], [["last"]]]


def test_a_group_takes_as_long_as_its_longest_lane() -> None:
    declared = (
        tier(name="a", lane="x", budget_seconds=10),
        tier(name="b", lane="y", budget_seconds=25),
        tier(name="c", lane="x", budget_seconds=20),
        tier(name="alone", budget_seconds=5),
    )

    assert plan.longest_seconds(declared) == 35


# ------------------------------------------------------------------ running


def run(declared: Tier, build: Path, *, limit_seconds: float = _LIMIT_SECONDS) -> Run:
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}
    around = Surroundings(environment=environment, show=print, stop=threading.Event())
    return execute.execute(declared, build=build, around=around, limit_seconds=limit_seconds)


@pytest.mark.timeout(60)
def test_each_command_counts_and_a_failed_one_does_not_hide_the_next(tmp_path: Path) -> None:
    ran = run(tier(steps=(("false",), ("true",), ("no-such-program",))), tmp_path)

    assert ran.counts == Counts(passed=1, failed=2)
    assert ran.failures == ("false: ended with 1", "no-such-program: ended with 127")


@pytest.mark.timeout(60)
def test_a_command_that_hangs_is_ended_at_the_limit(tmp_path: Path) -> None:
    ran = run(tier(steps=(("sleep", "60"),)), tmp_path, limit_seconds=0.3)

    assert ran.counts.failed == 1
    assert "the tier's limit" in ran.faults[0]
    assert ran.seconds < 20


@pytest.mark.timeout(60)
def test_what_a_command_leaves_behind_does_not_keep_the_tier_waiting(tmp_path: Path) -> None:
    ran = run(tier(steps=(("sh", "-c", "sleep 50 & echo started"),)), tmp_path)

    assert ran.counts == Counts(passed=1)
    assert ran.seconds < 20
    assert (tmp_path / "some.log").read_text() == "started\n"


@pytest.mark.timeout(60)
def test_the_counts_of_a_pytest_tier_come_from_its_result_file(tmp_path: Path) -> None:
    (tmp_path / "test_four.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "@pytest.mark.skip(reason='no')\n"
        "def test_skipped(): pass\n"
        "@pytest.fixture\n"
        "def broken(): raise RuntimeError\n"
        "def test_error(broken): pass\n"
    )

    ran = run(tier(steps=(), tests=(str(tmp_path),)), tmp_path / "build")

    assert ran.counts == Counts(passed=1, failed=2, skipped=1)
    assert not ran.faults
    assert sorted(line.rpartition("::")[2] for line in ran.failures) == [
        "test_bad: assert False",
        'test_error: failed on setup with "RuntimeError"',
    ]


@pytest.mark.timeout(60)
def test_a_folder_without_tests_is_a_fault(tmp_path: Path) -> None:
    ran = run(tier(steps=(), tests=(str(tmp_path),)), tmp_path / "build")

    assert ran.counts.all == 0
    assert "pytest ended with 5" in ran.faults[0]


def test_a_result_file_cut_short_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "cut.xml"
    path.write_text('<testsuites><testsuite tests="3" failures="0"')

    assert junit.read(path) is None


# ------------------------------------------------------------------ the machine


@pytest.fixture
def _fresh_doctor() -> Iterator[None]:
    needs._problems.cache_clear()
    yield
    needs._problems.cache_clear()


@pytest.mark.usefixtures("_fresh_doctor")
def test_what_a_machine_lacks_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    lacks = (
        Check("root", "unsuited", "running as user 1000", "run this as root"),
        Check("disk", "unsuited", "1 GiB free", "free 4 GiB"),
    )
    monkeypatch.setattr("support.bed.doctor.problems", lambda: lacks)

    assert needs.unmet(()) == ""
    assert needs.unmet(("root",)) == "root: running as user 1000 → run this as root"
    assert needs.unmet(("bed",)) == "root: running as user 1000 → run this as root; disk: 1 GiB free → free 4 GiB"


# ------------------------------------------------------------------ the whole


def test_make_test_fails_and_says_so_in_its_last_line_and_its_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/tiers.toml").write_text(
        '[[tier]]\nname = "good"\nabout = "good"\nbudget_seconds = 9\nminimum = 1\nsteps = ["true"]\n'
        '[[tier]]\nname = "short"\nabout = "too few"\nbudget_seconds = 9\nminimum = 2\nsteps = ["true"]\n'
        '[[tier]]\nname = "bad"\nabout = "bad"\nbudget_seconds = 9\nminimum = 1\nsteps = ["false"]\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "true")

    code = main([])

    document = json.loads((tmp_path / "build/test.json").read_text())
    assert code == 1
    assert capsys.readouterr().out.splitlines()[-3:] == [
        "FAILED short: 1 tests, at least 2 were expected",
        "FAILED bad: false: ended with 1",
        "2 passed, 2 failed, 0 skipped",
    ]
    assert [claim["id"] for claim in document["claims"] if not claim["ok"]] == ["short.tests", "bad.failures"]
    assert not document["ok"]


@pytest.mark.timeout(60)
def test_lanes_run_side_by_side_and_their_output_stays_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "tests").mkdir()
    meets = "import pathlib, sys, time\nmine, other = sys.argv[1:]\nprint(mine)\npathlib.Path(mine).touch()\n"
    meets += "while not pathlib.Path(other).exists(): time.sleep(0.02)\nprint(mine)\n"
    (tmp_path / "meet.py").write_text(meets)
    entry = '[[tier]]\nname = "{0}"\nabout = "x"\nlane = "{0}"\nbudget_seconds = 20\nminimum = 1\n'
    python = sys.executable
    (tmp_path / "tests/tiers.toml").write_text(
        entry.format("left")
        + f'steps = ["{python} meet.py left right"]\n'
        + entry.format("right")
        + f'steps = ["{python} meet.py right left"]\n'
    )
    monkeypatch.chdir(tmp_path)

    code = main([])

    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert lines[lines.index("left") + 1] == "left"
    assert lines[lines.index("right") + 1] == "right"


@pytest.mark.timeout(60)
def test_a_fault_of_one_lane_ends_the_others(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    entry = '[[tier]]\nname = "{0}"\nabout = "x"\nlane = "{0}"\nbudget_seconds = 50\nminimum = 1\nsteps = ["{1}"]\n'
    (tmp_path / "tests/tiers.toml").write_text(entry.format("hangs", "sleep 50") + entry.format("faulty", "true"))
    monkeypatch.chdir(tmp_path)
    execute_well = execute.execute

    def faulty(declared: Tier, **rest: object) -> Run:
        if declared.name == "faulty":
            raise RuntimeError("the runner's own fault")
        return execute_well(declared, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(execute, "execute", faulty)
    before = time.monotonic()

    with pytest.raises(RuntimeError):
        main([])

    assert time.monotonic() - before < 30


def test_a_long_run_that_was_ended_goes_on_where_it_stopped_and_only_with_the_same_tree(tmp_path: Path) -> None:
    run = passing(3, seconds=900.0)
    Done(tmp_path, tree="abc").keep("long", run)

    assert Done(tmp_path, tree="abc").find("long") == run
    assert Done(tmp_path, tree="abc").find("breaks") is None
    assert Done(tmp_path, tree="def").find("long") is None


@pytest.mark.parametrize("tree", ["unknown", "abc-dirty"])
def test_a_tree_that_cannot_be_named_finds_nothing_done(tmp_path: Path, tree: str) -> None:
    Done(tmp_path, tree=tree).keep("long", passing(3))

    assert Done(tmp_path, tree=tree).find("long") is None
