"""Every knob of the operator: what it does, its unit and its default.

Each is an environment variable, so that the chart sets them and `--help` of nothing is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.model.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator was started with."""

    kubeconfig: Path | None
    """MAESTRO_KUBECONFIG: a kubeconfig file; unset: the cluster this pod runs in."""
    watch_namespace: str | None
    """MAESTRO_WATCH_NAMESPACE: the one namespace to watch; unset: all."""
    lease_namespace: str
    """MAESTRO_LEASE_NAMESPACE: where the Lease lives; default maestro-system."""
    lease_name: str
    """MAESTRO_LEASE_NAME: two operators with one Lease are one leader and one spare."""
    lease_seconds: int
    """MAESTRO_LEASE_SECONDS: a silent leader is replaced after this long; default 15."""
    listen_address: str
    """MAESTRO_LISTEN_ADDRESS: where /livez, /readyz and /metrics are served; default 0.0.0.0."""
    listen_port: int
    """MAESTRO_LISTEN_PORT: default 8080."""
    relist_seconds: int
    """MAESTRO_RELIST_SECONDS: everything is listed anew this often, whatever the watch says."""
    fence_agents: Path
    """MAESTRO_FENCE_AGENTS: the folder of the ClusterLabs agents; default /usr/sbin."""

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> Settings:
        """Read the settings.

        Raises:
            BadInput: a value is not what its knob takes; the message names the variable.
        """
        kubeconfig = environment.get("MAESTRO_KUBECONFIG")
        return Settings(
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            watch_namespace=environment.get("MAESTRO_WATCH_NAMESPACE") or None,
            lease_namespace=environment.get("MAESTRO_LEASE_NAMESPACE", "maestro-system"),
            lease_name=environment.get("MAESTRO_LEASE_NAME", "maestro-operator"),
            lease_seconds=_whole(environment, "MAESTRO_LEASE_SECONDS", 15),
            listen_address=environment.get("MAESTRO_LISTEN_ADDRESS", "0.0.0.0"),  # noqa: S104 - a pod
            listen_port=_whole(environment, "MAESTRO_LISTEN_PORT", 8080),
            relist_seconds=_whole(environment, "MAESTRO_RELIST_SECONDS", 120),
            fence_agents=Path(environment.get("MAESTRO_FENCE_AGENTS", "/usr/sbin")),
        )


def _whole(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, str(default))
    if not text.isdecimal():
        raise BadInput(name, f"write a whole number, not {text!r}")
    return int(text)
