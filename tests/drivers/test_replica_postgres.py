"""The database's own backup mode as the way to take one moment: a real PostgreSQL that is written to meanwhile."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.test_replica_links import configure
from drivers.test_replica_pair import LIVE, Answer, Node, Pair, Volume, give_epoch_one, make_node

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

BIN = max(Path("/usr/lib/postgresql").glob("*/bin"), default=Path("/usr/lib/postgresql"))
AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--")
PROGRAM = """#!/bin/sh
# The rows first, then the files that they name: each file is written before its row.
[ "$1" = copy ] || exit 2
@BIN@/pg_basebackup -h @SOCKET@ -U postgres -D "$3/db" -X fetch --checkpoint=fast || exit 3
chown -R postgres:postgres "$3/db" && cp -a "$2/files" "$3/files"
"""


class Database:
    """One server on a node's live data."""

    def __init__(self, node: Node) -> None:
        """Keeps where it lies; its socket is in the node's root."""
        self.node, self.data, self.socket = node, node.root / LIVE / "db", node.root / "socket"
        node.at("socket").mkdir(exist_ok=True)
        shutil.chown(node.at("socket"), "postgres", "postgres")

    def make(self) -> None:
        """Makes an empty database."""
        self.node.at(f"{LIVE}/db").mkdir(mode=0o700)
        shutil.chown(self.node.at(f"{LIVE}/db"), "postgres", "postgres")
        self._run("initdb", "-D", str(self.data), "--auth=trust", "--no-sync")

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        options = f"-k {self.socket} -c listen_addresses="
        self._run("pg_ctl", "-D", str(self.data), "-w", "-l", str(self.socket / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Ends it at once."""
        self._run("pg_ctl", "-D", str(self.data), "-w", "-m", "immediate", "stop")

    def ask(self, statement: str) -> list[str]:
        """Runs a statement and returns its rows."""
        answer = self._run("psql", "-h", str(self.socket), "-U", "postgres", "-d", "postgres", "-Atqc", statement)
        return list(answer.lines)

    def _run(self, program: str, *words: str) -> Answer:
        answer = self.node.volume.run(*AS_POSTGRES, BIN / program, *words, env={"PGUSER": "postgres"})
        assert answer.code == 0, (program, answer)
        return answer


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two nodes below a folder that the database's user may enter."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    with Volume(folder, make=("mkfs.ext4", "-q")) as volume:
        top = volume.path / "pair"
        made = Pair(make_node(volume, top, name="a", peer="b"), make_node(volume, top, name="b", peer="a"))
        give_epoch_one(made)
        made.a.at(f"{LIVE}/files").mkdir(parents=True)
        program = made.a.at("lib/copy-program")
        told = {"@BIN@": str(BIN), "@SOCKET@": str(made.a.root / "socket")}
        text = PROGRAM
        for word, value in told.items():
            text = text.replace(word, value)
        program.write_text(text)
        program.chmod(0o755)
        configure(made, moment="command", moment_program=f"{made.a.root}/lib/copy-program", moment_seconds="60")
        yield made
    shutil.rmtree(folder)


def test_a_copy_by_the_databases_own_backup_comes_up_with_every_row_and_file(pair: Pair) -> None:
    database, ended, written = Database(pair.a), threading.Event(), []
    database.make()
    database.start()
    database.ask("create table mails (id int primary key)")

    def write() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            pair.a.at(f"{LIVE}/files/{number}").write_text(str(number))
            database.ask(f"insert into mails values ({number})")  # noqa: S608 - a number of its own
            written.append(number)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        answers = [pair.a.replica("run") for _ in range(2)]
        certain = len(written)
        answers.append(pair.a.replica("run"))
    finally:
        ended.set()
        thread.join()
        database.stop()

    assert [(answer.code, answer.values.get("moment")) for answer in answers] == [(0, "backup")] * 3, answers
    pair.let_send_after(pair.b, epoch=2, source=pair.a)
    assert pair.b.replica("promote", "--episode", "ep-2").code == 0
    copy = Database(pair.b)
    copy.start()
    try:
        rows = {int(line) for line in copy.ask("select id from mails")}
    finally:
        copy.stop()
    files = {int(path.name) for path in pair.b.at(f"{LIVE}/files").iterdir()}
    assert rows >= set(range(1, certain + 1))
    assert rows <= files
