"""The bed's switch: what is plugged in or out changes nothing for those that stay.

A bridge that takes another hardware address when a node loses its power makes every other node deaf for seconds, and
what is measured of a failover is then the bed's, not the operator's.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from support.bed import layout, namespace, network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.root
LOWEST = "00:00:00:00:00:01"


@pytest.fixture
def elsewhere() -> Iterator[None]:
    """The calling thread is in an empty network namespace."""
    with subprocess.Popen(
        ("unshare", "--net", "sh", "-c", "echo made; exec sleep 60"), stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"made\n"
        with namespace.entered(holder.pid):
            yield
        holder.kill()


def ip(*words: str) -> str:
    return subprocess.run(("ip", *words), check=True, capture_output=True, text=True, timeout=10).stdout


def hardware_address(name: str) -> str:
    words = ip("-o", "link", "show", name).split()
    return words[words.index("link/ether") + 1]


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize(
    ("make", "bridge"), [(network.make_switch, layout.BRIDGE), (network.make_far_switch, layout.FAR_BRIDGE)]
)
def test_a_switch_keeps_its_address_when_ports_come_and_go(make: Callable[[], None], bridge: str) -> None:
    if make is network.make_far_switch:
        network.make_switch()
        ip("address", "add", f"{layout.ROUTER_ADDRESS}/24", "dev", layout.BRIDGE)
    make()
    before = hardware_address(bridge)

    ip("link", "add", "port", "address", LOWEST, "type", "veth", "peer", "name", "other")
    ip("link", "set", "port", "master", bridge, "up")
    plugged = hardware_address(bridge)
    ip("link", "delete", "port")

    assert [plugged, hardware_address(bridge)] == [before, before]
