"""Whole generations between two roots on one real btrfs volume, and the volume's own harness.

The volume is mounted in a mount namespace of its own: the host's mounts stay as they are, and the
mount ends with the process that holds it. Commands enter that namespace; files are read through
the holder's `/proc/<pid>/root`. `ssh` is a script that runs the other root's forced command, and
that can cut, hang or lose what passes through it.
"""

import hashlib
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import pytest

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

NODE_FILES = Path(__file__).parents[2] / "operator/maestro_operator/transport/node"
COMMAND_SECONDS = 60
STORE = "srv/.maestro-replica"
LIVE = "srv/maestro"

# The wire: what a node's `ssh` is here. `plan` says what goes wrong, once for each line that fits.
WIRE = """#!/bin/sh
# Run the other root's forced command as sshd would, in a session of its own.
while :; do
    case $1 in
        -T) shift ;;
        -O) exit 0 ;;
        -F | -p | -i | -o | -l) shift 2 ;;
        *) break ;;
    esac
done
shift
SSH_ORIGINAL_COMMAND=$*
export SSH_ORIGINAL_COMMAND
here=@HERE@
echo "$*" >>$here/asked
peer() { setsid -w @PEER@/lib/maestro-guard --root @PEER@ forced; }
# One word or many: the words are the remote command's.
# shellcheck disable=SC2048,SC2086
set -- $*
step=${2:-}
plan= amount=
if [ -e $here/plan ]; then read -r on plan amount <$here/plan; fi
[ "$step" = "${on:-}" ] || plan=none
# As with ssh, the end of the remote command is the end of the connection: what feeds it is ended.
feed() {
    mkfifo $here/pipe-$$
    exec 3<&0
    "$@" <&3 >$here/pipe-$$ &
    peer <$here/pipe-$$
    code=$?
    kill $! 2>/dev/null
    rm -f $here/pipe-$$
    return $code
}
first() { dd bs=1 count="$1" status=none; }
first_then_hang() { dd bs=1 count="$1" status=none; exec sleep 50; }
case $plan in
    before) exit 255 ;;
    after) peer >/dev/null; exit 255 ;;
    bytes) feed first "$amount"; exit 255 ;;
    hang) feed first_then_hang "$amount"; exit 255 ;;
    count) feed tee -a $here/bytes ;;
    touch) peer; code=$?; touch "$amount"; exit $code ;;
    *) peer ;;
esac
"""


@dataclass(frozen=True)
class Answer:
    """What one command said: its exit code, its last value for each key, and all of its lines."""

    code: int
    values: dict[str, str]
    lines: tuple[str, ...]

    def all(self, key: str) -> list[str]:
        """Gives every value of a key that comes more than once."""
        return [line.partition("=")[2] for line in self.lines if line.startswith(f"{key}=")]


def parse(code: int, text: str) -> Answer:
    """Reads key=value lines."""
    lines = tuple(text.splitlines())
    return Answer(code, dict(line.split("=", 1) for line in lines if "=" in line), lines)


@dataclass
class Volume:
    """A file system on a loop file, mounted where only its holder and its guests see it."""

    folder: Path
    make: tuple[str, ...] = ("mkfs.btrfs", "-q")
    holder: subprocess.Popen[bytes] = field(init=False)

    def __enter__(self) -> Self:
        image, mount = self.folder / "image", self.folder / "volume"
        mount.mkdir()
        with image.open("wb") as file:
            file.truncate(1 << 30)
        subprocess.run([*self.make, image], check=True, capture_output=True)
        script = f"mount -o loop {image} {mount} && echo ready && exec cat"
        # `cat` ends with the test run, however that ends: then nothing holds the mount any more.
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.holder.stdout is not None
        assert self.holder.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.holder.communicate(timeout=10)
        (self.folder / "image").unlink()

    @property
    def path(self) -> Path:
        """The volume as its guests see it."""
        return self.folder / "volume"

    def seen(self, path: Path) -> Path:
        """Gives the way from out here to a path in there."""
        return Path(f"/proc/{self.holder.pid}/root{path}")

    def command(self, *words: str | Path) -> list[str]:
        """Gives the words that run a command in there."""
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *map(str, words)]

    def run(self, *words: str | Path, env: dict[str, str] | None = None) -> Answer:
        """Runs a command in there, in a session of its own, bounded."""
        done = subprocess.run(
            self.command(*words),
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            start_new_session=True,
            check=False,
        )
        return parse(done.returncode, done.stdout)


@dataclass(frozen=True)
class Node:
    """One root: its guard, its replica, its files."""

    volume: Volume
    root: Path
    name: str

    def at(self, path: str) -> Path:
        """Gives a file of this root as the test sees it."""
        return self.volume.seen(self.root / path)

    def replica(self, *words: str, env: dict[str, str] | None = None) -> Answer:
        """Calls maestro-replica."""
        return self.volume.run(self.root / "lib/maestro-replica", "--root", self.root, *words, env=env)

    def guard(self, *words: str) -> Answer:
        """Calls the guard."""
        return self.volume.run(self.root / "lib/maestro-guard", "--root", self.root, *words)

    def observe(self) -> dict[str, str]:
        """Gives what `observe` says."""
        answer = self.replica("observe")
        assert answer.code == 0, answer
        return answer.values

    def plan(self, step: str, fault: str, amount: str = "") -> None:
        """Lets the wire go wrong at a step, until `heal`."""
        self.at("wire/plan").write_text(f"{step} {fault} {amount}\n")

    def heal(self) -> None:
        """Lets the wire carry everything again."""
        self.at("wire/plan").unlink(missing_ok=True)

    @property
    def generations(self) -> set[str]:
        """The generations that stand under a name that can be promoted."""
        return {path.name for path in self.at(f"{STORE}/generations").iterdir() if path.name[0] != "."}

    def tree(self, path: str = LIVE) -> dict[str, tuple[object, ...]]:
        """Reads a whole tree of this root."""
        return tree_of(self.at(path))


def tree_of(top: Path) -> dict[str, tuple[object, ...]]:
    """Reads everything about a tree that a copy must keep."""
    found: dict[str, tuple[object, ...]] = {}
    for path in (top, *top.rglob("*")):
        stat = path.lstat()
        content = ""
        if path.is_symlink():
            content = str(path.readlink())
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        found[str(path.relative_to(top))] = (stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, content)
    return found


NODE_PROGRAMS = (
    *("maestro-guard", "maestro-replica", "maestro-links", "maestro-moment"),
    *("maestro-backups", "maestro-spool", "maestro-rehearsal", "maestro-isolated", "maestro-start-test"),
)


def make_node(volume: Volume, top: Path, *, name: str, peer: str) -> Node:
    """Makes a root with guard and replica as they are installed, and an empty live subvolume."""
    node = Node(volume, top / name, name)
    for folder in ("etc/maestro-guard", "var/lib", "run/maestro-guard", "srv", "lib", "wire", "proc/sys/kernel/random"):
        node.at(folder).mkdir(parents=True)
    for script in NODE_PROGRAMS:
        shutil.copyfile(NODE_FILES / script, node.at(f"lib/{script}"))
        node.at(f"lib/{script}").chmod(0o755)
    wire = node.at("wire/ssh")
    wire.write_text(WIRE.replace("@HERE@", f"{top / name}/wire").replace("@PEER@", str(top / peer)))
    wire.chmod(0o755)
    node.at("etc/maestro-guard/config").write_text(
        f"pair=p-1\nnode={name}\npeer={peer}\npeer_host=192.0.2.9\nlive=/srv/maestro\nssh={top / name}/wire/ssh\n"
    )
    node.at("etc/machine-id").write_text("0123456789abcdef0123456789abcde" + name + "\n")
    node.at("proc/sys/kernel/random/boot_id").write_text(f"11111111-1111-1111-1111-11111111111{name}\n")
    return node


@dataclass(frozen=True)
class Pair:
    """Two roots: `a` owns the data at first, `b` may receive it."""

    a: Node
    b: Node

    def order(self, node: Node, verb: str, *words: str, episode: str = "ep-1") -> Answer:
        """Gives one order to a guard, as the operator does, and wants it done."""
        answer = node.guard(verb, "--pair", "p-1", "--node", node.name, "--term", "1", "--episode", episode, *words)
        assert answer.code == 0, (verb, words, answer)
        return answer

    def let_send(self, node: Node, *, epoch: int) -> None:
        """Makes a node the owner of an epoch, with a permit."""
        number = ("--epoch", str(epoch))
        self.order(node, "promise", *number, "--owner", node.name, episode=f"ep-{epoch}")
        self.order(node, "promote", *number, episode=f"ep-{epoch}")
        self.order(node, "permit", *number, episode=f"ep-{epoch}")

    def let_send_after(self, node: Node, *, epoch: int, source: Node) -> None:
        """Turns a receiver into the owner of the next epoch: the grant ends, the old owner is demoted."""
        self.order(node, "promise", "--epoch", str(epoch), "--owner", node.name, episode=f"ep-{epoch}")
        self.order(node, "sever")
        self.order(source, "demote", "--epoch", str(epoch), "--owner", node.name, episode=f"ep-{epoch}")
        self.let_send(node, epoch=epoch)

    def let_receive(self, node: Node, *, epoch: int, source: Node) -> None:
        """Demotes a node to an epoch of the other one and grants receiving."""
        number = ("--epoch", str(epoch))
        self.order(node, "demote", *number, "--owner", source.name, episode=f"ep-{epoch}")
        self.order(node, "quarantined", *number, episode=f"ep-{epoch}")
        self.order(node, "grant", *number, "--source", source.name, episode=f"ep-{epoch}")

    def send(self, node: Node | None = None) -> str:
        """Sends one whole generation and gives its number."""
        answer = (node or self.a).replica("final")
        assert answer.code == 0, answer
        return answer.values["generation"]


def until(holds: Callable[[], bool], *, seconds: float = 15) -> None:
    """Waits for a condition, bounded."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "the condition did not come true"
        threading.Event().wait(0.02)


def sent_but_not_committed(pair: Pair) -> tuple[str, str]:
    """Lets a run deliver everything but the commit; gives its number and manifest."""
    pair.a.plan("commit", "before")
    assert pair.a.replica("run").code != 0
    pair.a.heal()
    record = max(pair.a.at(f"{STORE}/meta").glob("sent-*"), key=lambda path: path.stat().st_mtime_ns)
    return record.name.removeprefix("sent-"), record.read_text().splitlines()[0].partition("=")[2]


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    """One volume for a module: making it costs more than what a test does on it."""
    with Volume(tmp_path_factory.mktemp("replica")) as made:
        yield made


def give_epoch_one(made: Pair) -> None:
    """Lets `a` own epoch 1 and `b` receive from it; what the guards stored then is kept for the next pair."""
    kept = made.a.volume.seen(made.a.volume.path / "kept")
    for node in (made.a, made.b):
        if kept.exists():
            shutil.copytree(kept / node.name, node.at("var/lib/maestro-guard"))
    if not kept.exists():
        for node in (made.a, made.b):
            made.order(node, "create", episode="ep-0")
        made.let_send(made.a, epoch=1)
        made.let_receive(made.b, epoch=1, source=made.a)
        for node in (made.a, made.b):
            shutil.copytree(node.at("var/lib/maestro-guard"), kept / node.name)


@pytest.fixture
def pair(volume: Volume, request: pytest.FixtureRequest) -> Pair:
    """A fresh pair: `a` owns epoch 1 and holds some data, `b` may receive from it and has none."""
    top = volume.path / hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    made = Pair(make_node(volume, top, name="a", peer="b"), make_node(volume, top, name="b", peer="a"))
    give_epoch_one(made)
    volume.run("btrfs", "-q", "subvolume", "create", made.a.root / LIVE)
    fill(made.a.at(LIVE))
    return made


def fill(live: Path) -> None:
    """Puts data of every kind below a folder."""
    (live / "files/deep").mkdir(parents=True)
    (live / "db").mkdir()
    (live / "files/one").write_text("one\n")
    (live / "files/deep/a name with\ttab, 'quote' and \n newline").write_text("odd\n")
    (live / "files/link").symlink_to("one")
    (live / "files/twin").hardlink_to(live / "files/one")
    (live / "db/table").write_bytes(os.urandom(1 << 20))
    (live / "db/table").chmod(0o640)
    os.chown(live / "db/table", 1234, 4321)


def test_the_timer_run_is_quiet_on_the_standby_and_sends_on_the_owner(pair: Pair) -> None:
    standby, owner = pair.b.replica("run"), pair.a.replica("run")

    assert (standby.code, standby.lines) == (0, ())
    assert (owner.code, owner.values["generation"]) == (0, "1.1")


def test_what_final_goes_over_is_opened_beforehand_and_nothing_is_sent_by_that(pair: Pair) -> None:
    opened = pair.a.replica("connect")

    assert (opened.code, opened.values["connected"]) == (0, "yes")
    assert not pair.b.at(f"{STORE}/generations").exists()
    wire = pair.a.at("wire")
    assert (wire / "asked").read_text().splitlines() == ["epoch"]
    assert pair.send() == "1.1"


def test_a_peer_that_is_not_reached_beforehand_is_said_so_within_a_bound(pair: Pair) -> None:
    pair.a.at("wire/ssh").write_text("#!/bin/sh\nexit 255\n")

    assert pair.a.replica("connect").values["failed"] == "PeerUnreachable"


def test_age_is_counted_by_uptime_in_the_same_boot_and_by_wall_clock_after_it(pair: Pair) -> None:
    pair.b.at("proc/uptime").write_text("1000.50 1.00\n")
    pair.send()
    pair.b.at("proc/uptime").write_text("1042.75 1.00\n")
    same = pair.b.observe()
    pair.b.at("proc/sys/kernel/random/boot_id").write_text("22222222-2222-2222-2222-222222222222\n")
    pair.b.at("proc/uptime").write_text("3.00 1.00\n")
    later = pair.b.observe()

    assert (same["announced_age_seconds"], same["clock"]) == ("42.25", "uptime")
    assert later["clock"] == "wall"
    assert 0 <= float(later["announced_age_seconds"]) < 60


def test_a_wall_clock_that_was_set_back_gives_no_age(pair: Pair) -> None:
    pair.send()
    meta = pair.b.at(f"{STORE}/meta/1.1")
    meta.write_text(re.sub(r"announced_wall=\d+", "announced_wall=9999999999", meta.read_text()))
    pair.b.at("proc/sys/kernel/random/boot_id").write_text("22222222-2222-2222-2222-222222222222\n")

    seen = pair.b.observe()

    assert (seen["announced_age_seconds"], seen["clock"]) == ("unknown", "none")


def test_a_sender_that_lost_its_count_learns_it_from_the_receiver(pair: Pair) -> None:
    pair.send()
    pair.send()
    for path in (pair.a.at(f"{STORE}/meta")).iterdir():
        path.unlink()
    pair.a.volume.run("btrfs", "-q", "subvolume", "delete", pair.a.root / STORE / "sent/1.2")

    assert pair.send() == "1.3"
    assert pair.b.tree(f"{STORE}/generations/1.3") == pair.a.tree()
