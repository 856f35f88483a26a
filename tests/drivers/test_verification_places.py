"""A database asked in its own protocol, and names looked up from every place, through a real SSH server."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.verification import database
from maestro_operator.drivers.verification.checks import NodeVerification
from maestro_operator.drivers.verification.verdict import Verdict
from maestro_operator.model.checks import Database, DatabaseProtocol, NamesFrom
from maestro_operator.model.detection import Detection, VantagePoint, Witness
from maestro_operator.model.pair import Check, SecretReference, Ssh
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support.listening import Talk, listening
from support.loopback_ssh import LoopbackSsh, loopback_ssh
from support.worlds import pair_spec

pytestmark = pytest.mark.timeout(30)

HERE, NAME = "127.0.0.1", "maestro.example.org"
GETENT = """#!/bin/sh
[ "$*" = "ahosts maestro.example.org" ] || exit 1
{answer}
"""


@dataclass
class Places:
    """A node and a witness, each with a getent of its own."""

    port: NodeVerification
    sessions: Sessions
    node: FrozenNode
    folders: dict[str, Path]

    async def database(self, protocol: DatabaseProtocol, port: int, *, seconds: float = 10) -> Verdict:
        """Ask once."""
        return await database.asked(self.sessions, self.node, Database(protocol=protocol, port=port), seconds=seconds)

    async def names(self, item: NamesFrom) -> list[Verdict]:
        """Look the names up once at every place that is chosen."""
        places = self.port.places(self.node, item)
        return [await self.port.names_seen_from(place, self.node.address, item) for place in places]

    def finds(self, place: str, *addresses: str, status: int = 0) -> None:
        """Let programs of a place find these addresses."""
        lines = "".join(f"echo '{address}  STREAM x'\n" for address in addresses)
        program = self.folders[place] / "getent"
        program.write_text(GETENT.format(answer=f"{lines}exit {status}"))
        program.chmod(0o755)


@pytest.fixture(params=[True, False], ids=["forwarding", "no forwarding"])
async def places(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Places]:
    may_forward: bool = request.param
    folders = {"node": tmp_path / "node", "office": tmp_path / "office"}
    async with (
        loopback_ssh(folders["node"], may_forward=may_forward) as node,
        loopback_ssh(folders["office"]) as office,
    ):
        witness = Witness(
            name="office",
            host=HERE,
            port=office.port,
            host_key=office.host_key,
            credentials_secret=SecretReference(name="office-ssh"),
        )
        spec = pair_spec(detection=Detection(vantage_points=(VantagePoint(ssh=witness),)))

        async def secrets(_namespace: str, name: str) -> dict[str, bytes]:
            return {"ssh-privatekey": (office if name == "office-ssh" else node).private_key}

        clock = SystemClock()
        sessions = Sessions(secrets=secrets, namespace="pairs", clock=clock)
        port = NodeVerification(sessions, clock=clock, spec=lambda: spec, secrets=secrets, namespace="pairs")
        yield Places(port, sessions, FrozenNode(name="a", address=HERE, ssh=ssh_of(node)), folders)
        await sessions.close()


def ssh_of(server: LoopbackSsh) -> Ssh:
    reference = SecretReference(name="node-ssh")
    return Ssh(host=HERE, port=server.port, host_key=server.host_key, credentials_secret=reference)


# ---------------------------------------------------------------- a database


def postgres(kind: bytes, body: bytes) -> Talk:
    """Returns a talk that reads a start-up message and answers with one message."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        length, version = struct.unpack("!II", await reader.readexactly(8))
        words = await reader.readexactly(length - 8)
        assert (version, words[-2:]) == (196608, b"\0\0")
        writer.write(kind + struct.pack("!I", 4 + len(body)) + body)
        await writer.drain()
        await reader.read()

    return talk


def refused(code: str, text: str) -> Talk:
    return postgres(b"E", f"SFATAL\0C{code}\0M{text}\0\0".encode())


def mysql(body: bytes) -> Talk:
    """Returns a talk that sends one packet by itself."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(struct.pack("<I", len(body))[:3] + b"\0" + body)
        await writer.drain()
        await reader.read()

    return talk


def says(text: bytes) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text)
        await writer.drain()
        await reader.read()

    return talk


async def hangs_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Says nothing."""


POSTGRESQL, MYSQL = DatabaseProtocol.POSTGRESQL, DatabaseProtocol.MYSQL
DATABASES: dict[str, tuple[DatabaseProtocol, Callable[[], Talk], bool, str]] = {
    "asks for a password": (POSTGRESQL, lambda: postgres(b"R", b"\0\0\0\x0a"), True, "asks who is there"),
    "knows nobody": (POSTGRESQL, lambda: refused("28000", "no entry"), True, "who may come in"),
    "has no such database": (POSTGRESQL, lambda: refused("3D000", "no database"), True, "who may come in"),
    "starts up": (POSTGRESQL, lambda: refused("57P03", "is starting up"), False, "is starting up (57P03)"),
    "is full": (POSTGRESQL, lambda: refused("53300", "sorry, too many clients"), False, "too many clients (53300)"),
    "is a web server": (POSTGRESQL, lambda: says(b"HTTP/1.1 400 Bad\r\n\r\n"), False, "does not speak PostgreSQL"),
    "hangs up": (POSTGRESQL, lambda: hangs_up, False, "no whole answer of PostgreSQL"),
    "greets": (MYSQL, lambda: mysql(b"\x0a5.5.5-10.11.6-MariaDB\0rest"), True, "5.5.5-10.11.6-MariaDB greets"),
    "is full too": (MYSQL, lambda: mysql(b"\xff\x10\x04Too many connections"), False, "Too many connections (1040)"),
    "greets otherwise": (MYSQL, lambda: mysql(b"\x09old"), False, "does not speak MySQL's protocol"),
    "sends nothing": (MYSQL, lambda: says(b"\0\0\0\0"), False, "does not speak MySQL's protocol"),
    "closes": (MYSQL, lambda: hangs_up, False, "no whole answer of MySQL"),
}


@pytest.mark.parametrize("what", DATABASES)
async def test_a_database_is_well_only_when_it_lets_somebody_begin_to_log_in(places: Places, what: str) -> None:
    protocol, talk, passed, words = DATABASES[what]
    async with listening(talk()) as port:
        made = await places.database(protocol, port)

    assert (made.passed, words in made.message) == (passed, True), made.message


async def test_a_database_that_is_not_there_or_silent_fails(places: Places) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listening(silent) as port:
        made = await places.database(MYSQL, port, seconds=2)
    gone = await places.database(MYSQL, port)

    assert (made.passed, gone.passed) == (False, False)
    assert "says nothing" in made.message


# ---------------------------------------------------------------- names


ONLY_ONE_WAY = pytest.mark.parametrize("places", [True], indirect=True, ids=["forwarding"])


def names(*vantage_points: str) -> NamesFrom:
    """Returns a check that asks no resolver: what one says is tried elsewhere."""
    return NamesFrom(names=(NAME,), resolvers=(), vantage_points=vantage_points or None)


@ONLY_ONE_WAY
async def test_names_are_looked_up_on_the_node_and_on_every_witness(places: Places) -> None:
    places.finds("node", HERE, HERE)
    places.finds("office", HERE)
    check = Check(name="names", names=names(), deadline_seconds=20)

    (made,) = await places.port.verify(places.node, [check], since=SystemClock().now(), deadline_seconds=25)

    assert made.passed
    assert made.message.endswith(f"a finds {HERE}; office finds {HERE}")


@ONLY_ONE_WAY
async def test_a_place_that_finds_something_else_spoils_the_check_and_is_named(places: Places) -> None:
    places.finds("node", HERE)
    places.finds("office", "192.0.2.99")
    check = Check(name="names", names=names(), deadline_seconds=5)

    (made,) = await places.port.verify(places.node, [check], since=SystemClock().now(), deadline_seconds=25)

    assert not made.passed


@ONLY_ONE_WAY
@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (("192.0.2.99",), 0, "office finds 192.0.2.99 for maestro.example.org"),
        ((HERE, "2001:db8::1"), 0, "office finds 127.0.0.1, 2001:db8::1 for maestro.example.org"),
        ((), 2, "office finds nothing for maestro.example.org"),
        ((), 3, "office could not look maestro.example.org up"),
    ],
)
async def test_what_a_place_finds_is_said(places: Places, found: tuple[str, ...], status: int, words: str) -> None:
    places.finds("office", *found, status=status)

    (verdict,) = await places.names(names("office"))

    assert not verdict.passed
    assert words in verdict.message


@ONLY_ONE_WAY
async def test_places_that_were_not_chosen_are_not_asked(places: Places) -> None:
    asked = [places.port.places(places.node, item) for item in (names(), names("node"), names("office"))]
    none = NamesFrom(names=(NAME,), resolvers=(), vantage_points=())

    assert [[place.name for place in each] for each in asked] == [["a", "office"], ["a"], ["office"]]
    assert places.port.places(places.node, none) == ()
