"""The contract's world on the bed's two real nodes, cleaned between tests."""

import asyncio
from collections.abc import Mapping

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.ports import NodePort, ReplicationPort
from maestro_operator.drivers.replication.rsync import RsyncReplication
from maestro_operator.transport.session import Sessions
from support.bed import Bed
from support.contracts.pair_world import PORTS, SPOOL, UNITS, pair_spec, spec_node

RECORDS = "/srv/maestro/files/records"
UNIT = """[Unit]
Description=A service of the contract: it listens, and holds the live data
[Service]
WorkingDirectory=/srv/maestro
ExecStart=/usr/bin/python3 -m http.server {port}
[Install]
WantedBy=multi-user.target
"""
CLEAN = """
systemctl stop maestro-guard.service maestro-replica.timer maestro-replica.service contract-app contract-db 2>/dev/null
for folder in /srv/maestro /srv/.maestro-replica/incoming /srv/.maestro-replica/*/*; do
    [ ! -e "$folder" ] || btrfs subvolume delete "$folder" >/dev/null 2>&1 || rm -rf "$folder"
done
rm -rf /srv/.maestro-replica /var/lib/maestro-guard /etc/maestro-guard /usr/local/lib/maestro-guard
rm -rf /root/.ssh/authorized_keys /run/maestro-guard
cd /etc/systemd/system && rm -rf maestro-* ./*/maestro-* contract-*.service.d
sed -i '/maestro/d' /etc/hosts
sed -i '/^#.*guard/d' /etc/hosts
"""
NEW_DATA = "btrfs subvolume create /srv/maestro >/dev/null && mkdir /srv/maestro/files && touch " + RECORDS


class BedPair:
    """The bed's nodes with two small services."""

    follows = False
    new_data = NEW_DATA

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self._key = bed.ssh_key.read_bytes()
        one, other = (spec_node(name, address=node.address, host_key=node.host_key) for name, node in bed.nodes.items())
        self.spec = pair_spec(nodes=(one, other))
        clock = SystemClock()
        self.sessions = Sessions(secrets=self._secrets, namespace="contract", clock=clock)
        self.nodes: NodePort = SshNodes(self.sessions, spec=lambda: self.spec, clock=clock)
        self.replication: ReplicationPort = RsyncReplication(self.sessions, clock=clock)

    async def clean(self) -> None:
        """Make both nodes what they were before anything was installed, with live data on the first."""
        await asyncio.gather(*(self._clean(name) for name in self._bed.nodes))

    async def _clean(self, name: str) -> None:
        node = self._bed.nodes[name]
        node.heal()
        if not node.is_on():
            await self.power_on(name)
        script = CLEAN
        for unit, text in self.unit_files().items():
            script += f"cat >/etc/systemd/system/{unit} <<'END'\n{text}END\n"
        script += f"systemctl daemon-reload; systemctl reset-failed; systemctl --quiet enable {' '.join(UNITS)}\n"
        await self.do(name, script + (self.new_data if name == next(iter(self._bed.nodes)) else ""))

    def unit_files(self) -> dict[str, str]:
        """Return the text of each unit by its name."""
        return {unit: UNIT.format(port=port) for unit, port in zip(UNITS, PORTS, strict=True)}

    async def close(self) -> None:
        """End the sessions."""
        await self.sessions.close()

    async def do(self, name: str, script: str) -> str:
        """Run a script on a node as from its console, and return what it printed."""
        ran = await asyncio.to_thread(self._bed.nodes[name].run, script, timeout_seconds=30)
        return ran.stdout.decode()

    async def power_cut(self, name: str) -> None:
        """Take a node's power away."""
        await asyncio.to_thread(self._bed.nodes[name].power_cut)

    async def power_on(self, name: str) -> None:
        """Give it back; return when the node lets users in."""
        await asyncio.to_thread(self._bed.nodes[name].power_on)
        await asyncio.to_thread(self._bed.nodes[name].ssh_ready)

    async def isolate(self, name: str) -> None:
        """Cut a node off from everybody."""
        self._bed.nodes[name].cut()

    async def heal(self) -> None:
        """End every cut."""
        for node in self._bed.nodes.values():
            node.heal()

    async def write(self, name: str) -> None:
        """Add one record to a node's live data."""
        await self.do(name, f"echo record >>{RECORDS}")

    async def queue(self, name: str, messages: int) -> None:
        """Put so many messages into the queue of a node's live data."""
        (folder,) = SPOOL.folders
        await self.do(
            name, f"mkdir -p {folder} && cd {folder} && for n in $(seq {messages}); do echo mail >$n.qf; done"
        )

    async def records(self, name: str) -> int | None:
        """Return how many records a node's live data has."""
        counted = await self.do(name, f"[ ! -e /srv/maestro ] || wc -l <{RECORDS}")
        return int(counted) if counted.strip() else None

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self._key}
