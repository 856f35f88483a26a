"""Reads the rows of a database directory from a private copy, in PostgreSQL's single-user mode.

The copy recovers from the power cut by itself, as the next owner would have done; no socket, no port, and
the evidence is not touched.
"""

import csv
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from support.judge.evidence import StoredRecord

READ_SECONDS = 120
COLUMNS = "sequence, client, number, payload, sha256, node, boot_id, epoch, monotonic_ns, wall_ns"
# The table itself is read, never an index of it; errors end the program instead of being printed and forgotten.
OPTIONS = "-F -j -c exit_on_error=on -c log_checkpoints=off -c enable_indexscan=off -c enable_bitmapscan=off"


class DatabaseUnreadableError(Exception):
    """The database does not come up, or its table cannot be read; the message is PostgreSQL's."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """Where PostgreSQL's programs are."""

    binaries: Path = Path("/usr/lib/postgresql/15/bin")
    root: Path | None = None
    """The root file system they lie in, such as the nodes' own; None for this machine's."""


def read_rows(folder: Path, postgres: Postgres) -> tuple[StoredRecord, ...]:
    """Return every row of the database in a folder, in order of acceptance."""
    if not (folder / "PG_VERSION").exists():
        raise DatabaseUnreadableError(f"{folder} holds no database")
    with tempfile.TemporaryDirectory(prefix="judge-") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        _copy(folder, scratch)
        _give_away(scratch, postgres)
        seen_as = scratch if postgres.root is None else Path("/mnt")
        target = f"'{seen_as}/out/rows.csv'"
        statement = f"COPY (SELECT {COLUMNS} FROM record ORDER BY sequence) TO {target} CSV HEADER;\n\n"  # noqa: S608 - no input
        _run(_command(scratch, postgres), statement)
        return _parse(scratch / "out" / "rows.csv")


def _copy(folder: Path, scratch: Path) -> None:
    subprocess.run(("cp", "-a", "--reflink=auto", str(folder), str(scratch / "db")), check=True, timeout=READ_SECONDS)
    # Whatever process had that number on the node, it does not run on this copy.
    (scratch / "db" / "postmaster.pid").unlink(missing_ok=True)
    (scratch / "out").mkdir()


def _give_away(scratch: Path, postgres: Postgres) -> None:
    if os.geteuid() != 0:
        return
    accounts = (postgres.root or Path("/")) / "etc" / "passwd"
    fields = [line.split(":") for line in accounts.read_text().splitlines()]
    user, group = next(((int(entry[2]), int(entry[3])) for entry in fields if entry[0] == "postgres"), (None, None))
    if user is None or group is None:
        raise DatabaseUnreadableError(f"{accounts} has no user postgres: PostgreSQL is not installed there")
    for top, folders, files in os.walk(scratch):
        for entry in (*folders, *files):
            os.lchown(Path(top) / entry, user, group)


def _command(scratch: Path, postgres: Postgres) -> tuple[str, ...]:
    seen_as = str(scratch) if postgres.root is None else "/mnt"
    program = f"{postgres.binaries}/postgres --single {OPTIONS} -D {seen_as}/db maestro"
    as_user = f"exec runuser -u postgres -- {program}" if os.geteuid() == 0 else f"exec {program}"
    if postgres.root is None:
        return ("sh", "-c", as_user)
    root = shlex.quote(str(postgres.root))
    script = (
        f"mount --bind {shlex.quote(str(scratch))} {root}/mnt && mount --rbind /dev {root}/dev"
        f" && exec chroot {root} sh -c {shlex.quote(as_user)}"
    )
    return ("unshare", "--mount", "--propagation=private", "sh", "-c", script)


def _run(command: tuple[str, ...], statement: str) -> None:
    try:
        done = subprocess.run(
            command,
            input=statement,
            capture_output=True,
            text=True,
            timeout=READ_SECONDS,
            check=False,
            cwd="/",
            env={"PATH": os.environ.get("PATH", "/usr/bin:/bin:/usr/sbin:/sbin"), "LC_ALL": "C.UTF-8"},
        )
    except subprocess.TimeoutExpired as problem:
        raise DatabaseUnreadableError(f"not read within {READ_SECONDS} s") from problem
    bad = [line for line in done.stderr.splitlines() if any(word in line for word in ("ERROR", "FATAL", "PANIC"))]
    if done.returncode != 0 or bad:
        raise DatabaseUnreadableError("; ".join(bad) or done.stderr.strip() or f"exit code {done.returncode}")


def _parse(path: Path) -> tuple[StoredRecord, ...]:
    with path.open(newline="") as source:
        return tuple(
            StoredRecord(
                sequence=int(row["sequence"]),
                client=row["client"],
                number=int(row["number"]),
                payload=row["payload"],
                sha256=row["sha256"],
                node=row["node"],
                boot_id=row["boot_id"],
                epoch=int(row["epoch"]) if row["epoch"] else None,
                monotonic_ns=int(row["monotonic_ns"]),
                wall_ns=int(row["wall_ns"]),
            )
            for row in csv.DictReader(source)
        )


def is_available(postgres: Postgres) -> bool:
    """Say whether PostgreSQL's programs are where they should be."""
    root = postgres.root or Path("/")
    return shutil.which(str(root / postgres.binaries.relative_to("/") / "postgres")) is not None
