"""The kinds of checks that a start can be verified by, as the resource has them."""

from __future__ import annotations

from enum import StrEnum

from maestro_operator.model.resource import ResourceValue, SecretReference

THE_NODE = "node"
"""How the active node itself is named among vantage points of names."""


class Tls(ResourceValue):
    """HTTPS, its certificate trusted by the system's authorities or by the one of a Secret alone."""

    ca_secret: SecretReference | None = None
    """A Secret with `ca.crt`."""


class Login(ResourceValue):
    """A form login; the page behind it must show a pattern."""

    port: int = 80
    host: str | None = None
    path: str
    user_field: str
    password_field: str
    secret: SecretReference
    page: str
    pattern: str
    tls: Tls | None = None


class Tcpgui(ResourceValue):
    """LISTSERV's command port, asked for its thanks."""

    port: int = 2306


class DatabaseProtocol(StrEnum):
    """What a database speaks."""

    POSTGRESQL = "PostgreSQL"
    MYSQL = "MySQL"
    """MariaDB too."""


class Database(ResourceValue):
    """A database that must let somebody begin to log in; no account is used."""

    protocol: DatabaseProtocol
    port: int


class OldAddress(ResourceValue):
    """TCP ports on which nothing answers any more at the other node's address."""

    ports: tuple[int, ...]


class NamesFrom(ResourceValue):
    """Names that each resolver and each vantage point must give as the active node's address, and no other."""

    names: tuple[str, ...]
    resolvers: tuple[str, ...]
    vantage_points: tuple[str, ...] | None = None
    """Where programs look the names up too: `node`, the active one, and witnesses by name; all of them without it."""


class NodeCommand(ResourceValue):
    """A program that is run on the node as root, word by word, without a shell; status 0 passes."""

    argv: tuple[str, ...]


class AddressAudit(ResourceValue):
    """Files in which neither node's own address may stand, but where `localise` puts it."""

    files: tuple[str, ...]


class Trigger(ResourceValue):
    """Maestro's delivery trigger, asked for with the token of a Secret."""

    port: int = 80
    host: str | None = None
    path: str = "/lui/externalAction.do"
    secret: SecretReference
    tls: Tls | None = None


class Submission(ResourceValue):
    """One message handed to the node's own mail server."""

    port: int = 25
    sender: str
    recipient: str


class MailboxSecurity(StrEnum):
    """How the connection to a mailbox is kept."""

    TLS = "TLS"
    PLAIN = "Plain"


class Mailbox(ResourceValue):
    """A mailbox that is read by IMAP."""

    host: str
    port: int = 993
    security: MailboxSecurity = MailboxSecurity.TLS
    folder: str = "INBOX"
    secret: SecretReference


class Mailing(ResourceValue):
    """A test mailing that must arrive in a mailbox."""

    subject: str
    """What stands in the subject of the message."""
    trigger: Trigger | None = None
    smtp: Submission | None = None
    mailbox: Mailbox


class Click(ResourceValue):
    """A tracked link that must lead on: the one of a received message, or a fixed one."""

    of: str | None = None
    path: str = "/trk/click"
    host: str | None = None
    port: int = 80
    tls: Tls | None = None


class Bounce(ResourceValue):
    """The record of a bounce that a test mailing causes."""

    of: str
    file: str
    pattern: str
