"""Two libvirt hosts on one network with one disk between them, each in namespaces of its own; a small guest on one.

The disk is a network block device that a third party serves, so that both hosts reach it, as a real pair's would. The
guest beats into a file of the host that runs it: who really runs it is counted there, and asked of nobody.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock, layout, namespace
from support.libvirt.guest import BOOTED, boot_sector
from support.libvirt.hypervisor import QEMU, SSHD, START_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

ADDRESSES = {"a": "10.99.1.11", "b": "10.99.1.12"}
DISK_ADDRESS = "10.99.1.1"
DISK_PORT = 10809
GUEST = "maestro"
LIBVIRTD = """
host_uuid = "{uuid}"
listen_tls = 0
listen_tcp = 1
listen_addr = "{address}"
auth_tcp = "none"
"""
SUDO = '#!/bin/sh\n[ "$1" = -n ] && shift\nexec "$@"\n'
HUB = """
ip link set lo up
ip link add sw0 address {switch} type bridge forward_delay 0 stp_state 0
ip address add {address}/24 dev sw0
ip link set sw0 up
exec qemu-storage-daemon --blockdev driver=file,node-name=disk,filename={folder}/disk.img,locking=off \
  --nbd-server addr.type=inet,addr.host={address},addr.port={port},max-connections=0 \
  --export type=nbd,id=disk,node-name=disk,name=disk,writable=on
"""
HOST = """
hostname {name}
mkdir -p /run/sshd /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt {folder}/etc {folder}/beats
for place in /run /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do mount -t tmpfs -o mode=755 tmpfs $place; done
mkdir -p /run/sshd /run/libvirt /run/guest
mount --bind {folder}/etc /etc/libvirt
mount --bind {folder}/beats /run/guest
for file in passwd group hosts machine-id; do mount --bind {folder}/$file /etc/$file; done
while [ ! -e {folder}/plugged ]; do sleep 0.05; done
ip link set lo up && ip address add {address}/24 dev lan && ip link set lan up
/usr/sbin/sshd -D -e -f {folder}/sshd_config >{folder}/sshd.log 2>&1 &
/usr/sbin/libvirtd --listen >{folder}/libvirtd.log 2>&1 &
wait
"""
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network' device='disk'>
      <driver name='qemu' type='raw' cache='none'/>
      <source protocol='nbd' name='disk'><host name='{disk}' port='{port}'/></source>
      <target dev='hda' bus='ide'/>
    </disk>
    <serial type='file'><source path='/run/guest/beats' append='on'/><target port='0'/></serial>
  </devices>
</domain>
"""


class Host:
    """One host, which can lose its power and get it again."""

    def __init__(self, hosts: Hosts, name: str) -> None:
        """Keep where its files lie; it has no power yet."""
        self._hosts = hosts
        self.name = name
        self.address = ADDRESSES[name]
        self.folder = hosts.folder / name
        self._outer: subprocess.Popen[bytes] | None = None

    @property
    def is_on(self) -> bool:
        """Tell whether it has power."""
        return self._outer is not None

    def power_on(self) -> None:
        """Boot it, and wait until its libvirt answers."""
        plugged = self.folder / "plugged"
        plugged.unlink(missing_ok=True)
        script = HOST.format(address=self.address, folder=self.folder, name=f"host-{self.name}")
        command = (
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--uts",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-ec",
        )
        with (self.folder / "host.log").open("ab") as log:
            self._outer = subprocess.Popen(
                (*command, script), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        clock.wait_until(
            lambda: bool(self._inside()), timeout_seconds=START_SECONDS, what=f"the namespaces of {self.name}"
        )
        self._hosts.in_hub(
            "ip", "link", "add", f"to-{self.name}", "type", "veth", "peer", "name", "lan", "netns", str(self._inside())
        )
        self._hosts.in_hub("ip", "link", "set", f"to-{self.name}", "master", "sw0", "up")
        plugged.touch()
        clock.wait_until(
            lambda: self.virsh("list").returncode == 0,
            timeout_seconds=START_SECONDS,
            what=f"libvirtd of {self.name}",
            every_seconds=0.2,
        )

    def power_cut(self) -> None:
        """Take its power away: the cable first, so that nothing says goodbye, then everything that runs."""
        if self._outer is not None:
            self._hosts.in_hub("ip", "link", "delete", f"to-{self.name}")
            self._outer.send_signal(signal.SIGKILL)
            self._outer.wait(timeout=10)
            self._outer = None

    def lose_the_way_to(self, other: str) -> None:
        """Let it know of no way to the other host; everybody else is reached as before."""
        self.within("ip", "route", "replace", "unreachable", f"{ADDRESSES[other]}/32")

    def find_the_ways(self) -> None:
        """Let it know again of the way to everybody."""
        for address in ADDRESSES.values():
            self.within("ip", "route", "delete", "unreachable", f"{address}/32", must=False)

    def within(self, *command: str, must: bool = True) -> None:
        """Run a command on it, as root there."""
        enter = ("nsenter", f"--target={self._inside()}", "--net", "--mount", "--")
        done = subprocess.run((*enter, *command), capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 or not must, done.stderr

    @contextlib.contextmanager
    def without_libvirt(self) -> Iterator[None]:
        """Let its libvirt answer nobody for the length of a block; its guests run on."""
        self.within("mv", "/run/libvirt/libvirt-sock", "/run/libvirt/away")
        try:
            yield
        finally:
            self.within("mv", "/run/libvirt/away", "/run/libvirt/libvirt-sock")

    @contextlib.contextmanager
    def frozen_guest(self) -> Iterator[None]:
        """Let the guest's process here do nothing for the length of a block: what comes in does not get on."""
        signalled = "kill -{} $(cat /run/libvirt/qemu/" + GUEST + ".pid)"
        enter = ("nsenter", f"--target={self._inside()}", "--mount", "--pid", "--", "sh", "-c")
        subprocess.run((*enter, signalled.format("STOP")), timeout=20, check=True)
        try:
            yield
        finally:
            subprocess.run((*enter, signalled.format("CONT")), timeout=20, check=True)

    def virsh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run virsh on it, as its administrator does."""
        enter = ("nsenter", f"--target={self._inside()}", "--net", "--mount", "--pid", "--uts", "--")
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return subprocess.run(
            (*enter, "virsh", "--quiet", *words),
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def check(self, *words: str) -> str:
        """Run virsh and insist that it works."""
        done = self.virsh(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def beats(self) -> int:
        """Return how many beats came from the guest on this host so far."""
        path = self.folder / "beats" / "beats"
        return path.stat().st_size if path.exists() else 0

    def boots(self) -> int:
        """Return how often a guest was booted on this host so far, and did not come running."""
        path = self.folder / "beats" / "beats"
        return path.read_bytes().count(BOOTED) if path.exists() else 0

    def await_beat(self) -> None:
        """Wait until the guest beats here."""
        before = self.beats()
        clock.wait_until(lambda: self.beats() > before, timeout_seconds=START_SECONDS, what=f"a beat on {self.name}")

    def start_guest(self) -> None:
        """Start the guest here, as its cluster would."""
        self.check("define", str(self._hosts.folder / "domain.xml"))
        self.check("start", GUEST)
        self.await_beat()

    def _inside(self) -> int:
        if self._outer is None:
            return 0
        path = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        numbers = path.read_text().split() if path.exists() else []
        return int(numbers[0]) if numbers else 0

    def write_files(self) -> None:
        """Write what its programs are told."""
        (self.folder / "etc").mkdir(parents=True)
        told = {"address": self.address, "folder": self.folder}
        machine_id = uuid.uuid5(uuid.NAMESPACE_DNS, str(self.folder))
        (self.folder / "etc" / "qemu.conf").write_text(QEMU)
        (self.folder / "etc" / "libvirtd.conf").write_text(LIBVIRTD.format(uuid=uuid.uuid4(), address=self.address))
        (self.folder / "machine-id").write_text(f"{machine_id.hex}\n")
        names = "".join(f"{address} host-{name}\n" for name, address in ADDRESSES.items())
        (self.folder / "hosts").write_text(f"127.0.0.1 localhost\n{names}")
        for file, of in (("passwd", "nobody"), ("group", "nogroup")):
            (self.folder / file).write_text(_with_users(Path(f"/etc/{file}").read_text(), like=of))
        programs = self.folder / "bin"
        programs.mkdir()
        (programs / "sudo").write_text(SUDO)
        (programs / "sudo").chmod(0o755)
        path = f"SetEnv PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin\n"
        (self.folder / "sshd_config").write_text(SSHD.format(**told) + path)
        for name in ("host", "operator"):
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name))
            subprocess.run(command, check=True, timeout=30)
        (self.folder / "authorized").write_text((self.folder / "operator.pub").read_text())

    @property
    def private_key(self) -> bytes:
        """What the operator logs in with."""
        return (self.folder / "operator").read_bytes()

    @property
    def host_key(self) -> str:
        """The sshd's own key, without its comment."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])


class Hosts:
    """Both hosts, the network between them and the disk."""

    def __init__(self, folder: Path) -> None:
        """Keep where everything lies; nothing runs before the block is entered."""
        self.folder = folder
        self.uuid = str(uuid.uuid4())
        self.by_name = {name: Host(self, name) for name in ADDRESSES}

    def __enter__(self) -> Self:
        """Start the network, the disk and both hosts; the guest is on neither."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "disk.img").write_bytes(boot_sector())
        told = {"name": GUEST, "uuid": self.uuid, "disk": DISK_ADDRESS, "port": DISK_PORT}
        (self.folder / "domain.xml").write_text(DOMAIN.format(**told))
        script = HUB.format(switch=layout.SWITCH_ADDRESS, address=DISK_ADDRESS, port=DISK_PORT, folder=self.folder)
        with (self.folder / "hub.log").open("ab") as log:
            self._hub = subprocess.Popen(
                ("unshare", "--net", "sh", "-ec", script),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            listens = ("ss", "-Hltn", f"sport = :{DISK_PORT}")
            clock.wait_until(
                lambda: bool(self.in_hub(*listens, must=False)), timeout_seconds=START_SECONDS, what="the disk"
            )
            for host in self.by_name.values():
                host.write_files()
                host.power_on()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything; the kernel takes the namespaces along."""
        for host in self.by_name.values():
            host.power_cut()
        self._hub.send_signal(signal.SIGKILL)
        self._hub.wait(timeout=10)

    def network(self) -> AbstractContextManager[None]:
        """Puts the calling thread into the network of both hosts for the length of a block."""
        return namespace.entered(self._hub.pid)

    def in_hub(self, *command: str, must: bool = True) -> str:
        """Run a command in the network between the hosts."""
        enter = ("nsenter", f"--target={self._hub.pid}", "--net", "--")
        done = subprocess.run((*enter, *command), capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0 or not must, done.stderr
        return done.stdout

    def clean(self) -> None:
        """Give both hosts power and their network, and let the guest run on the first alone."""
        for host in self.by_name.values():
            if not host.is_on:
                host.power_on()
            host.find_the_ways()
            host.virsh("destroy", GUEST)
            host.virsh("undefine", GUEST)
        self.by_name["a"].start_guest()


def _with_users(text: str, *, like: str) -> str:
    """Return a passwd or group file that has those whom libvirt looks for before it reads its configuration."""
    line = next(line for line in text.splitlines() if line.startswith(f"{like}:"))
    known = {row.partition(":")[0] for row in text.splitlines()}
    new = [line.replace(f"{like}:", f"{name}:", 1) for name in ("libvirt-qemu", "kvm") if name not in known]
    return "\n".join((*text.splitlines(), *new)) + "\n"
