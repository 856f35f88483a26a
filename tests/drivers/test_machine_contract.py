"""The contract of a virtual machine's hosts, held over the memory world and over two libvirts with a small guest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from maestro_operator.drivers.machine.kubevirt import STATES as KUBEVIRT_STATES
from maestro_operator.drivers.machine.libvirt import STATES, LibvirtHosts, host_seen
from maestro_operator.kube.connection import connect
from maestro_operator.model.outcome import Done, Failed, InProgress, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown
from maestro_operator.transport.answers import BadAnswerError
from support.contracts.machine import ClusterHosts, MachineHosts, MemoryHosts, RealHosts, machine_spec
from support.controlplane import ControlPlane
from support.kubevirt import NAMESPACE, Standin
from support.kubevirt.definitions import definitions
from support.libvirt.hosts import GUEST, Hosts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from maestro_operator.model.pair import PairSpec

pytestmark = pytest.mark.timeout(120)
DEADLINE_SECONDS = 60.0
MOST_LOOKS = 200
OTHER_UUID = "00000000-1111-2222-3333-444444444444"
ANSWER = """machine_id=0123456789abcdef0123456789abcdef
boot_id=01234567-89ab-cdef-0123-456789abcdef
uptime_seconds=12.5
machine={word}
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with Hosts(tmp_path_factory.mktemp("hosts")) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ControlPlane, Standin]]:
    """A real API server with KubeVirt's kinds, and the stand-in for its controller."""
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), own_processes=True) as plane:
        for definition in definitions():
            plane.run_kubectl("apply", "--server-side", "-f", "-", input_text=json.dumps(definition))
            plane.run_kubectl("wait", "--for=condition=Established", f"crd/{definition['metadata']['name']}")
        plane.ensure_namespace(NAMESPACE)
        with Standin(plane.admin_kubeconfig) as standin:
            yield plane, standin


@pytest.fixture
async def cluster(standin: tuple[ControlPlane, Standin]) -> AsyncIterator[ClusterHosts]:
    plane, controller = standin
    api = await connect(plane.admin_kubeconfig)
    yield ClusterHosts(controller, api)
    await api.close()


@pytest.fixture(params=["memory", "kubevirt", pytest.param("libvirt", marks=pytest.mark.root)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[MachineHosts]:
    if request.param == "memory":
        yield MemoryHosts()
        return
    if request.param == "kubevirt":
        controller = request.getfixturevalue("standin")
        api = await connect(controller[0].admin_kubeconfig)
        yield ClusterHosts(controller[1], api)
        await api.close()
        return
    hosts = request.getfixturevalue("real")
    # Only for the test: the API server of another one is not in that network.
    with hosts.network():
        pair = RealHosts(hosts)
        yield pair
        await pair.sessions.close()


@pytest.fixture
async def libvirt(real: Hosts) -> AsyncIterator[RealHosts]:
    with real.network():
        pair = RealHosts(real)
        yield pair
        await pair.sessions.close()


async def read(world: MachineHosts, name: str) -> NodeSeen:
    seen = await world.nodes.read(world.node(name))
    assert isinstance(seen, NodeSeen), seen
    return seen


async def moved(world: MachineHosts, source: str = "a", target: str = "b") -> Outcome:
    return await world.machine.migrate(world.node(source), world.node(target), deadline_seconds=DEADLINE_SECONDS)


# ---------------------------------------------------------------- what both are held to


async def test_a_host_that_runs_the_machine_and_one_that_does_not_are_told_apart(world: MachineHosts) -> None:
    here, there = await read(world, "a"), await read(world, "b")

    assert (here.runs(()), here.is_stopped) == (True, False)
    assert (there.runs(()), there.is_stopped) == (False, True)
    assert [unit.name for unit in here.units] == [GUEST]
    assert here.machine_id != there.machine_id
    assert here.guard.state is GuardState.ABSENT


async def test_a_move_takes_the_running_machine_along_and_leaves_nothing_behind(world: MachineHosts) -> None:
    outcome = await moved(world)

    assert isinstance(outcome, Done), outcome
    assert world.runs_on() == ["b"]
    here, there = await read(world, "a"), await read(world, "b")
    assert (here.is_stopped, there.runs(())) == (True, True)


async def test_a_move_that_is_ordered_again_is_done(world: MachineHosts) -> None:
    await moved(world)

    outcome = await moved(world)

    assert isinstance(outcome, Done), outcome
    assert world.runs_on() == ["b"]


async def test_there_and_back(world: MachineHosts) -> None:
    for source, target in (("a", "b"), ("b", "a")):
        outcome = await moved(world, source, target)
        assert isinstance(outcome, Done), outcome
        assert world.runs_on() == [target]


async def test_a_move_that_cannot_be_made_leaves_the_machine_running_where_it_is(world: MachineHosts) -> None:
    world.cut_between()

    outcome = await moved(world)

    assert isinstance(outcome, Failed), outcome
    assert world.runs_on() == ["a"]


async def test_a_machine_that_does_not_run_is_not_moved_and_not_started(world: MachineHosts) -> None:
    world.stop("a")

    outcome = await moved(world)

    assert isinstance(outcome, (Failed, Refused)), outcome
    assert world.runs_on() == []
    assert [(await read(world, name)).is_stopped for name in "ab"] == [True, True]


async def test_of_a_host_without_power_nothing_is_known_and_nothing_moves_there(world: MachineHosts) -> None:
    world.power_cut("b")

    assert isinstance(await world.nodes.read(world.node("b")), Unknown)
    outcome = await moved(world)

    assert isinstance(outcome, Failed), outcome
    assert world.runs_on() == ["a"]


async def test_a_machine_that_its_cluster_starts_elsewhere_is_read_there(world: MachineHosts) -> None:
    world.power_cut("a")
    world.start("b")

    assert (await read(world, "b")).runs(())
    assert world.runs_on() == ["b"]


# ---------------------------------------------------------------- libvirt's own ways


@pytest.mark.root
async def test_a_machine_that_was_stopped_by_hand_is_not_taken_for_running(libvirt: RealHosts) -> None:
    libvirt.hosts.by_name["a"].check("suspend", GUEST)

    here = await read(libvirt, "a")

    assert (here.units[0].sub, here.runs(()), here.is_stopped) == ("paused", False, False)
    outcome = await moved(libvirt)
    assert isinstance(outcome, Refused), outcome
    assert "the machine is paused here" in outcome.message


@pytest.mark.root
async def test_a_host_whose_libvirt_does_not_answer_says_nothing_of_the_machine(libvirt: RealHosts) -> None:
    with libvirt.hosts.by_name["a"].without_libvirt():
        seen = await libvirt.nodes.read(libvirt.node("a"))

    assert isinstance(seen, Unknown), seen
    assert seen.reason is Reason.COMMAND_FAILED


@pytest.mark.root
async def test_a_machine_of_the_same_name_is_another_one(libvirt: RealHosts) -> None:
    spec: PairSpec = machine_spec(OTHER_UUID)
    hosts = LibvirtHosts(libvirt.sessions, spec=lambda: spec)

    seen = await hosts.read(libvirt.node("a"))

    assert isinstance(seen, NodeSeen), seen
    assert (seen.units[0].sub, seen.is_stopped) == ("absent", True)


@pytest.mark.root
async def test_a_move_that_is_cut_off_is_looked_for_and_never_made_twice(libvirt: RealHosts) -> None:
    libvirt.hosts.by_name["a"].check("migrate-setspeed", GUEST, "1")
    await libvirt.machine.migrate(libvirt.node("a"), libvirt.node("b"), deadline_seconds=2)
    libvirt.hosts.by_name["a"].virsh("migrate-setspeed", GUEST, "1000")

    outcomes = [await moved(libvirt)]
    while not isinstance(outcomes[-1], Done):
        assert len(outcomes) < MOST_LOOKS, outcomes
        outcomes.append(await moved(libvirt))

    assert libvirt.runs_on() == ["b"]


@pytest.mark.root
async def test_the_guest_beats_on_while_it_is_moved_and_on_one_host_alone(libvirt: RealHosts) -> None:
    one, other = (libvirt.hosts.by_name[name] for name in "ab")

    await moved(libvirt)

    other.await_beat()
    there = one.beats()
    other.await_beat()
    assert one.beats() == there


# ---------------------------------------------------------------- KubeVirt's own ways


async def test_an_instance_of_another_machine_is_none_of_it(cluster: ClusterHosts) -> None:
    cluster.standin.start("a", owner=OTHER_UUID)

    here = await read(cluster, "a")

    assert (here.units[0].sub, here.is_stopped) == ("absent", True)


async def test_a_host_that_the_cluster_does_not_hear_of_says_nothing_though_an_instance_is_told_there(
    cluster: ClusterHosts,
) -> None:
    cluster.power_cut("a")

    here = await cluster.nodes.read(cluster.node("a"))

    assert isinstance(here, Unknown), here
    assert "does not hear of node-a: Kubelet stopped posting" in here.message


async def test_an_instance_that_failed_is_not_off_before_it_is_gone(cluster: ClusterHosts) -> None:
    cluster.standin.tell({"phase": "Failed"})
    failed = await read(cluster, "a")
    cluster.standin.stop()
    gone = await read(cluster, "a")

    assert (failed.runs(()), failed.is_stopped) == (False, False)
    assert gone.is_stopped


async def test_a_paused_instance_is_not_taken_for_running_and_not_moved(cluster: ClusterHosts) -> None:
    cluster.standin.tell({"conditions": [{"type": "Paused", "status": "True"}]})

    outcome = await moved(cluster)

    assert isinstance(outcome, Refused), outcome
    assert cluster.standin.migrations() == []


async def test_a_move_that_is_stuck_is_looked_for_and_never_asked_for_twice(cluster: ClusterHosts) -> None:
    cluster.standin.is_stuck = True
    first = await cluster.machine.migrate(cluster.node("a"), cluster.node("b"), deadline_seconds=2)
    again = await moved(cluster)
    coming = await read(cluster, "b")
    cluster.standin.is_stuck = False

    outcomes = [await moved(cluster)]
    while not isinstance(outcomes[-1], Done):
        assert len(outcomes) < MOST_LOOKS, outcomes
        outcomes.append(await moved(cluster))

    assert isinstance(first, Failed), first
    assert isinstance(again, InProgress), again
    assert (coming.units[0].sub, coming.is_stopped) == ("coming", False)
    assert len(cluster.standin.migrations()) == 1
    assert cluster.runs_on() == ["b"]


async def test_a_move_that_failed_says_why_and_can_be_made_again(cluster: ClusterHosts) -> None:
    cluster.cut_between()
    failed = await moved(cluster)
    cluster.standin.is_cut = False

    assert isinstance(failed, Failed), failed
    assert "the target refuses the connection" in failed.message
    assert isinstance(await moved(cluster), Done)


async def test_a_kubevirt_that_cannot_be_told_where_to_is_not_asked_at_all(
    cluster: ClusterHosts, standin: tuple[ControlPlane, Standin]
) -> None:
    plane = standin[0]
    older, newer = definitions(without="addedNodeSelector")[-1], definitions()[-1]
    plane.run_kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input_text=json.dumps(older))
    try:
        outcome = await until_refused(cluster)
    finally:
        plane.run_kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", input_text=json.dumps(newer))

    assert "does not know a field that is needed" in outcome.message
    assert cluster.runs_on() == ["a"]


async def until_refused(cluster: ClusterHosts) -> Refused:
    """Asks for moves there and back until the API server has the older definition in force."""
    for _ in range(MOST_LOOKS):
        cluster.standin.clean()
        outcome = await moved(cluster)
        if isinstance(outcome, Refused):
            return outcome
    message = "the older definition never came into force"
    raise AssertionError(message)


@pytest.mark.parametrize("word", sorted(KUBEVIRT_STATES))
def test_every_word_of_kubevirt_but_absent_is_a_machine_that_may_write(word: str) -> None:
    assert (KUBEVIRT_STATES[word] == "inactive") is (word == "absent")
    assert (KUBEVIRT_STATES[word] == "active") is (word == "running")


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("word", sorted(STATES))
def test_every_word_but_off_and_absent_is_a_machine_that_may_write(word: str) -> None:
    machine = machine_spec().machine
    assert machine is not None

    seen = host_seen("a", ANSWER.format(word=word), machine=machine)

    assert seen.is_stopped is (word in ("shut off", "absent"))
    assert seen.runs(()) is (word in ("running", "idle"))


@pytest.mark.parametrize("text", ["", "machine=running\n", ANSWER.format(word="sleepy"), "machine\n"])
def test_an_answer_that_is_none_is_refused(text: str) -> None:
    machine = machine_spec().machine
    assert machine is not None

    with pytest.raises(BadAnswerError):
        host_seen("a", text, machine=machine)
