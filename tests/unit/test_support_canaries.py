"""The search for leaked secrets finds a planted one in every form, and is not content with nothing to search."""

import base64
import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from support.canaries import leaks, process_list

pytestmark = pytest.mark.unit
SECRET = 'canary/9c1f"e2+x'
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    + "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU" * 2
    + "\n-----END OPENSSH PRIVATE KEY-----\n"
)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (f"password={SECRET}\n", "plain"),
        (base64.b64encode(SECRET.encode()).decode(), "base64"),
        (SECRET.encode().hex(), "hex"),
        ("GET /?p=canary%2F9c1f%22e2%2Bx", "in a URL"),
        ('{"message": "canary/9c1f\\"e2+x"}', "in JSON"),
    ],
)
def test_a_planted_secret_is_found_in_every_form(tmp_path: Path, text: str, form: str) -> None:
    (tmp_path / "good.log").write_text("nothing here\n")
    (tmp_path / "operator.log").write_text(f"before {text}")

    (leak,) = leaks(tmp_path, {"bmc": SECRET})

    assert (leak.file, leak.secret, leak.form) == ("operator.log", "bmc", form)
    assert leak.offset >= len("before ")


def test_one_line_of_a_private_key_is_a_leak_in_a_packed_log_too(tmp_path: Path) -> None:
    (tmp_path / "old.log.gz").write_bytes(gzip.compress(f"key {KEY.splitlines()[1]} end".encode()))

    (leak,) = leaks(tmp_path, {"ssh": KEY})

    assert (leak.file, leak.secret, leak.form) == ("old.log.gz", "ssh", "line 2")


def test_what_holds_secrets_by_design_is_left_out_by_name(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "id").write_text(SECRET)
    (tmp_path / "operator.log").write_text("fine")

    assert leaks(tmp_path, {"ssh": SECRET}, without=["keys"]) == []
    assert len(leaks(tmp_path, {"ssh": SECRET})) == 1


def test_nothing_to_search_and_nothing_to_look_for_are_no_clean_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing was collected"):
        leaks(tmp_path, {"ssh": SECRET})
    (tmp_path / "log").write_text("x")
    with pytest.raises(ValueError, match="cannot be looked for: short"):
        leaks(tmp_path, {"short": "x"})
    with pytest.raises(ValueError, match="none given"):
        leaks(tmp_path, {})


def test_a_secret_in_an_argument_or_a_variable_of_a_process_is_found(tmp_path: Path) -> None:
    sleeper = [sys.executable, "-c", "print(flush=True); input()", "--password=canary-in-argv"]
    pipe, environment = subprocess.PIPE, {"TOKEN": "canary-in-environment"}
    with subprocess.Popen(sleeper, stdin=pipe, stdout=pipe, env=environment) as process:
        # Before its first word it may still be this process, with other arguments.
        assert process.stdout is not None
        process.stdout.readline()
        listed = process_list()
        process.communicate(b"\n")
    (tmp_path / "processes.txt").write_text(listed)

    found = {leak.secret for leak in leaks(tmp_path, {"one": "canary-in-argv", "two": "canary-in-environment"})}

    assert found == {"one", "two"}
