"""The doctor as root and as anybody else: root installs and says so first, others get the command to run."""

import os
from pathlib import Path

import pytest

from support.bed import doctor

COMMAND = "apt-get update && apt-get install --yes --no-install-recommends no-such-package"


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine that lacks one package, and a package manager that tells what services would do while it works."""
    policy, programs = tmp_path / "policy-rc.d", tmp_path / "bin"
    programs.mkdir()
    (programs / "apt-get").write_text(f'#!/bin/sh\necho "apt-get $1, services held: $(sh {policy}; echo $?)"\n')
    (programs / "apt-get").chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setattr(doctor, "PACKAGES", ("no-such-package",))
    monkeypatch.setattr(doctor, "POLICY", policy)
    return policy


def test_root_is_told_what_is_installed_before_it_is_and_no_service_starts_meanwhile(
    called: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    installed = doctor.install_missing()

    assert installed == ("no-such-package",)
    assert capfd.readouterr().out.splitlines() == [
        f"Installing Debian packages for the test bed: {COMMAND}",
        "apt-get update, services held: 101",
        "apt-get install, services held: 101",
    ]
    assert not called.exists()


def test_anybody_else_gets_the_command_to_run_and_nothing_is_installed(
    called: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    del called
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(PermissionError, match=r"as root, run: apt-get update && .* no-such-package"):
        doctor.install_missing()
    said = {check.name: check for check in (doctor._packages(), doctor._root())}

    assert capfd.readouterr().out == ""
    assert said["Debian packages"].remedy == COMMAND
    assert said["root"].verdict == "unsuited"


def test_a_disk_that_is_too_full_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NEEDED_DISK_BYTES", 2**60)

    check = doctor._disk()

    assert (check.name, check.verdict) == ("disk", "unsuited")
    assert "MAESTRO_CACHE" in check.remedy


def test_nothing_is_done_where_nothing_is_missing(
    called: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    del called
    monkeypatch.setattr(doctor, "PACKAGES", ("dpkg",))

    assert doctor.install_missing() == ()
    assert capfd.readouterr().out == ""
