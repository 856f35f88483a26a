"""The faults that `BREAK=` plants under a chaos run: the nemesis must find what they lead to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.demo.stage import Stage

ALWAYS_PERMITS = """set -e
for unit in maestro-db.service maestro.service; do
  mkdir -p /etc/systemd/system/$unit.d
  printf '[Service]\\nExecCondition=\\nExecCondition=/bin/true\\n' > /etc/systemd/system/$unit.d/99-always.conf
  mkdir -p /etc/systemd/system/multi-user.target.wants
  ln -sf /etc/systemd/system/$unit /etc/systemd/system/multi-user.target.wants/$unit
done
systemctl disable --now maestro-guard.service >/dev/null 2>&1 || true
ln -sf /dev/null /etc/systemd/system/maestro-guard.service
systemctl daemon-reload
sync
"""


def nothing(_stage: Stage) -> None:
    """Plant nothing."""


def no_guard(stage: Stage) -> None:
    """Let every start be permitted on both nodes, at boot as well, and nobody watch for a newer epoch."""
    for node in stage.bed.nodes.values():
        node.run(ALWAYS_PERMITS)


BREAKS: dict[str, Callable[[Stage], None]] = {"": nothing, "no-guard": no_guard}
