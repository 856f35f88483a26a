"""The guard on two real nodes: systemd, sshd and power cuts as they are."""

from collections.abc import Iterator

import pytest

from support.bed import Bed, Node, layout
from support.bed.wire import HolderFailedError
from support.guard_pair import await_true
from support.guard_root import SCRIPT

pytestmark = [pytest.mark.root, pytest.mark.timeout(240)]

LIBRARY = "/usr/local/lib/maestro-guard"
GUARD = f"{LIBRARY}/maestro-guard"
UNITS = ("first.service", "second.service")
OTHER = {"a": "b", "b": "a"}
PORT = 8080
COMMANDS = {"first.service": "/bin/sleep infinity", "second.service": f"/usr/bin/python3 -m http.server {PORT}"}
UNIT = "[Service]\nExecStart={command}\nWorkingDirectory=/srv/maestro\n"


class Guarded:
    """A real node with a guard and two services that do nothing but hold the live data."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.name = node.name

    def install(self) -> None:
        parts = SCRIPT.parent
        other = OTHER[self.name]
        lines = {
            "pair": "p-1",
            "node": self.name,
            "peer": other,
            "peer_host": layout.NODE_ADDRESSES[other],
            "address": layout.NODE_ADDRESSES[self.name],
            "services": " ".join(UNITS),
            "ports": str(PORT),
            "names": layout.PUBLIC_NAME,
            "pin": layout.PUBLIC_NAME,
            "watch_seconds": "1",
        }
        self.node.push(GUARD, SCRIPT.read_bytes(), mode=0o755)
        service = (parts / "maestro-guard.service").read_bytes()
        self.node.push("/etc/systemd/system/maestro-guard.service", service, mode=0o644)
        config = "".join(f"{key}={value}\n" for key, value in lines.items())
        self.node.push("/etc/maestro-guard/config", config.encode(), mode=0o600)
        for unit in UNITS:
            self.node.push(f"/etc/systemd/system/{unit}", UNIT.format(command=COMMANDS[unit]).encode(), mode=0o644)
            gate = (parts / "50-maestro-guard.conf").read_bytes()
            self.node.push(f"/etc/systemd/system/{unit}.d/50-maestro-guard.conf", gate, mode=0o644)
        self.call("mkdir -p /srv/maestro && systemctl daemon-reload && systemctl enable --now maestro-guard.service")

    def call(self, script: str) -> str:
        ran = self.node.run(script)
        assert ran.return_code == 0, (script, ran)
        return ran.stdout.decode()

    def guard(self, words: str) -> tuple[int, dict[str, str]]:
        ran = self.node.run(f"{GUARD} {words}")
        lines = ran.stdout.decode().splitlines()
        return ran.return_code, dict(line.split("=", 1) for line in lines if "=" in line)

    def order(self, verb: str, words: str = "", *, term: int = 1, episode: str = "e1") -> dict[str, str]:
        code, lines = self.guard(f"{verb} --pair p-1 --node {self.name} --term {term} --episode {episode} {words}")
        assert code == 0, (verb, lines)
        return lines

    def observed(self) -> dict[str, str]:
        return self.guard("observe")[1]

    def watches(self) -> bool:
        """Tells whether the boot unit runs; a node on its way up answers nothing yet."""
        try:
            return self.observed().get("daemon") == "active"
        except HolderFailedError:
            return False

    def runs(self) -> bool:
        if not self.watches():
            return False
        lines = self.observed()
        return all(lines.get(f"unit.{unit}", "").startswith("active/") for unit in UNITS)

    def is_stopped(self) -> bool:
        lines = self.observed()
        return all(lines.get(f"unit.{unit}", "").startswith("inactive/") for unit in UNITS) and not lines["holders"]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Guarded]]:
    with Bed.up(tmp_path_factory.mktemp("guard-bed")) as bed:
        found = {name: Guarded(node) for name, node in bed.nodes.items()}
        for one in found.values():
            one.install()
        for name, one in found.items():
            key = one.guard("keygen")[1]["public_key"]
            other = found[OTHER[name]]
            line = f'restrict,command="{GUARD} forced" {key} maestro-guard:p-1\n'
            other.call(f"mkdir -p /root/.ssh && cat >>/root/.ssh/authorized_keys <<'E'\n{line}E\n")
            host_key = bed.description.nodes[OTHER[name]].host_key
            known = f"{layout.NODE_ADDRESSES[OTHER[name]]} {host_key}\n"
            one.node.push("/etc/maestro-guard/peer_known_hosts", known.encode(), mode=0o600)
        for one in found.values():
            one.order("create")
        yield found


def activate(nodes: dict[str, Guarded], *, owner: str) -> int:
    """Makes one node run under a new epoch, as the operator does it, and returns the epoch."""
    for one in nodes.values():
        one.node.heal()
        one.node.power_on()
        one.node.ssh_ready()
    epoch = 1 + max(int(one.observed()["promised_epoch"]) for one in nodes.values())
    number, episode = f"--epoch {epoch}", f"e{epoch}"
    other = nodes[OTHER[owner]]
    nodes[owner].order("revoke", episode=episode)
    nodes[owner].order("promise", f"{number} --owner {owner}", episode=episode)
    other.order("demote", f"{number} --owner {owner}", episode=episode)
    assert other.is_stopped()
    nodes[owner].order("promote", number, episode=episode)
    nodes[owner].order("permit", number, episode=episode)
    assert nodes[owner].guard("start") == (0, {"started": " ".join(UNITS)})
    return epoch


def boot_without_its_peer(node: Guarded) -> None:
    node.node.cut()
    node.node.power_cut()
    node.node.power_on()
    await_true(node.watches, what="the boot unit runs")


def test_nothing_starts_without_a_permit_by_whatever_way(nodes: dict[str, Guarded]) -> None:
    epoch = activate(nodes, owner="a")
    standby = nodes["b"]

    standby.node.run("systemctl start first.service")
    standby.node.run("systemctl restart second.service")

    assert standby.guard("start")[1]["refused"] == "NotOwner"
    assert standby.is_stopped()
    assert standby.observed()["inforce_epoch"] == str(epoch)


def test_one_call_sees_what_runs_holds_and_listens(nodes: dict[str, Guarded]) -> None:
    activate(nodes, owner="a")

    await_true(lambda: nodes["a"].observed()["listeners"] != "", what="the service listens")
    observed = nodes["a"].observed()

    assert [observed[f"unit.{unit}"] for unit in UNITS] == ["active/running/static/success"] * 2
    assert len(observed["holders"].split()) == 2
    assert (observed["listeners"], observed["daemon"], observed["peer_ready"]) == (str(PORT), "active", "yes")


def test_the_peers_reach_each_other_by_the_forced_command_and_nothing_else(nodes: dict[str, Guarded]) -> None:
    epoch = activate(nodes, owner="a")
    ssh = (
        "ssh -F none -i /etc/maestro-guard/id_ed25519 -o BatchMode=yes -o StrictHostKeyChecking=yes "
        f"-o UserKnownHostsFile=/etc/maestro-guard/peer_known_hosts root@{layout.NODE_ADDRESSES['a']}"
    )

    assert nodes["a"].guard("ask-peer confirm") == (0, {"confirmed": str(epoch)})
    await_true(lambda: nodes["b"].guard("probe-peer")[1]["peer_service"] == "runs", what="the service is seen to run")
    assert nodes["b"].guard("probe-peer")[1][f"port.{PORT}"] == "open"
    asked = nodes["b"].node.run(f"{ssh} touch /gone")

    assert (asked.return_code, asked.stdout.decode().splitlines()[0]) == (10, "refused=BadRequest")
    assert nodes["a"].node.run("test -e /gone").return_code == 1


def test_after_a_power_cut_the_boot_unit_starts_what_the_peer_confirms(nodes: dict[str, Guarded]) -> None:
    activate(nodes, owner="a")
    a = nodes["a"]

    a.node.power_cut()
    a.node.power_on()

    await_true(a.runs, what="the owner runs again")
    assert a.call(f"getent ahostsv4 {layout.PUBLIC_NAME}").split()[0] == layout.NODE_ADDRESSES["a"]
    assert nodes["b"].is_stopped()


def test_an_owner_that_boots_alone_waits_for_its_peer(nodes: dict[str, Guarded]) -> None:
    activate(nodes, owner="a")
    a = nodes["a"]

    boot_without_its_peer(a)
    assert a.observed()["may_run"] == "no"
    assert a.is_stopped()
    a.node.heal()

    await_true(a.runs, what="the owner runs when its peer is back")


def test_an_old_owner_stops_by_itself_and_stays_down_after_its_next_boot(nodes: dict[str, Guarded]) -> None:
    epoch = 1 + activate(nodes, owner="a")
    a, b = nodes["a"], nodes["b"]

    b.order("promise", f"--epoch {epoch} --owner b", episode="late")
    b.order("promote", f"--epoch {epoch}", episode="late")

    await_true(a.is_stopped, what="the old owner stops")
    assert a.observed()["may_run"] == "no"
    a.node.power_cut()
    a.node.power_on()
    await_true(a.watches, what="the boot unit runs")
    assert a.guard("ask-peer confirm")[1]["refused"] == "NotInForce"
    assert a.is_stopped()


def test_root_takes_over_from_a_peer_that_has_yielded(nodes: dict[str, Guarded]) -> None:
    epoch = activate(nodes, owner="b")
    a, b = nodes["a"], nodes["b"]
    a.node.push(f"{LIBRARY}/maestro-replica", b"#!/bin/sh\ncase $* in *observe*) echo whole=yes ;; esac\n", mode=0o755)
    assert a.guard("take --reason 'a test'")[1]["refused"] == "PeerAnswers"

    assert b.guard("yield --reason 'a test'")[0] == 0
    code, lines = a.guard("take --reason 'a test'")

    assert (code, lines.get("taken")) == (0, str(epoch + 2))
    assert a.runs()
    assert b.is_stopped()
    assert "root takes epoch" in a.call("journalctl -t maestro-guard --no-pager")


def test_root_takes_over_from_a_peer_without_power(nodes: dict[str, Guarded]) -> None:
    activate(nodes, owner="b")
    a, b = nodes["a"], nodes["b"]
    a.node.push(f"{LIBRARY}/maestro-replica", b"#!/bin/sh\ncase $* in *observe*) echo whole=yes ;; esac\n", mode=0o755)
    b.node.power_cut()

    assert a.guard("take --reason 'a test'")[1]["refused"] == "PeerNotProvenOff"
    assert a.guard("take --reason 'a test' --peer-is-off")[0] == 0

    assert a.runs()
    b.node.power_on()
    await_true(b.watches, what="the boot unit runs")
    assert b.guard("ask-peer confirm")[1]["refused"] == "NotInForce"
    assert b.is_stopped()
