"""The kinds of questions that show whether something answers, as the resource has them."""

from __future__ import annotations

from enum import StrEnum

from maestro_operator.model.checks import NodeCommand, Tls
from maestro_operator.model.resource import Empty, ResourceValue, SecretReference


class HttpProbe(ResourceValue):
    """An HTTP request whose status and body say whether the service answers."""

    port: int = 80
    path: str = "/"
    host: str | None = None
    status: int = 200
    pattern: str | None = None


class HttpCheck(HttpProbe):
    """The same of a verification, over HTTPS where it says so."""

    tls: Tls | None = None


class TcpProbe(ResourceValue):
    """A TCP connection that must be accepted."""

    port: int


class Probe(ResourceValue):
    """Exactly one way to ask whether something answers."""

    http: HttpProbe | None = None
    tcp: TcpProbe | None = None


class Certificate(StrEnum):
    """What a certificate that nobody should trust says of the service behind it."""

    REPORT = "Report"
    """The service answers, and the vote says what is wrong with the certificate."""
    REQUIRE = "Require"
    """The service is sick."""


class HttpsProbe(ResourceValue):
    """An HTTPS request; status and body say whether the service answers, and the certificate is looked at."""

    port: int = 443
    path: str = "/"
    host: str | None = None
    status: int = 200
    pattern: str | None = None
    certificate: Certificate = Certificate.REPORT
    ca_secret: SecretReference | None = None
    """A Secret with `ca.crt`, where the certificate is not one of a public authority."""


class SmtpProbe(ResourceValue):
    """A mail server that must greet with 220."""

    port: int = 25
    pattern: str | None = None
    """A regular expression that the greeting must match."""


class TcpguiProbe(ResourceValue):
    """LISTSERV's command port, which must answer THANKS with its thanks."""

    port: int = 2306


class DetectionProbe(Probe):
    """Exactly one question to the active side from a vantage point."""

    icmp: Empty | None = None
    """An echo request; its silence says nothing where anything else answers."""
    https: HttpsProbe | None = None
    smtp: SmtpProbe | None = None
    tcpgui: TcpguiProbe | None = None
    command: NodeCommand | None = None
    """Run on the node itself, as root and without a shell; asked by the operator alone."""
