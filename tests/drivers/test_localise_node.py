"""What differs by node, put right and read back on a real node: files, a mail server's lines, sets, and the audit."""

import base64
import io
import json
import tarfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.localise.files import BACKUP_SUFFIX
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.model.checks import AddressAudit
from maestro_operator.model.localise import FirewallSet, Localise, ManagedLines, ValuesFile
from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.pair import Check
from maestro_operator.model.status import FrozenNode
from support.bed import Bed
from support.configuration_files import asked
from support.contracts.bed_pair import BedPair

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]

FOLDER = "/etc/own"
RELAY = b"# whom we relay for\n10.0.0.0/8 RELAY\n"
ALIASES = b"root: admin\npostmaster: root\n"
TABLE = """nft -f - <<'END'
table inet own {
  set peers { type ipv4_addr; flags interval; elements = { 10.77.0.99, 192.0.2.0/24 } }
  set others { type ipv4_addr; elements = { 203.0.113.1 } }
  chain in { type filter hook input priority 10; ip saddr @peers tcp dport 9 drop; }
}
END"""


class OnNode:
    """Node a of the bed, a folder of configuration files on it, and the port."""

    def __init__(self, pair: BedPair) -> None:
        self.pair = pair
        spec_a, spec_b = pair.spec.nodes
        self.a = FrozenNode(name="a", address=spec_a.address, ssh=spec_a.ssh)
        self.b = FrozenNode(name="b", address=spec_b.address, ssh=spec_b.ssh)

    async def settle(self, *items: Localise, at: str = "a") -> Outcome:
        node, peer = (self.a, self.b) if at == "a" else (self.b, self.a)
        return await self.pair.nodes.settle(node, items, peer=peer, deadline_seconds=60)

    async def push(self, **files: bytes) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size, entry.mode = len(content), 0o640
                archive.addfile(entry, io.BytesIO(content))
        text = base64.b64encode(packed.getvalue()).decode()
        await self.pair.do("a", f"mkdir -p {FOLDER} && base64 -d <<'END' | tar -C {FOLDER} -xz\n{text}\nEND")

    async def pulled(self) -> dict[str, bytes]:
        packed = base64.b64decode(await self.pair.do("a", f"tar -C {FOLDER} -cz . | base64 -w 0"))
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            found = {Path(item.name).name: archive.extractfile(item) for item in archive.getmembers() if item.isfile()}
            return {name: file.read() for name, file in found.items() if file is not None}

    async def held(self, name: str) -> list[object]:
        """Return what a set holds, as the kernel says."""
        listed = json.loads(await self.pair.do("a", f"nft -j list set inet own {name}"))["nftables"]
        (found,) = [item["set"] for item in listed if "set" in item]
        return list(found.get("elem", ()))


@pytest.fixture
async def node(shared_bed: Bed, inside_bed: Bed) -> AsyncIterator[OnNode]:
    pair = BedPair(shared_bed)
    made = OnNode(pair)
    await made.push(relay=RELAY, aliases=ALIASES)
    await pair.do("a", TABLE)
    yield made
    await pair.do("a", f"rm -rf {FOLDER} /run/reloaded; nft delete table inet own")
    await pair.close()
    del inside_bed


@pytest.mark.parametrize("count", [30, pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
async def test_random_files_survive_byte_for_byte_but_for_the_edited_values(node: OnNode, count: int) -> None:
    files = [asked(seed, folder=FOLDER) for seed in range(count)]
    await node.push(**{Path(it.path).name: it.before for it in files})

    for start in range(0, count, 10):
        outcome = await node.settle(*(it.entry for it in files[start : start + 10]))
        assert isinstance(outcome, Done), outcome

    found = await node.pulled()
    wrong = [it.path for it in files if found[Path(it.path).name] != it.after]
    assert wrong == []
    kept = [it for it in files if it.before != it.after]
    assert len(kept) > count / 2
    assert all(found[Path(it.path).name + BACKUP_SUFFIX] == it.before for it in kept)


async def test_relay_rules_and_aliases_stand_beside_what_was_there_and_the_server_is_told(node: OnNode) -> None:
    relay = Localise(
        name="relay",
        relay_rules=ManagedLines(
            file=f"{FOLDER}/relay",
            lines=("{{ peer.address }} RELAY",),
            reload=("sh", "-c", f"cp {FOLDER}/relay /run/reloaded"),
        ),
    )
    aliases = Localise(
        name="aliases",
        aliases=ManagedLines(file=f"{FOLDER}/aliases", lines=('listserv: "|/home/listserv/lsv_amin {{ node.name }}"',)),
    )

    for _ in range(2):
        outcome = await node.settle(relay, aliases)
        assert isinstance(outcome, Done), outcome

    found = await node.pulled()
    assert found["relay"] == (
        RELAY + b"# maestro-operator: relay: begin\n10.77.0.12 RELAY\n# maestro-operator: relay: end\n"
    )
    assert found["aliases"] == (
        ALIASES + b'# maestro-operator: aliases: begin\nlistserv: "|/home/listserv/lsv_amin a"\n'
        b"# maestro-operator: aliases: end\n"
    )
    assert (await node.pair.do("a", "cat /run/reloaded")).encode() == found["relay"]


async def test_a_mail_server_that_does_not_take_its_lines_is_said(node: OnNode) -> None:
    lines = ManagedLines(
        file=f"{FOLDER}/relay", lines=("x RELAY",), reload=("sh", "-c", "echo no such map >&2; exit 65")
    )

    outcome = await node.settle(Localise(name="relay", relay_rules=lines))

    assert isinstance(outcome, Failed)
    assert "no such map" in outcome.message


async def test_an_alias_that_the_node_has_already_is_refused_and_nothing_is_written(node: OnNode) -> None:
    lines = ManagedLines(file=f"{FOLDER}/aliases", lines=("Root: listserv",))

    outcome = await node.settle(Localise(name="mine", aliases=lines))

    assert isinstance(outcome, Refused)
    assert await node.pulled() == {"relay": RELAY, "aliases": ALIASES}


async def test_a_set_holds_exactly_what_it_should_and_others_stay(node: OnNode) -> None:
    """What lies within another element is no element of its own: the packet filter would refuse it as a conflict."""
    peers = FirewallSet(table="own", set="peers", elements=("{{ peer.address }}", "172.16.0.0/12", "172.16.9.9"))
    item = Localise(name="peers", firewall_set=peers)
    rules = "nft list chain inet own in"
    before = await node.pair.do("a", rules)

    for _ in range(2):
        outcome = await node.settle(item)
        assert isinstance(outcome, Done), outcome

    assert await node.held("peers") == ["10.77.0.12", {"prefix": {"addr": "172.16.0.0", "len": 12}}]
    assert await node.held("others") == ["203.0.113.1"]
    assert await node.pair.do("a", rules) == before


async def test_a_set_that_is_not_there_is_said(node: OnNode) -> None:
    outcome = await node.settle(
        Localise(name="none", firewall_set=FirewallSet(table="own", set="nobodys", elements=("192.0.2.1",)))
    )

    assert isinstance(outcome, Failed)
    assert "nobodys" in outcome.message


async def test_the_audit_finds_either_nodes_address_before_the_day_it_matters(node: OnNode) -> None:
    lui = f"# {node.b.address} was here once\nHubHost={node.a.address}\nRelay=10.77.0.1\n".encode()
    site = f'SMTP_FORWARD="{node.b.address}"\n'.encode()
    await node.push(lui=lui, site=site)
    settled = Localise(name="lui", properties=ValuesFile(file=f"{FOLDER}/lui", set={"HubHost": "{{ node.address }}"}))

    assert await audited(node, "lui") == (False, f"{FOLDER}/lui: line 2 (HubHost) names a's address {node.a.address}")
    assert (await audited(node, "site"))[1].startswith(f"{FOLDER}/site: line 1 (SMTP_FORWARD) names b's address")
    node.pair.spec = node.pair.spec.model_copy(update={"localise": (settled,)})
    assert (await audited(node, "lui"))[0]
    await node.push(site=b'SMTP_FORWARD="relay.example.org"\n')
    assert await audited(node, "lui", "site") == (True, "no address of a node in 2 files")
    assert not (await audited(node, "missing"))[0]


async def audited(node: OnNode, *names: str) -> tuple[bool, str]:
    files = tuple(f"{FOLDER}/{name}" for name in names)
    check = Check(name="audit", address_audit=AddressAudit(files=files), deadline_seconds=5)
    clock = SystemClock()

    async def nothing(_namespace: str, name: str) -> dict[str, bytes]:
        raise LookupError(name)

    port = NodeVerification(
        node.pair.sessions, clock=clock, spec=lambda: node.pair.spec, secrets=nothing, namespace="contract"
    )
    (made,) = await port.verify(node.a, [check], since=clock.now(), deadline_seconds=10)
    return made.passed, made.message.removesuffix(": write a name, or let localise set it")
