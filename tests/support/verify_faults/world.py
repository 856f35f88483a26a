"""The parts that are verified: the stand-in on node a, a mail host, two name servers, and the checks of them all."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import dns.query
import dns.tsig
import dns.update

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.ports import CheckResult
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.model.detection import Detection, VantagePoint, Witness
from maestro_operator.model.pair import (
    BtrfsConsistency,
    Check,
    Consistency,
    Node,
    PairSpec,
    Replication,
    Rsync,
    SecretReference,
    Service,
    Ssh,
)
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support import tls_page
from support.bed import Bed, clock, layout
from support.bed import Node as BedNode
from support.bed.namespace import Process
from support.mail import DOMAIN, MAILBOX, PROBE, MailHost
from support.standin import LIVE, PUBLIC_NAME, SERVICES, initialise, install, set_mail
from support.tls_page.authority import Authority

LOG = f"{LIVE}/files/lui/logs/LUI-{{yyyymmdd}}.LOG"
INI = f"{LIVE}/files/lui/lui.ini"
CHANGELOG = f"{LIVE}/files/lui/NOLIST-verify.changelog"
NOBODY = f"nobody@{DOMAIN}"
DEADLINE_SECONDS = 5
SECOND_SERVER = layout.BED_ADDRESS
NAMED = """
options {{
  directory "/var/cache/bind";
  pid-file none;
  session-keyfile "/var/cache/bind/second.key";
  listen-on port 53 {{ {address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
}};
controls {{ }};
zone "{zone}" {{ type primary; file "second.zone"; }};
"""
ZONE = """$TTL 5
@ IN SOA ns hostmaster {serial} 3600 600 86400 5
@ IN NS ns
ns IN A {server}
maestro IN A {address}
"""


def checks() -> tuple[Check, ...]:
    """Return one check of each kind."""
    found: dict[str, dict[str, object]] = {
        "page": {"http": {"path": "/lui/", "host": PUBLIC_NAME, "pattern": r"LISTSERV Maestro \d+\.\d"}},
        "secure-page": {
            "http": {"port": tls_page.PORT, "pattern": "Maestro", "tls": {"caSecret": {"name": "authority"}}}
        },
        "database": {"database": {"protocol": "PostgreSQL", "port": 5432}},
        "log": {"log": {"path": LOG, "fail": [r"\bSEVERE\b"], "ok": ["start-up complete"]}},
        "login": {
            "login": {
                "host": PUBLIC_NAME,
                "path": "/lui/login",
                "userField": "user",
                "passwordField": "password",
                "secret": {"name": "login"},
                "page": "/lui/desk",
                "pattern": "Mail Jobs",
            }
        },
        "listserv": {"tcpgui": {}},
        "old-address": {"oldAddress": {"ports": [80]}},
        "names": {"names": {"names": [PUBLIC_NAME], "resolvers": [layout.NAMESERVER_ADDRESS, SECOND_SERVER]}},
        "command": {"command": {"argv": ["/usr/bin/test", "-d", f"{LIVE}/files/hub"]}},
        "audit": {"addressAudit": {"files": [INI]}},
        "mailing": {
            "mailing": {
                "subject": "Verification",
                "trigger": {"host": PUBLIC_NAME, "secret": {"name": "trigger"}},
                "mailbox": {"host": layout.BED_ADDRESS, "secret": {"name": "mailbox"}},
            }
        },
        "click": {"click": {"of": "mailing", "path": "/trk/click?ref=", "host": PUBLIC_NAME}},
        "bounce": {"bounce": {"of": "mailing", "file": CHANGELOG, "pattern": f"BOUNCE {NOBODY}$"}},
    }
    return tuple(
        Check.model_validate({"name": name, "deadlineSeconds": DEADLINE_SECONDS, **kind})
        for name, kind in found.items()
    )


class VerifiedWorld:
    """Everything that runs, the driver that verifies it, and the handles that faults are planted with."""

    def __init__(self, bed: Bed, mail: MailHost) -> None:
        self.bed = bed
        self.mail = mail
        self.a, self.b = bed.nodes["a"], bed.nodes["b"]
        self._clock = SystemClock()
        self.authority = Authority(now=self._clock.now())
        self._secrets = {
            "login": {"username": b"verifier", "password": secrets.token_hex(8).encode()},
            "trigger": {"token": secrets.token_hex(8).encode()},
            "mailbox": {"username": PROBE.encode(), "password": mail.password.encode(), "ca.crt": mail.authority},
            "ssh": {"ssh-privatekey": bed.ssh_key.read_bytes()},
            "authority": {"ca.crt": self.authority.certificate},
        }
        self.since = self._clock.now()
        self.spec = _spec(self.a, self.b)
        self._second: Process | None = None

    @classmethod
    @contextlib.contextmanager
    def up(cls, folder: Path) -> Iterator["VerifiedWorld"]:
        """Bring everything up for the length of a block."""
        with Bed.up(folder) as bed, MailHost.up(bed, active_address=layout.NODE_ADDRESSES["a"]) as mail:
            world = cls(bed, mail)
            world.start()
            yield world

    def start(self) -> None:
        """Install and start the stand-in on a, point the name there, and start the second name server."""
        install(self.a, name="a", mail=self.mail_settings())
        for node in (self.a, self.b):
            do(node, f"grep -q {PUBLIC_NAME} /etc/hosts || echo '{self.a.address} {PUBLIC_NAME}' >>/etc/hosts")
        initialise(self.a)
        self.write_ini(PUBLIC_NAME)
        self.since = self._clock.now()
        for unit in SERVICES:
            do(self.a, f"systemctl start {unit}")
        self.serve_tls(ends_in_days=30)
        self._point_at_a()
        self.second_says(self.a.address)
        (self.bed.plan.dns / "second.conf").write_text(NAMED.format(address=SECOND_SERVER, zone=layout.ZONE))
        self._second = self.bed.spawn(
            ("named", "-f", "-4", "-n", "1", "-c", "/var/cache/bind/second.conf"),
            log=self.bed.plan.directory / "second-named.log",
        )
        clock.wait_until(self._second_answers, timeout_seconds=15, what="the second name server")

    async def verify(self, chosen: tuple[Check, ...]) -> tuple[CheckResult, ...]:
        """Run the checks as an episode would, in the bed's network."""
        sessions = Sessions(secrets=self.secret, namespace="pairs", clock=self._clock)
        port = NodeVerification(
            sessions, clock=self._clock, spec=lambda: self.spec, secrets=self.secret, namespace="pairs"
        )
        node = self.spec.node("a")
        try:
            return await port.verify(
                FrozenNode(name="a", address=node.address, ssh=node.ssh), chosen, since=self.since, deadline_seconds=60
            )
        finally:
            await sessions.close()

    def serve_tls(self, *, ends_in_days: int) -> None:
        """Serve the page over TLS on a, with a certificate that ends when it is told to."""
        tls_page.serve(self.a, self.authority, ends_in_days=ends_in_days)

    async def secret(self, _namespace: str, name: str) -> Mapping[str, bytes]:
        """Return a Secret."""
        return self._secrets[name]

    @property
    def secret_words(self) -> tuple[str, ...]:
        """What no message may hold."""
        named = (("login", "password"), ("trigger", "token"), ("mailbox", "password"))
        return tuple(self._secrets[name][key].decode() for name, key in named)

    def mail_settings(self, **changes: str) -> dict[str, str]:
        """Return what the stand-in's mailings need."""
        return {
            "user": "verifier",
            "password": self._secrets["login"]["password"].decode(),
            "token": self._secrets["trigger"]["token"].decode(),
            "relay": f"{self.mail.address}:25",
            "sender": f"bounce@{PUBLIC_NAME}",
            "recipients": f"{NOBODY} {MAILBOX}",
            "subject": "Verification",
            "public_name": PUBLIC_NAME,
            "changelog": CHANGELOG,
            "faults": "",
            **changes,
        }

    def set_mail(self, **changes: str) -> None:
        """Change the stand-in's mailings, login or LISTSERV while it runs."""
        set_mail(self.a, self.mail_settings(**changes))

    def write_ini(self, host: str) -> None:
        """Write the configuration file that is audited."""
        self.a.push(INI, f"# {self.b.address} was here\nHubHost={host}\n".encode(), mode=0o644)

    def second_says(self, address: str) -> None:
        """Let the second name server give an address for the name."""
        text = ZONE.format(serial=self._serial(), server=SECOND_SERVER, address=address)
        (self.bed.plan.dns / "second.zone").write_text(text)
        if self._second is not None:
            self._second.stop()
            self._second = self.bed.spawn(
                ("named", "-f", "-4", "-n", "1", "-c", "/var/cache/bind/second.conf"),
                log=self.bed.plan.directory / "second-named.log",
            )
            clock.wait_until(self._second_answers, timeout_seconds=15, what="the second name server")

    def _serial(self) -> int:
        path = self.bed.plan.dns / "second.serial"
        number = json.loads(path.read_text()) + 1 if path.exists() else 1
        path.write_text(json.dumps(number))
        return int(number)

    def _second_answers(self) -> bool:
        query = dns.message.make_query(f"{PUBLIC_NAME}.", "A")
        with self.bed.network(), contextlib.suppress(OSError, dns.exception.DNSException):
            return bool(dns.query.udp(query, SECOND_SERVER, timeout=0.5).answer)
        return False

    def _point_at_a(self) -> None:
        key = self.bed.dns.key
        change = dns.update.UpdateMessage(self.bed.dns.zone, keyring=dns.tsig.Key(key.name, key.secret, key.algorithm))
        change.replace(f"{PUBLIC_NAME}.", layout.TTL_SECONDS, "A", self.a.address)
        with self.bed.network():
            assert dns.query.tcp(change, self.bed.dns.address, timeout=5).rcode() == 0


def do(node: BedNode, script: str) -> None:
    """Run a script that must succeed."""
    ran = node.run(script, timeout_seconds=60)
    if ran.return_code != 0:
        raise RuntimeError(f"{script}: {ran.stderr.decode(errors='replace')}")


def _spec(a: BedNode, b: BedNode) -> PairSpec:
    one, other = (
        Node(
            name=node.name,
            address=node.address,
            given_ssh=Ssh(host=node.address, host_key=node.host_key, credentials_secret=SecretReference(name="ssh")),
        )
        for node in (a, b)
    )
    # The other node's machine is the witness too: what looks a name up there asks nothing of a node.
    witness = Witness(
        name="witness", host=b.address, host_key=b.host_key, credentials_secret=SecretReference(name="ssh")
    )
    return PairSpec(
        active_node="a",
        nodes=(one, other),
        detection=Detection(vantage_points=(VantagePoint(ssh=witness),)),
        services=tuple(Service(name=unit.removesuffix(".service"), unit=unit) for unit in SERVICES),
        replication=Replication(rsync=Rsync(paths=(LIVE,), consistency=Consistency(btrfs=BtrfsConsistency()))),
        verification=checks(),
    )
