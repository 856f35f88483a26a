"""The contract of verification, held over the memory world and over a real shell reached by SSH."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from typing_extensions import override

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.memory.ports import MemoryVerification
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import CheckResult, VerificationPort
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.drivers.verification.logs import SHOWN_CHARACTERS, TAIL_BYTES
from maestro_operator.model.pair import Check, LogScan, SecretReference, Ssh
from maestro_operator.model.probes import HttpCheck
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support.loopback_ssh import LoopbackSsh, loopback_ssh
from support.worlds import pair_spec

pytestmark = pytest.mark.timeout(30)

OK = Check(name="log", log=LogScan(path="/x", fail=("SEVERE",), ok=("READY",)), deadline_seconds=1)


class VerifiedWorld(Protocol):
    """One node whose services run well or not."""

    verification: VerificationPort
    node: FrozenNode
    check: Check

    def run_well(self) -> None:
        """Let the services run and say so."""


class MemoryVerified(VerifiedWorld):
    def __init__(self) -> None:
        self._world = MemoryWorld(nodes=[("a", "192.0.2.1"), ("b", "192.0.2.2")], units=("x",), clock=MemoryClock())
        self.verification = MemoryVerification(self._world)
        self.check = OK
        self.node = node(22, "ssh-ed25519 AAAA")

    @override
    def run_well(self) -> None:
        self._world.nodes["a"].running = {"x"}


class ShellVerified(VerifiedWorld):
    """A log in a folder, read by the driver's own script through a real SSH server."""

    def __init__(self, server: LoopbackSsh, folder: Path) -> None:
        self.clock = SystemClock()
        self.sessions = Sessions(secrets=server.secrets, namespace="pairs", clock=self.clock)
        self.verification = NodeVerification(
            self.sessions, clock=self.clock, spec=pair_spec, secrets=server.secrets, namespace="pairs"
        )
        self.node = node(server.port, server.host_key)
        self.folder = folder
        self.began = self.now()
        self.check = self.scan()

    @override
    def run_well(self) -> None:
        self.log("READY")

    def systemd_says(self, started: datetime, *, restarts: int = 0) -> None:
        """Let the node's systemd say when each of the services was started, and how often by itself since."""
        program = self.folder.parent / "bin" / "systemctl"
        stamp = f"{started.astimezone(UTC):%a %Y-%m-%d %H:%M:%S} UTC"
        lines = f"NRestarts={restarts}", "ExecMainStartTimestamp=", f"InactiveExitTimestamp={stamp}"
        program.write_text(f"#!/bin/sh\nprintf '%s\\n' {' '.join(map(repr, lines))}\n")
        program.chmod(0o755)

    def now(self) -> datetime:
        return datetime.fromisoformat(self.clock.now()).astimezone()

    def scan(
        self, *, path: str = "lui.log", fail: tuple[str, ...] = ("SEVERE",), ok: tuple[str, ...] = ("READY",)
    ) -> Check:
        return Check(
            name="log",
            log=LogScan(path=str(self.folder / path), fail=fail, ok=ok, settle_seconds=0),
            deadline_seconds=1,
        )

    def write(self, text: str, *, to: str = "lui.log") -> None:
        with (self.folder / to).open("a") as file:
            file.write(text)

    def log(self, words: str, *, seconds: float = 1, to: str = "lui.log") -> None:
        """Write a line so many seconds after the start, in local time as Maestro does."""
        stamp = self.began + timedelta(seconds=seconds)
        self.write(f"{stamp:%Y-%m-%d %H:%M:%S},123 INFO [LUI] {words}\n", to=to)

    async def verify(self, check: Check | None = None, *, since: datetime | None = None) -> CheckResult:
        (result,) = await self.verification.verify(
            self.node, [check or self.check], since=(since or self.began).isoformat(), deadline_seconds=1
        )
        return result


def node(port: int, host_key: str) -> FrozenNode:
    ssh = Ssh(host="127.0.0.1", port=port, host_key=host_key, credentials_secret=SecretReference(name="node-ssh"))
    return FrozenNode(name="a", address="127.0.0.1", ssh=ssh)


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[ShellVerified]:
    folder = tmp_path / "logs"
    folder.mkdir()
    async with loopback_ssh(tmp_path / "bin") as server:
        verified = ShellVerified(server, folder)
        yield verified
        await verified.sessions.close()


@pytest.fixture(params=["memory", "shell"])
def world(request: pytest.FixtureRequest) -> VerifiedWorld:
    return MemoryVerified() if request.param == "memory" else request.getfixturevalue("shell")


# ---------------------------------------------------------------- both


async def test_what_runs_well_passes_under_the_names_of_its_checks(world: VerifiedWorld) -> None:
    world.run_well()
    since = datetime.fromisoformat(SystemClock().now()).isoformat()
    results = await world.verification.verify(world.node, [world.check], since=since, deadline_seconds=2)
    assert [(result.name, result.passed) for result in results] == [("log", True)]


async def test_what_does_not_run_fails(world: VerifiedWorld) -> None:
    since = datetime.fromisoformat(SystemClock().now()).isoformat()
    (result,) = await world.verification.verify(world.node, [world.check], since=since, deadline_seconds=0.5)
    assert not result.passed
    assert result.message


async def test_without_checks_there_are_no_results(world: VerifiedWorld) -> None:
    assert await world.verification.verify(world.node, [], since="2026-01-01T00:00:00Z", deadline_seconds=1) == ()


# ---------------------------------------------------------------- what counts of a log


async def test_only_what_was_written_since_the_start_counts(shell: ShellVerified) -> None:
    shell.log("READY", seconds=-120)
    shell.log("SEVERE of the run before", seconds=-100)
    result = await shell.verify()
    assert (result.passed, result.message) == (False, "the log does not show 'READY' yet")
    shell.log("READY")
    assert (await shell.verify()).passed


async def test_a_line_that_tells_of_a_failure_fails_at_once_and_is_shown(shell: ShellVerified) -> None:
    shell.log("READY")
    shell.log("SEVERE table RECIPIENTS is damaged")
    result = await shell.verify()
    assert not result.passed
    assert "SEVERE table RECIPIENTS is damaged" in result.message


async def test_lines_without_a_stamp_belong_to_the_line_before(shell: ShellVerified) -> None:
    shell.log("old trace", seconds=-120)
    shell.write("    SEVERE in an old trace\n")
    shell.log("READY")
    assert (await shell.verify()).passed
    shell.write("Caused by: SEVERE in a new trace\n")
    assert not (await shell.verify()).passed


async def test_a_log_without_stamps_cannot_be_judged_and_fails(shell: ShellVerified) -> None:
    shell.write("READY\nSEVERE\n")
    result = await shell.verify(shell.scan(ok=()))
    assert not result.passed
    assert "date and a time" in result.message


async def test_a_log_that_is_not_there_fails(shell: ShellVerified) -> None:
    result = await shell.verify(shell.scan(ok=()))
    assert not result.passed
    assert "there is no log" in result.message


async def test_a_check_waits_for_what_comes_until_its_deadline(shell: ShellVerified) -> None:
    verifying = asyncio.create_task(
        shell.verification.verify(shell.node, [shell.check], since=shell.began.isoformat(), deadline_seconds=5)
    )
    await asyncio.sleep(0.3)
    shell.log("READY")
    (result,) = await verifying
    assert result.passed


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu"])
async def test_stamps_are_read_in_the_nodes_own_zone(
    shell: ShellVerified, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("TZ", zone)
    local = await local_time(shell)
    shell.write(f"{local - timedelta(minutes=5):%Y-%m-%d %H:%M:%S} SEVERE\n")
    shell.write(f"{local + timedelta(seconds=1):%Y-%m-%d %H:%M:%S} READY\n")
    assert (await shell.verify()).passed


async def local_time(shell: ShellVerified) -> datetime:
    answer = await shell.sessions.run(shell.node, ["date", "+%Y-%m-%dT%H:%M:%S"], deadline_seconds=5)
    return datetime.fromisoformat(getattr(answer, "stdout", "").strip())


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00", "[%Y-%m-%d %H:%M:%S UTC]"])
async def test_a_stamp_with_a_zone_of_its_own_is_read_in_that(
    shell: ShellVerified, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    began = datetime.fromisoformat(shell.clock.now())
    shell.write(f"{(began - timedelta(minutes=5)).strftime(form)} SEVERE\n")
    shell.write(f"{(began + timedelta(seconds=1)).strftime(form)} READY\n")
    assert (await shell.verify()).passed


async def test_the_stamps_of_tomcat_are_read_too(shell: ShellVerified) -> None:
    shell.write(f"{shell.began - timedelta(minutes=5):%d-%b-%Y %H:%M:%S}.001 SEVERE [main] old\n")
    shell.write(f"{shell.began + timedelta(seconds=1):%d-%b-%Y %H:%M:%S}.001 INFO [main] READY\n")
    assert (await shell.verify()).passed


async def test_a_start_before_midnight_is_followed_into_the_next_days_file(
    shell: ShellVerified, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zone is chosen so that midnight was two minutes ago on the node."""
    utc = datetime.fromisoformat(shell.clock.now())
    ahead = 24 * 60 - (utc.hour * 60 + utc.minute) + 2
    ahead -= 24 * 60 if ahead > 14 * 60 else 0
    sign, size = ("-", ahead) if ahead >= 0 else ("+", -ahead)
    monkeypatch.setenv("TZ", f"XXX{sign}{size // 60:02d}:{size % 60:02d}")
    local = await local_time(shell)
    assert (local - timedelta(minutes=4)).date() < local.date()
    started = local - timedelta(minutes=4)
    old, new = (f"LUI-{day:%Y%m%d}.LOG" for day in (started, local))
    check = shell.scan(path="LUI-{yyyymmdd}.LOG", fail=("SEVERE",), ok=("STARTING", "READY"))
    shell.write(f"{started - timedelta(minutes=1):%Y-%m-%d %H:%M:%S} SEVERE\n", to=old)
    shell.write(f"{started + timedelta(seconds=1):%Y-%m-%d %H:%M:%S} STARTING\n", to=old)
    shell.write(f"{local - timedelta(seconds=1):%Y-%m-%d %H:%M:%S} READY\n", to=new)
    since = shell.began - timedelta(minutes=4)
    assert (await shell.verify(check, since=since)).passed
    shell.write(f"{started + timedelta(seconds=2):%Y-%m-%d %H:%M:%S} SEVERE\n", to=old)
    assert not (await shell.verify(check, since=since)).passed


async def test_of_services_that_were_left_alone_no_start_is_asked_for(shell: ShellVerified) -> None:
    shell.log("READY", seconds=-3600)
    shell.systemd_says(shell.began - timedelta(hours=1))
    assert (await shell.verify()).passed
    shell.log("SEVERE all the same")
    assert not (await shell.verify()).passed


async def test_of_a_service_that_was_started_since_the_start_is_asked_for(shell: ShellVerified) -> None:
    shell.log("READY", seconds=-3600)
    shell.systemd_says(shell.began)
    assert "does not show 'READY' yet" in (await shell.verify()).message


async def test_what_a_failed_attempt_said_is_not_held_against_the_one_after_it(shell: ShellVerified) -> None:
    began = shell.began - timedelta(minutes=2)
    shell.log("SEVERE no such data", seconds=-60)
    shell.log("READY", seconds=1)
    shell.systemd_says(shell.began)
    assert (await shell.verify(since=began)).passed
    shell.log("SEVERE all the same", seconds=2)
    assert not (await shell.verify(since=began)).passed


async def test_what_was_said_before_a_failed_start_was_tried_again_is_no_sign_of_success(shell: ShellVerified) -> None:
    shell.log("READY", seconds=-60)
    shell.systemd_says(shell.began)
    result = await shell.verify(since=shell.began - timedelta(minutes=2))
    assert "does not show 'READY' yet" in result.message


@pytest.mark.parametrize("why", ["a service runs since the first attempt", "systemd started it again", "nobody says"])
async def test_what_may_be_said_of_a_start_that_counts_is_judged(shell: ShellVerified, why: str) -> None:
    shell.log("SEVERE no such data", seconds=-60)
    shell.log("READY", seconds=1)
    if why == "a service runs since the first attempt":
        shell.systemd_says(shell.began - timedelta(seconds=61))
    elif why == "systemd started it again":
        shell.systemd_says(shell.began, restarts=1)
    result = await shell.verify(since=shell.began - timedelta(minutes=2))
    assert "SEVERE no such data" in result.message


async def test_a_log_that_was_rotated_since_the_start_is_read_in_both_files(shell: ShellVerified) -> None:
    shell.log("SEVERE of the run before", seconds=-120)
    shell.log("SEVERE before the rotation")
    (shell.folder / "lui.log").rename(shell.folder / "lui.log.1")
    shell.log("READY", seconds=2)
    result = await shell.verify()
    assert "before the rotation" in result.message


async def test_what_is_too_long_to_be_seen_whole_fails(shell: ShellVerified) -> None:
    shell.log("SEVERE that scrolled away")
    for _ in range(TAIL_BYTES // 1000 + 5):
        shell.log("x" * 1000)
    shell.log("READY")
    result = await shell.verify()
    assert not result.passed
    assert "KiB" in result.message


async def test_a_long_log_of_which_the_end_is_new_is_judged(shell: ShellVerified) -> None:
    for _ in range(TAIL_BYTES // 1000 + 5):
        shell.log("x" * 1000, seconds=-120)
    shell.log("READY")
    assert (await shell.verify()).passed


# ---------------------------------------------------------------- what may not happen


@pytest.mark.parametrize(
    "path",
    [
        "$(touch {marker})",
        "`touch {marker}`",
        "x; touch {marker}",
        "x' 'touch {marker}",
        "-n {marker}",
        "a b/../x&y.log",
    ],
)
async def test_a_path_is_a_path_whatever_stands_in_it(shell: ShellVerified, path: str) -> None:
    marker = shell.folder / "marker"
    named = path.format(marker="marker")
    with contextlib.suppress(OSError):
        (shell.folder / named).parent.mkdir(parents=True, exist_ok=True)
    result = await shell.verify(shell.scan(path=named))
    assert "there is no log" in result.message
    shell.log("READY", to=named)
    assert (await shell.verify(shell.scan(path=named))).passed
    assert not marker.exists()


@pytest.mark.parametrize("since", ["yesterday", "$(reboot)", "2999-01-01T00:00:00Z", ""])
async def test_a_start_that_is_no_moment_in_the_past_fails(shell: ShellVerified, since: str) -> None:
    shell.log("READY")
    (result,) = await shell.verification.verify(shell.node, [shell.check], since=since, deadline_seconds=1)
    assert not result.passed


@pytest.mark.parametrize(
    "line",
    [
        "SEVERE jdbc:mysql://maestro:s3cret@db/maestro refused",
        "SEVERE password=s3cret user=x",
        'SEVERE {"db_password": "s3cret and more s3cret"}',
        "SEVERE Authorization: Basic s3cret",
        "x" * 200 + "SEVERE password=s3cret",
    ],
)
async def test_what_is_shown_of_a_log_is_short_and_holds_no_password(shell: ShellVerified, line: str) -> None:
    shell.log(line + "\x1b[31m")
    result = await shell.verify()
    assert not result.passed
    assert "s3cret" not in result.message
    assert "\x1b" not in result.message
    assert len(result.message) <= SHOWN_CHARACTERS + len("the log says: ")


async def test_a_pattern_that_is_none_fails_the_check(shell: ShellVerified) -> None:
    shell.log("READY")
    result = await shell.verify(shell.scan(fail=("(",)))
    assert not result.passed
    assert "regular expression" in result.message


async def test_a_node_that_cannot_be_asked_fails_the_check(shell: ShellVerified) -> None:
    shell.log("READY")
    shell.node = shell.node.model_copy(update={"ssh": shell.node.ssh.model_copy(update={"port": 1})})
    assert not (await shell.verify()).passed


async def test_an_http_check_is_asked_from_outside_and_fails_where_nothing_answers(shell: ShellVerified) -> None:
    result = await shell.verify(Check(name="page", http=HttpCheck(port=1), deadline_seconds=1))
    assert (result.name, result.passed) == ("page", False)


async def test_a_check_that_names_no_kind_fails(shell: ShellVerified) -> None:
    assert not (await shell.verify(Check(name="none"))).passed


async def test_all_checks_run_at_once_and_end_in_time(shell: ShellVerified) -> None:
    began = asyncio.get_running_loop().time()
    checks = [shell.scan(path=f"{number}.log").model_copy(update={"deadline_seconds": 1}) for number in range(5)]
    results = await shell.verification.verify(shell.node, checks, since=shell.began.isoformat(), deadline_seconds=60)
    assert [result.passed for result in results] == [False] * 5
    assert asyncio.get_running_loop().time() - began < 3
