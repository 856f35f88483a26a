"""The rows half of a record, found by the public host name as the product finds its database."""

from dataclasses import asdict
from typing import Any

import psycopg2  # type: ignore[import-untyped,import-not-found,unused-ignore]

from support.standin.app import clock
from support.standin.app.entry import Entry
from support.standin.app.files import Key
from support.standin.app.settings import Settings

CONNECT_SECONDS = 2
START_SECONDS = 4.0
INSERT = (
    "INSERT INTO record (sequence, client, number, payload, sha256, node, boot_id, epoch, monotonic_ns, wall_ns)"
    " VALUES (%(sequence)s, %(client)s, %(number)s, %(payload)s, %(sha256)s,"
    " %(node)s, %(boot_id)s, %(epoch)s, %(monotonic_ns)s, %(wall_ns)s)"
)
DAMAGED = "SELECT count(*) FROM record WHERE sha256 <> encode(sha256(convert_to(payload, 'UTF8')), 'hex')"


class DatabaseFailedError(Exception):
    """The database did not do what it was asked; whether it committed is not known."""


class Database:
    """One connection to the system database; each statement commits by itself."""

    def __init__(self, settings: Settings) -> None:
        """Connect on first use, by the settings' host name, resolved anew each time."""
        self._settings = settings
        self._connection: Any = None

    def connect_at_start(self) -> None:
        """Connect, or raise DatabaseFailedError after a few seconds of trying."""
        deadline = clock.monotonic_nanoseconds() + int(START_SECONDS * 1e9)
        while True:
            try:
                self._rows("SELECT 1")
            except DatabaseFailedError:
                if clock.monotonic_nanoseconds() >= deadline:
                    raise
                clock.pause(0.2)
            else:
                return

    def insert(self, entry: Entry) -> None:
        """Commit one row."""
        self._execute(INSERT, asdict(entry))

    def payload(self, key: Key) -> str | None:
        """Return the payload of a committed row, or None where there is none."""
        rows = self._rows("SELECT payload FROM record WHERE client = %s AND number = %s", key)
        return str(rows[0][0]) if rows else None

    def keys(self) -> dict[Key, int]:
        """Return every committed row's key with its sequence."""
        rows = self._rows("SELECT client, number, sequence FROM record")
        return {(str(client), int(number)): int(sequence) for client, number, sequence in rows}

    def count(self) -> int:
        """Return how many rows are committed."""
        return int(self._rows("SELECT count(*) FROM record")[0][0])

    def damaged_rows(self) -> int:
        """Read the whole table, past its indexes, and return how many rows contradict their digest."""
        return int(self._rows(DAMAGED)[0][0])

    def close(self) -> None:
        """Give the connection back; the next statement makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _rows(self, statement: str, values: object = None) -> list[tuple[Any, ...]]:
        return self._execute(statement, values, fetch=True)

    def _execute(self, statement: str, values: object = None, *, fetch: bool = False) -> list[tuple[Any, ...]]:
        try:
            with self._open().cursor() as cursor:
                cursor.execute(statement, values)
                return list(cursor.fetchall()) if fetch else []
        except (psycopg2.Error, OSError) as error:
            self.close()
            raise DatabaseFailedError(" ".join(str(error).split())) from error

    def _open(self) -> Any:  # noqa: ANN401 - psycopg2 carries no types.
        if self._connection is None:
            self._connection = psycopg2.connect(
                host=self._settings.database_host,
                port=self._settings.database_port,
                user="maestro",
                dbname="maestro",
                password=self._settings.password_file.read_text().strip(),
                connect_timeout=CONNECT_SECONDS,
                options="-c statement_timeout=5000",
            )
            self._connection.autocommit = True
        return self._connection
