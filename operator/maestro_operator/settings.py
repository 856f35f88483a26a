"""Every knob of the operator: what it does, its unit and its default.

Each is an environment variable, so that the chart sets them; docs/reference/settings.md is the
same table for readers, and a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.model.addresses import AddressPolicy, networks_of
from maestro_operator.model.errors import BadInput
from maestro_operator.model.shards import Shard

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
LEAST_LEASE_SECONDS = 12
"""With less, one slow answer of the API server would end a leadership."""
MOST_SECONDS = 3600
MOST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Knob:
    """One environment variable: its default as it would be written, and what it does."""

    variable: str
    default: str
    effect: str


KUBECONFIG = Knob("MAESTRO_KUBECONFIG", "", "A kubeconfig file; unset: the cluster this pod runs in.")
WATCH_NAMESPACE = Knob("MAESTRO_WATCH_NAMESPACE", "", "The one namespace whose pairs are watched; unset: all.")
LEASE_NAMESPACE = Knob("MAESTRO_LEASE_NAMESPACE", "maestro-system", "The namespace of the Lease.")
LEASE_NAME = Knob(
    "MAESTRO_LEASE_NAME", "maestro-operator", "The Lease's name: operators that share it are one leader and spares."
)
LEASE_SECONDS = Knob(
    "MAESTRO_LEASE_SECONDS", "15", "Seconds after which a silent leader is replaced; 12 to 3600, the same for all."
)
SHARD = Knob(
    "MAESTRO_SHARD",
    "1/1",
    "The share of the pairs that is looked after, such as 2/3; its number ends the Lease's name, such as `-2-of-3`.",
)
LISTEN_ADDRESS = Knob("MAESTRO_LISTEN_ADDRESS", "0.0.0.0", "Where /livez, /readyz and /metrics are served.")  # noqa: S104 - a pod's own address
LISTEN_PORT = Knob("MAESTRO_LISTEN_PORT", "8080", "The port they are served on; 0 takes a free one and logs it.")
RELIST_SECONDS = Knob(
    "MAESTRO_RELIST_SECONDS",
    "120",
    "Seconds after which all pairs are listed anew, whatever the watch says; 1 to 3600.",
)
FENCE_AGENTS = Knob("MAESTRO_FENCE_AGENTS", "/usr/sbin", "The folder of the ClusterLabs fence agents.")
ALLOWED_ADDRESSES = Knob(
    "MAESTRO_ALLOWED_ADDRESSES",
    "",
    "Networks that pairs may name although they are loopback, link-local, multicast or metadata addresses, "
    "with commas between; unset: none.",
)
STATUS_PAGE_PORT = Knob("MAESTRO_STATUS_PAGE_PORT", "", "The port of the status page; unset: there is none.")
STATUS_PAGE_ADDRESS = Knob(
    "MAESTRO_STATUS_PAGE_ADDRESS",
    "127.0.0.1",
    "Where the status page is served. It asks nobody who they are: whoever reaches another address than this may look.",
)
LOG_LEVEL = Knob("MAESTRO_LOG_LEVEL", "INFO", "The least that is logged: DEBUG, INFO, WARNING or ERROR.")

KNOBS = (
    KUBECONFIG,
    WATCH_NAMESPACE,
    LEASE_NAMESPACE,
    LEASE_NAME,
    LEASE_SECONDS,
    SHARD,
    LISTEN_ADDRESS,
    LISTEN_PORT,
    RELIST_SECONDS,
    FENCE_AGENTS,
    ALLOWED_ADDRESSES,
    STATUS_PAGE_PORT,
    STATUS_PAGE_ADDRESS,
    LOG_LEVEL,
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator was started with, each as its knob says."""

    kubeconfig: Path | None
    watch_namespace: str | None
    lease_namespace: str
    lease_name: str
    lease_seconds: int
    shard: Shard
    listen_address: str
    listen_port: int
    relist_seconds: int
    fence_agents: Path
    addresses: AddressPolicy
    status_page_port: int | None
    status_page_address: str
    log_level: str

    @staticmethod
    def from_environment(environment: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is set to nothing counts as unset.

        Raises:
            BadInput: a value is not what its knob takes; the message names the variable.

        """

        def text(knob: Knob) -> str:
            return environment.get(knob.variable) or knob.default

        def whole(knob: Knob, *, least: int, most: int) -> int:
            found = text(knob)
            if not found.isdecimal() or not least <= int(found) <= most:
                raise BadInput(knob.variable, f"write a whole number from {least} to {most}, not {found!r}")
            return int(found)

        def policy() -> AddressPolicy:
            try:
                return AddressPolicy(networks_of(text(ALLOWED_ADDRESSES)))
            except ValueError as error:
                raise BadInput(ALLOWED_ADDRESSES.variable, f"write networks such as 127.0.0.0/8: {error}") from None

        def address(knob: Knob) -> str:
            try:
                return str(ip_address(text(knob)))
            except ValueError:
                raise BadInput(knob.variable, f"write an IP address, not {text(knob)!r}") from None

        kubeconfig, level, shard = text(KUBECONFIG), text(LOG_LEVEL), _shard(text(SHARD))
        if level not in LEVELS:
            raise BadInput(LOG_LEVEL.variable, f"write one of {', '.join(LEVELS)}, not {level!r}")
        return Settings(
            kubeconfig=Path(kubeconfig) if kubeconfig else None,
            watch_namespace=text(WATCH_NAMESPACE) or None,
            lease_namespace=text(LEASE_NAMESPACE),
            # Two shares with one Lease would wait for each other, and one share's pairs be looked after by nobody.
            lease_name=shard.own_name(text(LEASE_NAME)),
            lease_seconds=whole(LEASE_SECONDS, least=LEAST_LEASE_SECONDS, most=MOST_SECONDS),
            shard=shard,
            listen_address=text(LISTEN_ADDRESS),
            listen_port=whole(LISTEN_PORT, least=0, most=MOST_PORT),
            relist_seconds=whole(RELIST_SECONDS, least=1, most=MOST_SECONDS),
            fence_agents=Path(text(FENCE_AGENTS)),
            addresses=policy(),
            status_page_port=(whole(STATUS_PAGE_PORT, least=0, most=MOST_PORT) if text(STATUS_PAGE_PORT) else None),
            status_page_address=address(STATUS_PAGE_ADDRESS),
            log_level=level,
        )


def _shard(text: str) -> Shard:
    """Return the share that a setting says, or raise BadInput."""
    try:
        return Shard.from_words(text)
    except ValueError as error:
        raise BadInput(SHARD.variable, str(error)) from None
