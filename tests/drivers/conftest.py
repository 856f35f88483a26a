"""Beds for the tests of the drivers, one of them for all that leave it as it was, and an sshd on the loopback."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.transport.session import Sessions
from support.bed import Bed
from support.contracts.bed_pair import BedPair
from support.loopback_ssh import LoopbackSsh, loopback_ssh


@pytest.fixture(scope="session")
def shared_bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    with Bed.up(tmp_path_factory.mktemp("shared-bed")) as bed:
        yield bed


@pytest.fixture
def inside_bed(shared_bed: Bed) -> Iterator[Bed]:
    """The shared bed, everything in it well and truthful; the test's sockets are opened in its network."""
    for bmc in shared_bed.bmcs.values():
        bmc.set_mode("honest")
    shared_bed.dns.thaw()
    for node in shared_bed.nodes.values():
        node.heal()
        if node.is_on():
            node.thaw()
        node.power_on()
    with shared_bed.network():
        yield shared_bed


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A bed of the module's own."""
    # The tests' event loop opens its sockets in this thread, so the thread stays in the bed's network.
    with Bed.up(tmp_path_factory.mktemp("bed")) as bed, bed.network():
        yield bed


@pytest.fixture
async def pair(bed: Bed) -> AsyncIterator[BedPair]:
    """The two nodes of the module's bed, as if nothing had ever been installed."""
    pair = BedPair(bed)
    await pair.clean()
    yield pair
    await pair.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoopbackSsh]:
    """A real sshd on the loopback."""
    async with loopback_ssh(tmp_path / "bin") as running:
        yield running


@pytest.fixture
async def sessions(server: LoopbackSsh) -> AsyncIterator[Sessions]:
    """The operator's sessions to it."""
    made = Sessions(secrets=server.secrets, namespace="mail", clock=SystemClock())
    yield made
    await made.close()
