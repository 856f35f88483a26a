"""The bed's machines have a kernel, disks and a clock of their own; the guard works on them, and DRBD sees its peer."""

import asyncio
import os
import subprocess
from collections.abc import Iterator

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Equipment
from maestro_operator.model.outcome import Done
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown, Vote, VoteSeen
from support.bed import Bed, Node
from support.contracts.pair_world import PAIR_UID
from support.mirror.pair import RESOURCE, WITHOUT_DATA, MirrorPair

pytestmark = [pytest.mark.root, pytest.mark.timeout(600)]
BOOT_SECONDS = 180.0
COMMAND_SECONDS = 120.0
VIEW_SECONDS = 120.0
"""What DRBD on a busy host may take to notice; nothing is judged by it."""
LOOK_SECONDS = 1.0


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with Bed.up(tmp_path_factory.mktemp("machines"), kind="machine") as bed, bed.network():
        yield bed


def said(node: Node, script: str) -> str:
    ran = node.run(script, timeout_seconds=COMMAND_SECONDS)
    return (ran.stdout + ran.stderr).decode().strip()


async def test_a_machine_takes_the_guard_and_says_what_it_is(machines: Bed) -> None:
    pair = MirrorPair(machines)
    units = "".join(f"printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/{unit};" for unit in pair.units)
    said(machines.nodes["a"], units + "systemctl daemon-reload")
    async with pair:
        done = await pair.nodes.equip(pair.frozen("a"), Equipment(PAIR_UID, pair.spec, "a"), deadline_seconds=300.0)
        seen = await pair.read("a")

    assert isinstance(done, Done), done
    assert isinstance(seen, NodeSeen)
    assert seen.machine_id == machines.nodes["a"].machine_id
    assert seen.guard.state is GuardState.NEVER
    assert seen.boot_id == said(machines.nodes["a"], "cat /proc/sys/kernel/random/boot_id")


def test_a_machine_has_a_kernel_of_its_own_with_drbd_and_lets_in_over_the_network(machines: Bed) -> None:
    kernels = [said(node, "uname -r; cat /proc/sys/kernel/random/boot_id") for node in machines.nodes.values()]
    entered = subprocess.run(
        machines.nodes["a"].ssh_command("hostname"), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=True
    )

    assert len({kernel.split()[1] for kernel in kernels}) == 2
    assert os.uname().release not in kernels[0].split()
    assert entered.stdout == "node-a\n"
    assert "version: 8.4" in said(machines.nodes["a"], "cat /proc/drbd")


def test_a_power_cut_loses_what_a_machine_had_not_written_and_nothing_else(machines: Bed) -> None:
    node = machines.nodes["b"]
    said(node, "head -c 100000 /dev/zero | tr '\\0' k >/var/kept && sync /var/kept")
    said(node, "head -c 100000 /dev/zero | tr '\\0' l >/var/lost")

    node.power_cut()
    node.power_on()
    node.ssh_ready(timeout_seconds=BOOT_SECONDS)

    assert said(node, "tr -d k </var/kept | wc -c; wc -c </var/kept") == "0\n100000"
    assert said(node, "cat /var/lost 2>/dev/null | wc -c") == "0"


def test_the_console_reaches_a_machine_whose_link_is_cut(machines: Bed) -> None:
    node, other = machines.nodes["a"], machines.nodes["b"]
    ping = f"ping -c 1 -W 2 {other.address} >/dev/null && echo answered"
    before = said(node, ping)

    node.cut()
    try:
        during = said(node, f"{ping}; echo here")
    finally:
        node.heal()

    assert (before, during) == ("answered", "here")
    assert said(node, ping) == "answered"


def test_a_reboot_in_order_keeps_everything_and_makes_another_boot(machines: Bed) -> None:
    node = machines.nodes["b"]
    said(node, "echo remembered >/var/word")
    before = said(node, "cat /proc/sys/kernel/random/boot_id")

    node.reboot(timeout_seconds=BOOT_SECONDS)
    node.ssh_ready(timeout_seconds=BOOT_SECONDS)

    assert said(node, "cat /var/word") == "remembered"
    assert said(node, "cat /proc/sys/kernel/random/boot_id") != before


async def voted_by_b(pair: MirrorPair, wanted: Vote | Reason) -> Vote | Reason:
    """Return what b's DRBD comes to say of a, or what it said last."""
    ends, said_last = SystemClock().monotonic_seconds() + VIEW_SECONDS, wanted
    while SystemClock().monotonic_seconds() < ends:
        found = await pair.nodes.drbd_vote(pair.frozen("b"), pair.frozen("a"), "r0")
        said_last = found.vote if isinstance(found, VoteSeen) else found.reason
        if said_last is wanted:
            break
        await asyncio.sleep(LOOK_SECONDS)
    return said_last


async def test_a_mirror_sees_its_peers_kernel_then_its_silence_and_says_where_it_does_not_look(machines: Bed) -> None:
    node = machines.nodes["a"]
    async with MirrorPair(machines) as pair:
        unmade = await pair.nodes.drbd_vote(pair.frozen("b"), pair.frozen("a"), "r0")
        for name in ("a", "b"):
            await pair.do(name, f"cat >/etc/drbd.d/r0.res <<'END'\n{RESOURCE}END\n{WITHOUT_DATA}")
        connected = await voted_by_b(pair, Vote.ALIVE)
        node.power_cut()
        sought = await voted_by_b(pair, Vote.DEAD)
        await pair.do("b", "drbdadm disconnect r0")
        alone = await voted_by_b(pair, Reason.PEER_UNREACHABLE)
        node.power_on()
        node.ssh_ready(timeout_seconds=BOOT_SECONDS)

    assert isinstance(unmade, Unknown)
    assert unmade.reason is Reason.COMMAND_FAILED
    assert (connected, sought, alone) == (Vote.ALIVE, Vote.DEAD, Reason.PEER_UNREACHABLE)
