"""What only real nodes can show: locks that systemd obeys, services that go on, and what a look costs."""

import asyncio

import pytest

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen
from support.contracts.bed_pair import BedPair
from support.contracts.pair_world import PAIR_UID, UNITS, frozen

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
DB, APP = UNITS


async def equip(pair: BedPair, name: str = "a") -> Done:
    outcome = await pair.nodes.equip(frozen(pair, name), Equipment(PAIR_UID, pair.spec, name), deadline_seconds=30)
    assert isinstance(outcome, Done), outcome
    return outcome


async def order(pair: BedPair, verb: str, **words: object) -> None:
    given = Order(verb=verb, pair_uid=PAIR_UID, node="a", term=1, episode="ep-1", **words)  # type: ignore[arg-type]
    outcome = await pair.nodes.order(frozen(pair, "a"), given, deadline_seconds=30)
    assert isinstance(outcome, Done), (verb, outcome)


async def read(pair: BedPair, name: str = "a") -> NodeSeen:
    seen = await pair.nodes.read(frozen(pair, name))
    assert isinstance(seen, NodeSeen), seen
    return seen


async def promote(pair: BedPair) -> None:
    await order(pair, "create")
    await order(pair, "promise", epoch=1, owner="a")
    await order(pair, "promote", epoch=1)


async def main_pids(pair: BedPair) -> str:
    return await pair.do("a", f"systemctl show -p MainPID --value {DB} {APP}")


async def test_a_look_is_one_command(pair: BedPair) -> None:
    await equip(pair)
    before = pair.sessions.commands_run("a")

    await read(pair)

    assert pair.sessions.commands_run("a") - before == 1


async def test_adopting_what_runs_neither_stops_nor_locks_out_anything_before_the_permit(pair: BedPair) -> None:
    await pair.do("a", f"systemctl start {DB} {APP}")
    running = await main_pids(pair)

    equipped = await equip(pair)
    waiting = await read(pair)
    await promote(pair)
    await order(pair, "permit", epoch=1)

    assert equipped.facts["gates"] == "deferred"
    assert [unit.enabled for unit in waiting.units] == ["enabled", "enabled"]
    seen = await read(pair)
    assert await main_pids(pair) == running
    assert (seen.runs(unit.name for unit in seen.units), seen.guard.may_run) == (True, True)
    assert [unit.enabled for unit in seen.units] == ["disabled", "disabled"]


async def test_systemd_itself_starts_nothing_without_a_permit(pair: BedPair) -> None:
    await equip(pair)
    await promote(pair)

    await pair.do("a", f"systemctl start {DB} {APP}")

    assert (await read(pair)).is_stopped


async def test_a_service_that_is_not_on_the_node_is_refused_by_name(pair: BedPair) -> None:
    first, second = pair.spec.services
    typo = pair.spec.model_copy(update={"services": (first, second.model_copy(update={"unit": "typo.service"}))})

    refused = await pair.nodes.equip(frozen(pair, "a"), Equipment(PAIR_UID, typo, "a"), deadline_seconds=30)

    assert isinstance(refused, Refused)
    assert (refused.reason, refused.remote_reason) == (Reason.STEP_REFUSED, "UnitNotFound")
    assert "typo.service" in refused.message


async def test_a_reading_notices_what_the_guard_was_not_told_of_yet(pair: BedPair) -> None:
    await equip(pair)
    third = pair.spec.services[1].model_copy(update={"name": "journal", "unit": "systemd-journald.service"})
    pair.spec = pair.spec.model_copy(update={"services": (*pair.spec.services, third)})

    seen = await read(pair)

    assert [unit.active for unit in seen.units if unit.name == "systemd-journald.service"] == ["active"]


async def test_a_key_of_the_peer_opens_nothing_but_the_guard(pair: BedPair) -> None:
    one, other = await asyncio.gather(equip(pair, "a"), equip(pair, "b"))
    await order(pair, "create")
    for name, peer, key in (("a", "b", other), ("b", "a", one)):
        introduced = await pair.nodes.introduce(
            frozen(pair, name), peer=frozen(pair, peer), peer_public_key=key.facts["public_key"], deadline_seconds=30
        )
        assert isinstance(introduced, Done), introduced
    ssh = (
        "ssh -n -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile=/etc/maestro-guard/peer_known_hosts"
        " -i /etc/maestro-guard/id_ed25519 root@10.77.0.11"
    )

    epoch = await pair.do("b", f"{ssh} epoch")
    shell = await pair.do("b", f"{ssh} id; {ssh} 'epoch; id'")

    assert "inforce_epoch=0" in epoch
    assert "uid=" not in shell
    assert shell.count("refused=BadRequest") == 2
