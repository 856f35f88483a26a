"""The test bed keeps its promises: real power, real silence, faults on demand, and no trace on the host."""

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import pytest

from support.bed import Bed, BedFailedError, Node, debian, doctor, layout, rootfs
from support.bed.clock import TimedOutError, monotonic_seconds, wait_until
from support.bed.description import MODES
from support.bed.wire import HolderFailedError, HolderGoneError

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

TESTS = Path(__file__).parents[1]
UP_SECONDS = 10.0
HOLD = """
import signal, sys
from pathlib import Path
from support.bed import Bed
with Bed.up(Path(sys.argv[1])) as bed:
    print(bed.process_id, flush=True)
    signal.pause()
"""


# ---------------------------------------------------------------- one bed for all that leave it as it was


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    rootfs.ensure()
    with Bed.up(tmp_path_factory.mktemp("bed")) as bed:
        yield bed


@pytest.fixture
def bed(running: Bed) -> Bed:
    for bmc in running.bmcs.values():
        bmc.set_mode("honest")
    running.dns.thaw()
    for node in running.nodes.values():
        node.heal()
        if node.is_on():
            node.thaw()
        node.power_on()
        node.ssh_ready()
    return running


@pytest.fixture
def node(bed: Bed) -> Node:
    return bed.nodes["a"]


def output(node: Node, script: str, *, user: str = "root") -> str:
    ran = node.run(script, user=user)
    assert ran.return_code == 0, ran.stderr.decode()
    return ran.stdout.decode().strip()


def boot_id(node: Node) -> str:
    return output(node, "cat /proc/sys/kernel/random/boot_id")


def ssh(bed: Bed, node: Node, *command: str, user: str = layout.NODE_USER) -> subprocess.CompletedProcess[str]:
    arguments = [*bed.enter, *node.ssh_command(*command, options=("-l", user))]
    if user != layout.NODE_USER:
        arguments = [word.replace(f"{layout.NODE_USER}@", f"{user}@") for word in arguments]
    return subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=20)


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


# ---------------------------------------------------------------- the host


def host_network() -> tuple[bytes, ...]:
    """Returns what the host says of its links, addresses, routes and rules, byte for byte."""
    questions = (
        *(("ip", "-json", what) for what in ("link", "address", "rule")),
        ("ip", "-json", "route", "show", "table", "all"),
        ("ip", "-json", "-6", "route", "show", "table", "all"),
        ("nft", "list", "ruleset"),
    )
    return tuple(subprocess.run(question, check=True, capture_output=True, timeout=10).stdout for question in questions)


def host_traces(directory: Path) -> list[str]:
    """Returns what the host sees of a bed besides its files: mounts, loop devices, processes."""
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    loops = subprocess.run(("losetup", "--list", "--noheadings", "--output=BACK-FILE"), check=True, capture_output=True)
    found = [line for line in (*mounts, *loops.stdout.decode().splitlines()) if str(directory) in line]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            if str(directory) in words and process.name != str(os.getpid()):
                found.append(words)
    return found


def members(process_id: int) -> set[int]:
    """Returns the processes that share the bed's network namespace, or one made within its processes'."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (process / "status").read_text()
            depth = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()
            if len(depth) > 2 and _descends(int(process.name), process_id):
                found.add(int(process.name))
    return found


def _descends(process_id: int, holder: int) -> bool:
    reaper = _parent(holder)
    while process_id > 1:
        if process_id in (holder, reaper):
            return True
        process_id = _parent(process_id)
    return False


def _parent(process_id: int) -> int:
    return int(Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[1])


def gone(processes: set[int]) -> bool:
    return not any(Path(f"/proc/{process_id}").exists() for process_id in processes)


def test_the_host_network_is_the_same_before_during_and_after(tmp_path: Path) -> None:
    rootfs.ensure()
    before = host_network()
    started = monotonic_seconds()
    with Bed.up(tmp_path) as bed:
        assert monotonic_seconds() - started < UP_SECONDS
        during = host_network()
        inner = bed.evidence.exists() and subprocess.run(
            (*bed.enter, "ip", "-json", "link"), check=True, capture_output=True, timeout=10
        )
    assert during == before
    assert host_network() == before
    assert host_traces(tmp_path) == []
    assert inner
    assert layout.BRIDGE.encode() in inner.stdout


def test_a_killed_holder_takes_everything_along_and_a_rerun_works(tmp_path: Path) -> None:
    before = host_network()
    bed = Bed.up(tmp_path)
    sleeper = bed.spawn(("sleep", "1000"), log=tmp_path / "sleep.log")
    processes = members(bed.process_id)
    os.kill(bed.process_id, signal.SIGKILL)
    wait_until(lambda: gone(processes), timeout_seconds=10, what="the bed's processes")
    assert len(processes) > 10
    assert sleeper.wait(timeout_seconds=5) != 0
    assert host_network() == before
    wait_until(lambda: host_traces(tmp_path) == [], timeout_seconds=10, what="the last trace")
    with pytest.raises(HolderGoneError):
        bed.nodes["a"].is_on()
    with Bed.up(tmp_path) as again:
        assert output(again.nodes["b"], "hostname") == "node-b"
    bed.down()
    assert host_network() == before
    assert host_traces(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_a_bed_ends_with_its_interrupted_or_killed_caller(tmp_path: Path, number: signal.Signals) -> None:
    before = host_network()
    command = (sys.executable, "-c", HOLD, str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as caller:
        assert caller.stdout is not None
        processes = members(int(caller.stdout.readline()))
        caller.send_signal(number)
        caller.wait(timeout=30)
    wait_until(lambda: gone(processes), timeout_seconds=20, what="the bed's processes")
    assert len(processes) > 10
    assert host_network() == before
    wait_until(lambda: host_traces(tmp_path) == [], timeout_seconds=10, what="the last trace")
    with Bed.up(tmp_path, powered=False) as again:
        assert not again.nodes["a"].is_on()
    assert host_network() == before
    assert host_traces(tmp_path) == []


def test_an_interrupt_while_it_comes_up_leaves_nothing(tmp_path: Path) -> None:
    before = host_network()
    command = (sys.executable, "-c", HOLD, str(tmp_path))
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as caller:
        wait_until((tmp_path / "nodes" / "a" / "srv.img").exists, timeout_seconds=20, what="half a bed")
        caller.send_signal(signal.SIGINT)
        caller.wait(timeout=30)
    wait_until(lambda: host_traces(tmp_path) == [], timeout_seconds=10, what="the last trace")
    assert host_network() == before


def test_a_holder_that_finds_itself_in_the_hosts_network_refuses(tmp_path: Path) -> None:
    before = host_network()
    here = str(Path("/proc/self/ns/net").stat().st_ino)
    ran = subprocess.run(
        (sys.executable, "-m", "support.bed.holder", "--directory", tmp_path, "--root", "/", "--host-network", here),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        check=False,
        capture_output=True,
        timeout=20,
    )
    assert ran.returncode == 1
    assert b"touches nothing" in ran.stderr
    assert host_network() == before


def test_a_second_bed_at_the_same_place_is_refused_and_the_first_lives(bed: Bed) -> None:
    with pytest.raises(BedFailedError, match="take it down first"):
        Bed.up(bed.plan.directory)
    assert Bed.attach(bed.plan.directory).nodes["a"].is_on()


# ---------------------------------------------------------------- the nodes


def test_two_nodes_let_the_operator_in(bed: Bed) -> None:
    logins = [ssh(bed, node, "sudo -n id -u && hostname") for node in bed.nodes.values()]
    assert [login.stdout.split() for login in logins] == [["0", "node-a"], ["0", "node-b"]]


def test_nodes_are_two_machines_by_every_identity(bed: Bed) -> None:
    a, b = bed.nodes.values()
    for question in ("cat /etc/machine-id", "cat /etc/ssh/ssh_host_ed25519_key.pub", "hostname"):
        assert output(a, question) != output(b, question)
    assert output(a, "cat /etc/machine-id") == a.machine_id
    assert output(a, "cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub") == a.host_key
    assert boot_id(a) != boot_id(b)
    assert output(a, "systemctl is-system-running --wait") == "running"


def test_root_gets_in_by_a_forced_command_only(bed: Bed, node: Node) -> None:
    key = bed.ssh_key.with_suffix(".pub").read_bytes()
    node.push("/root/.ssh/authorized_keys", key, mode=0o600)
    refused = ssh(bed, node, "id", user="root")
    node.push("/root/.ssh/authorized_keys", b'command="echo forced" ' + key, mode=0o600)
    forced = ssh(bed, node, "id", user="root")
    assert refused.returncode == 255
    assert (forced.returncode, forced.stdout) == (0, "forced\n")


def test_a_power_cut_says_no_farewell_but_a_dying_process_does(bed: Bed, node: Node) -> None:
    def heard_after(end: Callable[[], object]) -> bytes | None:
        with bed.network(), socket.create_connection((node.address, 22), timeout=5) as connection:
            connection.recv(1024)
            end()
            connection.settimeout(1.5)
            try:
                return connection.recv(1024)
            except TimeoutError:
                return None

    assert heard_after(lambda: output(node, "pkill --signal KILL sshd && systemctl start ssh")) == b""
    node.ssh_ready()
    assert heard_after(node.power_cut) is None
    assert not node.is_on()


def test_power_returns_with_another_boot_and_the_same_disks(node: Node) -> None:
    before = boot_id(node)
    output(node, "echo kept > /srv/maestro/kept && echo kept > /root/kept && echo lost > /run/lost")
    node.power_cut()
    assert (node.srv_path / "maestro" / "kept").read_text() == "kept\n"
    node.power_on()
    node.ssh_ready()
    assert boot_id(node) != before
    assert output(node, "cat /srv/maestro/kept /root/kept; ls /run | grep -c lost || true") == "kept\nkept\n0"


def test_a_reboot_and_a_shutdown_from_within_are_seen(bed: Bed, node: Node) -> None:
    before = boot_id(node)
    node.reboot()
    node.ssh_ready()
    assert boot_id(node) != before
    node.run("systemctl --no-block poweroff")
    node.wait_off()
    wait_until(
        lambda: [line["event"] for line in lines(bed.evidence / "power.jsonl")][-1] == "off",
        timeout_seconds=5,
        what="the evidence of the shutdown",
    )


def test_judges_read_a_disk_and_cannot_write_it(node: Node) -> None:
    node.push("/srv/maestro/on", b"1", mode=0o640)
    node.power_cut()
    node.push("/srv/maestro/off", b"2", mode=0o600)
    node.push("/etc/off", b"3", mode=0o644)
    found = {path.name: path.read_bytes() for path in (node.srv_path / "maestro").iterdir() if path.name != "kept"}
    assert found == {"on": b"1", "off": b"2"}
    assert (node.root_path / "etc" / "off").read_bytes() == b"3"
    with pytest.raises(OSError, match="Read-only"):
        (node.srv_path / "maestro" / "mine").write_text("")
    with pytest.raises(HolderFailedError, match="node a is off"):
        node.run("true")
    (node.root_path / "etc" / "off").unlink()
    node.power_on()
    node.ssh_ready()
    output(node, "rm /srv/maestro/on /srv/maestro/off")


def test_a_snapshot_within_a_node_holds_one_moment(node: Node) -> None:
    script = """
    set -e
    mkdir -p /srv/maestro/files; echo old > /srv/maestro/files/x
    btrfs subvolume snapshot -r /srv/maestro /srv/moment > /dev/null
    echo new > /srv/maestro/files/x
    cat /srv/moment/files/x
    btrfs subvolume delete /srv/moment > /dev/null; rm -r /srv/maestro/files
    """
    assert output(node, script) == "old"


def test_a_cut_cable_drops_just_its_direction_and_lasts_over_a_power_cycle(bed: Bed, node: Node) -> None:
    both_ways = {"in": True, "out": True}
    assert passes(bed, node) == both_ways
    node.cut("in")
    assert passes(bed, node) == {"in": False, "out": True}
    node.heal()
    node.cut("out")
    assert passes(bed, node) == {"in": True, "out": False}
    node.cut("both")
    node.power_cut()
    node.power_on()
    with pytest.raises(HolderFailedError, match="in vain for sshd on node a"):
        node.ssh_ready(timeout_seconds=3)
    node.heal()
    node.ssh_ready()
    assert passes(bed, node) == both_ways


def passes(bed: Bed, node: Node) -> dict[str, bool]:
    """Returns which datagrams pass a node's cable, seen by both ends."""
    # Fixed neighbours, so that a question for an address does not need the other direction.
    inner = output(node, "cat /sys/class/net/host0/address")
    outer = subprocess.run(
        (*bed.enter, "ip", "-json", "link", "show", layout.BRIDGE), check=True, capture_output=True, timeout=10
    )
    mac = json.loads(outer.stdout)[0]["address"]
    fix = ("ip", "neigh", "replace", node.address, "lladdr", inner, "dev", layout.BRIDGE, "nud", "permanent")
    subprocess.run((*bed.enter, *fix), check=True, timeout=10)
    script = f"""
ip neigh replace {layout.BED_ADDRESS} lladdr {mac} dev host0 nud permanent
python3 - <<'END'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 9009)); s.settimeout(0.1)
heard = 0
for _ in range(8):
    s.sendto(b"out", ("{layout.BED_ADDRESS}", 9009))
    try:
        s.recv(9); heard += 1
    except TimeoutError:
        pass
print(heard)
END
ip neigh del {layout.BED_ADDRESS} dev host0
"""
    with bed.network():
        outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    heard_outside = 0
    with outside:
        outside.bind((layout.BED_ADDRESS, 9009))
        outside.settimeout(0.05)
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(output(node, script)))
        thread.start()
        while thread.is_alive():
            outside.sendto(b"in", (node.address, 9009))
            with contextlib.suppress(TimeoutError):
                heard_outside += bool(outside.recv(9))
        thread.join()
    subprocess.run((*bed.enter, "ip", "neigh", "del", node.address, "dev", layout.BRIDGE), check=True, timeout=10)
    return {"in": int(answers[0]) > 0, "out": heard_outside > 0}


def test_a_frozen_node_is_on_and_silent_and_goes_on_as_if_nothing_was(node: Node) -> None:
    before = boot_id(node)
    node.freeze()
    assert node.is_on()
    with pytest.raises(HolderFailedError, match="in vain for sshd"):
        node.ssh_ready(timeout_seconds=1.5)
    node.thaw()
    node.ssh_ready()
    assert boot_id(node) == before


def test_a_script_that_takes_too_long_is_ended_with_all_it_started(node: Node) -> None:
    started = monotonic_seconds()
    with pytest.raises(HolderFailedError, match=r"took over 0\.5 s"):
        node.run("sleep 4321 & sleep 4321", timeout_seconds=0.5)
    assert monotonic_seconds() - started < 5
    assert node.run("pgrep --full 'sleep 4321'").stdout == b""


# ---------------------------------------------------------------- the BMCs


def fence(bed: Bed, name: str, action: str, *, timeout_seconds: float = 30) -> int:
    """Runs Debian's agent as an operator would: parameters on stdin, the authority verified; returns its exit code."""
    account = bed.bmcs[name].account
    words = {
        "action": action,
        "ip": account.host,
        "ipport": account.port,
        "username": account.username,
        "password": account.password,
        "systems_uri": account.systems_uri,
        "ssl_secure": 1,
        "power_timeout": 2,
    }
    ran = subprocess.run(
        (*bed.enter, "fence_redfish"),
        input="".join(f"{key}={value}\n" for key, value in words.items()),
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "REQUESTS_CA_BUNDLE": account.authority},
        check=False,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
    )
    return ran.returncode


def ask(bed: Bed, name: str, *, password: str | None = None) -> dict[str, object]:
    account = bed.bmcs[name].account
    manager = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    url = f"https://{account.host}:{account.port}"
    manager.add_password(None, url, account.username, password or account.password)
    context = ssl.create_default_context(cafile=account.authority)
    handlers = (urllib.request.HTTPSHandler(context=context), urllib.request.HTTPBasicAuthHandler(manager))
    with bed.network(), urllib.request.build_opener(*handlers).open(f"{url}{account.systems_uri}", timeout=5) as answer:
        found = json.load(answer)
    assert isinstance(found, dict)
    return found


def test_the_unpatched_agent_cuts_exactly_the_node_of_its_bmc(bed: Bed) -> None:
    a, b = bed.nodes.values()
    assert (fence(bed, "b", "status"), fence(bed, "b", "off"), fence(bed, "b", "status")) == (0, 0, 2)
    assert (a.is_on(), b.is_on()) == (True, False)
    assert fence(bed, "b", "on") == 0
    assert b.is_on()
    orders = [line for line in lines(bed.evidence / "bmc.jsonl") if line.get("method") == "POST"]
    told = [(order["bmc"], order["request"], order["true_power_before"], order["true_power_after"]) for order in orders]
    assert told[-2:] == [
        ("b", {"ResetType": "ForceOff"}, "On", "Off"),
        ("b", {"ResetType": "On"}, "Off", "On"),
    ]
    causes = [line.get("cause") for line in lines(bed.evidence / "power.jsonl") if line["event"] == "power-cut"]
    assert causes[-1] == "bmc"


def test_a_bmc_says_whose_it_is_and_knows_its_callers(bed: Bed) -> None:
    systems = [ask(bed, name) for name in bed.bmcs]
    assert [system["UUID"] for system in systems] == [bmc.account.uuid for bmc in bed.bmcs.values()]
    assert systems[0]["UUID"] != systems[1]["UUID"]
    assert systems[0]["Name"] == "node-a"
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(bed, "a", password="wrong")
    account = bed.bmcs["a"].account
    with bed.network(), pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://{account.host}:{account.port}/redfish/v1", timeout=5)


def test_a_lying_bmc_says_off_of_a_node_that_is_on(bed: Bed, node: Node) -> None:
    bed.bmcs["a"].set_mode("lying")
    assert (fence(bed, "a", "status"), fence(bed, "a", "off"), fence(bed, "a", "status")) == (0, 0, 2)
    assert node.is_on()
    last = lines(bed.evidence / "bmc.jsonl")[-1]
    assert (last["mode"], last["true_power_after"]) == ("lying", "On")


@pytest.mark.parametrize("mode", ["denying", "null", "offline"])
def test_a_faulty_bmc_proves_nothing(bed: Bed, node: Node, mode: str) -> None:
    bed.bmcs["a"].set_mode(next(known for known in MODES if known == mode))
    assert fence(bed, "a", "off") != 0
    assert fence(bed, "a", "status") == (0 if mode == "denying" else 1)
    assert node.is_on()


def test_a_hanging_bmc_answers_nobody_until_it_is_honest_again(bed: Bed, node: Node) -> None:
    bed.bmcs["a"].set_mode("hanging")
    with pytest.raises(subprocess.TimeoutExpired):
        fence(bed, "a", "off", timeout_seconds=2)
    bed.bmcs["a"].set_mode("honest")
    assert ask(bed, "a")["PowerState"] == "On"
    assert node.is_on()


def test_a_slow_bmc_says_powering_off_until_the_node_is(bed: Bed, node: Node) -> None:
    bmc = bed.bmcs["a"]
    bmc.set_mode("slow", slow_seconds=3)
    assert fence(bed, "a", "off") != 0
    assert ask(bed, "a")["PowerState"] in ("PoweringOff", "Off")
    node.wait_off()
    wait_until(lambda: ask(bed, "a")["PowerState"] == "Off", timeout_seconds=5, what="the BMC to say Off")


# ---------------------------------------------------------------- names


def update(bed: Bed, name: str, address: str) -> dns.rcode.Rcode:
    key = bed.dns.key
    message = dns.update.UpdateMessage(
        bed.dns.zone, keyring=dns.tsigkeyring.from_text({key.name: (key.algorithm, key.secret)})
    )
    message.replace(f"{name}.", layout.TTL_SECONDS, "A", address)
    with bed.network():
        return dns.query.udp(message, bed.dns.address, timeout=5).rcode()


def test_a_signed_update_moves_the_public_name_and_no_other(bed: Bed) -> None:
    for node in bed.nodes.values():
        assert update(bed, layout.PUBLIC_NAME, node.address) == dns.rcode.NOERROR
        assert bed.dns.lookup(layout.PUBLIC_NAME) == (node.address,)
    assert update(bed, "node-a.example.org", "10.77.0.99") == dns.rcode.REFUSED
    assert bed.dns.lookup("node-a.example.org") == (bed.nodes["a"].address,)
    assert layout.PUBLIC_NAME in (bed.evidence / "dns-updates.log").read_text()
    assert layout.PUBLIC_NAME in (bed.evidence / "dns-queries.log").read_text()


def test_frozen_names_confirm_updates_and_stay_old(bed: Bed) -> None:
    update(bed, layout.PUBLIC_NAME, "10.77.0.11")
    bed.dns.freeze()
    assert update(bed, layout.PUBLIC_NAME, "10.77.0.12") == dns.rcode.NOERROR
    assert bed.dns.lookup(layout.PUBLIC_NAME) == ("10.77.0.11",)
    bed.dns.thaw()
    assert bed.dns.lookup(layout.PUBLIC_NAME) == ("10.77.0.12",)


# ---------------------------------------------------------------- ways in, and the doctor


def test_the_host_reaches_a_port_of_the_bed_by_its_loopback(bed: Bed, tmp_path: Path) -> None:
    (tmp_path / "page").write_text("from within")
    serve = (sys.executable, "-m", "http.server", "--bind", layout.BED_ADDRESS, "6443")
    process = bed.spawn(serve, log=tmp_path / "server.log", directory=tmp_path)
    port = bed.forward(port=6443)

    def page() -> bytes | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/page", timeout=2) as answer:
                return bytes(answer.read())
        except (OSError, http.client.HTTPException):
            return None

    wait_until(lambda: page() == b"from within", timeout_seconds=10, what="the page")
    process.stop()
    assert page() is None


def test_a_program_of_the_bed_resolves_names_as_the_bed_does(bed: Bed, tmp_path: Path) -> None:
    update(bed, layout.PUBLIC_NAME, bed.nodes["b"].address)
    process = bed.spawn(("getent", "ahostsv4", layout.PUBLIC_NAME), log=tmp_path / "getent.log")
    assert process.wait(timeout_seconds=10) == 0
    assert (tmp_path / "getent.log").read_text().split()[0] == bed.nodes["b"].address


def test_waits_are_bounded_and_say_what_for() -> None:
    with pytest.raises(TimedOutError, match="in vain for a miracle"):
        wait_until(lambda: False, timeout_seconds=0.05, what="a miracle")


def test_the_doctor_finds_this_machine_fit() -> None:
    assert [check for check in doctor.examine() if check.verdict != "ok"] == []


def test_the_doctor_names_the_command_for_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "PACKAGES", ("util-linux", "no-such-package"))
    assert doctor.missing_packages() == ("no-such-package",)
    missing = [check for check in doctor.problems() if check.verdict == "missing"]
    assert [check.remedy.split()[-1] for check in missing] == ["no-such-package"]


def test_a_damaged_root_in_the_cache_is_built_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []

    def build(_recipe: debian.Recipe, tree: Path) -> None:
        built.append(tree)
        tree.mkdir(exist_ok=True)
        (tree / "sshd").write_text("whole")
        tree.with_name(f"{tree.name}{debian.MANIFEST_SUFFIX}").write_text('{"sshd": 5}')

    monkeypatch.setenv("MAESTRO_CACHE", str(tmp_path))
    monkeypatch.setattr(debian, "_build", build)
    tree = rootfs.ensure()
    rootfs.ensure()
    assert len(built) == 1
    (tree / "sshd").write_text("torn")
    rootfs.ensure()
    assert len(built) == 2
