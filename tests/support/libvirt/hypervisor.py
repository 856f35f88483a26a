"""libvirtd and sshd in namespaces of their own; nothing of the host's own libvirt is touched."""

from __future__ import annotations

import signal
import socket
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from support.bed import clock, namespace
from support.libvirt.guest import boot_sector

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import Self

ADDRESS = "10.99.0.1"
GUEST = "node-a"
QEMU = """
user = "root"
group = "root"
security_driver = "none"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = []
namespaces = []
seccomp_sandbox = 0
stdio_handler = "file"
"""
SSHD = """
ListenAddress {address}
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
"""
SCRIPT = """
ip link set lo up && ip address add {address}/32 dev lo
mkdir -p /run/sshd /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
for place in /run/sshd /run/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
  mount -t tmpfs -o mode=755 tmpfs $place
done
# The daemon looks for its distribution's own user before it reads its configuration.
cp /etc/passwd /etc/group {folder}/
grep -q ^libvirt-qemu: /etc/passwd || sed -n 's/^nobody:/libvirt-qemu:/p' /etc/passwd >>{folder}/passwd
grep -q ^libvirt-qemu: /etc/group || sed -n 's/^nogroup:/libvirt-qemu:/p' /etc/group >>{folder}/group
grep -q ^kvm: /etc/group || sed -n 's/^nogroup:/kvm:/p' /etc/group >>{folder}/group
for file in passwd group; do mount --bind {folder}/$file /etc/$file; done
cp {folder}/qemu.conf /etc/libvirt/qemu.conf
/usr/sbin/sshd -D -e -f {folder}/sshd_config >{folder}/sshd.log 2>&1 &
/usr/sbin/libvirtd >{folder}/libvirtd.log 2>&1 &
wait
"""
DOMAIN = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <on_crash>preserve</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='{folder}/boot.img'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='tcp'>
      <source mode='bind' host='{address}' service='{port}'/><protocol type='raw'/>
      <log file='{folder}/heartbeat' append='on'/><target port='0'/>
    </serial>
    <panic model='isa'/>
  </devices>
</domain>
"""
SERIAL_PORT = 4000
START_SECONDS = 20.0


class Hypervisor:
    """One libvirt host with one guest that is on."""

    def __init__(self, folder: Path) -> None:
        """Keep where everything lies; nothing runs before the block is entered."""
        self.folder = folder
        self.uuid = str(uuid.uuid4())

    def __enter__(self) -> Self:
        """Start libvirtd, sshd and the guest."""
        self._write_files()
        script = SCRIPT.format(address=ADDRESS, folder=self.folder)
        command = (
            "unshare",
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "sh",
            "-ec",
            script,
        )
        self._outer = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            clock.wait_until(lambda: bool(self._inside()), timeout_seconds=START_SECONDS, what="the namespaces")
            clock.wait_until(
                lambda: self.virsh("list").returncode == 0,
                timeout_seconds=START_SECONDS,
                what="libvirtd",
                every_seconds=0.2,
            )
            self.check("define", str(self.folder / "domain.xml"))
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything; the kernel takes the namespaces along."""
        self._outer.send_signal(signal.SIGKILL)
        self._outer.wait(timeout=10)

    @property
    def private_key(self) -> bytes:
        """What the operator logs in with."""
        return (self.folder / "operator").read_bytes()

    @property
    def host_key(self) -> str:
        """The sshd's own key, without its comment."""
        return " ".join((self.folder / "host.pub").read_text().split()[:2])

    def network(self) -> AbstractContextManager[None]:
        """Puts the calling thread into the hypervisor's network for the length of a block."""
        return namespace.entered(self._inside())

    def virsh(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run virsh on the hypervisor, as its administrator does."""
        enter = ("nsenter", f"--target={self._inside()}", "--net", "--mount", "--pid", "--")
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
        return subprocess.run(
            (*enter, "virsh", *words), env=environment, capture_output=True, text=True, timeout=20, check=False
        )

    def check(self, *words: str) -> str:
        """Run virsh and insist that it works."""
        done = self.virsh(*words)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def start(self) -> None:
        """Start the guest, and wait until it beats."""
        self.check("start", GUEST)
        beats = self.beats()
        clock.wait_until(lambda: self.beats() > beats, timeout_seconds=START_SECONDS, what="the guest's first beat")

    def state(self) -> str:
        """Return the guest's state in libvirt's own word."""
        return self.check("domstate", GUEST)

    def beats(self) -> int:
        """Return how many beats came from the guest so far."""
        path = self.folder / "heartbeat"
        return path.stat().st_size if path.exists() else 0

    def crash(self) -> None:
        """Let the guest say that it has crashed; its process stays, as on_crash has it."""
        with self.network(), socket.create_connection((ADDRESS, SERIAL_PORT), timeout=5) as serial:
            serial.sendall(b"x")
            clock.wait_until(lambda: self.state() == "crashed", timeout_seconds=10, what="the crash", every_seconds=0.1)

    def _inside(self) -> int:
        path = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        numbers = path.read_text().split() if path.exists() else []
        return int(numbers[0]) if numbers else 0

    def _write_files(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {"address": ADDRESS, "folder": self.folder, "name": GUEST, "uuid": self.uuid, "port": SERIAL_PORT}
        (self.folder / "boot.img").write_bytes(boot_sector())
        (self.folder / "qemu.conf").write_text(QEMU)
        (self.folder / "sshd_config").write_text(SSHD.format(**told))
        (self.folder / "domain.xml").write_text(DOMAIN.format(**told))
        for name in ("host", "operator"):
            command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(self.folder / name))
            subprocess.run(command, check=True, timeout=30)
        (self.folder / "authorized").write_text((self.folder / "operator.pub").read_text())
        Path(self.folder / "host").chmod(0o600)
