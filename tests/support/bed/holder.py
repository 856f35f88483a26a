"""The process that is the bed: everything in it lives in this process's namespaces and dies with it.

Started by `unshare --net --mount --pid`, it splits once: the first process of the namespace only reaps, the second
holds. When either ends, by SIGKILL too, the kernel kills every process of the bed, and with the last one go the
interfaces, routes, rules and mounts. Its standard input is the caller's life: at its end the bed goes down.
"""

import argparse
import base64
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from support.bed import (
    certificates,
    clock,
    control_groups,
    disks,
    forward,
    layout,
    namespace,
    network,
    redfish,
    uml,
    wire,
)
from support.bed.control_groups import ControlGroup
from support.bed.description import DIRECTIONS, MODES, Description
from support.bed.evidence import Journal
from support.bed.machine import Machine
from support.bed.nameserver import Nameserver

LOCK_SECONDS = 10.0


class Holder:
    """The parts of a running bed, and the verbs that callers have."""

    def __init__(self, plan: layout.Layout, *, root: Path, image: Path | None, routed: bool) -> None:
        self.ended = threading.Event()
        self.keep_disks = False
        self._plan = plan
        self._root = root
        self._routed = routed
        self._power = Journal(plan.evidence / "power.jsonl")
        self._audit = Journal(plan.evidence / "bmc.jsonl")
        self._nameserver = Nameserver(plan)
        self._group = ControlGroup(plan.cgroup)
        control_groups.sweep(layout.CGROUP_PREFIX)
        self._group.remove()
        self._group.make()
        network.make_switch()
        if routed:
            network.make_far_switch()
        if image is not None:
            network.leave_checksums_to_senders()
        ssh_key = _make_ssh_key(plan.keys)
        with ThreadPoolExecutor() as pool:
            certificate = pool.submit(certificates.make, plan.keys, address=layout.BED_ADDRESS)
            naming = pool.submit(self._nameserver.start)
            making = [
                pool.submit(self._make_machine, name, root, image=image, authorized_key=ssh_key)
                for name in self._names()
            ]
            machines = [made.result() for made in making]
            naming.result()
        self._all = {machine.name: machine for machine in machines}
        self.machines = {name: self._all[name] for name in layout.NODE_ADDRESSES}
        self._bmcs = {name: self._make_bmc(name, certificate.result()) for name in self.machines}
        first, second = self._bmcs.values()
        first.twin, second.twin = second, first

    def start(self, *, powered: bool) -> None:
        """Switches everything on and answer callers from now on."""
        for bmc in self._bmcs.values():
            bmc.start()
        if powered:
            for machine in self._all.values():
                machine.power_on("bed")
        Description(
            nodes={name: machine.identity for name, machine in self.machines.items()},
            accounts={name: bmc.account for name, bmc in self._bmcs.items()},
            tsig=self._nameserver.key,
            ssh_key=str(self._plan.keys / "id_ed25519"),
            router=self._all[layout.ROUTER].identity if self._routed else None,
        ).save(self._plan.description)
        wire.Listener(self._plan.control, self._verbs())

    def stop(self) -> None:
        """Cuts the power of everything and clean up; the kernel does the rest when this process ends."""
        for machine in self._all.values():
            machine.power_cut("bed")
        self._nameserver.stop()
        self._group.remove()
        for name in self._all:
            disks.unmount(self._plan.node(name))
        if not self.keep_disks:
            disks.discard(self._plan.nodes)
        for path in (self._plan.control, self._plan.description):
            path.unlink(missing_ok=True)

    def _names(self) -> tuple[str, ...]:
        return (*layout.NODE_ADDRESSES, *((layout.ROUTER,) if self._routed else ()))

    def _make_machine(self, name: str, root: Path, *, image: Path | None, authorized_key: str) -> Machine:
        place, paths = layout.place_of(name, routed=self._routed), self._plan.node(name)
        # A router has nothing to keep: it never needs a kernel of its own.
        if image is not None and name != layout.ROUTER:
            identity = uml.prepare(name, place=place, paths=paths, authorized_key=authorized_key)
            return uml.UmlMachine(
                identity=identity, plan=self._plan, power=self._power, image=image, bridge=place.bridge
            )
        identity = disks.prepare(name, place=place, paths=paths, root=root, authorized_key=authorized_key)
        return Machine(identity=identity, plan=self._plan, power=self._power, bridge=place.bridge)

    def _make_bmc(self, name: str, certificate: certificates.ServerCertificate) -> redfish.Bmc:
        account = redfish.account_for(
            name, password=secrets.token_urlsafe(18), uuid=str(uuid.uuid4()), authority=str(certificate.authority)
        )
        return redfish.Bmc(machine=self.machines[name], account=account, certificate=certificate, audit=self._audit)

    def _verbs(self) -> dict[str, wire.Verb]:
        return {
            "power_on": lambda request: self._machine(request).power_on("bed"),
            "power_cut": lambda request: self._machine(request).power_cut("bed"),
            "soft_off": lambda request: self._machine(request).soft_off("bed"),
            "reboot": lambda request: self._machine(request).reboot("bed"),
            "is_on": lambda request: self._machine(request).is_on(),
            "boots": lambda request: self._machine(request).boots(),
            "cut": self._cut,
            "heal": lambda request: self._machine(request).heal(),
            "part": self._part,
            "join": self._join,
            "freeze": lambda request: self._machine(request).freeze(),
            "thaw": lambda request: self._machine(request).thaw(),
            "wait_ready": self._wait_ready,
            "wait_off": self._wait_off,
            "wait_boot": self._wait_boot,
            "run": self._run,
            "push": self._push,
            "alter": lambda request: self._machine(request).alter(str(request.arguments["script"])),
            "keep_disks": self._keep_disks,
            "put_disks_back": self._put_disks_back,
            "renew_disks": self._renew_disks,
            "bmc_mode": self._bmc_mode,
            "dns_freeze": lambda _: self._nameserver.freeze(),
            "dns_thaw": lambda _: self._nameserver.thaw(),
            "forward": self._forward,
            "down": self._down,
        }

    def _machine(self, request: wire.Request) -> Machine:
        return self._all[str(request.arguments["node"])]

    def _cut(self, request: wire.Request) -> None:
        direction = next(known for known in DIRECTIONS if known == request.arguments["direction"])
        self._machine(request).cut(direction)

    def _part(self, request: wire.Request) -> None:
        source, destination = (str(request.arguments[name]) for name in ("source", "destination"))
        port = request.arguments["port"]
        self._power.write(node=None, event="parted", source=source, destination=destination, port=port)
        network.part(source, destination, port=None if port is None else int(str(port)))

    def _join(self, _request: wire.Request) -> None:
        network.join()
        self._power.write(node=None, event="joined")

    def _wait_ready(self, request: wire.Request) -> None:
        machine = self._machine(request)
        clock.wait_until(
            machine.greets,
            timeout_seconds=_number(request, "timeout_seconds"),
            what=f"sshd on node {machine.name}",
            every_seconds=machine.look_every_seconds,
        )

    def _wait_off(self, request: wire.Request) -> None:
        machine = self._machine(request)
        clock.wait_until(
            lambda: not machine.is_on(),
            timeout_seconds=_number(request, "timeout_seconds"),
            what=f"node {machine.name} to be off",
        )

    def _wait_boot(self, request: wire.Request) -> None:
        machine, boots = self._machine(request), _number(request, "after")
        clock.wait_until(
            lambda: machine.boots() > boots,
            timeout_seconds=_number(request, "timeout_seconds"),
            what=f"node {machine.name} to boot again",
        )

    def _run(self, request: wire.Request) -> dict[str, object]:
        ran = self._machine(request).run(
            str(request.arguments["script"]),
            user=str(request.arguments["user"]),
            stdin=base64.b64decode(str(request.arguments["stdin"])),
            timeout_seconds=_number(request, "timeout_seconds"),
        )
        return {
            "return_code": ran.return_code,
            "stdout": base64.b64encode(ran.stdout).decode(),
            "stderr": base64.b64encode(ran.stderr).decode(),
        }

    def _push(self, request: wire.Request) -> None:
        content = base64.b64decode(str(request.arguments["content"]))
        self._machine(request).push(str(request.arguments["path"]), content, mode=int(_number(request, "mode")))

    def _keep_disks(self, request: wire.Request) -> None:
        machine, name = self._machine(request), str(request.arguments["name"])
        was_on = machine.is_on()
        if was_on:
            # As a hypervisor does for a snapshot: both disks are of one moment.
            machine.freeze()
        try:
            disks.keep(machine.paths, name)
        finally:
            if was_on:
                machine.thaw()
        self._power.write(node=machine.name, event="disks-kept", name=name, was_on=was_on)

    def _put_disks_back(self, request: wire.Request) -> None:
        machine, name = self._machine(request), str(request.arguments["name"])
        machine.need_off()
        disks.put_back(machine.paths, name, root=self._root)
        self._power.write(node=machine.name, event="disks-put-back", name=name)

    def _renew_disks(self, request: wire.Request) -> None:
        machine = self._machine(request)
        machine.need_off()
        disks.renew(machine.paths, root=self._root)
        self._power.write(node=machine.name, event="disks-renewed")

    def _bmc_mode(self, request: wire.Request) -> None:
        mode = next(known for known in MODES if known == request.arguments["mode"])
        bmc = self._bmcs[str(request.arguments["node"])]
        bmc.set_mode(mode, slow_seconds=_number(request, "slow_seconds"))

    def _forward(self, request: wire.Request) -> None:
        listening = socket.socket(fileno=request.passed[0])
        address, port = str(request.arguments["address"]), int(_number(request, "port"))
        forward.serve(listening, address=address, port=port)

    def _down(self, request: wire.Request) -> None:
        self.keep_disks = bool(request.arguments["keep_disks"])
        self.ended.set()


def main() -> int:
    """Holds a bed until its caller is gone, someone says `down`, or a signal comes."""
    parser = argparse.ArgumentParser(prog="support.bed.holder")
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument(
        "--image", type=Path, help="the disk image of User Mode Linux machines, where the nodes are such"
    )
    parser.add_argument("--unpowered", action="store_true")
    parser.add_argument("--routed", action="store_true", help="put node a behind a router")
    parser.add_argument("--outlive-caller", action="store_true")
    parser.add_argument("--host-network", type=int, required=True, help="the inode of the namespace to keep out of")
    options = parser.parse_args()
    if namespace.network_inode() == options.host_network:
        print("the holder is in the host's own network, and touches nothing there", file=sys.stderr)
        return 1
    child = os.fork()
    if child:
        return _reap_until_gone(child)
    plan = layout.Layout(options.directory)
    lock = plan.lock.open("w")
    clock.wait_until(lambda: _locked(lock), timeout_seconds=LOCK_SECONDS, what="an earlier holder to end")
    _clear(plan)
    _isolate(plan)
    holder = Holder(plan, root=options.root, image=options.image, routed=options.routed)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: holder.ended.set())
    holder.start(powered=not options.unpowered)
    if not options.outlive_caller:
        threading.Thread(target=_end_with_caller, args=(holder.ended,), daemon=True).start()
    holder.ended.wait()
    holder.stop()
    return 0


def _locked(lock: TextIO) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reap_until_gone(child: int) -> int:
    while True:
        process_id, status = os.wait()
        if process_id == child:
            return os.waitstatus_to_exitcode(status) & 0xFF


def _end_with_caller(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    ended.set()


def _clear(plan: layout.Layout) -> None:
    """Removes what an earlier run left below the bed's directory, and nothing else that lies there."""
    for path in (plan.control, plan.description):
        path.unlink(missing_ok=True)
    for folder in (plan.nodes, plan.keys, plan.dns, plan.scratch):
        disks.discard(folder)
    plan.evidence.mkdir(exist_ok=True)
    for pattern in ("power.jsonl", "bmc.jsonl", "dns-*.log", "console-*.log"):
        for path in plan.evidence.glob(pattern):
            path.unlink()
    plan.keys.mkdir(mode=0o700)
    plan.nodes.mkdir()
    plan.scratch.mkdir(mode=0o700)


def _isolate(plan: layout.Layout) -> None:
    control_groups.mount_unified()
    # What runs as part of the bed asks the bed's name server.
    resolver = plan.scratch / "resolv.conf"
    resolver.write_text(f"nameserver {layout.NAMESERVER_ADDRESS}\noptions timeout:1 attempts:2\n")
    resolver.chmod(0o644)
    system = Path("/etc/resolv.conf")
    if system.exists():
        subprocess.run(("mount", "--bind", str(resolver), str(system.resolve())), check=True, timeout=10)
    # Machine names and locks of systemd-nspawn are of this bed alone.
    Path("/run/systemd/nspawn").mkdir(parents=True, exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "tmpfs", "/run/systemd/nspawn"), check=True, timeout=10)


def _make_ssh_key(folder: Path) -> str:
    key = folder / "id_ed25519"
    command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bed", "-f", str(key))
    subprocess.run(command, check=True, timeout=30)
    return key.with_suffix(".pub").read_text()


def _number(request: wire.Request, name: str) -> float:
    return float(str(request.arguments[name]))


if __name__ == "__main__":
    sys.exit(main())
