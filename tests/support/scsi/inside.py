"""What runs inside: a target with one disk, a way to it for each of two nodes, and the agent that fences one of them.

The target is the kernel's own (LIO) behind iSCSI, with its persistent reservations. Both nodes are one kernel here:
each is an initiator of its own name, with a session and a disk of its own, and the target knows no more of them. Each
line that is printed is `<name>=<what was found>`; the test outside says what is right.
"""

import ctypes
import mmap
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from support.bed import clock

MODULES = (
    *("fs/configfs/configfs", "drivers/scsi/sd_mod", "drivers/scsi/sg", "drivers/scsi/iscsi_tcp"),
    "drivers/target/iscsi/iscsi_target_mod",
)
FINIT_MODULE = 313
TARGET = Path("/sys/kernel/config/target")
SETTINGS = Path("/etc/iscsi")
PORTAL, NAME = "127.0.0.1:3260", "iqn.2026-11.dev.maestropair:shared"
ASKS_NO_PASSWORD = {"authentication": 0, "generate_node_acls": 0, "demo_mode_write_protect": 0}
DISK_PAGES = 4096
BLOCK_BYTES = 4096
WAIT_SECONDS = 60
CALL_SECONDS = 60
KEYS = {"a": "a1", "b": "b1"}
DEVICES: dict[str, str] = {}
"""By node: the disk as it sees it."""


def load_modules(wanted: Sequence[str] = MODULES) -> None:
    """Loads what the target and its disks need; there is no modprobe for a kernel that is not installed."""
    folder = Path("/usr/lib/uml/modules") / platform.release()
    lines = (line.partition(":") for line in (folder / "modules.dep").read_text().splitlines())
    needs = {name: others.split() for name, _, others in lines}
    names = [f"kernel/{name}.ko" for name in wanted]
    # What another one needs stands after it in its line.
    in_order = dict.fromkeys(item for name in names for item in (*reversed(needs[name]), name))
    call = ctypes.CDLL(None, use_errno=True).syscall
    for name in in_order:
        with (folder / name).open("rb") as file:
            if call(FINIT_MODULE, file.fileno(), b"", 0):
                raise OSError(ctypes.get_errno(), f"{name} cannot be loaded")


def make_target() -> None:
    """Makes the disk, and lets the initiators of both nodes see it."""
    run("mount", "-t", "devtmpfs", "dev", "/dev")
    run("mount", "-t", "configfs", "config", "/sys/kernel/config")
    disk = TARGET / "core" / "rd_mcp_0" / "shared"
    disk.mkdir(parents=True)
    (disk / "control").write_text(f"rd_pages={DISK_PAGES}\n")
    (disk / "enable").write_text("1\n")
    (disk / "wwn" / "vpd_unit_serial").write_text("5eed0001\n")
    (TARGET / "iscsi").mkdir()
    group = TARGET / "iscsi" / NAME / "tpgt_1"
    unit = group / "lun" / "lun_0"
    unit.mkdir(parents=True)
    (unit / "disk").symlink_to(disk)
    (group / "np" / PORTAL).mkdir()
    for name, value in ASKS_NO_PASSWORD.items():
        (group / "attrib" / name).write_text(f"{value}\n")
    for node in KEYS:
        seen = group / "acls" / initiator(node) / "lun_0"
        seen.mkdir(parents=True)
        (seen / "disk").symlink_to(unit)
    (group / "enable").write_text("1\n")


def initiator(node: str) -> str:
    """Returns the name under which a node speaks to the target."""
    return f"iqn.2026-11.dev.maestropair:node-{node}"


def log_in() -> None:
    """Gives each node a session with the target, and a disk by it."""
    configuration = (SETTINGS / "iscsid.conf").read_text()
    run("mount", "-t", "tmpfs", "settings", str(SETTINGS))
    (SETTINGS / "iscsid.conf").write_text(configuration)
    (SETTINGS / "initiatorname.iscsi").write_text(f"InitiatorName={initiator('none')}\n")
    for folder in ("/run/lock/iscsi", "/run/cluster"):
        Path(folder).mkdir(parents=True)
    must("iscsid")
    for node in KEYS:
        there = set(Path("/sys/block").glob("sd*"))
        must("iscsiadm", "-m", "iface", "-I", node, "-o", "new")
        for name, value in (("initiatorname", initiator(node)), ("transport_name", "tcp")):
            must("iscsiadm", "-m", "iface", "-I", node, "-o", "update", "-n", f"iface.{name}", "-v", value)
        target = ("iscsiadm", "-m", "node", "-T", NAME, "-p", PORTAL, "-I", node)
        must(*target, "-o", "new")
        must(*target, "--login")
        DEVICES[node] = new_disk(node, beside=there)


def new_disk(node: str, *, beside: set[Path]) -> str:
    """Waits for a node's disk and returns where it is."""
    disks = Path("/sys/block")
    clock.wait_until(
        lambda: bool(set(disks.glob("sd*")) - beside), timeout_seconds=WAIT_SECONDS, what=f"the disk of node {node}"
    )
    (found,) = set(disks.glob("sd*")) - beside
    return f"/dev/{found.name}"


def must(*words: str) -> None:
    """Runs a program that has to end well."""
    done = run(*words)
    if done.returncode:
        raise ChildProcessError(f"{' '.join(words)}: {done.returncode}: {done.stdout}")


def run(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, whatever it says."""
    return subprocess.run(
        words,
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CALL_SECONDS,
        check=False,
    )


def agent(action: str, *, of: str, at: str) -> str:
    """Runs Debian's agent on a node about a node's key, told on its standard input; returns its status and words."""
    told = {"action": action, "key": KEYS[of], "devices": DEVICES[at], "power_timeout": "3"}
    done = run("/usr/sbin/fence_scsi", text="".join(f"{name}={value}\n" for name, value in told.items()))
    words = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return f"{done.returncode} {words[-1] if words else ''}"


def writes(node: str, byte: int) -> str:
    """Writes one block past every cache; returns `yes`, or the error's name."""
    block = mmap.mmap(-1, BLOCK_BYTES)
    block.write(bytes([byte]) * BLOCK_BYTES)
    file = os.open(DEVICES[node], os.O_WRONLY | os.O_DIRECT)
    try:
        os.pwrite(file, block, 0)
    except OSError as error:
        return os.strerror(error.errno or 0)
    finally:
        os.close(file)
    return "yes"


def writes_into_memory(node: str, byte: int) -> tuple[str, str]:
    """Writes one block into the page cache, then asks for it to be on the disk; returns how each of them ended."""
    file = os.open(DEVICES[node], os.O_WRONLY)
    try:
        os.pwrite(file, bytes([byte]) * BLOCK_BYTES, BLOCK_BYTES)
        os.fsync(file)
    except OSError as error:
        return "yes", os.strerror(error.errno or 0)
    finally:
        os.close(file)
    return "yes", "yes"


def reads(node: str) -> str:
    """Reads one block past every cache; returns its first byte, or the error's name."""
    block = mmap.mmap(-1, BLOCK_BYTES)
    file = os.open(DEVICES[node], os.O_RDONLY | os.O_DIRECT)
    try:
        os.preadv(file, [block], 0)
    except OSError as error:
        return os.strerror(error.errno or 0)
    finally:
        os.close(file)
    return str(block[0])


def keys() -> str:
    """Returns the keys that are registered, as the disk says."""
    lines = run("sg_persist", "-n", "-i", "-k", "-d", DEVICES["b"]).stdout.splitlines()
    return ",".join(sorted(line.strip() for line in lines if line.strip().startswith("0x")))


def reservation() -> str:
    """Returns the key that holds the reservation and its kind, as the disk says."""
    text = run("sg_persist", "-n", "-i", "-r", "-d", DEVICES["b"]).stdout
    found = [word.strip() for line in text.splitlines() for word in line.split(",", 1)]
    held = [word.removeprefix("Key=").removeprefix("key=") for word in found if word.lower().startswith("key=")]
    kind = [word.rpartition("type: ")[2] for word in found if "type: " in word]
    return f"{held[0]} {kind[0]}" if held and kind else "none"


def say(name: str, value: object) -> None:
    """Prints one finding."""
    print(f"{name}={value}", flush=True)


def look(name: str) -> None:
    """Prints what the disk and both nodes find now."""
    say(f"{name}.keys", keys())
    say(f"{name}.reservation", reservation())
    say(f"{name}.status", agent("status", of="a", at="b"))
    say(f"{name}.a-writes", writes("a", 0xA))
    say(f"{name}.b-writes", writes("b", 0xB))


def main() -> None:
    """Plays everything."""
    load_modules()
    make_target()
    log_in()
    Path("/run/cluster/fence_scsi.key").write_text(f"{KEYS['b']}\n")
    look("bare")
    say("bare.off", agent("off", of="a", at="b"))
    say("bare.a-writes-after-off", writes("a", 0xA))
    for node in KEYS:
        say(f"on.{node}", agent("on", of=node, at=node))
    look("both")
    say("fence.off", agent("off", of="a", at="b"))
    look("fenced")
    say("fenced.a-reads", reads("a"))
    kept, stored = writes_into_memory("a", 0xC)
    say("fenced.a-writes-into-memory", kept)
    say("fenced.a-stores", stored)
    say("again.on", agent("on", of="a", at="a"))
    say("again.a-writes", writes("a", 0xA))
    say("played", "all")


if __name__ == "__main__":
    main()
