"""What differs by node, put right on the node that takes over: one entry of `spec.localise`, and its forms."""

from __future__ import annotations

from enum import StrEnum

from maestro_operator.model.resource import ResourceValue


class HostsPin(ResourceValue):
    """Public names that each node resolves to itself."""

    names: tuple[str, ...]


class FilterFamily(StrEnum):
    """The families of nftables in which a set of addresses may stand."""

    INET = "inet"
    IP = "ip"
    IP6 = "ip6"


class ValuesFile(ResourceValue):
    """One file of the node in which some keys have values of the node's own."""

    file: str
    set: dict[str, str]
    """Key to value; `{{ node.address }}` and three more names stand for what differs."""


class ManagedLines(ResourceValue):
    """Lines of a file that are the operator's own, between two marks; every other line stays."""

    file: str
    lines: tuple[str, ...]
    """The same four names as in `set` may stand between double braces."""
    reload: tuple[str, ...] = ()
    """A program that is run as root, without a shell, after the file changed."""


class FirewallSet(ResourceValue):
    """A set of the node's packet filter that holds exactly these elements."""

    family: FilterFamily = FilterFamily.INET
    table: str
    set: str
    elements: tuple[str, ...]
    """Addresses or networks, or the names of them between double braces."""


class Localise(ResourceValue):
    """One thing that differs by node."""

    name: str
    hosts_pin: HostsPin | None = None
    properties: ValuesFile | None = None
    """A Java `.properties` file, such as Maestro's lui.ini."""
    site_configuration: ValuesFile | None = None
    """A shell file of `NAME="value"` lines, such as LISTSERV's go.user."""
    relay_rules: ManagedLines | None = None
    """Whom the mail server relays for, or through whom."""
    aliases: ManagedLines | None = None
    """Aliases of the mail server, beside those that are there."""
    firewall_set: FirewallSet | None = None

    @property
    def values_file(self) -> ValuesFile | None:
        """Return the file, whatever its form is."""
        return self.properties or self.site_configuration

    @property
    def is_settled(self) -> bool:
        """Tell whether something is edited on the node that takes over."""
        return self.hosts_pin is None

    @property
    def file(self) -> str | None:
        """Return the file that is edited, None where it is none."""
        edited = self.values_file or self.managed_lines
        return edited.file if edited else None

    @property
    def managed_lines(self) -> ManagedLines | None:
        """Return the lines, whatever they are for."""
        return self.relay_rules or self.aliases
