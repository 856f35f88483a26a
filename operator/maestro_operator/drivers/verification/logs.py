"""What a log says since a moment: whole lines from files of the node, judged by patterns.

The law of this file: what could not be read to the end was not read. A log without time stamps,
or one of which the part after the moment is too long to be seen whole, fails the check.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

from maestro_operator.drivers.verification.matching import NotMatched, first_matches
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maestro_operator.model.pair import LogScan

SHOWN_CHARACTERS = 160
TAIL_BYTES = 512 * 1024
MARGIN_SECONDS = 60
"""How much earlier than the moment files are looked for: the answer takes its time."""
NO_LOG = 4
# Prints the node's clock and zone, and when the first and the last of the services that run were started, 0 where that
# is not known; the first is not where systemd started one again by itself, for then it failed since. Then, of each
# file from the moment's day on and of its last rotation, one line: how long it is, is it younger than the moment's
# day, and its last part. Arguments: how many seconds ago the moment was, the path, how much earlier to look, how many
# bytes to show; then the services' units.
READ_LOG = r"""
now=$(date +%s) && since=$((now - $1 - $3)) && offset=$(date -d "@$((now - $1))" +%z) || exit 3
started() {
    # In a subshell: the zone is for systemd's stamps alone.
    LC_ALL=C TZ=UTC earliest= latest=0 wanted=NRestarts,InactiveExitTimestamp,ExecMainStartTimestamp
    export LC_ALL TZ
    for unit; do
        said=$(systemctl show --property="$wanted" -- "$unit")
        case $said in *NRestarts=0*) ;; *) earliest=0 ;; esac
        while IFS='=' read -r name stamp; do
            [ "$name" != NRestarts ] && [ -n "$stamp" ] && at=$(date -d "$stamp" +%s) || continue
            [ "${earliest:-$at}" -lt "$at" ] || earliest=$at
            [ "$latest" -ge "$at" ] || latest=$at
        done <<END
$said
END
    done 2>/dev/null
    printf '%s %s' "${earliest:-0}" "$latest"
}
ago=$1 path=$2 margin=$3 bytes=$4
shift 4
printf '%s %s %s\n' "$now" "$offset" "$(started "$@")"
set -- "$ago" "$path" "$margin" "$bytes"
first=$(date -d "@$since" +%Y%m%d) && day=$first && today=$(date -d "@$now" +%Y%m%d) || exit 3
show() {
    [ -f "$1" ] || return 0
    found=1
    size=$(stat -L -c %s -- "$1") || exit 3
    printf '%s %s ' "$size" "$2"
    tail -c "$3" -- "$1" | gzip -c | base64 -w 0
    printf '\n'
}
last=
while :; do
    if [ "$day" = "$first" ]; then age=old; else age=young; fi
    file=$(printf '%s' "$2" | sed "s/{yyyymmdd}/$day/g")
    if [ "$file" != "$last" ]; then
        last=$file
        # A log that was rotated meanwhile begins in the file that it was moved to.
        if [ -f "$file.1" ] && [ "$(stat -L -c %Y -- "$file.1")" -ge "$since" ]; then show "$file.1" old "$4"; fi
        show "$file" "$age" "$4"
    fi
    [ "$day" != "$today" ] || break
    day=$today
done
[ "${found:-}" ] || exit 4
"""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_TIME = r"(?P<clock>\d{2}:\d{2}:\d{2})(?:[.,]\d{1,9})?(?:\s?(?P<zone>Z\b|UTC\b|GMT\b|[+-]\d{2}:?\d{2}\b))?"
_STAMPS = (
    re.compile(r"\W{0,2}(?P<year>\d{4})[-/.](?P<month>\d{2})[-/.](?P<day>\d{2})[ T]" + _TIME),
    re.compile(r"\W{0,2}(?P<day>\d{2})-(?P<month>[A-Z][a-z]{2})-(?P<year>\d{4}) " + _TIME),
)
_VALUE = r"""(?:"[^"]*"|'[^']*'|[^\s,;&]+)"""
_SECRETS = (
    (re.compile(r"""(?i)((?:passw(?:or)?d|pwd|secret|token|api[_-]?key)[\w.-]*["']?\s*[=:]\s*)""" + _VALUE), r"\1***"),
    (re.compile(r"(?i)(\bauthorization:\s*\w+\s+)\S+"), r"\1***"),
    (re.compile(r"(://[^\s:/@]+:)[^\s@]+(@)"), r"\1***\2"),
)
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class LogFile:
    """The last part of one file."""

    text: str
    is_whole: bool = True
    is_young: bool = False
    """It is of a later day than the moment, so nothing in it is older."""


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What the node printed: its clock, its zone, when its services were started, and the files, oldest first."""

    now_seconds: int
    zone: timezone
    earliest_seconds: int
    """When the first of the services was started, by the node's clock; 0 where systemd does not say."""
    started_seconds: int
    """When the last of them was."""
    files: tuple[LogFile, ...]


def parsed(stdout: str) -> LogAnswer:
    """Return what the node printed.

    Raises:
        ValueError: it cannot be understood.

    """
    head, *lines = stdout.splitlines()
    now, offset, earliest, started = head.split(" ")
    files = tuple(_file(line) for line in lines)
    return LogAnswer(int(now), _zone(offset), int(earliest), int(started), files)


def _file(line: str) -> LogFile:
    size, age, packed = line.split(" ")
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = unpacking.decompress(base64.b64decode(packed, validate=True), TAIL_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(str(error)) from None
    if len(content) < min(int(size), TAIL_BYTES):
        raise ValueError("a file came short")
    return LogFile(content.decode(errors="replace"), is_whole=int(size) <= TAIL_BYTES, is_young=age == "young")


def _zone(text: str) -> timezone:
    if text in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-size if text[0] == "-" else size)


def lines_since(files: Sequence[LogFile], moment: datetime) -> list[str] | str:
    """Return the lines written at or after a moment, or why that cannot be said.

    A stamp without a zone is in the zone of `moment`, the node's own. Stamps are to the second. A
    line without one belongs to the line before it; after the first line that is late enough, all are.
    """
    moment = moment.replace(microsecond=0)
    kept: list[str] = []
    has_stamp = all(not file.text.strip() for file in files)
    for file in files:
        is_after, has_passed, has_begun = file.is_young and file.is_whole, False, file.is_whole
        for line in file.text.splitlines():
            stamp = stamp_of(line, moment)
            if stamp is not None:
                has_stamp, has_passed = True, has_passed or stamp >= moment
                is_after = has_passed
                if is_after and not has_begun:
                    return f"more than {TAIL_BYTES // 1024} KiB were written since the start: not all can be seen"
                has_begun = True
            if is_after:
                kept.append(line)
    return kept if has_stamp else "no line of the log begins with a date and a time: what is new cannot be told"


def stamp_of(line: str, moment: datetime) -> datetime | None:
    """Return when a line says that it was written, or None where it does not say."""
    for form in _STAMPS:
        found = form.match(line)
        if found is None:
            continue
        month = found["month"]
        number = _MONTHS.index(month) + 1 if month in _MONTHS else month
        try:
            naive = datetime.fromisoformat(f"{found['year']}-{int(number):02d}-{found['day']}T{found['clock']}")
            return naive.replace(tzinfo=_zone(found["zone"]) if found["zone"] else moment.tzinfo)
        except ValueError:
            return None
    return None


async def judge_log(
    scan: LogScan, lines: Sequence[str], *, watched_seconds: float, was_started: bool = True
) -> Verdict:
    """Fail on the first line that a `fail` pattern fits; pass when every `ok` pattern fits a line.

    Without `ok` nothing in the log says that the start is over, so it is watched for a while. Where nothing was
    started, because the services ran before and were left alone, there is no start to be over.
    """
    found = await first_matches([*scan.fail, *scan.ok], lines)
    if isinstance(found, NotMatched):
        return never(found.message)
    bad = min((at for at in found[: len(scan.fail)] if at is not None), default=None)
    if bad is not None:
        return never(f"the log says: {shown(lines[bad])}")
    if not was_started:
        return well(f"{len(lines)} lines; the services ran before and were left alone")
    good = zip(scan.ok, found[len(scan.fail) :], strict=True)
    missing = next((pattern for pattern, at in good if at is None), None)
    if missing is not None:
        return not_yet(f"the log does not show {missing!r} yet")
    if not scan.ok and watched_seconds < scan.settle_seconds:
        return not_yet(f"the log was watched for {watched_seconds:.0f} of {scan.settle_seconds} s only")
    return well(f"{len(lines)} lines since the start")


def shown(line: str) -> str:
    """Return a line as it may leave the node: without passwords and control characters, cut short."""
    for form, instead in _SECRETS:
        line = form.sub(instead, line)
    return _UNPRINTABLE.sub(" ", line)[:SHOWN_CHARACTERS]
