"""What the operator reads of a node in one call, also where there is no state, no systemd and no peer."""

import socket
import subprocess
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, GuardState
from support.bed import clock
from support.guard_pair import Node, two_nodes


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return two_nodes(tmp_path)[0]


def configured(node: Node, /, **entries: str) -> None:
    """Adds entries to a node's configuration."""
    path = node.path / "etc/maestro-guard/config"
    path.write_text(path.read_text() + "".join(f"{key}={value}\n" for key, value in entries.items()))


def test_one_call_tells_who_the_node_is_what_its_guard_knows_and_what_runs(node: Node) -> None:
    node.unit("db.service", "active")

    lines = node.run("observe").lines

    assert lines["machine_id"] == "0123456789abcdef0123456789abcdef"
    assert lines["boot_id"] == "boot-1"
    assert float(lines["uptime_seconds"]) > 0
    assert (lines["state"], lines["torn"], lines["may_run"]) == ("valid", "0", "no")
    assert (lines["pair"], lines["node"], lines["term"]) == ("p-1", "a", "1")
    assert (lines["inforce_epoch"], lines["inforce_owner"], lines["inforce_episode"]) == ("4", "a", "e1")
    assert (lines["permit_epoch"], lines["permit_boot"]) == ("4", "boot-0")
    assert lines["unit.db.service"] == "active/x/disabled/success"
    assert lines["unit.app.service"] == "inactive/x/disabled/success"
    assert lines["daemon"] == "inactive"
    assert int(lines["disk_free_bytes"]) > 0
    assert lines["replica.whole"] == "yes"
    assert lines["holders"] == lines["listeners"] == ""


@pytest.mark.parametrize("state", [NEVER, LOST])
def test_without_state_the_rest_is_told_all_the_same(node: Node, state: GuardState) -> None:
    node.put(state)

    reply = node.run("observe")

    assert reply.code == 0
    assert reply.lines["state"] == state.standing.value
    assert "inforce_epoch" not in reply.lines
    assert reply.lines["unit.db.service"].startswith("inactive/")
    assert (reply.lines["config_pair"], reply.lines["config_node"]) == ("p-1", "a")


def test_identity_comes_from_the_state_and_not_from_the_configuration(node: Node) -> None:
    configured(node, pair="p-2", node="c")

    lines = node.run("observe").lines

    assert (lines["pair"], lines["node"]) == ("p-1", "a")
    assert (lines["config_pair"], lines["config_node"]) == ("p-2", "c")


def test_whoever_holds_the_live_data_is_named(node: Node) -> None:
    live = node.path / "srv/maestro"
    (live / "file").write_text("x")
    with (live / "file").open() as held:
        by_file = subprocess.Popen(("sleep", "60"), stdin=held)
    by_place = subprocess.Popen(("sleep", "60"), cwd=live)
    try:
        holders = node.run("observe").lines["holders"].split()
    finally:
        for process in (by_file, by_place):
            process.kill()
            process.wait()

    assert {str(by_file.pid), str(by_place.pid)} == set(holders)


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_service_ports_that_somebody_listens_on_are_named_and_no_others(
    node: Node, family: socket.AddressFamily
) -> None:
    address = "127.0.0.1" if family is socket.AF_INET else "::1"
    with socket.socket(family) as wanted, socket.socket(family) as other:
        for each in (wanted, other):
            each.bind((address, 0))
            each.listen()
        port = wanted.getsockname()[1]
        configured(node, ports=f"1 {port}")

        assert node.run("observe").lines["listeners"] == str(port)


def test_names_are_told_as_they_resolve_on_the_node(node: Node) -> None:
    configured(node, names="localhost no-such-name.invalid")
    node.program("getent", '#!/bin/sh\n[ "$2" = localhost ] && echo "127.0.0.1 STREAM localhost"\n')

    assert node.run("observe").lines["pins"] == "localhost:127.0.0.1 no-such-name.invalid:"


def test_a_bad_value_in_the_configuration_is_named_and_never_run(node: Node) -> None:
    configured(node, services="db.service;touch$IFS/x", watch_seconds="$(x)")

    assert node.run("observe").lines["config_bad"].split() == ["services", "watch_seconds"]
    assert node.run("start").word == "BadConfig"


def test_a_systemd_that_does_not_answer_leaves_its_lines_out(node: Node) -> None:
    node.program("systemctl", "#!/bin/sh\nexit 1\n")

    lines = node.run("observe").lines

    assert not any(key.startswith("unit.") for key in lines)
    assert lines["state"] == "valid"


def test_the_nodes_key_is_made_once_and_its_public_half_printed(node: Node) -> None:
    first, second = node.run("keygen"), node.run("keygen")

    assert first.code == second.code == 0
    assert first.lines["public_key"] == second.lines["public_key"]
    assert first.lines["public_key"].startswith("ssh-ed25519 ")
    private = node.path / "etc/maestro-guard/id_ed25519"
    assert private.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in private.parent.iterdir()) == ["config", "id_ed25519"]
    assert node.run("observe").lines["peer_ready"] == "no"


@pytest.mark.parametrize(
    "words",
    [
        "",
        "eat",
        "show extra",
        "may-run --x",
        "promise --pair p-1 --node a --term 1 --episode e1 --epoch 5",
        "promise --pair p-1 --node a --term 1 --episode e1 --epoch 0 --owner b",
        "promise --pair p-1 --node a --term 1 --episode e1 --epoch 05 --owner b",
        "promise --pair p-1 --node a --term 1 --episode e1 --epoch 1234567890123456789 --owner b",
        "promise --pair p-1 --node a --term -1 --episode e1 --epoch 5 --owner b",
        "promise --pair p-1 --node a --term 1 --episode e1;x --epoch 5 --owner b",
        "promise --pair p-1 --node a --term 1 --episode e1 --epoch 5 --owner B",
        "promote --pair p-1 --node a --term 1 --episode e1 --epoch 5 --owner a",
        "demote --pair p-1 --node a --term 1 --episode e1 --epoch 5 --owner a",
        "grant --pair p-1 --node a --term 1 --episode e1 --epoch 5 --source a",
        "lead --pair p-1 --node a --term 1",
        "lead --pair p-1 --node a --term 1 --episode e1 --anew",
        "may-receive --epoch 4 --counter 1",
        "may-receive --epoch 4 --counter 1 --source b --last 4",
        "may-receive --epoch 4 --counter 1 --source b --last 4.1.2",
    ],
)
def test_an_order_that_is_not_exactly_one_is_no_order(node: Node, words: str) -> None:
    before = node.stored()

    assert node.run(*words.split()).code == 2
    assert node.stored() == before


def test_who_holds_the_lock_already_says_so_and_does_not_wait_for_himself(node: Node) -> None:
    words = f"{node.script} --root {node.path} --locked show"
    done = subprocess.run(
        ("sh", "-c", f"exec 9<{node.state}/lock; flock 9; {words}"),
        check=False,
        capture_output=True,
        text=True,
        timeout=5,
    )

    assert done.returncode == 0
    assert "state=valid" in done.stdout


def test_a_silent_peer_is_waited_for_as_long_as_the_configuration_says(node: Node) -> None:
    with socket.socket() as deaf, socket.socket() as first, socket.socket() as second:
        # Nobody takes the first connection off its short queue, so that no later one gets an answer.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for waiting in (first, second):
            waiting.settimeout(0)
            waiting.connect_ex(deaf.getsockname())
        port = str(deaf.getsockname()[1])
        configured(node, peer_address="127.0.0.1", ports=port, peer_port=port, probe_seconds="1")
        node.wire("down")

        began = clock.monotonic_seconds()
        lines = node.run("probe-peer").lines

        assert (lines[f"port.{port}"], lines["ssh"], lines["peer_answers"]) == ("silent", "silent", "no")
        assert clock.monotonic_seconds() - began < 2.8
