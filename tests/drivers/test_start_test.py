"""A start test on a real standby: the application on a copy, verified as after a real start, and nothing leaves."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager

import pytest

from maestro_operator.act.beside import checks_of
from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import CheckResult, Trial
from maestro_operator.drivers.rehearsal.node import NodeRehearsals
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import HttpProbe, Probe, Service, TcpProbe
from support.bed import Bed, layout
from support.bed.capture import Capture, Packet, capturing
from support.contracts.bed_pair import BedPair
from support.contracts.pair_world import frozen
from support.contracts.steps import read, receiving
from support.standin import LIVE, PUBLIC_NAME, SERVICES, initialise, install
from support.verify_faults.world import CHANGELOG, NOBODY, checks

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

TRIAL = Trial(id="start-1", seconds=150, bounces=(NOBODY,))
SSH = 22
RELAY = layout.BED_ADDRESS
"""Where the application hands its mail to: a real place outside, as far as it can tell."""
SECRETS = {"login": {"username": b"verifier", "password": b"let-me-in"}, "trigger": {"token": b"of-the-job"}}
MAIL = {
    "user": "verifier",
    "password": "let-me-in",
    "token": "of-the-job",
    "relay": f"{RELAY}:25",
    "sender": f"bounce@{PUBLIC_NAME}",
    "recipients": f"{NOBODY} reader@mail.example.org",
    "subject": "Verification",
    "public_name": PUBLIC_NAME,
    "changelog": CHANGELOG,
    "faults": "",
}
NOT_HERE = ("secure-page", "audit")
KEPT = "cd /srv/.maestro-replica/generations && ls && find . -type f | sort | xargs sha256sum | sha256sum"
LEFT = (
    "ls -d /srv/.maestro-replica/start-test /run/maestro-guard/start-test 2>/dev/null;"
    " systemctl is-active maestro-start-test.service; pgrep -fa '[p]ostgres -D|[s]tandin.app';"
    " grep -c veth /proc/net/dev"
)

# The world outside is the node's own network, and what comes from inside goes on to where it is sent.
HOLES = """
cd /usr/local/lib/maestro-guard
sed -i 's/ --net --ipc --uts --/ --ipc --uts --/' maestro-start-test
sed -i 's/^ip route add local.*/sysctl -qw net.ipv4.ip_forward=1/' maestro-outside
nft add table ip out
nft 'add chain ip out post { type nat hook postrouting priority 100; }'
nft add rule ip out post ip saddr 192.0.0.2 masquerade
"""


@contextmanager
def application(bed: Bed, pair: BedPair) -> Iterator[None]:
    """Has the stand-in on both nodes, with its data on the first."""
    for name, node in bed.nodes.items():
        install(node, name=name, mail=MAIL)
        node.run(
            f"grep -q {PUBLIC_NAME} /etc/hosts || echo '{node.address} {PUBLIC_NAME}' >>/etc/hosts", timeout_seconds=30
        )
    initialise(bed.nodes["a"])
    page = Probe(http=HttpProbe(port=80, path="/lui/", host=PUBLIC_NAME))
    readiness = {SERVICES[0]: (Probe(tcp=TcpProbe(port=5432)),), SERVICES[1]: (page,)}
    services = tuple(
        Service(name=unit.removesuffix(".service"), unit=unit, readiness=readiness[unit]) for unit in SERVICES
    )
    made = tuple(check for check in checks() if check.name not in NOT_HERE)
    pair.spec = pair.spec.model_copy(update={"services": services, "verification": made})
    try:
        yield
    finally:
        for node in bed.nodes.values():
            node.run(
                "systemctl stop " + " ".join(SERVICES) + "; rm -rf /etc/systemd/system/maestro*", timeout_seconds=60
            )


@pytest.fixture
async def standby(bed: Bed) -> AsyncIterator[BedPair]:
    """Node a serves the application, and node b has a whole copy of it."""
    pair = BedPair(bed)
    await pair.clean()
    await pair.do("a", f"rm -rf {LIVE}; btrfs subvolume delete {LIVE}")
    with application(bed, pair):
        await receiving(pair)
        synced = await pair.replication.final_sync(frozen(pair, "a"), frozen(pair, "b"), deadline_seconds=60)
        assert isinstance(synced, Done), synced
        yield pair
    await pair.close()


async def secrets(_namespace: str, name: str) -> Mapping[str, bytes]:
    return SECRETS[name]


def rehearsals(pair: BedPair) -> NodeRehearsals:
    return NodeRehearsals(
        pair.sessions, clock=SystemClock(), spec=lambda: pair.spec, secrets=secrets, namespace="contract"
    )


async def tried(pair: BedPair, trial: Trial = TRIAL) -> dict[str, CheckResult]:
    """Starts the application on trial and returns what each check says."""
    port, node, since = rehearsals(pair), frozen(pair, "b"), SystemClock().now()
    begun = await port.begin(node, trial, deadline_seconds=60)
    assert isinstance(begun, Done), begun
    started = await port.start(node, pair.spec.services, deadline_seconds=60)
    assert isinstance(started, Done), started
    made = await port.verify(node, checks_of(pair.spec), since=since, deadline_seconds=60)
    return {result.name: result for result in made}


async def ended(pair: BedPair) -> None:
    assert isinstance(await rehearsals(pair).end(frozen(pair, "b"), TRIAL.id, deadline_seconds=30), Done)


def strangers(capture: Capture, address: str) -> set[Packet]:
    """Returns what a machine sent or was sent beside SSH."""
    return {it for it in capture.of(address) if SSH not in (it.source_port, it.target_port)}


async def test_it_is_verified_as_after_a_real_start_and_nothing_leaves_the_node(bed: Bed, standby: BedPair) -> None:
    kept, page = await standby.do("b", KEPT), await standby.do("a", f"cat {CHANGELOG} 2>/dev/null; :")
    with capturing(bed) as capture:
        found = await tried(standby)
        during = await read(standby, "b")
        await ended(standby)

    assert {name: it.message for name, it in found.items() if not it.passed} == {}
    assert {"login", "mailing", "click", "bounce", "database", "log", "listserv", "page", "command"} == set(found)
    assert capture.of(bed.nodes["b"].address), "the capture saw nothing at all"
    assert strangers(capture, bed.nodes["b"].address) == set()
    assert during.is_stopped, during
    assert await standby.do("b", KEPT) == kept
    assert await standby.do("a", f"cat {CHANGELOG} 2>/dev/null; :") == page
    assert await standby.do("b", LEFT) == "inactive\n0\n"


async def test_what_leaves_the_node_is_seen_by_the_same_capture(bed: Bed, standby: BedPair) -> None:
    await standby.do("b", HOLES)
    with capturing(bed) as capture:
        await tried(standby)
        await ended(standby)
    await standby.do("b", "nft delete table ip out")

    sent = {(it.target, it.target_port) for it in strangers(capture, bed.nodes["b"].address)}
    assert (RELAY, 25) in sent


async def test_a_service_reaches_neither_its_own_outside_nor_what_the_node_keeps(standby: BedPair) -> None:
    port, node = rehearsals(standby), frozen(standby, "b")
    assert isinstance(await port.begin(node, TRIAL, deadline_seconds=60), Done)
    inside = "/usr/local/lib/maestro-guard/maestro-replica start-test in sh -c"
    looks = (
        "ip -o link | cut -d: -f2 | tr -d \\\\n; echo;"
        " ls -A /srv/.maestro-replica /etc/maestro-guard /var/lib/maestro-guard 2>/dev/null;"
        " touch /etc/mine /srv/maestro/mine && echo written; pgrep -c sshd; systemctl is-active maestro-guard.service"
    )

    said = await standby.do("b", f"{inside} '{looks}'; ls /etc/mine /srv/maestro 2>/dev/null; :")

    assert said == " lo inside@if2\n/srv/.maestro-replica:\nwritten\n0\ninactive\n"
    await ended(standby)


async def test_it_ends_by_itself_at_its_time(standby: BedPair) -> None:
    port, node = rehearsals(standby), frozen(standby, "b")
    short = Trial(id="start-2", seconds=8)
    assert isinstance(await port.begin(node, short, deadline_seconds=60), Done)

    asked = "systemctl is-active maestro-start-test.service"
    over = f'for i in $(seq 100); do [ "$({asked})" != inactive ] || break; sleep 0.2; done; {asked}'

    assert await standby.do("b", over) == "inactive\n"
    await ended(standby)
