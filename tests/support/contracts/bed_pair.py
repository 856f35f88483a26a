"""The contract's world on the bed's two real nodes, cleaned between tests."""

import asyncio
from collections.abc import Mapping

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.ports import Equipment, NodePort, RehearsalPort, ReplicationPort
from maestro_operator.drivers.rehearsal.node import NodeRehearsals
from maestro_operator.drivers.replication.rsync import RsyncReplication
from maestro_operator.model.backing import Backup, BackupCommand, RestoreTest
from maestro_operator.model.outcome import Done
from maestro_operator.transport.session import Sessions
from support.bed import Bed
from support.contracts.pair_world import BACKUP, PAIR_UID, PORTS, SPOOL, UNITS, frozen, pair_spec, spec_node

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
systemctl kill --signal=KILL maestro-start-test.service 2>/dev/null
systemctl stop maestro-start-test.service 2>/dev/null
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


TELLER = "/usr/local/sbin/newest-backup"
MAKE_BACKUP = f"""
mkdir -p /opt/backup && cp -a /srv/maestro/files /opt/backup/
cat >{TELLER} <<'END'
#!/bin/sh
printf 'id={BACKUP}\nresult=success\nfinished=%s\npath=/opt/backup\n' "$(stat -c %Y /opt/backup)"
END
chmod 755 {TELLER}
"""

CONSOLE_SECONDS = 90
"""What a script on the console may take: a host whose disk is busy was seen to hold one up for half a minute."""


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
        self.rehearsals: RehearsalPort = NodeRehearsals(
            self.sessions, clock=clock, spec=lambda: self.spec, secrets=self._secrets, namespace="contract"
        )

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
        ran = await asyncio.to_thread(self._bed.nodes[name].run, script, timeout_seconds=CONSOLE_SECONDS)
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

    async def back_up(self, name: str) -> None:
        """Let the application make a backup, and the node bring it to the other one."""
        backup = Backup(command=BackupCommand(program=TELLER), restore_test=RestoreTest())
        self.spec = self.spec.model_copy(update={"backup": backup})
        for one in self.spec.names:
            equipped = await self.nodes.equip(
                frozen(self, one), Equipment(PAIR_UID, self.spec, one), deadline_seconds=30
            )
            assert isinstance(equipped, Done), equipped
        await self.do(name, MAKE_BACKUP + "/usr/local/lib/maestro-guard/maestro-replica backup")

    async def rot(self, name: str) -> None:
        """Let bits rot in the kept backup."""
        await self.do(name, f"echo rotten >>/srv/.maestro-replica/backups/{BACKUP}/data/files/records")

    async def breaks(self, name: str, unit: str) -> None:
        """Let a service fail on the node's copies, whatever it is started on."""
        await self.do(
            name,
            f"sed -i 's,^ExecStart=,ExecStartPre=/bin/false\\n&,' /etc/systemd/system/{unit}; systemctl daemon-reload",
        )

    async def records(self, name: str) -> int | None:
        """Return how many records a node's live data has."""
        counted = await self.do(name, f"[ ! -e /srv/maestro ] || wc -l <{RECORDS}")
        return int(counted) if counted.strip() else None

    async def _secrets(self, _namespace: str, _name: str) -> Mapping[str, bytes]:
        return {"ssh-privatekey": self._key}
