"""The example's program for PostgreSQL, asked of real servers: an owner and the standby that it is made of."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.bed import clock

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

ASK = Path(__file__).parents[2] / "examples/postgresql/ask"
BINARIES = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
PASSWORD = "of-a-replicator"
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of its own is made there: what is asked here is no disk
CONFIGURATION = "wal_level=replica\nmax_wal_senders=4\nwal_keep_size=64MB\nshared_buffers=8MB\n"


@dataclass(frozen=True)
class Side:
    """One node: its folder, its sockets and what its guard says."""

    root: Path
    port: int

    @property
    def data(self) -> Path:
        """Where the database is."""
        return self.root / "data"

    def run(self, *words: str) -> str:
        """Run one of PostgreSQL's programs as its user."""
        argv = ("runuser", "-u", "postgres", "--", f"{BINARIES}/{words[0]}", *words[1:])
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60, cwd="/").stdout

    def start(self, *options: str) -> None:
        """Start the server, as the unit of its side would."""
        said = " ".join((f"-k {self.root}/sockets -p {self.port}", *options))
        self.run("pg_ctl", "-D", str(self.data), "-w", "-l", f"{self.root}/sockets/log", "-o", said, "start")

    def stop(self, mode: str = "fast") -> None:
        """Stop it in order, or as a power cut would."""
        self.run("pg_ctl", "-D", str(self.data), "-w", "-m", mode, "stop")

    def sql(self, statement: str) -> str:
        """Ask the server itself."""
        return self.run(
            "psql", "-h", f"{self.root}/sockets", "-p", str(self.port), "-d", "postgres", "-XAtqc", statement
        )

    def let(self, owner: str) -> None:
        """Have the guard say whose the epoch in force is."""
        (self.root / "guard").write_text(f"#!/bin/sh\necho inforce_owner={owner}\n")
        (self.root / "guard").chmod(0o755)

    def ask(self, verb: str) -> tuple[int, dict[str, object]]:
        """Return how the program ended, and what it answered."""
        environment = {
            "PATH": os.environ["PATH"],
            "MAESTRO_DATA": str(self.data),
            "MAESTRO_NODE": self.root.name,
            "MAESTRO_PEER_ADDRESS": "127.0.0.1",
            "MAESTRO_GUARD": str(self.root / "guard"),
            "MAESTRO_POSTGRESQL_SETTINGS": str(self.root / "settings"),
        }
        ran = subprocess.run((str(ASK), verb), check=False, capture_output=True, text=True, timeout=60, env=environment)
        return ran.returncode, json.loads(ran.stdout) if ran.stdout else {}


def initialised(side: Side) -> None:
    """Make an empty database that standbys may ask."""
    side.data.mkdir(mode=0o700)
    shutil.chown(side.data, "postgres", "postgres")
    side.run("initdb", "-D", str(side.data), "--auth-local=peer", "--auth-host=scram-sha-256", "--no-sync")
    with (side.data / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    with (side.data / "pg_hba.conf").open("a") as file:
        file.write("host replication replicator 127.0.0.1/32 scram-sha-256\n")


@pytest.fixture(scope="module")
def empty() -> Iterator[Path]:
    """A database with nothing in it."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        top = Path(name)
        top.chmod(0o755)
        initialised(Side(top, 0))
        yield top / "data"


@pytest.fixture
def sides(empty: Path) -> Iterator[tuple[Side, Side]]:
    """An owner that runs, and a node without data."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as name:
        top = Path(name)
        top.chmod(0o755)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        both = Side(top / "a", port), Side(top / "b", port)
        for side in both:
            (side.root / "sockets").mkdir(parents=True)
            passfile = side.root / "passfile"
            passfile.write_text(f"*:*:*:replicator:{PASSWORD}\n")
            passfile.chmod(0o600)
            for path in (side.root / "sockets", passfile):
                shutil.chown(path, "postgres", "postgres")
            settings = f"BINARIES={BINARIES}\nPORT={port}\nSOCKETS={side.root}/sockets\nPASSFILE={passfile}\n"
            (side.root / "settings").write_text(settings)
            side.let("nobody")
        owner = both[0]
        subprocess.run(("cp", "-a", str(empty), str(owner.data)), check=True, timeout=60)
        owner.start("-h 127.0.0.1")
        owner.sql(f"CREATE ROLE replicator REPLICATION LOGIN PASSWORD '{PASSWORD}'")
        owner.sql("CREATE TABLE line (number int)")
        yield both
        for side in both:
            if (side.data / "postmaster.pid").exists():
                side.stop("immediate")


def followed(owner: Side, standby: Side) -> None:
    """Make the other node a standby that has everything."""
    assert standby.ask("demote") == (0, {"demoted": True})
    standby.start("-h ''")
    owner.sql("INSERT INTO line SELECT generate_series(1, 1000)")
    code, told = standby.ask("lag")
    assert (code, told["caughtUp"], told["behindBytes"]) == (0, True, 0), told


def test_a_switch_and_its_way_back_take_every_row_along_without_a_copy(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)
    assert a.ask("status")[1] | {"position": 0} == {
        **a.ask("status")[1],
        "role": "primary",
        "running": True,
        "connected": True,
        "synchronous": False,
        "position": 0,
        "timeline": 1,
    }

    a.stop()
    _, stopped = a.ask("status")
    assert (stopped["role"], stopped["running"]) == ("primary", False)
    clock.wait_until(
        lambda: int(str(b.ask("status")[1]["position"])) >= int(str(stopped["position"])),
        timeout_seconds=10,
        what="the standby to have what the stopped owner had",
    )
    b.let("b")
    assert b.ask("promote") == (0, {"promoted": True})
    b.stop()
    assert b.ask("status")[1]["role"] == "primary"
    b.start("-h 127.0.0.1")
    b.sql("INSERT INTO line VALUES (1001)")
    # The old owner's data are taken as they are.
    inode = (a.data / "PG_VERSION").stat().st_ino
    followed(b, a)

    assert (a.data / "PG_VERSION").stat().st_ino == inode
    assert (a.sql("SELECT count(*) FROM line"), a.ask("status")[1]["role"]) == ("2001\n", "standby")


def test_a_promotion_needs_the_guard_and_a_running_standby(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)

    assert b.ask("promote") == (10, {"refused": "NotPermitted"})
    (b.root / "guard").unlink()
    assert b.ask("promote") == (10, {"refused": "NotPermitted"})
    a.let("a")
    assert a.ask("promote") == (10, {"refused": "NotAStandby"})
    b.let("b")
    b.stop()
    assert b.ask("promote") == (10, {"refused": "NotAStandby"})
    assert b.ask("status")[1]["role"] == "standby"


def test_an_owner_that_crashed_says_no_position_and_is_made_no_standby(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)

    assert a.ask("demote") == (10, {"refused": "StillRunning"})
    a.stop("immediate")

    assert a.ask("status")[1]["position"] is None
    assert a.ask("demote") == (10, {"refused": "NotStoppedInOrder"})
    assert not (a.data / "standby.signal").exists()


def test_a_standby_that_the_owner_does_not_answer_says_nothing_of_its_lag(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)
    a.stop()

    assert b.ask("lag") == (1, {})
    assert a.ask("lag") == (10, {"refused": "NotAStandby"})
    assert b.ask("status")[1]["role"] == "standby"


@pytest.mark.long
def test_a_copy_of_another_system_has_no_lag(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)
    a.stop()
    shutil.move(a.data, a.root / "first")
    initialised(a)
    a.start("-h 127.0.0.1")
    a.sql(f"CREATE ROLE replicator REPLICATION LOGIN PASSWORD '{PASSWORD}'")

    assert b.ask("lag") == (10, {"refused": "OtherSystem"})


def test_no_password_stands_in_an_argument(sides: tuple[Side, Side]) -> None:
    a, b = sides
    followed(a, b)

    words = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in _postgres())

    assert PASSWORD.encode() not in words
    assert PASSWORD not in (b.data / "postgresql.auto.conf").read_text()


def _postgres() -> list[str]:
    """Return the numbers of all servers' processes."""
    return subprocess.run(
        ("pgrep", "-x", "postgres"), check=True, capture_output=True, text=True, timeout=10
    ).stdout.split()
