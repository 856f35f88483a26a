"""A root folder with the real guard's own places below it, written and read without the guard's help.

Slots are made and taken apart here from the format's description (`docs/reference/guard.md`), so
that a test compares what the script did with what the format says, not with the script itself.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, Grant, GuardState, Mark, Permit, Standing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.drivers.ports import Order

SHIPPED = Path(__file__).parents[2] / "operator/maestro_operator/transport/node/maestro-guard"
SCRIPT = Path(os.environ.get("MAESTRO_TEST_GUARD", SHIPPED))
"""The guard that is tried: the shipped one, unless a mutant of it is."""
SLOT_BYTES = 4096
CALL_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """What one call of the guard printed, and how it ended."""

    code: int
    lines: Mapping[str, str] = field(hash=False)
    """The last value of every key."""
    text: str = ""

    @property
    def word(self) -> str:
        """Return the guard's word for a refusal, or nothing where it is done."""
        return next((self.lines[key] for key in ("refused", "unknown", "unstored", "failed") if key in self.lines), "")


def slot(state: GuardState, *, seq: int) -> bytes:
    """Return a slot as the format describes it."""
    text = f"seq={seq}\n" + "".join(f"{key}={value}\n" for key, value in state_lines(state))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{text}sha256={digest}\n".encode().ljust(SLOT_BYTES, b"\0")


def state_lines(state: GuardState) -> list[tuple[str, str]]:
    """Return the keys and values of a state in the order of the format."""
    lines = [("pair", state.pair), ("node", state.node), ("term", str(state.term))]
    for key, mark in (("promised", state.promised), ("inforce", state.inforce)):
        lines += [
            (f"{key}_epoch", str(mark.epoch if mark else 0)),
            (f"{key}_owner", mark.owner if mark else ""),
            (f"{key}_episode", mark.episode if mark else ""),
        ]
    for key, permit in (("permit", state.permit), ("maxpermit", state.maxpermit)):
        lines += [(f"{key}_epoch", str(permit.epoch if permit else 0)), (f"{key}_boot", permit.boot if permit else "")]
    grant = state.grant
    lines += [("final", str(state.final or 0)), ("grant_epoch", str(grant.epoch if grant else 0))]
    lines += [("grant_source", grant.source if grant else ""), ("quarantined", str(state.quarantined or 0))]
    return lines


def state_of(content: bytes) -> tuple[int, GuardState]:
    """Return what a slot holds.

    Raises:
        ValueError: it is not a sound slot.

    """
    text, mark, rest = content.partition(b"sha256=")
    if not mark or len(content) != SLOT_BYTES or rest[:64].decode() != hashlib.sha256(text).hexdigest():
        raise ValueError("not a sound slot")
    at = dict(line.split("=", 1) for line in text.decode().splitlines())
    marks = [
        Mark(int(at[f"{key}_epoch"]), at[f"{key}_owner"], at[f"{key}_episode"]) if at[f"{key}_epoch"] != "0" else None
        for key in ("promised", "inforce")
    ]
    permits = [
        Permit(int(at[f"{key}_epoch"]), at[f"{key}_boot"]) if at[f"{key}_epoch"] != "0" else None
        for key in ("permit", "maxpermit")
    ]
    state = GuardState(
        pair=at["pair"],
        node=at["node"],
        term=int(at["term"]),
        promised=marks[0],
        inforce=marks[1],
        permit=permits[0],
        maxpermit=permits[1],
        final=int(at["final"]) or None,
        grant=Grant(int(at["grant_epoch"]), at["grant_source"]) if at["grant_epoch"] != "0" else None,
        quarantined=int(at["quarantined"]) or None,
    )
    return int(at["seq"]), state


def order_words(order: Order) -> list[str]:
    """Return an order as the guard's command line."""
    words = [order.verb, "--pair", order.pair_uid, "--node", order.node]
    words += ["--term", str(order.term), "--episode", order.episode]
    options = (("--epoch", order.epoch), ("--owner", order.owner), ("--source", order.source), ("--kind", order.kind))
    for key, value in options:
        words += [key, str(value)] if value is not None else []
    return [*words, "--anew"] if order.anew else words


class GuardRoot:
    """One node's guard below a folder: `--root` is all that tells it from an installed one."""

    def __init__(self, path: Path, *, boot: str = "boot-1", script: Path = SCRIPT) -> None:
        """Make the folders a node has before the guard ever ran on it."""
        self.path = path
        self.script = script
        self.state = path / "var/lib/maestro-guard"
        self.runtime = path / "run/maestro-guard"
        for folder in ("bin", "etc/maestro-guard", "run/maestro-guard/receivers", "srv/maestro", "var/lib"):
            (path / folder).mkdir(parents=True)
        (path / "proc/sys/kernel/random").mkdir(parents=True)
        (path / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
        self.reboot(boot)
        self.configure(services="")

    def reboot(self, boot: str) -> None:
        """Give the node another boot id."""
        (self.path / "proc/sys/kernel/random/boot_id").write_text(f"{boot}\n")

    def configure(self, **entries: str) -> None:
        """Write the configuration."""
        text = "".join(f"{key}={value}\n" for key, value in entries.items())
        (self.path / "etc/maestro-guard/config").write_text(text)

    def program(self, name: str, text: str) -> None:
        """Put a program where the guard finds it first."""
        path = self.path / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *words: str, environment: Mapping[str, str] | None = None) -> Reply:
        """Call the guard."""
        done = subprocess.run(
            (str(self.script), "--root", str(self.path), *words),
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=CALL_SECONDS,
            env={**os.environ, **(environment or {})},
        )
        lines = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return Reply(done.returncode, lines, done.stdout + done.stderr)

    def order(self, order: Order) -> Reply:
        """Give the guard an order."""
        return self.run(*order_words(order))

    def put(self, state: GuardState, *, seq: int = 7) -> None:
        """Make the guard's state what it shall be, both slots."""
        if self.state.exists():
            for name in ("slot0", "slot1", "lock"):
                (self.state / name).unlink(missing_ok=True)
            self.state.rmdir()
        if state.standing is Standing.NEVER:
            return
        self.state.mkdir(mode=0o700)
        (self.state / "lock").touch()
        content = slot(state, seq=seq) if state.standing is Standing.VALID else b"\0" * SLOT_BYTES
        for name in ("slot0", "slot1"):
            (self.state / name).write_bytes(content)

    def stored(self) -> GuardState:
        """Return the state that both slots hold, or NEVER or LOST."""
        if not self.state.exists():
            return NEVER
        try:
            found = {state_of((self.state / name).read_bytes()) for name in ("slot0", "slot1")}
        except (OSError, ValueError):
            return LOST
        return found.pop()[1] if len(found) == 1 else LOST
