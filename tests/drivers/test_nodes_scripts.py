"""The short scripts that are sent to a node, run here on a root of the test's own."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from maestro_operator.transport.bundle import LIBRARY, NodeFile, archive, remote_script

UNITS = ("db.service", "app.service")
SYSTEMCTL = """#!/bin/sh
# A systemd of files: one folder a unit, one file a property; every call is written down.
echo "$*" >>"$SYSTEMD/calls"
unit=
for word; do unit=$word; done
case $* in
    --version) echo 'systemd 252 (252.1)' ;;
    *--value*LoadState* | *LoadState*--value*) cat "$SYSTEMD/$unit/LoadState" 2>/dev/null || echo not-found ;;
    *--value*ActiveState* | *ActiveState*--value*) cat "$SYSTEMD/$unit/ActiveState" 2>/dev/null || echo inactive ;;
    *--value*UnitFileState* | *UnitFileState*--value*) cat "$SYSTEMD/$unit/UnitFileState" 2>/dev/null ;;
    show*) for file in "$SYSTEMD/$unit"/*; do echo "${file##*/}=$(cat "$file")"; done ;;
    *disable*) echo disabled >"$SYSTEMD/$unit/UnitFileState" ;;
    stop*) echo inactive >"$SYSTEMD/$unit/ActiveState" ;;
esac
"""
GUARD = """#!/bin/sh
# A guard that has keys, and a permit where the test put one.
[ "$1" = --root ] && { root=$2; shift 2; }
case $1 in
    keygen) echo 'public_key=ssh-ed25519 AAAAnode' ;;
    may-run) [ -e "$root/permit" ] ;;
    permit) : >"$root/permit"; echo permit=7 ;;
    stop) for unit in app.service db.service; do systemctl stop "$unit"; done ;;
    observe) echo state=valid ;;
    *) exit 2 ;;
esac
"""
GETENT = '#!/bin/sh\nawk -v name="$2" \'$2 == name { print $1, "STREAM"; exit }\' "$ROOT/etc/hosts"\n'
GATE = b"[Service]\nExecCondition=+/usr/local/lib/maestro-guard/maestro-guard may-run\n"


class Machine:
    """A root folder with a pretended systemd, guard and resolver."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.systemd = folder / "systemd"
        self.programs = folder / "bin"
        for path in (self.systemd, self.programs, self.root / "run", self.root / "etc/maestro-guard"):
            path.mkdir(parents=True)
        for name, content in (("systemctl", SYSTEMCTL), ("getent", GETENT)):
            program = self.programs / name
            program.write_text(content)
            program.chmod(0o755)
        for unit in UNITS:
            self.unit(unit, active="inactive")

    def unit(self, name: str, *, active: str, enabled: str = "enabled") -> None:
        (self.systemd / name).mkdir(exist_ok=True)
        for key, value in (("LoadState", "loaded"), ("ActiveState", active), ("UnitFileState", enabled)):
            (self.systemd / name / key).write_text(f"{value}\n")

    def state(self, unit: str, key: str) -> str:
        return (self.systemd / unit / key).read_text().strip()

    @property
    def calls(self) -> list[str]:
        return (self.systemd / "calls").read_text().splitlines()

    def sh(self, script: str, *words: str, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run(
            ("sh", "-c", remote_script(script), script, str(self.root), *words),
            input=stdin,
            capture_output=True,
            timeout=20,
            check=False,
            env={
                "PATH": f"{self.programs}:{os.environ['PATH']}",
                "SYSTEMD": str(self.systemd),
                "ROOT": str(self.root),
            },
        )

    def equip(self, *, services: str = "db.service app.service") -> "subprocess.CompletedProcess[bytes]":
        content = archive(
            (
                NodeFile(f"{LIBRARY}/maestro-guard", GUARD.encode(), 0o755),
                NodeFile(f"{LIBRARY}/gate", remote_script("gate").encode(), 0o755),
                NodeFile(f"{LIBRARY}/gate.conf", GATE),
                NodeFile("etc/maestro-guard/config", f"pair=uid-1\nnode=a\nservices={services}\n".encode(), 0o600),
                NodeFile("etc/systemd/system/maestro-guard.service", b"[Unit]\n"),
            )
        )
        return self.sh("equip", *services.split(), stdin=content)

    def gate_of(self, unit: str) -> Path:
        return self.root / f"etc/systemd/system/{unit}.d/50-maestro-guard.conf"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def facts(ran: "subprocess.CompletedProcess[bytes]") -> dict[str, str]:
    return dict(line.split("=", 1) for line in ran.stdout.decode().splitlines())


def test_equipping_installs_everything_and_gives_the_nodes_key(machine: Machine) -> None:
    ran = machine.equip()

    assert ran.returncode == 0, ran
    assert facts(ran)["public_key"] == "ssh-ed25519 AAAAnode"
    assert facts(ran)["gates"] == "installed"
    guard = machine.root / LIBRARY / "maestro-guard"
    assert stat.S_IMODE(guard.stat().st_mode) == 0o755
    assert stat.S_IMODE((machine.root / "etc/maestro-guard/config").stat().st_mode) == 0o600
    assert [machine.gate_of(unit).read_bytes() for unit in UNITS] == [GATE, GATE]
    assert [machine.state(unit, "UnitFileState") for unit in UNITS] == ["disabled", "disabled"]


def test_equipping_again_changes_nothing(machine: Machine) -> None:
    machine.equip()
    before = {path: path.stat().st_ino for path in machine.root.rglob("*") if path.is_file()}

    ran = machine.equip()

    assert facts(ran)["changed"] == ""
    assert {path: path.stat().st_ino for path in machine.root.rglob("*") if path.is_file()} == before


def test_equipping_leaves_nothing_behind_of_itself(machine: Machine) -> None:
    machine.equip()

    assert [path.name for path in (machine.root / "run").iterdir()] == ["maestro-equip.lock"]


def test_a_unit_that_is_not_there_is_refused_before_anything_is_written(machine: Machine) -> None:
    ran = machine.equip(services="db.service typo.service")

    assert ran.returncode == 10
    assert facts(ran)["refused"] == "UnitNotFound"
    assert not (machine.root / LIBRARY).exists()


def test_an_archive_that_is_cut_is_not_installed(machine: Machine) -> None:
    ran = machine.sh("equip", *UNITS, stdin=b"this is no tar")

    assert ran.returncode == 12
    assert not (machine.root / LIBRARY).exists()


@pytest.mark.parametrize("active", ["active", "activating", "deactivating"])
def test_a_service_that_runs_without_a_permit_gets_no_gate_and_is_not_touched(machine: Machine, active: str) -> None:
    machine.unit("app.service", active=active)

    ran = machine.equip()

    assert facts(ran)["gates"] == "deferred"
    assert not any(machine.gate_of(unit).exists() for unit in UNITS)
    assert machine.state("app.service", "UnitFileState") == "enabled"
    touched = [call for call in machine.calls if "app.service" in call and not call.startswith("show")]
    assert touched == []


def test_the_order_that_gives_the_permit_puts_on_the_gates_that_waited(machine: Machine) -> None:
    machine.unit("app.service", active="active")
    machine.equip()

    ran = machine.sh("order", "permit")

    assert ran.returncode == 0, ran
    assert facts(ran) == {"permit": "7", "gates": "installed"}
    assert all(machine.gate_of(unit).exists() for unit in UNITS)
    assert machine.state("app.service", "ActiveState") == "active"
    assert not (machine.root / "etc/maestro-guard/gates-pending").exists()


def test_a_service_that_runs_under_its_permit_keeps_running_when_gated(machine: Machine) -> None:
    machine.unit("app.service", active="active")
    (machine.root / "permit").touch()

    ran = machine.equip()

    assert facts(ran)["gates"] == "installed"
    assert machine.state("app.service", "ActiveState") == "active"


def test_an_order_to_a_node_without_a_guard_says_so(machine: Machine) -> None:
    assert machine.sh("order", "lead").returncode == 13


def test_services_stop_in_reverse_order_also_where_the_guard_is_not_there(machine: Machine) -> None:
    for unit in UNITS:
        machine.unit(unit, active="active")

    ran = machine.sh("stop", *UNITS)

    assert ran.returncode == 0
    assert [call for call in machine.calls if call.startswith("stop")] == ["stop -- app.service", "stop -- db.service"]


def test_a_unit_the_guard_does_not_know_yet_is_stopped_too(machine: Machine) -> None:
    machine.equip()
    machine.unit("new.service", active="active")

    machine.sh("stop", *UNITS, "new.service")

    assert machine.state("new.service", "ActiveState") == "inactive"


def introduce(machine: Machine, key: str = "ssh-ed25519 AAAApeer") -> "subprocess.CompletedProcess[bytes]":
    return machine.sh("introduce", "10.0.0.2 ssh-ed25519 AAAAhost", key)


def forced(key: str) -> str:
    return f'restrict,command="/usr/local/lib/maestro-guard/maestro-guard forced" {key} maestro-guard:uid-1'


def test_the_peer_is_let_in_by_one_forced_command(machine: Machine) -> None:
    machine.equip()

    ran = introduce(machine)

    assert ran.returncode == 0, ran
    keys = machine.root / "root/.ssh/authorized_keys"
    assert keys.read_text() == forced("ssh-ed25519 AAAApeer") + "\n"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o600
    known = machine.root / "etc/maestro-guard/peer_known_hosts"
    assert known.read_text() == "10.0.0.2 ssh-ed25519 AAAAhost\n"


def test_only_the_pairs_own_line_among_the_authorized_keys_is_replaced(machine: Machine) -> None:
    machine.equip()
    keys = machine.root / "root/.ssh/authorized_keys"
    keys.parent.mkdir(parents=True)
    others = '# people\n\nfrom="*.example.org" ssh-rsa AAAB  anna\t\nssh-ed25519 AAAC maestro-guard:uid-10\n \\n é\n'
    keys.write_text(f"{forced('ssh-ed25519 AAAAold')}\n{others}")
    keys.chmod(0o640)

    introduce(machine)

    assert keys.read_text() == others + forced("ssh-ed25519 AAAApeer") + "\n"
    assert stat.S_IMODE(keys.stat().st_mode) == 0o640


def test_introducing_again_writes_nothing(machine: Machine) -> None:
    machine.equip()
    introduce(machine)
    keys = machine.root / "root/.ssh/authorized_keys"
    before = keys.stat().st_ino

    introduce(machine)

    assert keys.stat().st_ino == before


def test_a_node_that_was_not_equipped_is_not_introduced(machine: Machine) -> None:
    ran = introduce(machine)

    assert ran.returncode == 10
    assert not (machine.root / "root").exists()


HOSTS = "127.0.0.1\tlocalhost\n\n# ours\n10.9.9.9 maestro.example.org # by hand\n::1 ip6-localhost"


def test_pinned_names_resolve_and_every_other_byte_is_kept(machine: Machine) -> None:
    hosts = machine.root / "etc/hosts"
    hosts.write_text(HOSTS)

    ran = machine.sh("pin", "maestro.example.org=10.77.0.11", "tracker.example.org=10.77.0.11")

    assert ran.returncode == 0, ran
    assert facts(ran)["pins"] == "maestro.example.org:10.77.0.11 tracker.example.org:10.77.0.11"
    assert HOSTS in hosts.read_text()


def test_a_new_pin_replaces_the_old_one_and_an_equal_one_writes_nothing(machine: Machine) -> None:
    hosts = machine.root / "etc/hosts"
    hosts.write_text(f"{HOSTS}\n")
    machine.sh("pin", "maestro.example.org=10.77.0.12")

    machine.sh("pin", "maestro.example.org=10.77.0.11")
    after = hosts.stat().st_ino
    machine.sh("pin", "maestro.example.org=10.77.0.11")

    assert "10.77.0.12" not in hosts.read_text()
    assert hosts.stat().st_ino == after


def test_without_names_the_hosts_file_is_as_it_was(machine: Machine) -> None:
    hosts = machine.root / "etc/hosts"
    hosts.write_text(f"{HOSTS}\n")
    machine.sh("pin", "maestro.example.org=10.77.0.12")

    machine.sh("pin")

    assert hosts.read_text() == f"{HOSTS}\n"


def test_what_was_enabled_is_written_down_before_it_is_disabled_and_only_the_first_time(machine: Machine) -> None:
    machine.unit("app.service", active="inactive", enabled="static")

    machine.equip()
    machine.equip()

    found = machine.root / "etc/maestro-guard/found"
    assert found.read_text() == "db.service=enabled\napp.service=static\n"


def test_equipping_says_last_what_was_installed(machine: Machine) -> None:
    machine.equip()
    word = machine.root / LIBRARY / "bundle"
    broken = GUARD.replace("keygen)", "keygen) exit 1;").encode()
    files = {"maestro-guard": broken, "bundle": b"word\n"}
    content = archive([NodeFile(f"{LIBRARY}/{name}", text, 0o755) for name, text in files.items()])

    ran = machine.sh("equip", *UNITS, stdin=content)

    assert (ran.returncode, b"failed=Keygen" in ran.stdout) == (1, True)
    assert not word.exists()


def test_the_guard_of_a_newer_state_is_not_replaced(machine: Machine) -> None:
    machine.equip()
    before = (machine.root / LIBRARY / "maestro-guard").read_bytes()
    newer = GUARD.replace("keygen)", "show) echo state=newer; exit 11 ;;\n    keygen)").encode()

    ran = machine.sh("equip", *UNITS, stdin=archive((NodeFile(f"{LIBRARY}/maestro-guard", newer, 0o755),)))

    assert (ran.returncode, facts(ran)["refused"]) == (10, "StateNewer")
    assert (machine.root / LIBRARY / "maestro-guard").read_bytes() == before


def test_a_release_that_is_meant_for_another_pair_touches_nothing(machine: Machine) -> None:
    machine.equip()
    before = {path: path.stat().st_ino for path in machine.root.rglob("*") if path.is_file()}

    ran = machine.sh("release", "uid-2", "owner")

    assert (ran.returncode, facts(ran)["refused"]) == (10, "ForeignPair")
    assert {path: path.stat().st_ino for path in machine.root.rglob("*") if path.is_file()} == before
