"""The operator killed while it moves, follows and hands back a machine of two real libvirts: it goes on, once."""

from collections.abc import AsyncIterator, Iterator

import pytest

from maestro_operator.model.pair import Say
from maestro_operator.model.proof import Method
from maestro_operator.model.reasons import Reason
from maestro_operator.model.steps import EpisodeKind, StepName
from support.libvirt.hosts import GUEST, Hosts
from support.libvirt.kept import KeptMachine, killed_once_at
from support.libvirt.lifeline import PAUSED, Lifeline, Look, comings, moments_of_two, way
from support.worlds import Pair, killed_once_after

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
SLOW_MIB = "1"


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    with Hosts(tmp_path_factory.mktemp("kills")) as hosts, hosts.network():
        yield hosts


@pytest.fixture
async def pair(hosts: Hosts) -> AsyncIterator[KeptMachine]:
    """A pair that keeps the machine on a."""
    hosts.clean()
    with Lifeline(hosts) as lifeline:
        pair = KeptMachine(hosts, lifeline)
        await pair.settle()
        yield pair
        await pair.close()


async def moved(pair: Pair, host: str) -> None:
    await pair.run_until(lambda it: it.status.active_node == host and it.status.episode is None)


def kinds(pair: Pair) -> list[tuple[EpisodeKind, str]]:
    return [(entry.kind, entry.result) for entry in pair.status.history]


def judged(pair: KeptMachine) -> tuple[list[Look], list[str], int]:
    """Returns when the guest ran twice, on which hosts it ran in turn, and how often it was booted."""
    pair.hosts.by_name[pair.status.active_node or ""].await_beat()
    return moments_of_two(pair.lifeline.looks), way(pair.lifeline.looks), pair.boots


def hands_of_the_cluster(pair: KeptMachine, *, source: str, target: str) -> None:
    """Moves the guest as its administrator does, past the operator."""
    uri = f"qemu+tcp://host-{target}/system"
    pair.hosts.by_name[source].check("migrate", "--live", "--p2p", "--persistent", "--undefinesource", GUEST, uri)


async def test_killed_right_after_the_move_it_writes_down_what_it_finds_and_moves_nothing_again(
    pair: KeptMachine,
) -> None:
    left = killed_once_after(pair, "migrate")

    pair.order("b")
    await moved(pair, "b")

    assert (pair.kills, left, pair.effects) == (1, [], ["migrate"])
    assert judged(pair) == ([], ["a", "b"], 0)
    assert kinds(pair)[0] == (EpisodeKind.MIGRATE, "Done")


@pytest.mark.parametrize("is_written", [False, True])
async def test_killed_between_the_proof_that_a_host_is_off_and_the_word_of_the_new_one_it_proves_it_anew(
    pair: KeptMachine, *, is_written: bool
) -> None:
    pair.hosts.by_name["a"].power_cut()
    await pair.hold(Reason.MACHINE_DOWN)
    pair.hosts.by_name["b"].start_guest()
    await pair.hold(Reason.CONFIRMATION_UNPROVEN)
    assert pair.status.episode is not None
    left = killed_once_at(pair, StepName.ADOPT, is_written=is_written)

    pair.say(Say.CONFIRM_FENCED, pair.status.episode.id, "a")
    await moved(pair, "b")

    assert (pair.kills, left, pair.effects) == (1, [], [])
    assert judged(pair) == ([], ["a", "b"], 1)
    assert kinds(pair)[0] == (EpisodeKind.FOLLOW, "Done")
    proof = pair.status.history[0].proof
    assert proof is not None
    assert (proof.node, proof.method) == ("a", Method.HUMAN)


async def test_killed_in_the_middle_of_the_way_back_it_waits_for_that_move_and_makes_no_other(
    pair: KeptMachine,
) -> None:
    hands_of_the_cluster(pair, source="a", target="b")
    await pair.settle()
    pair.hosts.by_name["b"].check("migrate-setspeed", GUEST, SLOW_MIB)

    pair.say(Say.HAND_BACK, pair.status.history[0].id)
    await pair.killed_in_mid_turn(PAUSED, on="a")
    with pair.hosts.by_name["a"].frozen_guest():
        await pair.run_until(lambda it: it.holds(Reason.INHERITED_STEP))
        await pair.run_until(lambda it: not it.holds(Reason.INHERITED_STEP))
    await moved(pair, "a")

    assert (pair.kills, kinds(pair)[0]) == (1, (EpisodeKind.MIGRATE, "Done"))
    assert judged(pair) == ([], ["a", "b", "a"], 0)
    assert comings(pair.lifeline.looks, "a") == 1


async def test_a_guest_on_both_hosts_is_seen_to_be(pair: KeptMachine) -> None:
    """The fault that the others must not be blind to."""
    pair.hosts.by_name["b"].start_guest()

    await pair.hold(Reason.SPLIT_BRAIN)

    assert moments_of_two(pair.lifeline.looks)
    assert (pair.boots, pair.effects) == (1, [])
