"""What runs on the machine that is the storage: the kernel's own SCSI-3 target (LIO) behind iSCSI, and a door.

The one disk is this machine's second one, a file outside of it. Two controllers have it, each with reservations of its
own, as a storage whose controllers do not speak with each other; every node is behind the first one until somebody
puts it behind the other one. Each line that comes to the door is one order in JSON, and so is its answer.
"""

import json
import socketserver
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typing_extensions import override

from support.scsi import inside

MODULES = (
    *("fs/configfs/configfs", "drivers/target/target_core_mod", "drivers/target/target_core_file"),
    "drivers/target/iscsi/iscsi_target_mod",
)
DISK = "/dev/ubdb"
CONTROLLERS = ("first", "second")
NODES = ("a", "b")
DOOR_PORT = 3999
GROUP = inside.TARGET / "iscsi" / inside.NAME / "tpgt_1"
BACKS = inside.TARGET / "core" / "fileio_0"


def make_target(address: str) -> None:
    """Makes the disk, both controllers, and a place for each node behind the first one."""
    inside.run("mount", "-t", "devtmpfs", "dev", "/dev")
    inside.run("mount", "-t", "configfs", "config", "/sys/kernel/config")
    inside.run("mount", "-t", "tmpfs", "var", "/var")
    # Where the target keeps what outlasts its power.
    Path("/var/target/pr").mkdir(parents=True)
    (inside.TARGET / "iscsi").mkdir()
    for number, name in enumerate(CONTROLLERS):
        back = BACKS / name
        back.mkdir(parents=True)
        (back / "control").write_text(f"fd_dev_name={DISK}\n")
        (back / "enable").write_text("1\n")
        # One disk: it has one name, whichever controller is asked.
        (back / "wwn" / "vpd_unit_serial").write_text("5eed0001\n")
        unit = GROUP / "lun" / f"lun_{number}"
        unit.mkdir(parents=True)
        (unit / "disk").symlink_to(back)
    (GROUP / "np" / f"{address}:3260").mkdir()
    for attribute, value in inside.ASKS_NO_PASSWORD.items():
        (GROUP / "attrib" / attribute).write_text(f"{value}\n")
    for node in NODES:
        place = _place_of(node)
        place.mkdir(parents=True)
        (place / "disk").symlink_to(GROUP / "lun" / "lun_0")
    (GROUP / "enable").write_text("1\n")


def _place_of(node: str) -> Path:
    """Returns where the target keeps what one node sees as its disk."""
    return GROUP / "acls" / inside.initiator(node) / "lun_0"


def put_behind(node: str, controller: str) -> dict[str, Any]:
    """Lets a node's path lead to another controller of the same disk."""
    place = _place_of(node)
    (place / "disk").unlink()
    (place / "disk").symlink_to(GROUP / "lun" / f"lun_{CONTROLLERS.index(controller)}")
    return {}


def protect(node: str, is_on: str) -> dict[str, Any]:
    """Lets the disk take no order of a node that changes anything, reservations included."""
    (_place_of(node) / "write_protect").write_text(f"{is_on}\n")
    return {}


def state() -> dict[str, Any]:
    """Returns who is registered at each controller and who holds the disk there, in the target's own words."""
    words = ("res_holder", "res_pr_type", "res_pr_registered_i_pts", "res_aptpl_active")
    return {name: {word: (BACKS / name / "pr" / word).read_text() for word in words} for name in CONTROLLERS}


ORDERS: Mapping[str, Callable[..., dict[str, Any]]] = {"put-behind": put_behind, "protect": protect, "state": state}


class Door(socketserver.StreamRequestHandler):
    """One caller."""

    @override
    def handle(self) -> None:
        """Obeys each line."""
        for line in self.rfile:
            asked = json.loads(line)
            try:
                answer = ORDERS[asked["order"]](*asked["of"])
            except OSError as error:
                answer = {"problem": str(error)}
            self.wfile.write(json.dumps(answer).encode() + b"\n")


class Doors(socketserver.ThreadingTCPServer):
    """All callers."""

    allow_reuse_address = True
    daemon_threads = True


def main() -> None:
    """Makes the target and opens the door, for as long as there is power."""
    (address,) = sys.argv[1:]
    inside.load_modules(MODULES)
    make_target(address)
    inside.say("target", "ready")
    Doors(("", DOOR_PORT), Door).serve_forever()


if __name__ == "__main__":
    main()
