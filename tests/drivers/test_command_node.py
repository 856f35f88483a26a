"""What a node makes of the answers of a site's own programs: a strict reading, held against systemd, or nothing."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.bed.clock import monotonic_seconds

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

PROGRAMS = Path(__file__).parents[2] / "operator/maestro_operator/transport/node"
GOOD = '{"role": "standby", "running": false, "system": "7301", "position": 4096}'
SYSTEMCTL = """#!/bin/sh
case $1 in show) cat {root}/unit-state ;; is-enabled) echo disabled ;; esac
"""
GUARD = """#!/bin/sh
case $3 in may-run) exit 10 ;; show) echo grant_epoch=0 ;; esac
"""


@dataclass(frozen=True)
class Place:
    """A root of a node's own, with a program that says what a test wants."""

    root: Path

    def say(self, answer: str, *, script: str = "", exit_code: int = 0) -> None:
        """Let the program of status say something and end so."""
        program = self.root / "status"
        (self.root / "answer").write_text(answer)
        program.write_text(f"#!/bin/sh\n{script}\ncat {self.root}/answer\nexit {exit_code}\n")
        program.chmod(0o755)

    def observe(self) -> dict[str, str]:
        """Return what the node's program says."""
        words = (str(self.root / "maestro-command"), "--root", str(self.root), "observe")
        ran = subprocess.run(words, check=True, capture_output=True, text=True, timeout=30)
        return dict(line.split("=", 1) for line in ran.stdout.splitlines())


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path
    for folder in ("etc/maestro-guard", "bin", "srv/data", "run"):
        (root / folder).mkdir(parents=True)
    for name, text in (("maestro-command", (PROGRAMS / "maestro-command").read_text()), ("maestro-guard", GUARD)):
        (root / name).write_text(text)
        (root / name).chmod(0o755)
    (root / "bin/systemctl").write_text(SYSTEMCTL.format(root=root))
    (root / "bin/systemctl").chmod(0o755)
    (root / "unit-state").write_text("inactive\n")
    programs = "".join(f"command_{verb}=1 {root}/status\n" for verb in ("status", "lag", "promote", "demote"))
    config = f"node=a\npeer=b\nlive=/srv/data\ncommand_unit=product.service\n{programs}"
    (root / "etc/maestro-guard/config").write_text(config)
    return Place(root)


def test_a_good_answer_is_read(place: Place) -> None:
    place.say(GOOD)

    told = place.observe()

    assert (told["command_role"], told["command_running"], told["command_trouble"]) == ("standby", "no", "none")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "{}",
        "[]",
        "null",
        GOOD + GOOD,
        GOOD.replace("}", ""),
        GOOD.replace('"standby"', '"Standby\\u0021"'),
        GOOD.replace('"standby"', '"a\\nb"'),
        GOOD.replace('"standby"', '"leader"'),
        GOOD.replace("false", '"false"'),
        GOOD.replace("false", "0"),
        GOOD.replace("4096", "-1"),
        GOOD.replace("4096", "4.5"),
        GOOD.replace("4096", "040"),
        GOOD.replace("4096", "9" * 18),
        GOOD.replace('"7301"', "7301"),
        GOOD.replace('"7301"', "null"),
        GOOD.replace('"7301"', f'"{"x" * 65}"'),
        GOOD.replace("}", ', "role": "primary"}'),
        GOOD.replace("}", ', "extra": 1}'),
        GOOD.replace("}", ', "connected": {"a": true}}'),
        GOOD.replace("}", ",}"),
        GOOD.replace("}", " " * 4096 + "}"),
        "warning: something\n" + GOOD,
    ],
)
def test_what_is_not_understood_to_the_letter_is_unknown(place: Place, answer: str) -> None:
    place.say(answer)

    told = place.observe()

    assert (told["command_role"], told["command_trouble"]) == ("unknown", "StatusGarbage")
    assert (told["live"], told["whole"]) == ("absent", "no")


@pytest.mark.parametrize(
    ("answer", "exit_code", "trouble"),
    [
        (GOOD, 1, "StatusFailed"),
        ('{"refused": "NoDatabase"}', 10, "StatusNoDatabase"),
        ('{"refused": "no database: password=x"}', 10, "StatusRefused"),
        (GOOD, 10, "StatusRefused"),
    ],
)
def test_a_program_that_does_not_end_well_has_said_nothing(
    place: Place, answer: str, exit_code: int, trouble: str
) -> None:
    place.say(answer, exit_code=exit_code)

    assert (place.observe()["command_role"], place.observe()["command_trouble"]) == ("unknown", trouble)


@pytest.mark.parametrize("script", ["sleep 60", "trap '' TERM; sleep 60 & wait; sleep 60", "setsid sleep 9 & sleep 60"])
def test_a_program_that_hangs_is_ended_with_what_it_started(place: Place, script: str) -> None:
    place.say(GOOD, script=script)
    began = monotonic_seconds()

    told = place.observe()

    assert (told["command_trouble"], monotonic_seconds() - began < 8) == ("StatusTimedOut", True)


def test_a_program_that_says_much_is_cut_off(place: Place) -> None:
    place.say(GOOD, script='yes \'{"role": "standby"}\'')

    assert place.observe()["command_role"] == "unknown"


def test_a_program_that_others_may_change_is_not_run(place: Place) -> None:
    place.say(GOOD, script=f"touch {place.root}/ran")
    (place.root / "status").chmod(0o777)

    assert place.observe()["command_trouble"] == "StatusNotRoots"
    assert not (place.root / "ran").exists()


@pytest.mark.parametrize(
    ("answer", "state", "trouble"),
    [
        (GOOD, "active", "StatusContradicted"),
        (GOOD.replace("false", "true"), "inactive", "StatusContradicted"),
        (GOOD.replace("false", "true").replace("standby", "primary"), "active", "StandbyWrites"),
        (GOOD.replace("false", "true").replace("standby", "primary"), "inactive", "RunsUnpermitted"),
        (GOOD, "", "StatusContradicted"),
    ],
)
def test_an_answer_that_systemd_or_the_guard_contradicts_is_not_believed(
    place: Place, answer: str, state: str, trouble: str
) -> None:
    place.say(answer)
    (place.root / "unit-state").write_text(f"{state}\n")

    told = place.observe()

    assert (told["command_role"], told["command_trouble"], told["live"]) == ("unknown", trouble, "absent")


def test_a_stopped_product_whose_data_somebody_has_open_is_not_believed_stopped(place: Place) -> None:
    place.say(GOOD)
    held = place.root / "srv/data/held"
    with held.open("w"):
        told = place.observe()

    assert told["command_trouble"] == "StatusContradicted"


def test_no_environment_of_the_caller_and_no_shell_reach_the_program(place: Place) -> None:
    place.say(GOOD, script=f'env >{place.root}/environment; printf "%s" "$*" >{place.root}/words')
    config = place.root / "etc/maestro-guard/config"
    config.write_text(config.read_text().replace(f"1 {place.root}/status\n", f"1 {place.root}/status a@b c\n", 1))

    place.observe()

    names = {line.split("=", 1)[0] for line in (place.root / "environment").read_text().splitlines()}
    assert (place.root / "words").read_text() == "a@b c"
    assert {"MAESTRO_DATA", "MAESTRO_NODE", "MAESTRO_GUARD"} <= names
    assert not names & {"HOME_OF_TESTS", "PYTEST_CURRENT_TEST"}
