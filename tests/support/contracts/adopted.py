"""A pair on the bed's nodes as the operator leaves it after an adoption, order by order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done
from support.contracts.pair_world import PAIR_UID, PUBLIC_NAME, UNITS, frozen

if TYPE_CHECKING:
    from support.contracts.bed_pair import BedPair

DB, APP = UNITS


async def equip(pair: BedPair, name: str) -> Done:
    """Installs what belongs on a node."""
    outcome = await pair.nodes.equip(frozen(pair, name), Equipment(PAIR_UID, pair.spec, name), deadline_seconds=30)
    assert isinstance(outcome, Done), outcome
    return outcome


async def order(pair: BedPair, name: str, verb: str, **words: object) -> None:
    """Gives a node's guard one order."""
    given = Order(verb=verb, pair_uid=PAIR_UID, node=name, term=1, episode="ep-1", **words)  # type: ignore[arg-type]
    outcome = await pair.nodes.order(frozen(pair, name), given, deadline_seconds=30)
    assert isinstance(outcome, Done), (verb, outcome)


async def main_pids(pair: BedPair) -> str:
    """Returns the main processes of a's services."""
    return await pair.do("a", f"systemctl show -p MainPID --value {DB} {APP}")


async def adopted(pair: BedPair) -> str:
    """Makes a, which runs, the owner of epoch 1, and b its standby; returns a's main processes."""
    await pair.do("a", f"systemctl start {DB} {APP}")
    running = await main_pids(pair)
    keys = {name: (await equip(pair, name)).facts["public_key"] for name in ("a", "b")}
    for name, peer in (("a", "b"), ("b", "a")):
        await order(pair, name, "create")
        introduced = await pair.nodes.introduce(
            frozen(pair, name), peer=frozen(pair, peer), peer_public_key=keys[peer], deadline_seconds=30
        )
        assert isinstance(introduced, Done), introduced
        await pair.nodes.pin(frozen(pair, name), {PUBLIC_NAME: pair.spec.node(name).address}, deadline_seconds=30)
    await order(pair, "a", "promise", epoch=1, owner="a")
    await order(pair, "b", "demote", epoch=1, owner="a")
    await order(pair, "a", "promote", epoch=1)
    await order(pair, "a", "permit", epoch=1)
    return running
