"""Checks that are made on the node itself, over its SSH session.

The law of this file: what comes from the node is bounded, and what leaves it is a word about it, or one
line, cut short and without what looks like a password.
"""

from __future__ import annotations

import base64
import binascii
import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.audit import find_addresses
from maestro_operator.drivers.localise.files import read_file
from maestro_operator.drivers.services.readiness import Readiness
from maestro_operator.drivers.verification import database
from maestro_operator.drivers.verification.logs import (
    MARGIN_SECONDS,
    NO_LOG,
    READ_LOG,
    TAIL_BYTES,
    judge_log,
    lines_since,
    parsed,
    shown,
)
from maestro_operator.drivers.verification.matching import NotMatched, first_matches
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well
from maestro_operator.model.pair import Probe
from maestro_operator.model.seen import Unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.model.checks import AddressAudit, Bounce, Database, NodeCommand
    from maestro_operator.model.pair import LogScan, PairSpec, TcpProbe
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.ways import NodeWay

READ_SECONDS = 10.0
NEW_BYTES = 64 * 1024
# Prints how long a file is, and what of it is new, as base64; a file that is shorter than before began anew, and one
# that is not there is empty. Arguments: the path, how long it was, the most bytes to show.
READ_NEW = r"""
[ -e "$1" ] || { echo 0; exit 0; }
[ -f "$1" ] && size=$(stat -L -c %s -- "$1") || exit 5
from=$2; [ "$size" -ge "$from" ] || from=0
echo "$size"
tail -c "+$((from + 1))" -- "$1" | head -c "$3" | base64 -w 0
"""


class OnNode:
    """One node, as its checks look at it."""

    def __init__(self, sessions: NodeWay, node: FrozenNode, *, clock: Clock) -> None:
        """Keep the way to the node."""
        self._sessions = sessions
        self._node = node
        self._clock = clock

    async def log(self, scan: LogScan, *, since: str, units: Sequence[str], seconds: float) -> Verdict:
        """Judge what a log says since the start of the services with these units."""
        try:
            ago = self._seconds_since(since)
        except ValueError:
            return never(f"{since!r} is no moment in the past")
        words = ("sh", "-c", READ_LOG, "read-log", str(ago), scan.path, str(MARGIN_SECONDS), str(TAIL_BYTES), *units)
        answer = await self._sessions.run(self._node, words, deadline_seconds=seconds)
        if isinstance(answer, Unknown):
            return not_yet(answer.message)
        if answer.exit_status == NO_LOG:
            return not_yet(f"there is no log {scan.path}")
        if answer.exit_status != 0:
            return not_yet(f"the log could not be read: {shown(answer.stderr)}")
        try:
            found = parsed(answer.stdout)
            # On the node's own clock, and no later than the start, however long the answer took.
            moment = datetime.fromtimestamp(found.now_seconds, found.zone) - timedelta(
                seconds=self._seconds_since(since)
            )
        except (ValueError, OverflowError):
            return not_yet("the node's answer about the log cannot be understood")
        # What was said before any service that runs was started is of an attempt that failed, and is over.
        begin = max(moment, datetime.fromtimestamp(found.earliest_seconds, found.zone))
        lines = lines_since(found.files, begin)
        if isinstance(lines, str):
            return not_yet(lines)
        is_older = 0 < found.started_seconds < moment.timestamp()
        watched = self._seconds_since(since) - (begin - moment).total_seconds()
        return await judge_log(scan, lines, watched_seconds=watched, was_started=not is_older)

    async def tcp(self, item: TcpProbe, *, seconds: float) -> Verdict:
        """Open a connection to a port of the node, on the node itself."""
        readiness = Readiness(self._sessions, self._node, clock=self._clock)
        fault = await readiness.ask(Probe(tcp=item), timeout_seconds=seconds)
        return well(f"port {item.port} accepts") if fault is None else not_yet(fault)

    async def database(self, item: Database, *, seconds: float) -> Verdict:
        """Ask a database whether it lets somebody begin to log in."""
        return await database.asked(self._sessions, self._node, item, seconds=seconds)

    async def command(self, item: NodeCommand, *, seconds: float) -> Verdict:
        """Run a program on the node; its status says whether all is well."""
        answer = await self._sessions.run(self._node, item.argv, deadline_seconds=seconds)
        name = shown(item.argv[0])
        if isinstance(answer, Unknown):
            return not_yet(answer.message)
        if answer.exit_status != 0:
            return not_yet(f"{name} ended with {answer.exit_status}: {shown(answer.stderr or answer.stdout)}")
        return well(f"{name} ended with 0")

    async def address_audit(self, item: AddressAudit, *, spec: PairSpec) -> Verdict:
        """Look for either node's address in files."""
        addresses = {node.name: node.address for node in spec.nodes}
        for path in item.files:
            content = await read_file(self._sessions, self._node, path, seconds=READ_SECONDS)
            if isinstance(content, Unknown):
                return not_yet(content.message)
            files = [entry.values_file for entry in spec.localise]
            settled = {key for file in files if file is not None and file.file == path for key in file.set}
            found = find_addresses(content, addresses, settled=settled)
            if found:
                more = f", and {len(found) - 1} more" if len(found) > 1 else ""
                return never(f"{path}: {found[0]}{more}: write a name, or let localise set it")
        return well(f"no address of a node in {len(item.files)} files")

    async def length(self, path: str) -> int | str:
        """Return how long a file is now, or why that is not known."""
        answer = await self._new(path, since=0, limit=0)
        return answer if isinstance(answer, str) else answer[0]

    async def bounce(self, item: Bounce, *, before: int) -> Verdict:
        """Look for the record of a bounce in what is new of a file."""
        answer = await self._new(item.file, since=before, limit=NEW_BYTES)
        if isinstance(answer, str):
            return not_yet(answer)
        lines = answer[1].decode(errors="replace").splitlines()
        found = await first_matches([item.pattern], lines)
        if isinstance(found, NotMatched):
            return never(found.message)
        if found[0] is None:
            return not_yet(f"{item.file} has {len(lines)} new lines, and none is the record of the bounce")
        return well(f"{item.file} records the bounce")

    async def _new(self, path: str, *, since: int, limit: int) -> tuple[int, bytes] | str:
        words = ("sh", "-c", READ_NEW, "read-new", path, str(since), str(limit))
        answer = await self._sessions.run(self._node, words, deadline_seconds=READ_SECONDS)
        if isinstance(answer, Unknown):
            return answer.message
        if answer.exit_status != 0:
            return f"{path} could not be read: {shown(answer.stderr)}"
        size, _, packed = answer.stdout.partition("\n")
        try:
            return int(size), base64.b64decode(packed.strip(), validate=True)
        except (ValueError, binascii.Error):
            return f"{path}: what came cannot be understood"

    def _seconds_since(self, since: str) -> int:
        """Return how long ago a moment was, rounded up.

        Raises:
            ValueError: it is none, or lies in the future.

        """
        past = datetime.fromisoformat(self._clock.now()) - datetime.fromisoformat(since)
        if past < timedelta(seconds=-1):
            raise ValueError(since)
        return max(0, math.ceil(past.total_seconds()))
