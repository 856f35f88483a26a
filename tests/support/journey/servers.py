"""The two servers as they are before anybody prepares them, and what is read of them from outside."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from support.bed import rootfs
from support.demo.stage import copy_disk
from support.docscheck.on_nodes import block_of
from support.standin import LIVE, SERVICES, initialise, install

if TYPE_CHECKING:
    from pathlib import Path

    from support.bed import Bed, Node
    from support.manifests import Manifest

PREPARED_BY = "docs/how-to/prepare-two-servers.md"
NOBODY = "rm -rf /etc/sudoers.d/maestro && userdel --remove --force maestro 2>/dev/null; ! id maestro 2>/dev/null"
LISTED = "cat >> ~maestro/.ssh/authorized_keys && chown maestro ~maestro/.ssh/authorized_keys"
LEFT = (
    "find /etc /usr/local /root /var/lib /run -xdev '(' -name '*maestro-guard*' -o -name '*maestro-replica*' ')' "
    "-print; ls /etc/systemd/system/maestro.service.d 2>/dev/null; true"
)
REPORT = "hub: saved\nlui: saved\nThe backup was completed successfully\nFinal completion date: 2026-11-29 03:10\n"
PRODUCT = f"""
cd {LIVE}
mkdir -p listserv hub/logs lui trk backup
printf 'TCPGUI_IPADDR="0.0.0.0"\\nexport TCPGUI_IPADDR\\n' > listserv/go.user
for file in hub/hub.ini lui/lui.ini trk/tracker.ini; do echo 'host=maestro.example.org' > $file; done
echo rows > backup/dump
"""
"""What the installation of the product brings beside what the stand-in has: the folders that the profile assumes."""
SCRIPT_SECONDS = 60.0


class ServerError(Exception):
    """A server did not do what a person typed there; the message is what it said."""


def bring_plain(bed: Bed) -> None:
    """Makes the bed's nodes two servers that nobody prepared: the application on both, its data on a, no operator."""
    for name, node in bed.nodes.items():
        typed(node, NOBODY)
        install(node, name=name, mail={"faults": ""})
    first = bed.nodes["a"]
    initialise(first)
    typed(first, PRODUCT)
    first.push(f"{LIVE}/hub/logs/backupReport_20261129.txt", REPORT.encode(), mode=0o644)


def prepare(bed: Bed) -> str:
    """Types on both servers what the page about them says, and returns what was typed."""
    block = block_of(PREPARED_BY)
    for node in bed.nodes.values():
        typed(node, block)
    return block


def let_in(bed: Bed, public_key: bytes) -> None:
    """Puts the operator's public key where the tutorial says."""
    for node in bed.nodes.values():
        typed(node, LISTED, stdin=public_key)


def typed(node: Node, script: str, *, stdin: bytes = b"") -> str:
    """Types something into root's shell on a server. Raises ServerError where it fails."""
    ran = node.run(script, stdin=stdin, timeout_seconds=SCRIPT_SECONDS)
    if ran.return_code != 0:
        raise ServerError(f"{node.name}: {script}: {ran.stderr.decode(errors='replace')}")
    return ran.stdout.decode()


def processes(node: Node) -> str:
    """Returns the main process of each service: another number means that it was started anew, 0 that it is not."""
    return " ".join(typed(node, f"systemctl show -p MainPID --value {' '.join(SERVICES)}").split())


def left_of_the_operator(bed: Bed) -> list[str]:
    """Returns the files that an operator has left on the servers."""
    return [f"{node.name}:{path}" for node in bed.nodes.values() for path in typed(node, LEFT).split()]


def keep(bed: Bed, pair: Manifest, *, audit: Path, folder: Path) -> None:
    """Keeps the evidence: disks after power-off, every log, the pair as it was last seen."""
    (folder / "pair.json").write_text(json.dumps(pair))
    (folder / "root-file-system").write_text(str(rootfs.ensure()))
    for node in bed.nodes.values():
        node.power_cut()
        copy_disk(node.srv_path, folder / "disks" / node.name)
    for path in bed.evidence.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)
    shutil.copy2(audit, folder / "audit.jsonl")
