"""The stage of a database that replicates itself: PostgreSQL with the example's programs and units, and its rows."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import override

from support.bed import clock
from support.driven.rows_disk import DATABASE, KEPT
from support.driven.stages import SCRIPT_SECONDS, DrivenStage
from support.standin import install
from support.standin.installation import PROGRAMS, configuration

if TYPE_CHECKING:
    from support.manifests import Manifest

EXAMPLE = Path(__file__).parents[3] / "examples" / "postgresql"
ROWS = Path(__file__).with_name("rows.py")
DATA = "/srv/database"
BINARIES = "/usr/lib/postgresql/15/bin"
ASK = "/usr/local/lib/maestro-postgresql/ask"
STANDBY_UNIT = "postgresql-standby.service"
OWN_FILES = "/var/lib/maestro-rows"
"""What the application has on each node for itself."""
PASSWORD = "of-the-application"
REPLICATORS = "of-the-standby"
SETTINGS = f"DATA={DATA}\nPORT=5432\nDATABASE=maestro\n"
INSTALL = f"""
mkdir -p {OWN_FILES}/lui/journal {OWN_FILES}/lui/records
printf '%s\\n' {PASSWORD} >{OWN_FILES}/lui/database.password
sed -i 's/support.standin.app /support.driven.rows /; /RequiresMountsFor/d' /etc/systemd/system/maestro.service
printf '*:5432:*:replicator:%s\\n' {REPLICATORS} >/etc/maestro-postgresql/passfile
chown postgres:postgres /etc/maestro-postgresql/passfile && chmod 0600 /etc/maestro-postgresql/passfile
systemctl daemon-reload
"""
FIRST_DATA = f"""
{PROGRAMS}/initialise.sh /srv/first
mv /srv/first/db {DATA}
btrfs subvolume delete /srv/first >/dev/null || rm -rf /srv/first
cat >>{DATA}/postgresql.conf <<'END'
wal_level = replica
max_wal_senders = 4
hot_standby = on
wal_keep_size = 256MB
max_wal_size = 128MB
END
cat >>{DATA}/pg_hba.conf <<'END'
host replication replicator 0.0.0.0/0 scram-sha-256
END
cd /
runuser -u postgres -- {BINARIES}/postgres --single -F -j -c exit_on_error=on -D {DATA} maestro >/dev/null <<'END'
ALTER ROLE maestro PASSWORD '{PASSWORD}';

CREATE ROLE replicator REPLICATION LOGIN PASSWORD '{REPLICATORS}';

CREATE TABLE ballast (filling text);

END
"""
FILLING = (
    "INSERT INTO ballast SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 1500000) n GROUP BY n % 9"
)
LARGE = f'cd / && runuser -u postgres -- {BINARIES}/psql -h /run/maestro-postgresql -d maestro -XAtqw -c "{FILLING}"'


class ProductStage(DrivenStage):
    """PostgreSQL streams from the owner to the standby; nothing else of the application moves with it."""

    @override
    def install_application(self) -> None:
        self._say("PostgreSQL with the example's programs, and the stand-in with rows alone, on both nodes")
        for name, node in self.bed.nodes.items():
            install(node, name=name)
            node.push(f"{PROGRAMS}/support/driven/__init__.py", b"", mode=0o644)
            node.push(f"{PROGRAMS}/support/driven/rows.py", ROWS.read_bytes(), mode=0o644)
            text = configuration(name=name, public_name="maestro.example.org", files=OWN_FILES)
            node.push("/etc/maestro-standin/maestro.conf", text.encode(), mode=0o644)
            node.push(ASK, (EXAMPLE / "ask").read_bytes(), mode=0o755)
            node.push("/etc/maestro-postgresql/settings", SETTINGS.encode(), mode=0o644)
            for unit, source in (("maestro-db.service", "postgresql-pair.service"), (STANDBY_UNIT, STANDBY_UNIT)):
                node.push(f"/etc/systemd/system/{unit}", (EXAMPLE / source).read_bytes(), mode=0o644)
            self._do(name, INSTALL)

    @override
    def make_data(self) -> None:
        self._do("a", FIRST_DATA)

    @override
    def adapt(self, spec: Manifest) -> None:
        super().adapt(spec)
        program = {verb: {"program": ASK, "arguments": [verb]} for verb in ("status", "lag", "promote", "demote")}
        spec["replication"] = {"command": {"data": DATA, "standbyUnit": STANDBY_UNIT, "intervalSeconds": 5, **program}}
        spec["verification"] = [check for check in spec["verification"] if "log" not in check]

    @override
    def make_large(self, name: str) -> None:
        self._do(name, LARGE)

    @override
    def is_sending(self, name: str) -> bool:
        """What is written is sent at once: there is no moment without."""
        return True

    @override
    def keep_disk(self, name: str) -> None:
        srv, to = self.bed.nodes[name].srv_path, self.evidence / "disks" / name
        to.mkdir(parents=True)
        if (srv / DATABASE).is_dir():
            shutil.copytree(srv / DATABASE, to / DATABASE, symlinks=True)
        kept = srv / ".maestro-replica" / "quarantine"
        for group in sorted(kept.glob("*")) if kept.is_dir() else ():
            shutil.copytree(group, to / KEPT / group.name, symlinks=True)

    def _do(self, name: str, script: str) -> None:
        ran = self.bed.nodes[name].run(f"set -e\n{script}", timeout_seconds=SCRIPT_SECONDS)
        if ran.return_code != 0:
            raise clock.TimedOutError(f"{name}: {script[:80]}: {ran.stderr.decode(errors='replace')[-400:]}")
