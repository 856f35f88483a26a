"""Two guards that ask each other as they do over ssh, with the wire taken out, and a systemd of files."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.guard_twin import GuardState, Mark, Permit
from support.guard_root import SCRIPT, GuardRoot, order_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.ports import Order

UNITS = ("db.service", "app.service")
PATIENCE_SECONDS = 30

SYSTEMCTL = """#!/bin/sh
units=@ROOT@/units
verb=$1
case $verb in show) ;; *) echo "$*" >>@ROOT@/systemctl.log ;; esac
shift
while [ $# -gt 0 ]; do
    case $1 in --) shift; break ;; -p) shift 2 ;; *) shift ;; esac
done
for unit; do
    state=inactive
    [ ! -e "$units/$unit" ] || read -r state <"$units/$unit"
    case $verb in
        start) echo active >"$units/$unit" ;;
        stop) [ -e "$units/$unit.stuck" ] || echo inactive >"$units/$unit" ;;
        show) printf 'ActiveState=%s\\nSubState=x\\nUnitFileState=disabled\\nResult=success\\nJob=\\n\\n' "$state" ;;
    esac
done
"""

# Takes the options apart as ssh does; then runs the other guard's forced command with the words it was given.
SSH = """#!/bin/sh
while :; do
    case $1 in
        -T) shift ;;
        -F | -p | -i | -o | -l) shift 2 ;;
        *) break ;;
    esac
done
shift
echo "$*" >>@ROOT@/asked
[ ! -e @ROOT@/bin/meanwhile ] || @ROOT@/bin/meanwhile >&2
case $(cat @ROOT@/wire) in
    down) echo "ssh: connect to host b port 22: Connection timed out" >&2; exit 255 ;;
    refused) echo "ssh: connect to host b port 22: Connection refused" >&2; exit 255 ;;
    stranger) echo "Host key verification failed." >&2; exit 255 ;;
    garbage) head -c 100000 /dev/zero | tr '\\0' x; exit 0 ;;
    "") SSH_ORIGINAL_COMMAND="$*" exec @GUARD@ --root @PEER@ forced ;;
    *) SSH_ORIGINAL_COMMAND="$*" @GUARD@ --root @PEER@ forced | sed "$(cat @ROOT@/wire)" ;;
esac
"""

# Every pause of the daemon is noted, and short.
SLEEP = """#!/bin/sh
echo "$1" >>@ROOT@/turns
exec /bin/sleep 0.05
"""

REPLICA = """#!/bin/sh
[ "$1" != --root ] || shift 2
echo "$*" >>@HERE@/replica.log
case $1 in
    observe) cat @HERE@/replica.observed ;;
    up) [ ! -e @HERE@/replica.absent ] ;;
    promote) rm -f @HERE@/replica.absent ;;
    receive) echo "received=$*" ;;
esac
"""


class Node(GuardRoot):
    """One of two nodes: its own copy of the program, a systemd and a wire to the other."""

    def __init__(self, path: Path, *, name: str, peer: Path, peer_name: str) -> None:
        """Install the guard below the node's own root."""
        library = path / "usr/local/lib/maestro-guard"
        library.mkdir(parents=True)
        script = library / "maestro-guard"
        shutil.copy(SCRIPT, script)
        super().__init__(path, script=script)
        self.name = name
        (path / "units").mkdir()
        (path / "etc/hosts").write_text("127.0.0.1 localhost\n")
        (library / "replica.observed").write_text("whole=yes\n")
        self.program("systemctl", SYSTEMCTL.replace("@ROOT@", str(path)))
        self.program("sleep", SLEEP.replace("@ROOT@", str(path)))
        peer_guard = peer / "usr/local/lib/maestro-guard/maestro-guard"
        wire = SSH.replace("@ROOT@", str(path)).replace("@GUARD@", str(peer_guard)).replace("@PEER@", str(peer))
        self.program("ssh", wire)
        replica = library / "maestro-replica"
        replica.write_text(REPLICA.replace("@HERE@", str(library)))
        replica.chmod(0o755)
        self.wire("")
        self.configure(
            pair="p-1",
            node=name,
            peer=peer_name,
            peer_host="127.0.0.1",
            peer_port="1",
            address="192.0.2.7",
            services=" ".join(UNITS),
            names="maestro.example.org",
            pin="maestro.example.org",
            ssh=str(path / "bin/ssh"),
            watch_seconds="1",
        )

    def wire(self, plan: str) -> None:
        """Say what becomes of what this node asks: nothing special, a failure, or a sed script over the answer."""
        (self.path / "wire").write_text(plan)

    def meanwhile(self, order: Order) -> None:
        """Give this node an order, once, while it awaits its peer's next answer."""
        words = " ".join(order_words(order))
        gone = f'rm -f "{self.path}/bin/meanwhile"'
        self.program("meanwhile", f"#!/bin/sh\n{gone}\n{self.script} --root {self.path} {words}\n")

    def asked(self) -> list[str]:
        """Return what this node has asked its peer."""
        path = self.path / "asked"
        return path.read_text().splitlines() if path.exists() else []

    def active(self) -> list[str]:
        """Return the units that are active."""
        return [unit for unit in UNITS if self.unit(unit) == "active"]

    def unit(self, name: str, state: str = "") -> str:
        """Return a unit's state, after setting it where one is given."""
        path = self.path / "units" / name
        if state:
            path.write_text(f"{state}\n")
        return path.read_text().strip() if path.exists() else "inactive"

    def systemctl_calls(self) -> list[str]:
        """Return what changed units, in order."""
        path = self.path / "systemctl.log"
        return path.read_text().splitlines() if path.exists() else []

    def replica_calls(self) -> list[str]:
        """Return what the replication was asked to do here."""
        path = self.script.parent / "replica.log"
        return path.read_text().splitlines() if path.exists() else []

    def turns(self) -> int:
        """Return how many turns of the daemon have ended."""
        path = self.path / "turns"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def await_turns(self, count: int = 3) -> None:
        """Await that many more turns of the daemon."""
        enough = self.turns() + count
        await_true(lambda: self.turns() >= enough, what="the daemon takes its turns")

    @contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the boot unit's program while the block lasts."""
        with (self.path / "daemon.log").open("wb") as log:
            process = subprocess.Popen(
                (str(self.script), "--root", str(self.path), "run"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_SECONDS)

    def log(self) -> str:
        """Return what the daemon said."""
        return (self.path / "daemon.log").read_text()


def owner_state(name: str, *, epoch: int, owner: str, permit: Permit | None = None) -> GuardState:
    """Return the state of a node where an epoch is in force."""
    mark = Mark(epoch, owner, "e1")
    return GuardState(pair="p-1", node=name, term=1, promised=mark, inforce=mark, permit=permit, maxpermit=permit)


def two_nodes(path: Path) -> tuple[Node, Node]:
    """Return nodes a and b; a owns epoch 4 and holds its permit since an earlier boot, b has it in force."""
    a = Node(path / "a", name="a", peer=path / "b", peer_name="b")
    b = Node(path / "b", name="b", peer=path / "a", peer_name="a")
    a.put(owner_state("a", epoch=4, owner="a", permit=Permit(4, "boot-0")))
    b.put(owner_state("b", epoch=4, owner="a"))
    return a, b


def await_true(condition: Callable[[], bool], *, what: str) -> None:
    """Await a condition, for a bounded time.

    Raises:
        TimeoutError: it did not come true.

    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        # The one pause between two looks at what another process does.
        time.sleep(0.05)  # noqa: TID251
