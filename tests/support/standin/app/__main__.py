"""Starts the application server: `python3 -m support.standin.app CONFIG`."""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

from support.standin.app import identity, recovery, settings
from support.standin.app.database import Database, DatabaseFailedError
from support.standin.app.files import RecordFiles, sync_folder
from support.standin.app.lui_log import LuiLog
from support.standin.app.mailing import BounceServer, CommandServer, Mailing, serve_in_background
from support.standin.app.store import Store, WriteJournal
from support.standin.app.web import VERSION, ApplicationServer

POLL_SECONDS = 0.05
SMTP_PORT, TCPGUI_PORT = 25, 2306


def main(config: Path) -> int:
    """Recover, serve until told to stop, and return the exit code."""
    stopping = threading.Event()
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: stopping.set())
    chosen = settings.read(config)
    lui_log = LuiLog(chosen.logs)
    me = identity.read(chosen.node, chosen.guard)
    lui_log.info(f"LISTSERV Maestro {VERSION} is starting on node {me.node}, boot {me.boot_id}, epoch {me.epoch}")
    if chosen.running_mark.exists():
        lui_log.warning("the last stop was not clean; files and rows are compared")
    _mark_running(chosen.running_mark)
    database = Database(chosen)
    try:
        server = _make_server(chosen, database=database, lui_log=lui_log, me=me)
    except DatabaseFailedError as error:
        lui_log.severe(f"start-up failed: no system database at {chosen.database_host}: {error}")
        return 1
    serve(server, stopping)
    server.store.stop()
    server.server_close()
    chosen.running_mark.unlink(missing_ok=True)
    sync_folder(chosen.running_mark.parent)
    lui_log.info("stopped")
    return 0


def _make_server(
    chosen: settings.Settings, *, database: Database, lui_log: LuiLog, me: identity.Identity
) -> ApplicationServer:
    database.connect_at_start()
    lui_log.info(f"connected to the system database at {chosen.database_host}")
    tables_good = recovery.check_tables(database=database, lui_log=lui_log)
    files = RecordFiles(chosen.records)
    last = recovery.recover(database=database, files=files, lost_and_found=chosen.lost_and_found, lui_log=lui_log)
    journal = WriteJournal(chosen.journals, me)
    store = Store(files=files, database=database, journal=journal, identity=me, last_sequence=last)
    mailing = Mailing(chosen.mail) if chosen.mail is not None else None
    if mailing is not None:
        serve_in_background(BounceServer(SMTP_PORT, mailing), CommandServer(TCPGUI_PORT, mailing))
    server = ApplicationServer(chosen.port, store=store, identity=me, tables_good=tables_good, mailing=mailing)
    if tables_good:
        lui_log.info(f"start-up complete, {last} record(s) accepted so far")
    return server


def serve(server: ApplicationServer, stopping: threading.Event) -> None:
    """Serve until told to stop, and tell systemd so."""
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True)
    thread.start()
    _tell_systemd("READY=1")
    stopping.wait()
    _tell_systemd("STOPPING=1")
    server.shutdown()


def _mark_running(mark: Path) -> None:
    mark.touch()
    sync_folder(mark.parent)


def _tell_systemd(text: str) -> None:
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto(text.encode(), address.replace("@", "\0", 1))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
