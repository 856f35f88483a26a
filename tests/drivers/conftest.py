"""One bed for all tests of the drivers that leave it as it was."""

from collections.abc import Iterator

import pytest

from support.bed import Bed


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
