"""The kinds of questions one by one, over servers that behave in every way, asked from here and through a witness."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.probes.drbd import SEEKS, TALKS, drbd_vote_of
from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.model.checks import NodeCommand
from maestro_operator.model.detection import Witness
from maestro_operator.model.pair import DetectionProbe, Empty, HttpProbe, Probe, SecretReference, TcpProbe
from maestro_operator.model.probes import Certificate, HttpsProbe, SmtpProbe, TcpguiProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.resource import Ssh
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Completed, Sessions
from support.loopback_ssh import LoopbackSsh, loopback_ssh

pytestmark = pytest.mark.timeout(60)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HERE = "127.0.0.1"
SECONDS = 3.0
CA = "ca"


@asynccontextmanager
async def serving(talk: Talk, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serves one kind of talk on a port."""
    tasks: set[asyncio.Task[None]] = set()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(served(reader, writer)))

    server = await asyncio.start_server(begin, HERE, 0, ssl=tls)
    async with server:
        yield int(server.sockets[0].getsockname()[1])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(*words: bytes, after: bytes = b"", seconds: float = 0.0) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after:
            await reader.readuntil(after)
        await asyncio.sleep(seconds)
        for word in words:
            writer.write(word)
        await writer.drain()

    return talk


def page(status: str, body: bytes = b"LISTSERV Maestro", *, seconds: float = 0.0) -> Talk:
    return says(f"HTTP/1.0 {status}\r\n\r\n".encode(), body, after=b"\r\n\r\n", seconds=seconds)


def thanks(*, greeting: bytes = b"250 OK\r\n", reply: bytes = b"You're welcome!", code: int = 0) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(4) == b"1B\r\n"
        length, origin = struct.unpack(">HB", await reader.readexactly(3))
        await reader.readexactly(origin)
        writer.write(greeting)
        await reader.readexactly(length - origin - 1)
        writer.write(struct.pack(">II", code, len(reply)) + reply)
        await writer.drain()

    return talk


async def never(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


def certificate(folder: Path, *, address: str = HERE, ends_in_days: int = 30) -> tuple[ssl.SSLContext, bytes]:
    """Makes a server's context whose certificate is its own authority, and that certificate."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    ends = dt.datetime.fromisoformat(SystemClock().now()) + dt.timedelta(days=ends_in_days)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - dt.timedelta(days=365))
        .not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "server.pem").write_bytes(pem + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    return context, pem


class Asked:
    """The same question from here and through a witness."""

    def __init__(self, server: LoopbackSsh, *, authority: bytes = b"") -> None:
        async def secrets(namespace: str, name: str) -> Mapping[str, bytes]:
            return {"ca.crt": authority} if name == CA else await server.secrets(namespace, name)

        self.sessions = Sessions(secrets=secrets, namespace="pairs", clock=SystemClock())
        self.probes = NetworkProbes(sessions=self.sessions, secrets=secrets, namespace="pairs")
        self.witness = Witness(
            name="third",
            host=HERE,
            port=server.port,
            host_key=server.host_key,
            credentials_secret=SecretReference(name="node-ssh"),
        )
        ssh = Ssh(
            host=HERE,
            port=server.port,
            host_key=server.host_key,
            credentials_secret=SecretReference(name="node-ssh"),
        )
        self.node = FrozenNode(name="a", address=HERE, ssh=ssh)

    async def __call__(self, place: str, *probes: Probe, slow_seconds: float = SECONDS) -> VoteSeen | Unknown:
        if place == "here":
            return await self.probes.vote(self.node, probes, timeout_seconds=SECONDS, slow_seconds=slow_seconds)
        return await self.probes.witness_vote(
            self.witness, self.node, probes, timeout_seconds=SECONDS, slow_seconds=slow_seconds
        )

    async def vote(self, place: str, *probes: Probe, slow_seconds: float = SECONDS) -> tuple[Vote, Reason]:
        seen = await self(place, *probes, slow_seconds=slow_seconds)
        assert isinstance(seen, VoteSeen), seen
        assert seen.vantage_point == ("operator" if place == "here" else "third")
        return seen.vote, seen.reason


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kinds")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[LoopbackSsh]:
    async with loopback_ssh(tmp_path / "bin") as made:
        yield made


@pytest.fixture
async def ask(server: LoopbackSsh) -> AsyncIterator[Asked]:
    made = Asked(server)
    yield made
    await made.sessions.close()


def smtp(port: int, pattern: str | None = None) -> DetectionProbe:
    return DetectionProbe(smtp=SmtpProbe(port=port, pattern=pattern))


PLACES = ("here", "third")


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("200 OK", (Vote.ALIVE, Reason.ANSWERS)),
        ("401 Who", (Vote.SICK, Reason.WRONG_CREDENTIALS)),
        ("429 Many", (Vote.SICK, Reason.TOO_MANY_CONNECTIONS)),
        ("507 Full", (Vote.SICK, Reason.DISK_FULL)),
        ("503 Busy", (Vote.SICK, Reason.WRONG_STATUS)),
    ],
)
async def test_a_status_keeps_its_reason(ask: Asked, place: str, status: str, found: tuple[Vote, Reason]) -> None:
    async with serving(page(status)) as port:
        assert await ask.vote(place, Probe(http=HttpProbe(port=port, pattern="Maestro"))) == found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (b"220 mail.example.org ESMTP\r\n", (Vote.ALIVE, Reason.ANSWERS)),
        (b"421 too many connections\r\n", (Vote.SICK, Reason.TOO_MANY_CONNECTIONS)),
        (b"452 no room\r\n", (Vote.SICK, Reason.DISK_FULL)),
        (b"554 no\r\n", (Vote.SICK, Reason.BAD_ANSWER)),
        (b"", (Vote.SICK, Reason.CONNECTION_LOST)),
        (b"220 other.example.org\r\n", (Vote.SICK, Reason.WRONG_STATUS)),
    ],
)
async def test_a_greeting_keeps_its_reason(ask: Asked, place: str, words: bytes, found: tuple[Vote, Reason]) -> None:
    async with serving(says(words)) as port:
        assert await ask.vote(place, smtp(port, "mail")) == found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("talk", "found"),
    [
        (thanks(), (Vote.ALIVE, Reason.ANSWERS)),
        (thanks(code=1), (Vote.SICK, Reason.BAD_ANSWER)),
        (thanks(greeting=b"500 no\r\n"), (Vote.SICK, Reason.BAD_ANSWER)),
        (thanks(reply=b"What?"), (Vote.SICK, Reason.BAD_ANSWER)),
        (never, (Vote.SICK, Reason.TIMED_OUT)),
    ],
)
async def test_listserv_is_asked_for_its_thanks(ask: Asked, place: str, talk: Talk, found: tuple[Vote, Reason]) -> None:
    async with serving(talk) as port:
        assert await ask.vote(place, DetectionProbe(tcpgui=TcpguiProbe(port=port))) == found


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("days", "address", "wanted", "found"),
    [
        (30, HERE, Certificate.REQUIRE, (Vote.ALIVE, Reason.ANSWERS)),
        (-1, HERE, Certificate.REPORT, (Vote.ALIVE, Reason.CERTIFICATE_EXPIRED)),
        (-1, HERE, Certificate.REQUIRE, (Vote.SICK, Reason.CERTIFICATE_EXPIRED)),
        (30, "192.0.2.1", Certificate.REPORT, (Vote.ALIVE, Reason.CERTIFICATE_UNTRUSTED)),
    ],
)
async def test_a_certificate_is_looked_at_and_an_expired_one_is_no_outage(
    server: LoopbackSsh,
    tmp_path: Path,
    place: str,
    days: int,
    address: str,
    wanted: Certificate,
    found: tuple[Vote, Reason],
) -> None:
    context, authority = certificate(tmp_path, address=address, ends_in_days=days)
    ask = Asked(server, authority=authority)
    async with serving(page("200 OK"), tls=context) as port:
        https = HttpsProbe(port=port, certificate=wanted, pattern="Maestro", ca_secret=SecretReference(name=CA))
        assert await ask.vote(place, DetectionProbe(https=https)) == found
    await ask.sessions.close()


@pytest.mark.parametrize("place", PLACES)
async def test_a_certificate_of_nobody_known_is_said(
    server: LoopbackSsh, tmp_path: Path, ask: Asked, place: str
) -> None:
    context, _ = certificate(tmp_path)
    async with serving(page("200 OK"), tls=context) as port:
        seen = await ask.vote(place, DetectionProbe(https=HttpsProbe(port=port)))
    assert seen == (Vote.ALIVE, Reason.CERTIFICATE_UNTRUSTED)


@pytest.mark.parametrize("place", PLACES)
async def test_who_speaks_no_tls_lives(ask: Asked, place: str) -> None:
    async with serving(says(b"SSH-2.0-x\r\n")) as port:
        vote, _ = await ask.vote(place, DetectionProbe(https=HttpsProbe(port=port)))
    assert vote is Vote.SICK


@pytest.mark.parametrize("place", PLACES)
async def test_a_late_answer_is_one_of_a_sick_service(ask: Asked, place: str) -> None:
    async with serving(page("200 OK", seconds=0.3)) as port:
        assert await ask.vote(place, Probe(http=HttpProbe(port=port)), slow_seconds=0.1) == (Vote.SICK, Reason.SLOW)


@pytest.mark.parametrize("place", PLACES)
async def test_a_refusal_comes_from_a_living_machine(ask: Asked, place: str) -> None:
    with socket.socket() as free:
        free.bind((HERE, 0))
        port = int(free.getsockname()[1])
    found = await ask.vote(place, Probe(tcp=TcpProbe(port=port)))
    assert found == (Vote.SICK, Reason.CONNECTION_REFUSED)


@pytest.mark.parametrize("place", PLACES)
async def test_an_echo_alone_is_life_and_its_silence_beside_an_answer_is_nothing(ask: Asked, place: str) -> None:
    echo = DetectionProbe(icmp=Empty())
    async with serving(page("200 OK")) as port:
        assert await ask.vote(place, echo, Probe(tcp=TcpProbe(port=port))) == (Vote.ALIVE, Reason.ANSWERS)


# ---------------------------------------------------------------- the witness itself


async def test_a_witness_that_is_gone_says_nothing_of_the_node(server: LoopbackSsh, ask: Asked) -> None:
    with socket.socket() as free:
        free.bind((HERE, 0))
        ask.witness = ask.witness.model_copy(update={"port": int(free.getsockname()[1])})
    found = await ask("third", Probe(tcp=TcpProbe(port=80)))

    assert isinstance(found, Unknown)
    assert found.reason is Reason.CONNECTION_REFUSED


async def test_another_machine_in_the_witness_place_says_nothing_of_the_node(ask: Asked) -> None:
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBQF7BNT83oZWX9nD0T8DHPMsTGnPtmxGgwWKF3rDN+A"
    ask.witness = ask.witness.model_copy(update={"host_key": other})

    found = await ask("third", Probe(tcp=TcpProbe(port=80)))

    assert isinstance(found, Unknown)
    assert found.reason is Reason.WRONG_HOST_KEY


async def test_a_witness_that_may_not_forward_says_what_to_allow(tmp_path: Path) -> None:
    async with loopback_ssh(tmp_path / "bin", may_forward=False) as server:
        ask = Asked(server)
        found = await ask("third", Probe(tcp=TcpProbe(port=80)))
        await ask.sessions.close()

    assert isinstance(found, VoteSeen)
    assert (found.vote, found.reason) == (Vote.UNKNOWN, Reason.NOT_PERMITTED)
    assert "AllowTcpForwarding" in found.message


async def test_one_connection_serves_every_question_through_a_witness(server: LoopbackSsh, ask: Asked) -> None:
    async with serving(page("200 OK")) as port:
        for _ in range(3):
            assert (await ask.vote("third", Probe(http=HttpProbe(port=port))))[0] is Vote.ALIVE

    assert len(server.server.connections) == 1


async def test_without_a_way_to_a_witness_nothing_is_said(ask: Asked) -> None:
    found = await NetworkProbes().witness_vote(
        ask.witness, ask.node, [Probe(tcp=TcpProbe(port=1))], timeout_seconds=SECONDS, slow_seconds=SECONDS
    )

    assert isinstance(found, Unknown)


# ---------------------------------------------------------------- a command on the node


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo fine", (Vote.ALIVE, Reason.ANSWERS)),
        ("echo TooManyConnections: 151 of 151; exit 2", (Vote.SICK, Reason.TOO_MANY_CONNECTIONS)),
        ("echo WrongCredentials; exit 1", (Vote.SICK, Reason.WRONG_CREDENTIALS)),
        ("echo DiskFull; exit 2", (Vote.SICK, Reason.DISK_FULL)),
        ("echo broken; exit 2", (Vote.SICK, Reason.COMMAND_FAILED)),
        ("exit 2", (Vote.SICK, Reason.COMMAND_FAILED)),
        ("echo who knows; exit 3", (Vote.UNKNOWN, Reason.COMMAND_FAILED)),
    ],
)
async def test_a_command_says_why_it_is_sick(ask: Asked, script: str, found: tuple[Vote, Reason]) -> None:
    probe = DetectionProbe(command=NodeCommand(argv=("/bin/sh", "-c", script)))

    assert await ask.vote("here", probe) == found


async def test_a_command_that_hangs_beside_a_page_that_answers_is_sick(ask: Asked) -> None:
    async with AsyncExitStack() as stack:
        port = await stack.enter_async_context(serving(page("200 OK")))
        hangs = DetectionProbe(command=NodeCommand(argv=("/bin/sleep", "30")))
        assert (await ask.vote("here", hangs, Probe(http=HttpProbe(port=port))))[0] is Vote.SICK


# ---------------------------------------------------------------- DRBD


def drbd(state: str, status: int = 0) -> VoteSeen | Unknown:
    return drbd_vote_of(Completed(status, f"{state}\n", ""), asked="b", about="a", resource="r0")


@pytest.mark.parametrize("state", sorted(TALKS))
def test_drbd_that_talks_sees_a_kernel(state: str) -> None:
    found = drbd(state)
    assert isinstance(found, VoteSeen)
    assert found.vote is Vote.ALIVE


@pytest.mark.parametrize("state", sorted(SEEKS))
def test_drbd_that_seeks_in_vain_sees_silence(state: str) -> None:
    found = drbd(state)
    assert isinstance(found, VoteSeen)
    assert found.vote is Vote.DEAD


@pytest.mark.parametrize(("state", "status"), [("StandAlone", 0), ("Disconnecting", 0), ("", 10), ("Nonsense", 0)])
def test_drbd_that_does_not_look_says_nothing(state: str, status: int) -> None:
    assert isinstance(drbd(state, status), Unknown)


def test_a_node_that_cannot_be_asked_for_its_drbd_says_nothing() -> None:
    silent = Unknown(Reason.TIMED_OUT, "b did not answer")
    assert drbd_vote_of(silent, asked="b", about="a", resource="r0") is silent
