"""What runs inside: the programs of two nodes, guard and all, around one disk of a real SCSI-3 target.

Both nodes are one kernel here, each with a root folder, an initiator and a disk of its own (see `inside`): the target
tells them apart, and the programs know no more of each other than on two machines. Each line that is printed is
`<name>=<what was found>`; the test outside says what is right.
"""

import shutil
from pathlib import Path

from maestro_operator.drivers.ports import Order
from support.guard_root import SHIPPED, GuardRoot, Reply
from support.scsi import inside

ROOTS = Path("/run/nodes")
PAIR = "p-1"
TERM = 1
SHOWN = ("refused", "failed", "unknown", "message", "holders")


class Node(GuardRoot):
    """One node: its guard, its programs, and the disk as it sees it."""

    def __init__(self, name: str, *, peer: str, identity: str) -> None:
        """Install everything below the node's own root."""
        library = ROOTS / name / "lib"
        shutil.copytree(SHIPPED.parent, library)
        super().__init__(ROOTS / name, script=library / "maestro-guard")
        self.name, self.live = name, ROOTS / name / "srv/maestro"
        self.configure(
            pair=PAIR,
            node=name,
            peer=peer,
            peer_host="127.0.0.1",
            peer_port="1",
            address="192.0.2.7",
            services="",
            shared_disk=inside.DEVICES[name],
            shared_identity=identity,
        )
        self.obey("create", episode="e0")

    def obey(self, verb: str, *, episode: str, epoch: int | None = None, owner: str | None = None) -> None:
        """Let the guard take an order, which it must."""
        kind = "Fenced" if verb == "receipt" else None
        done = self.order(Order(verb, PAIR, self.name, TERM, episode, epoch=epoch, owner=owner, kind=kind))
        if done.code:
            raise ChildProcessError(f"{self.name}: {verb}: {done.text}")

    def call(self, *words: str) -> Reply:
        """Call the program that keeps the data."""
        library = self.script.parent
        done = inside.run(str(library / "maestro-replica"), "--root", str(self.path), *words)
        lines = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
        return Reply(done.returncode, lines, done.stdout)

    def tells(self, name: str, *words: str) -> None:
        """Call the program and print how it ended."""
        done = self.call(*words)
        told = " ".join(f"{key}:{done.lines[key]}" for key in SHOWN if key in done.lines)
        inside.say(f"{name}.{self.name}.{words[0]}", f"{done.code} {told}".strip())

    def sees(self, name: str, *keys: str) -> None:
        """Print some of what the program reads."""
        seen = self.call("observe").lines
        inside.say(f"{name}.{self.name}", " ".join(f"{key}:{seen.get(key, '')}" for key in keys))


DISK = ("generation", "whole", "disk_holder", "disk_holder_epoch", "disk_keys", "disk_exclusive", "disk_persists")
SIDE = ("disk_mounted", "disk_obeys", "disk_enforces")


def look(name: str, *nodes: Node) -> None:
    """Print what both nodes and the target say, and who reads and writes."""
    inside.say(f"{name}.reserved", inside.reservation().partition(" ")[2] or "none")
    inside.say(f"{name}.keys", len(inside.keys().split(",")) if inside.keys() else 0)
    for node in nodes:
        node.sees(f"{name}.reads", *DISK, *SIDE)
        inside.say(f"{name}.{node.name}.may-read", inside.reads(node.name).isdecimal())


def stores(node: Node, text: str) -> str:
    """Write a record into the file system of a node, synced; return `yes` or the error."""
    done = inside.run("sh", "-c", f"echo {text} >>{node.live}/records && sync -f {node.live}")
    return "yes" if not done.returncode else done.stdout.strip().splitlines()[-1].rpartition(": ")[2]


def records(node: Node) -> str:
    """Return what a node finds in the file system."""
    file = node.live / "records"
    return file.read_text().replace("\n", ",") if file.exists() else "none"


def identity_of(device: str) -> str:
    """Return the name that a disk has for itself."""
    told = inside.run("sg_inq", "--export", "--page=di", device).stdout
    return next(line.partition("=")[2] for line in told.splitlines() if line.startswith("SCSI_IDENT_LUN_NAA"))


def hand_over(source: Node, target: Node, *, epoch: int) -> None:
    """Move the disk as a switchover does, up to the target's own turn."""
    episode = f"e{epoch}"
    source.obey("quiesce", episode=episode, epoch=epoch - 1)
    source.tells(episode, "final")
    target.obey("promise", episode=episode, epoch=epoch, owner=target.name)
    source.obey("demote", episode=episode, epoch=epoch, owner=target.name)
    target.obey("promote", episode=episode, epoch=epoch)


def first(a: Node, b: Node) -> None:
    """Let `a` own epoch 1, and `b` stand by."""
    a.obey("promise", episode="e1", epoch=1, owner="a")
    b.obey("demote", episode="e1", epoch=1, owner="a")
    a.obey("promote", episode="e1", epoch=1)
    look("bare", a, b)
    b.tells("first", "up")
    a.obey("permit", episode="e1", epoch=1)
    a.tells("first", "up")
    b.tells("first", "run")
    look("first", a, b)
    inside.say("first.a-stores", stores(a, "one"))
    inside.say("first.b-writes", inside.writes("b", 0xB))


def fail_over(a: Node, b: Node) -> None:
    """Take the disk from `a`, which runs on and can be asked by nobody."""
    b.obey("promise", episode="e2", epoch=2, owner="b")
    b.obey("promote", episode="e2", epoch=2)
    b.tells("without", "promote", "--episode", "e2", "--generation", "1.1")
    look("without", a, b)
    b.obey("receipt", episode="e2", epoch=2)
    b.tells("wrong", "promote", "--episode", "e2", "--generation", "7.1")
    b.tells("taken", "promote", "--episode", "e2", "--generation", "1.1")
    b.obey("permit", episode="e2", epoch=2)
    look("taken", a, b)
    inside.say("taken.b-finds", records(b))
    inside.say("taken.a-writes", inside.writes("a", 0xA))
    inside.say("taken.a-stores", stores(a, "lost"))
    inside.say("taken.b-stores", stores(b, "two"))
    b.tells("used", "promote", "--episode", "e2b", "--generation", "1.1")
    # What the old owner finds by the storage alone, with no way to anybody.
    a.tells("alone", "run")
    a.obey("demote", episode="e2", epoch=2, owner="b")
    a.tells("rejoined", "quarantine", "--episode", "e2")
    a.tells("rejoined", "run")
    look("rejoined", a, b)


def fence(a: Node, b: Node, *, identity: str) -> None:
    """Take the disk from `a` as a fence, then give that up again."""
    b.tells("unpromised", "cut", "--identity", identity)
    b.obey("promise", episode="e4", epoch=4, owner="b")
    b.tells("other", "cut", "--identity", "6001405000000000")
    forgets(a, b, identity=identity)
    b.tells("cut", "cut", "--identity", identity)
    for time in ("once", "twice"):
        held = b.call("held", "--identity", identity).lines
        inside.say(f"cut.{time}", " ".join(f"{key}:{held.get(key, '')}" for key in ("holder", "keys", "enforces")))
        inside.say(f"cut.{time}.process", held.get("process", ""))
    look("cut", a, b)
    inside.say("cut.a-writes", inside.writes("a", 0xA))
    b.obey("demote", episode="e5", epoch=5, owner="a")
    b.tells("abandoned", "run")
    a.obey("renew", episode="e5", epoch=5)
    a.tells("abandoned", "up")
    b.tells("abandoned", "run")
    look("abandoned", a, b)


def forgets(a: Node, b: Node, *, identity: str) -> None:
    """Let the storage lose its keys, and the other node take the disk as a fence before the owner is there again."""
    inside.must("sg_persist", "-n", "-o", "--clear", f"--param-rk={inside.keys()}", "-d", inside.DEVICES["a"])
    b.tells("forgotten", "cut", "--identity", identity)
    inside.say("forgotten.keys", inside.keys() or "none")
    a.tells("remembered", "run")
    look("remembered", a, b)


def stranger(a: Node, b: Node) -> None:
    """Let somebody else hold the disk."""
    a.call("lower")
    inside.must("sg_persist", "-n", "-o", "--clear", f"--param-rk={inside.keys()}", "-d", inside.DEVICES["a"])
    inside.must("sg_persist", "-n", "-o", "--register", "--param-sark=0xabc", "-d", inside.DEVICES["b"])
    kind = ("--param-rk=0xabc", "--prout-type=3")
    inside.must("sg_persist", "-n", "-o", "--reserve", *kind, "-d", inside.DEVICES["b"])
    a.tells("stranger", "up")
    look("stranger", a, b)


def main() -> None:
    """Play everything."""
    inside.load_modules()
    inside.run("mount", "-t", "tmpfs", "var", "/var")
    # Where the target keeps what outlasts its power.
    Path("/var/target/pr").mkdir(parents=True)
    inside.make_target()
    inside.log_in()
    inside.must("mkfs.ext4", "-q", inside.DEVICES["a"])
    identity = identity_of(inside.DEVICES["b"])
    a, b = (Node(name, peer=peer, identity=identity) for name, peer in (("a", "b"), ("b", "a")))
    first(a, b)
    inside.say("first.kept-by-the-target", len(list(Path("/var/target/pr").iterdir())))
    fail_over(a, b)
    hand_over(b, a, epoch=3)
    look("given", a, b)
    a.obey("receipt", episode="e3", epoch=3)
    a.tells("back", "promote", "--episode", "e3", "--generation", "2.1")
    a.obey("permit", episode="e3", epoch=3)
    b.tells("back", "reverse", "--episode", "e3", "--generation", "2.1")
    b.tells("back", "run")
    look("back", a, b)
    inside.say("back.a-finds", records(a))
    fence(a, b, identity=identity)
    stranger(a, b)
    inside.say("played", "all")


if __name__ == "__main__":
    main()
