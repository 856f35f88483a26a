"""What points clients at the active node: one entry of `spec.traffic`, and the forms it may have."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from maestro_operator.model.resource import ResourceValue, SecretReference, Ssh


class RecordType(StrEnum):
    """The types of records that can be kept."""

    A = "A"
    AAAA = "AAAA"
    CNAME = "CNAME"
    SRV = "SRV"


class DnsRecord(ResourceValue):
    """One record with a value for each node."""

    name: str
    type: RecordType
    values: dict[str, str]
    """Node name to what the record holds while that node is active."""


class Dns(ResourceValue):
    """Records kept by RFC 2136 updates."""

    servers: tuple[str, ...]
    primaries: tuple[str, ...] = ()
    """Which of the servers take updates, each for itself; without any, the first alone."""
    resolvers: tuple[str, ...] = ()
    """Resolvers of clients that are asked too; they may go on with an old answer for its time to live."""
    zone: str
    names: tuple[str, ...] = ()
    records: tuple[DnsRecord, ...] = ()
    ttl_seconds: int = 30
    lowered_ttl_seconds: int | None = None
    """The time to live while a switchover is under way."""
    tsig_secret: SecretReference
    sign_questions: bool = False
    """Ask with the key too: the servers choose a view by it, which others cannot be asked about from here."""

    @property
    def view(self) -> str:
        """Return what tells two views of one server apart, as far as this operator sees them."""
        return self.tsig_secret.name if self.sign_questions else ""

    @property
    def takes_updates(self) -> tuple[str, ...]:
        """Return the servers that updates are sent to."""
        return self.primaries or self.servers[:1]

    @property
    def all_names(self) -> tuple[str, ...]:
        """Return every name that is kept, once."""
        return tuple(dict.fromkeys((*self.names, *(record.name for record in self.records))))


class FloatingAddress(ResourceValue):
    """An address that the active node has on an interface, beside its own."""

    address: str
    prefix_length: int
    interface: str
    again_after_seconds: int = 5
    """How long after it was taken it is announced again: a switch may have missed the first time."""
    refresh_seconds: int = 60
    """How often it is announced while all is well."""


class Nat(ResourceValue):
    """A translation on a gateway: one public address to the active node."""

    address: str
    ports: tuple[int, ...] = ()
    """TCP and UDP ports; without any, everything."""
    ssh: Ssh


class ServicePort(ResourceValue):
    """One port of a Service."""

    name: str
    port: int


class ServiceEndpoint(ResourceValue):
    """The one endpoint of a Service without a selector, in the pair's namespace."""

    service: str
    ports: tuple[ServicePort, ...]


class ExternalDns(ResourceValue):
    """Names that external-dns keeps, ordered by a DNSEndpoint in the pair's namespace."""

    names: tuple[str, ...]
    ttl_seconds: int = 30
    resolvers: tuple[str, ...] = ()
    """Resolvers that are asked; external-dns and caches may take a while."""


class Command(ResourceValue):
    """Two programs on a host, for what nothing else here can steer."""

    ssh: Ssh
    read: tuple[str, ...]
    """Prints the address that clients are sent to now, or nothing."""
    move: tuple[str, ...]
    """Sends them to `{{ address }}`; it may be repeated."""


class Traffic(ResourceValue):
    """One thing that points clients at the active node."""

    name: str
    addresses: dict[str, str] = Field(default_factory=dict)
    """Node name to the address that this entry gives to clients, where it is not the node's own."""
    dns: Dns | None = None
    floating_address: FloatingAddress | None = None
    nat: Nat | None = None
    endpoint_slice: ServiceEndpoint | None = None
    external_dns: ExternalDns | None = Field(default=None, alias="externalDNS")
    command: Command | None = None

    @property
    def host(self) -> Ssh | None:
        """Return the host, neither of the nodes, on which this entry is kept, None where there is none."""
        kept = self.nat or self.command
        return kept.ssh if kept else None

    @property
    def public_names(self) -> tuple[str, ...]:
        """Return every name that the entry keeps."""
        if self.dns is not None:
            return self.dns.all_names
        return self.external_dns.names if self.external_dns else ()

    @property
    def lowered_ttl_seconds(self) -> int | None:
        """Return what clients may keep an answer for while a switchover is under way, None where that is as ever."""
        return self.dns.lowered_ttl_seconds if self.dns else None

    def address_for(self, node: str, own: str) -> str:
        """Return where this entry sends clients while that node is active."""
        return self.addresses.get(node, own)
