"""One round trip a node and turn, counted by the nodes' own logs, whatever is asked of them."""

import asyncio

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import Drivers, Equipment
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.drivers.traffic.floating import FloatingTraffic
from maestro_operator.model.checks import NodeCommand
from maestro_operator.model.detection import Detection, DrbdView, VantagePoint
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import DetectionProbe, Traffic
from maestro_operator.model.resource import Empty
from maestro_operator.model.seen import DeviceSeen, NodeSeen, Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.model.traffic import FloatingAddress
from maestro_operator.observe.gather import Look, Observer
from support.contracts.bed_pair import BedPair
from support.contracts.pair_world import PAIR_UID, frozen

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
LOOKS = 4
COUNT = "journalctl --sync; journalctl -t sudo -o cat --no-pager | grep -c COMMAND= || :"
"""How many commands a node's own log has: everything the operator runs there goes through sudo."""
POINTS = (
    VantagePoint(operator=Empty()),
    VantagePoint(peer=Empty()),
    VantagePoint(drbd=DrbdView(resource="r0")),
)


class NoDevices:
    """A pair without fence devices."""

    async def check(self, _node: FrozenNode) -> tuple[DeviceSeen | Unknown, ...]:
        return ()


async def commands(pair: BedPair, name: str) -> int:
    return int(await pair.do(name, COUNT))


def observer(pair: BedPair) -> Observer:
    """Everything that a look may ask of a node: reading, votes, a command as a probe, an address."""
    address = FloatingAddress(address="10.77.0.200", prefix_length=24, interface="host0")
    probe = DetectionProbe(command=NodeCommand(argv=("true",)))
    pair.spec = pair.spec.model_copy(
        update={
            "traffic": (Traffic(name="address", floating_address=address),),
            "detection": Detection(vantage_points=POINTS, probes=(probe,), period_seconds=1),
        }
    )
    drivers = Drivers(
        nodes=pair.nodes,
        replication=pair.replication,
        fencing=NoDevices(),  # type: ignore[arg-type]
        traffic=FloatingTraffic(pair.sessions, clock=SystemClock()),  # type: ignore[arg-type]
        probes=NetworkProbes(sessions=pair.sessions),
        verification=None,  # type: ignore[arg-type]
        machine=None,  # type: ignore[arg-type]
        rehearsals=None,  # type: ignore[arg-type]
    )
    return Observer(pair.spec, drivers, clock=SystemClock(), pairs=lambda: 1, wake=lambda: None)


async def test_a_turn_asks_a_node_once_whatever_it_asks(pair: BedPair) -> None:
    for name in pair.spec.names:
        outcome = await pair.nodes.equip(frozen(pair, name), Equipment(PAIR_UID, pair.spec, name), deadline_seconds=30)
        assert isinstance(outcome, Done), outcome
    looking = observer(pair)
    before = {name: await commands(pair, name) for name in pair.spec.names}

    looks: list[Look] = []
    for _ in range(LOOKS):
        looks.append(await looking.look("a"))
        # As long as a turn rests, so that everything is due again.
        await asyncio.sleep(1.1)

    after = {name: await commands(pair, name) - before[name] for name in pair.spec.names}
    looking.close()
    assert after == {"a": LOOKS, "b": LOOKS}
    assert all(isinstance(node, NodeSeen) for look in looks for node in look.nodes.values())
    assert {vote.vantage_point for vote in looks[-1].votes} == {"operator", "peer", "drbd"}
