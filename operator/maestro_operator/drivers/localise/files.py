"""Files that differ by node, put right on the node: read, edited here, written back whole or not at all.

The law of this file: a value reaches the node as a byte of a file on a script's standard input, never
as a word of a shell. A file is replaced in one step by one that has its owner, mode and attributes, and
only while it still is what was read; what it was before is kept beside it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.drivers.localise.firewall import settle_set
from maestro_operator.drivers.localise.lines import edit_lines, refuse_doubled_aliases
from maestro_operator.drivers.localise.properties import UnreadableError, edit_properties, read_properties
from maestro_operator.drivers.localise.site import edit_site, read_site
from maestro_operator.drivers.localise.values import filled
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.answers import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from maestro_operator.model.pair import Localise
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.ways import NodeWay

log = logging.getLogger(__name__)

LIMIT_BYTES = 512 * 1024
BACKUP_SUFFIX = ".before-maestro"
READ_SECONDS = 10.0
RELOAD_SECONDS = 20.0
SHOWN_CHARACTERS = 80
NO_FILE, NOT_A_FILE, CHANGED, SHORT, FOREIGN_FOLDER = 4, 5, 6, 7, 8
_SECRET_KEY = re.compile(r"(?i)passw|pwd|secret|token|key")
# Prints the file's size and its content. Arguments: the path, the most bytes that are read.
READ_FILE = r"""
[ -e "$1" ] || exit 4
[ -f "$1" ] && size=$(stat -L -c %s -- "$1") && [ "$size" -le "$2" ] || exit 5
gzip -c <"$1" | base64 -w 0
"""
# Replaces a file by what comes on standard input. It is done as the owner of its folder, who can do so anyway, so
# that nothing in a folder of the application can lead root astray. Arguments: the path, the digest of what is
# there, the digest of what comes, the suffix of the backup.
WRITE_FILE = r"""
real=$(readlink -f -- "$1") && [ -f "$real" ] || exit 4
folder=$(dirname -- "$real")
owner=$(stat -c %u -- "$folder") && group=$(stat -c %g -- "$real") || exit 12
[ "$owner" = 0 ] || [ "$owner" = "$(stat -c %u -- "$real")" ] || exit 8
act='
umask 077
digest() { sha256sum <"$1" | cut -d " " -f 1; }
[ -r "$1" ] || { echo "its owner may not read it" >&2; exit 12; }
[ "$(digest "$1")" = "$2" ] || exit 6
new=$(mktemp -- "$1.XXXXXXXX") && old=$(mktemp -- "$1.XXXXXXXX") || exit 12
trap "rm -f -- \"\$new\" \"\$old\"" EXIT
cp --preserve=all -- "$1" "$old" && cp --preserve=all -- "$1" "$new" && cat >"$new" || exit 12
[ "$(digest "$new")" = "$3" ] || exit 7
[ "$(digest "$1")" = "$2" ] || exit 6
sync "$old" "$new" && mv -f -- "$old" "$1$4" && mv -f -- "$new" "$1" && sync "${1%/*}/" || exit 12
'
if [ "$owner" = 0 ]; then
    sh -c "$act" write-file "$real" "$2" "$3" "$4"
else
    setpriv --reuid "$owner" --regid "$group" --clear-groups -- sh -c "$act" write-file "$real" "$2" "$3" "$4"
fi
"""
_WORDS = {
    NO_FILE: "there is no such file",
    NOT_A_FILE: f"it is no file of at most {LIMIT_BYTES // 1024} KiB",
    CHANGED: "somebody changed it meanwhile",
    SHORT: "not all of it arrived on the node",
    FOREIGN_FOLDER: "its owner is another one than its folder's, so it cannot be replaced safely",
}
_REFUSING = (NOT_A_FILE, FOREIGN_FOLDER)


@dataclass(frozen=True, slots=True)
class Edited:
    """A file as it should be, and what of it is new, in words that may be shown."""

    content: bytes
    said: str


async def settle_files(
    sessions: NodeWay,
    node: FrozenNode,
    items: Sequence[Localise],
    *,
    peer: FrozenNode,
    deadline_seconds: float,
) -> Outcome:
    """Make every file and set say what it should on this node, one after the other, up to the first that does not."""
    facts: dict[str, str] = {}
    for item in items:
        outcome: Outcome = Done()
        if item.firewall_set is not None:
            outcome = await settle_set(sessions, node, item.firewall_set, peer=peer, deadline_seconds=deadline_seconds)
        elif item.file is not None:
            outcome = await _settled(sessions, node, item, path=item.file, peer=peer, seconds=deadline_seconds)
        if isinstance(outcome, Done) and item.managed_lines is not None and item.managed_lines.reload:
            # Each time: an earlier attempt may have ended between the two.
            outcome = await _reloaded(sessions, node, item.managed_lines.reload, seconds=deadline_seconds) or outcome
        if not isinstance(outcome, Done):
            return outcome
        facts |= outcome.facts
    return Done(facts)


async def _reloaded(sessions: NodeWay, node: FrozenNode, words: Sequence[str], *, seconds: float) -> Failed | None:
    answer = await sessions.run(node, words, deadline_seconds=min(RELOAD_SECONDS, seconds))
    if isinstance(answer, Unknown):
        return Failed(answer.reason, answer.message)
    if answer.exit_status != 0:
        return Failed(Reason.COMMAND_FAILED, f"{node.name}: {words[0]}: {shortened(answer)}")
    return None


async def _settled(
    sessions: NodeWay, node: FrozenNode, item: Localise, *, path: str, peer: FrozenNode, seconds: float
) -> Outcome:
    content = await read_file(sessions, node, path, seconds=min(READ_SECONDS, seconds))
    if isinstance(content, Unknown):
        return Failed(content.reason, content.message)
    edit = edited_file(item, content, node=node, peer=peer)
    if isinstance(edit, Refused):
        return edit
    if edit.content == content:
        return Done({path: edit.said})
    words = (path, digest(content), digest(edit.content), BACKUP_SUFFIX)
    answer = await sessions.run(
        node, ("sh", "-c", WRITE_FILE, "write-file", *words), stdin=edit.content, deadline_seconds=seconds
    )
    if isinstance(answer, Unknown):
        return Failed(answer.reason, answer.message)
    if answer.exit_status != 0:
        return _not_written(f"{node.name}: {path}", answer.exit_status, answer.stderr)
    log.info("%s: %s: %s", node.name, path, edit.said)
    return Done({path: edit.said})


def edited_file(item: Localise, content: bytes, *, node: FrozenNode, peer: FrozenNode) -> Edited | Refused:
    """Return the file of an entry as it should be on a node."""
    if item.managed_lines is not None:
        return _with_lines(item, content, node=node, peer=peer)
    form, file = ("properties", item.properties) if item.properties else ("site", item.site_configuration)
    if file is None:
        return Refused(Reason.NOT_CONFIGURED, f"localise {item.name} names no file")
    edit, read = (edit_properties, read_properties) if form == "properties" else (edit_site, read_site)
    try:
        values = {key: filled(value, node=node, peer=peer) for key, value in file.set.items()}
        edited = edit(content, values)
        before: Mapping[str, str | None] = read(content)
    except (UnreadableError, ValueError) as error:
        return Refused(Reason.INVALID_SPEC, f"{node.name}: {file.file}: {error}")
    return Edited(edited, "; ".join(changed(before, values)) or "is as it should be")


def _with_lines(item: Localise, content: bytes, *, node: FrozenNode, peer: FrozenNode) -> Edited | Refused:
    own = item.managed_lines
    path, lines = (own.file, own.lines) if own else ("", ())
    try:
        wanted = tuple(filled(line, node=node, peer=peer) for line in lines)
        if item.aliases is not None:
            refuse_doubled_aliases(content, item.name, wanted)
        edited = edit_lines(content, item.name, wanted)
    except (UnreadableError, ValueError) as error:
        return Refused(Reason.INVALID_SPEC, f"{node.name}: {path}: {error}")
    return Edited(edited, "is as it should be" if edited == content else f"{len(wanted)} lines of our own were put in")


async def read_file(sessions: NodeWay, node: FrozenNode, path: str, *, seconds: float) -> bytes | Unknown:
    """Return what a file on the node holds, or why it is not known."""
    what = f"{node.name}: {path}"
    answer = await sessions.run(
        node, ("sh", "-c", READ_FILE, "read-file", path, str(LIMIT_BYTES)), deadline_seconds=seconds
    )
    if isinstance(answer, Unknown):
        return answer
    if answer.exit_status != 0:
        word = _WORDS.get(answer.exit_status, f"it could not be read (status {answer.exit_status})")
        return Unknown(Reason.COMMAND_FAILED, f"{what}: {word}")
    try:
        unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        content = unpacking.decompress(base64.b64decode(answer.stdout, validate=True), LIMIT_BYTES + 1)
    except (binascii.Error, zlib.error, ValueError):
        return Unknown(Reason.BAD_ANSWER, f"{what}: what came cannot be understood")
    if not unpacking.eof or len(content) > LIMIT_BYTES:
        return Unknown(Reason.BAD_ANSWER, f"{what}: not all of it came")
    return content


def changed(before: Mapping[str, str | None], values: Mapping[str, str]) -> list[str]:
    """Return what an edit changes, one line a key; the values of passwords and the like are not shown."""
    return [
        f"{key}: {_shown(key, before.get(key))} -> {_shown(key, value)}"
        for key, value in values.items()
        if before.get(key) != value
    ]


def digest(content: bytes) -> str:
    """Return what tells one content from another."""
    return hashlib.sha256(content).hexdigest()


def _shown(key: str, value: str | None) -> str:
    if value is None:
        return "not set"
    return "***" if _SECRET_KEY.search(key) else repr(value[:SHOWN_CHARACTERS])


def _not_written(what: str, status: int, stderr: str) -> Outcome:
    word = _WORDS.get(status, f"it could not be written: {' '.join(stderr.split())[:SHOWN_CHARACTERS]}")
    if status in _REFUSING:
        return Refused(Reason.STEP_REFUSED, f"{what}: {word}")
    return Failed(Reason.COMMAND_FAILED, f"{what}: {word}")
