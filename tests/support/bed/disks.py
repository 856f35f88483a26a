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


FAR_LEG = """
auto host1
iface host1 inet static
  address {address}/{prefix}
  up sysctl --quiet --write net.ipv4.ip_forward=1
"""

IDENTITY = (
    *("etc/machine-id", "etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/network/interfaces"),
    *("etc/systemd/journald.conf.d", "etc/ssh/ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key.pub"),
    f"home/{layout.NODE_USER}",
)
"""What makes a machine known to those who knew it: a replaced one has it from its administrator's backup."""


def prepare(name: str, *, place: layout.Place, paths: layout.NodePaths, root: Path, authorized_key: str) -> Identity:
    """Makes and mount both disks of a node that never ran, and give it its identity."""
    for folder in (paths.upper, paths.work, paths.root, paths.srv, paths.disk):
        folder.mkdir(parents=True)
    _mount_root(paths, root)
    _make_volume(paths)
    return personalise(name, place=place, root=paths.root, authorized_key=authorized_key)


def keep(paths: layout.NodePaths, name: str) -> None:
    """Keeps both disks as they are now under a name; of a running node as a power cut at this moment would."""
    kept = paths.kept / name
    kept.mkdir(parents=True)
    _run("fsfreeze", "--freeze", str(paths.srv))
    try:
        _run("cp", "--sparse=always", str(paths.image), str(kept / "srv.img"))
        _run("cp", "--archive", str(paths.upper), str(kept / "upper"))
    finally:
        _run("fsfreeze", "--unfreeze", str(paths.srv))


def put_back(paths: layout.NodePaths, name: str, *, root: Path) -> None:
    """Gives a node that is off the disks that were kept under a name."""
    kept = paths.kept / name
    unmount(paths)
    _empty(paths)
    _run("cp", "--archive", str(kept / "upper"), str(paths.upper))
    _run("cp", "--sparse=always", str(kept / "srv.img"), str(paths.image))
    _mount_root(paths, root)
    _mount_volume(paths)


def renew(paths: layout.NodePaths, *, root: Path) -> None:
    """Gives a node that is off new, empty disks; only what the machine is known by stays."""
    kept = paths.kept / "identity"
    for path in IDENTITY:
        (kept / path).parent.mkdir(parents=True, exist_ok=True)
        _run("cp", "--archive", "--no-target-directory", str(paths.root / path), str(kept / path))
    unmount(paths)
    _empty(paths)
    paths.upper.mkdir()
    _mount_root(paths, root)
    _run("cp", "--archive", f"{kept}/.", str(paths.root))
    _make_volume(paths)


def _empty(paths: layout.NodePaths) -> None:
    for folder in (paths.upper, paths.work):
        shutil.rmtree(folder)
    paths.work.mkdir()
    paths.image.unlink()


def _mount_root(paths: layout.NodePaths, root: Path) -> None:
    options = f"lowerdir={root},upperdir={paths.upper},workdir={paths.work}"
    _run("mount", "-t", "overlay", "overlay", "-o", options, str(paths.root))


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
    _mount_volume(paths)
    _run("btrfs", "subvolume", "create", str(paths.srv / "maestro"))


def _mount_volume(paths: layout.NodePaths) -> None:
    _run("mount", "-o", "loop", str(paths.image), str(paths.srv))
    _run("mount", "--bind", str(paths.srv), str(paths.disk))
    _run("mount", "-o", "remount,bind,ro", str(paths.disk))


def personalise(name: str, *, place: layout.Place, root: Path, authorized_key: str) -> Identity:
    """Gives a node's root its identity: names, keys, addresses."""
    address = place.address
    etc = root / "etc"
    machine_id = uuid.uuid4().hex
    hostname = f"node-{name}"
    _write(etc / "machine-id", f"{machine_id}\n")
    _write(etc / "hostname", f"{hostname}\n")
    _write(etc / "hosts", f"127.0.0.1 localhost\n127.0.1.1 {hostname}\n")
    _write(etc / "resolv.conf", f"nameserver {layout.NAMESERVER_ADDRESS}\noptions timeout:1 attempts:2\n")
    interfaces = INTERFACES.format(address=address, prefix=layout.PREFIX_LENGTH, gateway=place.gateway)
    interfaces += "".join(f"  up ip route add {network} via {via}\n" for network, via in place.routes)
    if name == layout.ROUTER:
        interfaces += FAR_LEG.format(address=layout.ROUTER_FAR_ADDRESS, prefix=layout.PREFIX_LENGTH)
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
