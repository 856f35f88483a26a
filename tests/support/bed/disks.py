"""A node's two disks: an overlay clone of the cached root, and a btrfs volume of its own for /srv.

Both are mounted in the holder's mount namespace only, so they vanish with it.
"""

import shutil
import subprocess
import uuid
from pathlib import Path

from support.bed import layout
from support.bed.description import Identity

INTERFACES = """auto lo
iface lo inet loopback

auto host0
iface host0 inet static
  address {address}/{prefix}
  gateway {gateway}
"""


def prepare(name: str, *, paths: layout.NodePaths, root: Path, authorized_key: str) -> Identity:
    """Makes and mount both disks of a node that never ran, and give it its identity."""
    for folder in (paths.upper, paths.work, paths.root, paths.srv, paths.disk):
        folder.mkdir(parents=True)
    options = f"lowerdir={root},upperdir={paths.upper},workdir={paths.work}"
    _run("mount", "-t", "overlay", "overlay", "-o", options, str(paths.root))
    _make_volume(paths)
    return _personalise(name, root=paths.root, authorized_key=authorized_key)


def unmount(paths: layout.NodePaths) -> None:
    """Unmounts both disks; their files stay."""
    for target in (paths.disk, paths.srv, paths.root):
        subprocess.run(("umount", str(target)), check=False, capture_output=True, timeout=20)


def discard(folder: Path) -> None:
    """Deletes the nodes' files."""
    if folder.exists():
        shutil.rmtree(folder)


def _make_volume(paths: layout.NodePaths) -> None:
    with paths.image.open("wb") as image:
        image.truncate(layout.DISK_BYTES)
    _run("mkfs.btrfs", "--quiet", str(paths.image))
    _run("mount", "-o", "loop", str(paths.image), str(paths.srv))
    _run("btrfs", "subvolume", "create", str(paths.srv / "maestro"))
    _run("mount", "--bind", str(paths.srv), str(paths.disk))
    _run("mount", "-o", "remount,bind,ro", str(paths.disk))


def _personalise(name: str, *, root: Path, authorized_key: str) -> Identity:
    address = layout.NODE_ADDRESSES[name]
    etc = root / "etc"
    machine_id = uuid.uuid4().hex
    hostname = f"node-{name}"
    _write(etc / "machine-id", f"{machine_id}\n")
    _write(etc / "hostname", f"{hostname}\n")
    _write(etc / "hosts", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n")
    _write(etc / "resolv.conf", f"nameserver {layout.NAMESERVER_ADDRESS}\noptions timeout:1 attempts:2\n")
    interfaces = INTERFACES.format(address=address, prefix=layout.PREFIX_LENGTH, gateway=layout.BED_ADDRESS)
    _write(etc / "network" / "interfaces", interfaces)
    journald = etc / "systemd" / "journald.conf.d"
    journald.mkdir(parents=True, exist_ok=True)
    _write(journald / "bed.conf", "[Journal]\nForwardToConsole=yes\nMaxLevelConsole=info\n")
    key = etc / "ssh" / "ssh_host_ed25519_key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", hostname, "-f", str(key))
    ssh = root / "home" / layout.NODE_USER / ".ssh"
    ssh.mkdir(mode=0o700)
    _write(ssh / "authorized_keys", authorized_key)
    home = root / "home" / layout.NODE_USER
    owner = home.stat()
    for path in (ssh, ssh / "authorized_keys"):
        shutil.chown(path, owner.st_uid, owner.st_gid)
    public = key.with_suffix(".pub").read_text().split()
    return Identity(name=name, address=address, machine_id=machine_id, host_key=" ".join(public[:2]))


def _write(path: Path, text: str) -> None:
    # Removing first keeps a link in the root from leading the write elsewhere.
    path.unlink(missing_ok=True)
    path.write_text(text)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)
