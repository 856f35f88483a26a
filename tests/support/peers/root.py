"""What the nodes have beside their usual root file system: the peers as Debian packages them, none of them started.

They are installed into a root of their own in the cache, so that the host never gets a daemon of theirs.
"""

from support.bed.debian import Addition

PACKAGES = (
    *("corosync", "pacemaker", "pacemaker-cli-utils", "resource-agents", "fence-agents"),
    "keepalived",
)
UNITS = ("corosync", "pacemaker", "keepalived")
AFTERWARDS = f"""
set -eu
for unit in {" ".join(UNITS)}; do
  rm -f "$1"/etc/systemd/system/*.wants/"$unit".service
done
"""
ADDITION = Addition(packages=PACKAGES, afterwards=AFTERWARDS)
