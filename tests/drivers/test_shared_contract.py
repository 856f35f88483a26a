"""The contract of one disk for two nodes, over the memory world and over two machines that share a real SCSI-3 target.

Who may write is what each node's kernel finds, past every cache. On the same two machines: what Debian's `fence_scsi`
does there, and why it is no rung.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, SharedSide
from maestro_operator.model.status import Generation
from support.bed import Bed
from support.contracts.pair_world import PAIR_UID
from support.contracts.shared_world import RUNG, MachinesSharedPair, MemorySharedPair, SharedPair, frozen
from support.scsi import anew
from support.scsi.storage import DEVICE, Storage

pytestmark = pytest.mark.timeout(900)
MACHINES = [pytest.mark.root, pytest.mark.long]
FIRST = Generation(epoch=1, counter=1)


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Bed, Storage]]:
    """Two machines and their storage."""
    folder = tmp_path_factory.mktemp("shared")
    with Bed.up(folder / "bed", kind="machine") as bed, bed.network():
        yield bed, Storage(bed, folder / "storage")


@pytest.fixture(params=["memory", pytest.param("machines", marks=MACHINES)])
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[SharedPair]:
    if request.param == "memory":
        yield MemorySharedPair()
        return
    real = MachinesSharedPair(*request.getfixturevalue("machines"))
    await real.make_anew()
    yield real
    await real.sessions.close()


async def order(
    pair: SharedPair, name: str, verb: str, *, epoch: int, owner: str = "", kind: str | None = None
) -> None:
    words = Order(verb, PAIR_UID, name, 1, f"e{epoch}", epoch=epoch or None, owner=owner or None, kind=kind)
    done = await pair.nodes.order(frozen(pair, name), words, deadline_seconds=pair.deadline_seconds)
    assert isinstance(done, Done), (name, verb, done)


async def serve_first(pair: SharedPair) -> None:
    """Let `a` own epoch 1 and run, and `b` stand by."""
    for name in "ab":
        equipment = Equipment(PAIR_UID, pair.spec, name)
        equipped = await pair.nodes.equip(frozen(pair, name), equipment, deadline_seconds=pair.deadline_seconds)
        assert isinstance(equipped, Done), equipped
        await order(pair, name, "create", epoch=0)
    await pair.be_patient()
    await order(pair, "a", "promise", epoch=1, owner="a")
    await order(pair, "b", "demote", epoch=1, owner="a")
    await order(pair, "a", "promote", epoch=1)
    await serve(pair, "a", epoch=1)


async def serve(pair: SharedPair, name: str, *, epoch: int) -> None:
    await order(pair, name, "permit", epoch=epoch)
    started = await pair.nodes.start(frozen(pair, name), pair.spec.services, deadline_seconds=pair.deadline_seconds)
    assert isinstance(started, Done), started


async def promote(pair: SharedPair, name: str, *, epoch: int, generation: Generation | None) -> Outcome:
    return await pair.replication.promote(
        frozen(pair, name), episode=f"e{epoch}", generation=generation, deadline_seconds=pair.deadline_seconds
    )


async def off(pair: SharedPair, name: str) -> tuple[str, ...]:
    """Fence a node by the disk; return what its readings say, nothing where there are none."""
    outcome = await pair.fencing.off(frozen(pair, name), rung=RUNG, deadline_seconds=pair.deadline_seconds)
    evidence = outcome.evidence if isinstance(outcome, Done) else None
    return tuple(item.state for item in evidence.readings) if evidence is not None else ()


async def side(pair: SharedPair, name: str) -> SharedSide:
    async with asyncio.timeout(pair.deadline_seconds):
        while not isinstance(seen := await pair.nodes.read(frozen(pair, name)), NodeSeen):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert seen.replica.disk is not None
    return seen.replica.disk


async def test_the_disk_lets_its_owner_write_alone_and_the_standby_was_met_with_a_refusal(pair: SharedPair) -> None:
    await serve_first(pair)

    there = await side(pair, "b")

    assert await pair.writers() == ["a"]
    assert (there.holder, there.holder_epoch, there.keys, there.is_exclusive) == ("a", 1, 1, True)
    assert (there.enforces, there.persists, there.is_mounted) == (True, True, False)
    assert (await side(pair, "a")).holds


async def test_the_disk_is_taken_on_a_receipt_alone_and_the_old_owner_writes_no_more(pair: SharedPair) -> None:
    await serve_first(pair)
    await order(pair, "b", "promise", epoch=2, owner="b")
    await order(pair, "b", "promote", epoch=2)

    without = await promote(pair, "b", epoch=2, generation=FIRST)

    assert isinstance(without, Refused)
    assert await pair.writers() == ["a"]
    await order(pair, "b", "receipt", epoch=2, kind="Fenced")
    assert isinstance(await promote(pair, "b", epoch=2, generation=FIRST), Done)
    assert await pair.writers() == ["b"]
    assert ((await side(pair, "b")).holds, (await side(pair, "a")).holds) == (True, False)


async def test_a_switchover_keeps_everybody_else_out_in_between(pair: SharedPair) -> None:
    await serve_first(pair)
    await order(pair, "a", "quiesce", epoch=1)
    await pair.stop("a")
    await order(pair, "b", "promise", epoch=2, owner="b")

    final = await pair.replication.final_sync(
        frozen(pair, "a"), frozen(pair, "b"), deadline_seconds=pair.deadline_seconds
    )

    assert isinstance(final, Done), final
    assert final.facts["generation"] == str(FIRST)
    assert await pair.writers() == ["a"]
    await order(pair, "a", "demote", epoch=2, owner="b")
    await order(pair, "b", "promote", epoch=2)
    await order(pair, "b", "receipt", epoch=2, kind="Fenced")
    assert isinstance(await promote(pair, "b", epoch=2, generation=FIRST), Done)
    turned = await pair.replication.reverse(
        frozen(pair, "a"), episode="e2", generation=FIRST, deadline_seconds=pair.deadline_seconds
    )
    assert isinstance(turned, Done), turned
    assert await pair.writers() == ["b"]


async def test_a_fence_by_the_disk_needs_a_promise_and_is_read_twice(pair: SharedPair) -> None:
    await serve_first(pair)

    assert set(await off(pair, "a")) <= {"on"}
    assert await pair.writers() == ["a"]
    await order(pair, "b", "promise", epoch=2, owner="b")
    assert await off(pair, "a") == ("preempted", "preempted")
    assert await pair.writers() == ["b"]


async def test_what_nobody_holds_is_taken_from_nobody(pair: SharedPair) -> None:
    """A storage that forgot, or that keeps others on another way to it, would say `alone` to whoever asks."""
    await serve_first(pair)
    await order(pair, "b", "promise", epoch=2, owner="b")
    await pair.stop("a")
    await order(pair, "a", "quiesce", epoch=1)
    await pair.forget()

    assert "preempted" not in await off(pair, "a")
    assert (await side(pair, "b")).holder is None


async def test_the_key_of_somebody_else_is_nobody_s_to_take(pair: SharedPair) -> None:
    await serve_first(pair)
    await pair.stop("a")
    await pair.be_foreign()
    await order(pair, "b", "promise", epoch=2, owner="b")
    await order(pair, "b", "promote", epoch=2)
    await order(pair, "b", "receipt", epoch=2, kind="Fenced")

    refused = await promote(pair, "b", epoch=2, generation=FIRST)

    assert isinstance(refused, Refused)
    assert refused.reason is Reason.DISK_FOREIGN
    assert (await side(pair, "b")).holder == "foreign"


# ---------------------------------------------------------------- Debian's agent, on the same machines

AGENT = "printf 'action=%s\\nkey=%s\\ndevices=%s\\npower_timeout=3\\n' {action} {key} {device} | fence_scsi 2>&1"
KEYS = {"a": "a1", "b": "b1"}
WRITES = "echo x | dd of={device} bs=4096 conv=sync,notrunc oflag=direct seek=100 2>&1"


def agent(bed: Bed, action: str, *, of: str, at: str) -> str:
    """Runs Debian's agent on a node; returns its status and last words."""
    words = AGENT.format(action=action, key=KEYS[of], device=DEVICE)
    ran = bed.nodes[at].run(f"mkdir -p /run/cluster; echo {KEYS[at]} >/run/cluster/fence_scsi.key; {words}")
    lines = [line for line in ran.stdout.decode().splitlines() if line.strip()]
    return f"{ran.return_code} {lines[-1] if lines else ''}"


def writes(bed: Bed, name: str) -> str:
    ran = bed.nodes[name].run(WRITES.format(device=DEVICE))
    return "yes" if ran.return_code == 0 else ran.stdout.decode().splitlines()[0].rpartition(": ")[2]


@pytest.mark.root
@pytest.mark.long
def test_debian_s_agent_fences_a_machine_and_says_the_same_of_one_that_writes(machines: tuple[Bed, Storage]) -> None:
    bed, storage = machines
    anew.make_anew(bed)

    bare = agent(bed, "status", of="a", at="b"), agent(bed, "off", of="a", at="b"), writes(bed, "a")
    on = [agent(bed, "on", of=name, at=name) for name in "ab"]
    fenced = agent(bed, "off", of="a", at="b"), agent(bed, "status", of="a", at="b"), writes(bed, "a"), writes(bed, "b")
    told = storage.state()["first"]
    again = agent(bed, "on", of="a", at="a"), writes(bed, "a")

    assert bare == ("2 Status: OFF", "0 Success: Already OFF", "yes")
    assert on == ["0 Success: Powered ON", "0 Success: Powered ON"]
    assert fenced == ("0 Success: Powered OFF", "2 Status: OFF", "Invalid exchange", "yes")
    assert ("node-a" in told["res_pr_registered_i_pts"], "node-b" in told["res_holder"]) == (False, True)
    assert again == ("0 Success: Powered ON", "yes")


@pytest.mark.root
@pytest.mark.long
async def test_debian_s_agent_can_fence_nothing_where_the_owner_alone_holds_the_disk(
    machines: tuple[Bed, Storage],
) -> None:
    """It says off of the owner, which writes: it looks for a key that this pair never has, and needs one itself."""
    bed, storage = machines
    pair = MachinesSharedPair(bed, storage)
    await pair.make_anew()
    try:
        await serve_first(pair)
        said = agent(bed, "status", of="a", at="b"), agent(bed, "off", of="a", at="b")

        assert said == ("2 Status: OFF", "0 Success: Already OFF")
        assert await pair.writers() == ["a"]
        assert "node-a" in storage.state()["first"]["res_holder"]
    finally:
        await pair.sessions.close()
