"""The nodes' root file system: which Debian packages are in it, and how it is made fit for the bed."""

from dataclasses import replace
from pathlib import Path

from support.bed import debian

PACKAGES = (
    "btrfs-progs",
    "curl",
    "dbus",
    "ifupdown",
    "iproute2",
    "iputils-arping",
    "iputils-ping",
    "nftables",
    "openssh-server",
    "postgresql-15",
    "procps",
    "psmisc",
    "python3",
    "python3-psycopg2",
    "rsync",
    "sudo",
    "systemd",
    "systemd-sysv",
    "util-linux",
)
DPKG_OPTIONS = (
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/locale/*",
    "force-unsafe-io",
)
# Before configuration: no database cluster is made, the product's own service brings its own.
BEFORE_CONFIGURE = (
    'mkdir -p "$1/etc/postgresql-common"'
    ' && echo "create_main_cluster = false" > "$1/etc/postgresql-common/createcluster.conf"'
)
# Timers would write and load at moments no test chose; nodes have their keys and identity made by each bed.
AFTERWARDS = """
set -eu
rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/resolv.conf" "$1/etc/hostname"
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
  fstrim.timer systemd-timesyncd.service getty@tty1.service console-getty.service postgresql.service \
  systemd-networkd.service systemd-networkd-wait-online.service nftables.service; do
  ln -sf /dev/null "$1/etc/systemd/system/$unit"
done
chroot "$1" useradd --create-home --shell /bin/bash --uid 2000 maestro
mkdir -p "$1/srv" "$1/etc/sudoers.d" "$1/etc/ssh/sshd_config.d"
printf 'maestro ALL=(ALL) NOPASSWD: ALL\\n' > "$1/etc/sudoers.d/maestro"
chmod 0440 "$1/etc/sudoers.d/maestro"
printf '%s\\n' 'PermitRootLogin forced-commands-only' 'PasswordAuthentication no' 'UseDNS no' \
  'MaxStartups 100:30:200' 'MaxSessions 100' > "$1/etc/ssh/sshd_config.d/bed.conf"
"""
RECIPE = debian.Recipe(
    name="rootfs",
    packages=PACKAGES,
    dpkg_options=DPKG_OPTIONS,
    before=BEFORE_CONFIGURE,
    afterwards=AFTERWARDS,
)


def key() -> str:
    """Returns the name of the recipe, which changes with every part of it."""
    return RECIPE.key()


def is_cached() -> bool:
    """Says whether a whole tree of today's recipe lies in the cache."""
    return debian.is_cached(RECIPE)


def ensure(addition: debian.Addition | None = None) -> Path:
    """Returns a whole root file system, building it if the cache has none."""
    return debian.ensure(replace(RECIPE, addition=addition))
