#!/bin/sh
# Makes the stand-in's data below $1 (/srv/maestro): files/ and db/, one consistency group.
# Data that is there already is left as it is.
set -eu
live=$1
bin=/usr/lib/postgresql/15/bin

if [ -e "$live/db/PG_VERSION" ] && [ -e "$live/files/lui/database.password" ]; then
    echo "initialised=already"
    exit 0
fi
if [ ! -d "$live" ]; then
    btrfs subvolume create "$live" >/dev/null 2>&1 || mkdir -p "$live"
fi
umask 022
mkdir -p "$live/files/lui/records" "$live/files/lui/journal" "$live/files/lui/logs" "$live/files/hub" "$live/files/trk"
rm -rf "$live/db"
install -d -o postgres -g postgres -m 0700 "$live/db"
cd "$live/db"

password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
(umask 077 && printf '%s\n' "$password" >"$live/files/lui/database.password")

# Small write-ahead segments and no spare databases: every copy of this group carries them.
runuser -u postgres -- $bin/initdb -D "$live/db" -N -k --wal-segsize=1 --locale=C.UTF-8 -E UTF8 \
    --auth-local=peer --auth-host=reject >/dev/null
cat >>"$live/db/postgresql.conf" <<END
listen_addresses = '*'
port = 5432
unix_socket_directories = '/run/maestro-db'
max_connections = 20
max_wal_senders = 0
wal_level = minimal
min_wal_size = 2MB
max_wal_size = 16MB
wal_init_zero = off
wal_recycle = off
shared_buffers = 8MB
fsync = on
synchronous_commit = on
full_page_writes = on
jit = off
END
cat >"$live/db/pg_hba.conf" <<END
local all postgres peer
host maestro maestro 0.0.0.0/0 scram-sha-256
host maestro maestro ::/0 scram-sha-256
END
chown postgres:postgres "$live/db/postgresql.conf" "$live/db/pg_hba.conf"

single() {
    runuser -u postgres -- $bin/postgres --single -F -j -c exit_on_error=on -c log_checkpoints=off -D "$live/db" "$1" >/dev/null
}
single template1 <<END
ALTER DATABASE postgres RENAME TO maestro;

CREATE ROLE maestro LOGIN PASSWORD '$password';

UPDATE pg_database SET datistemplate = false WHERE datname LIKE 'template%';

DROP DATABASE template0;

END
single maestro <<END
DROP DATABASE template1;

CREATE TABLE record (
    sequence bigint PRIMARY KEY,
    client text NOT NULL,
    number bigint NOT NULL,
    payload text NOT NULL,
    sha256 text NOT NULL,
    node text NOT NULL,
    boot_id text NOT NULL,
    epoch bigint,
    monotonic_ns bigint NOT NULL,
    wall_ns bigint NOT NULL,
    UNIQUE (client, number)
);

GRANT SELECT, INSERT ON record TO maestro;

END
sync -f "$live/db"
echo "initialised=now"
