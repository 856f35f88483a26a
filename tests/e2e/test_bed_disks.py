"""The bed's disks can be kept, put back, altered and made new; and a node can lie behind a router."""

from collections.abc import Iterator

import pytest

from support.bed import Bed, layout, rootfs
from support.bed.wire import HolderFailedError

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]
READ = "cat /etc/word /srv/maestro/word 2>&1; true"


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    rootfs.ensure()
    with Bed.up(tmp_path_factory.mktemp("bed"), routed=True) as running:
        yield running


def test_disks_are_kept_of_a_running_node_and_put_back_once_it_is_off(bed: Bed) -> None:
    node = bed.nodes["b"]
    node.run("echo before | tee /etc/word >/srv/maestro/word")
    node.keep_disks("before")
    node.run("echo after | tee /etc/word >/srv/maestro/word")

    with pytest.raises(HolderFailedError, match="NodeIsOnError"):
        node.put_disks_back("before")
    node.power_cut()
    node.put_disks_back("before")
    node.alter("echo altered >>/etc/word")
    node.power_on()
    node.ssh_ready()

    assert node.run(READ).stdout.decode().split() == ["before", "altered", "before"]


def test_new_disks_are_empty_and_the_machine_is_still_known_by_its_key(bed: Bed) -> None:
    node = bed.nodes["b"]
    node.run("echo before | tee /etc/word >/srv/maestro/word")
    node.power_cut()

    node.renew_disks()
    node.power_on()
    node.ssh_ready()

    assert node.run(READ).stdout.decode().count("No such file") == 2
    assert node.run("cat /etc/machine-id").stdout.decode().strip() == node.machine_id
    assert node.run("cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub").stdout.decode().strip() == node.host_key


def test_a_node_behind_the_router_is_reached_by_the_router_alone(bed: Bed) -> None:
    router, far = bed.router, bed.nodes["a"]
    assert router is not None
    assert far.address == layout.FAR_ADDRESSES["a"]
    ping = f"ping -c 1 -W 1 {far.address} >/dev/null"

    assert bed.nodes["b"].run(ping).return_code == 0
    router.run("nft add table inet t; nft 'add chain inet t c { type filter hook forward priority 0; policy drop; }'")
    assert bed.nodes["b"].run(ping).return_code != 0
    router.run("nft delete table inet t")
    assert bed.nodes["b"].run(ping).return_code == 0
