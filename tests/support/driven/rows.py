"""The stand-in with rows alone, for nodes whose database replicates itself: `python3 -m support.driven.rows`.

It answers as the whole stand-in does and keeps no files beside the rows: those would need a replication of their own.
"""

import signal
import sys
import threading
from pathlib import Path

from support.standin.app import identity, settings
from support.standin.app.__main__ import serve
from support.standin.app.database import Database, DatabaseFailedError
from support.standin.app.entry import Entry
from support.standin.app.files import Key, RecordFiles
from support.standin.app.store import Store, WriteJournal
from support.standin.app.web import ApplicationServer


class NoFiles(RecordFiles):
    """Keeps nothing."""

    def write(self, entry: Entry) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Leave a record to its row."""

    def remove(self, key: Key) -> None:  # type: ignore[explicit-override] # not on 3.11
        """Have nothing to take away."""


def main(config: Path) -> int:
    """Serve until told to stop, and return the exit code."""
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    chosen = settings.read(config)
    me = identity.read(chosen.node, chosen.guard)
    database = Database(chosen)
    try:
        database.connect_at_start()
        last = max(database.keys().values(), default=0)
        is_good = database.damaged_rows() == 0
    except DatabaseFailedError as error:
        print(f"no database at {chosen.database_host}: {error}", file=sys.stderr)
        return 1
    journal = WriteJournal(chosen.journals, me)
    store = Store(files=NoFiles(chosen.records), database=database, journal=journal, identity=me, last_sequence=last)
    server = ApplicationServer(chosen.port, store=store, identity=me, tables_good=is_good)
    serve(server, stopping)
    server.store.stop()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
