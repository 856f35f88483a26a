"""What runs inside: a logical volume with both roots on it, data that is always written, and runs that send it.

Each line that is printed is `<name>=<what was found>`; the test outside says what is right.
"""

import ctypes
import os
import platform
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from typing_extensions import override

from drivers.test_replica_pair import LIVE, STORE, Answer, Node, Pair, Volume, fill, give_epoch_one, make_node, parse

MODULES = ("dm-mod", "dm-bufio", "dm-snapshot")
CONFIGURATION = """devices {
    external_device_info_source = "none"
    obtain_device_list_from_udev = 0
    use_devicesfile = 0
}
activation {
    udev_sync = 0
    udev_rules = 0
    monitoring = 0
}
"""
FINIT_MODULE = 313
PAUSE_SECONDS = 0.02
CALL_SECONDS = 200


class Here(Volume):
    """A volume that is mounted where everybody in this machine sees it."""

    @property
    @override
    def path(self) -> Path:
        return self.folder

    @override
    def seen(self, path: Path) -> Path:
        return path

    @override
    def run(self, *words: str | Path, env: dict[str, str] | None = None) -> Answer:
        done = subprocess.run(
            [str(word) for word in words],
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=CALL_SECONDS,
            start_new_session=True,
            check=False,
        )
        return parse(done.returncode, done.stdout)


def load_modules() -> None:
    """Loads what the device mapper needs; there is no modprobe for a kernel that is not installed."""
    folder = Path("/usr/lib/uml/modules") / platform.release() / "kernel/drivers/md"
    call = ctypes.CDLL(None, use_errno=True).syscall
    for name in MODULES:
        with (folder / f"{name}.ko").open("rb") as file:
            if call(FINIT_MODULE, file.fileno(), b"", 0):
                raise OSError(ctypes.get_errno(), f"{name} cannot be loaded")


def make_volume() -> Path:
    """Makes vg0/srv on the machine's disk, leaves room for snapshots, and mounts it."""
    settings = Path("/run/lvm-settings")
    settings.mkdir()
    (settings / "lvm.conf").write_text(CONFIGURATION)
    os.environ["LVM_SYSTEM_DIR"] = str(settings)
    for folder in ("/run/lvm", "/run/lock"):
        Path(folder).mkdir(exist_ok=True)
    mount = Path("/run/volume")
    mount.mkdir()
    for line in (
        "pvcreate -q -y /dev/ubda",
        "vgcreate -q vg0 /dev/ubda",
        "lvcreate -q -y -n srv -L 200m vg0",
        "mkfs.ext4 -q /dev/vg0/srv",
        f"mount /dev/vg0/srv {mount}",
    ):
        subprocess.run(line.split(), check=True, timeout=60, capture_output=True)
    return mount


def make_pair(top: Path) -> Pair:
    """Makes both nodes, `a` with data, told to take snapshots of the volume."""
    volume = Here(top)
    made = Pair(make_node(volume, top, name="a", peer="b"), make_node(volume, top, name="b", peer="a"))
    give_epoch_one(made)
    made.a.at(LIVE).mkdir()
    fill(made.a.at(LIVE))
    configure(made, "moment=lvm", "moment_volume=vg0/srv", "moment_snapshot_mib=64")
    return made


def configure(pair: Pair, *lines: str) -> None:
    """Adds lines to both configurations."""
    for node in (pair.a, pair.b):
        with node.at("etc/maestro-guard/config").open("a") as file:
            file.writelines(f"{line}\n" for line in lines)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Lets two files that belong together be written all the time, the left one first."""
    ended = threading.Event()

    def write() -> None:
        number = 0
        while not ended.wait(PAUSE_SECONDS):
            number += 1
            for name in ("left", "right"):
                (folder / f"{name}.new").write_text(str(number))
                (folder / f"{name}.new").rename(folder / name)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def say(name: str, value: object) -> None:
    """Prints one finding."""
    print(f"{name}={value}", flush=True)


def told(name: str, answer: Answer) -> None:
    """Prints how a call ended."""
    for key in ("moment", "generation", "failed", "refused", "unknown", "message"):
        if key in answer.values:
            say(f"{name}.{key}", answer.values[key])
    say(f"{name}.code", answer.code)


def volumes() -> str:
    """Returns the names of all logical volumes."""
    done = subprocess.run(
        ["lvs", "--noheadings", "-o", "lv_name"], check=True, capture_output=True, text=True, timeout=60
    )
    return ",".join(sorted(done.stdout.split()))


def newest(node: Node) -> str:
    """Returns the newest whole generation of a node."""
    return node.observe()["generation"]


def running(pair: Pair) -> None:
    """Sends twice while the data is written, and compares the files that belong together."""
    with writing(pair.a.at(f"{LIVE}/files")):
        for number in (1, 2):
            answer = pair.a.replica("run")
            told(f"run{number}", answer)
            copy = pair.b.at(f"{STORE}/generations/{answer.values.get('generation', 'none')}/files")
            left, right = (int((copy / name).read_text()) for name in ("left", "right"))
            say(f"run{number}.apart", left - right)
    say("run.volumes", volumes())


def overflowing(pair: Pair) -> None:
    """Writes more during a run than the snapshot has room for."""
    configure(pair, "moment_snapshot_mib=4", "bandwidth_kib=100")
    (pair.a.at(LIVE) / "files/large").write_bytes(os.urandom(1 << 20))
    before, ended = newest(pair.b), threading.Event()

    def fill_up() -> None:
        while not ended.is_set():
            pair.a.at("srv/other").write_bytes(os.urandom(24 << 20))
            os.sync()

    thread = threading.Thread(target=fill_up)
    thread.start()
    answer = pair.a.replica("run")
    ended.set()
    thread.join()
    told("full", answer)
    say("full.kept", newest(pair.b) == before)
    say("full.volumes", volumes())
    pair.a.at("srv/other").unlink()


def killed(pair: Pair) -> None:
    """Kills a run in the middle of its data, and lets its unit's end clean up."""
    configure(pair, "moment_snapshot_mib=64", "bandwidth_kib=0")
    pair.a.plan("data", "hang", "20000")
    words = [str(pair.a.root / "lib/maestro-replica"), "--root", str(pair.a.root), "run"]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
    mounted = pair.a.root / "run/maestro-guard/moment"
    while not os.path.ismount(mounted) and process.poll() is None:
        threading.Event().wait(0.05)
    os.killpg(process.pid, 9)
    process.wait(timeout=10)
    pair.a.heal()
    say("killed.left", volumes())
    told("letgo", pair.a.replica("let-go"))
    say("killed.volumes", volumes())
    say("killed.generation", newest(pair.b))
    told("after", pair.a.replica("run"))
    same = pair.b.tree(f"{STORE}/generations/{newest(pair.b)}") == pair.a.tree()
    say("after.same", same)


def elsewhere(pair: Pair) -> None:
    """Names a volume on which the data does not lie."""
    subprocess.run(
        ["lvcreate", "-q", "-y", "-n", "other", "-L", "8m", "vg0"], check=True, capture_output=True, timeout=60
    )
    configure(pair, "moment_volume=vg0/other")
    told("elsewhere", pair.a.replica("run"))


def main() -> None:
    """Plays everything once."""
    load_modules()
    pair = make_pair(make_volume())
    for play in (running, overflowing, killed, elsewhere):
        play(pair)
    say("played", "all")


if __name__ == "__main__":
    main()
