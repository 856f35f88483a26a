"""The contract of probes, held over the memory world and over sockets that behave in every way."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import pytest
from typing_extensions import override

from maestro_operator.drivers.memory.ports import MemoryProbes
from maestro_operator.drivers.memory.world import OPERATOR, MemoryClock, MemoryWorld
from maestro_operator.drivers.ports import ProbePort
from maestro_operator.drivers.probes.network import BODY_LIMIT_BYTES, NetworkProbes
from maestro_operator.model.pair import HttpProbe, Probe, SecretReference, Ssh, TcpProbe
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.model.status import FrozenNode
from support.bed import Bed

pytestmark = pytest.mark.timeout(30)

Answering = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PATIENCE_SECONDS = 0.5


def node(address: str) -> FrozenNode:
    ssh = Ssh(host=address, host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="ssh"))
    return FrozenNode(name="a", address=address, ssh=ssh)


class ProbedWorld(Protocol):
    """One node that may serve, refuse or be silent."""

    probes: ProbePort
    asked: tuple[Probe, ...]

    async def serve(self) -> None:
        """Let all services answer."""

    async def refuse(self) -> None:
        """Let the machine live, and nothing listen."""

    async def be_silent(self) -> None:
        """Let nothing come back from the machine."""


class MemoryProbed(ProbedWorld):
    def __init__(self) -> None:
        self._world = MemoryWorld(nodes=[("a", "192.0.2.1"), ("b", "192.0.2.2")], units=("x",), clock=MemoryClock())
        self.probes = MemoryProbes(self._world)
        self.asked = (Probe(tcp=TcpProbe(port=80)),)

    @override
    async def serve(self) -> None:
        self._world.nodes["a"].running = {"x"}

    @override
    async def refuse(self) -> None:
        self._world.nodes["a"].running = set()

    @override
    async def be_silent(self) -> None:
        self._world.cut(OPERATOR, "a")


class LoopbackProbed(ProbedWorld):
    def __init__(self, serve: Callable[[Answering], Awaitable[int]]) -> None:
        self._serve = serve
        self.probes = NetworkProbes()
        self.asked: tuple[Probe, ...] = ()
        self._full: list[socket.socket] = []

    @override
    async def serve(self) -> None:
        self.asked = (Probe(http=HttpProbe(port=await self._serve(page()))),)

    @override
    async def refuse(self) -> None:
        self.asked = (Probe(tcp=TcpProbe(port=free_port())),)

    @override
    async def be_silent(self) -> None:
        """A queue of connections that is full and that nobody empties: the kernel drops what comes."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._full.append(listening)
        for _ in range(4):
            knocking = socket.socket()
            knocking.settimeout(0)
            knocking.connect_ex(listening.getsockname())
            self._full.append(knocking)
        self.asked = (Probe(tcp=TcpProbe(port=listening.getsockname()[1])),)

    def close(self) -> None:
        for item in self._full:
            item.close()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def page(*chunks: str, status: str = "200 OK", before: Callable[[], Awaitable[None]] | None = None) -> Answering:
    """Answer with a page, each part a moment after the other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if before is not None:
            await before()
        writer.write(f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n".encode())
        for chunk in chunks:
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(chunk.encode())
        writer.close()

    return answer


@pytest.fixture
async def serve() -> AsyncIterator[Callable[[Answering], Awaitable[int]]]:
    answering: list[asyncio.Task[None]] = []
    async with contextlib.AsyncExitStack() as stack:

        async def listen(way: Answering) -> int:
            async def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                try:
                    with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                        await way(reader, writer)
                finally:
                    writer.close()

            def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                answering.append(asyncio.create_task(quietly(reader, writer)))

            server = await stack.enter_async_context(await asyncio.start_server(begin, "127.0.0.1", 0))
            return int(server.sockets[0].getsockname()[1])

        yield listen
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering)


@pytest.fixture(params=["memory", "loopback"])
async def world(
    request: pytest.FixtureRequest, serve: Callable[[Answering], Awaitable[int]]
) -> AsyncIterator[ProbedWorld]:
    if request.param == "memory":
        yield MemoryProbed()
        return
    probed = LoopbackProbed(serve)
    yield probed
    probed.close()


async def vote(probes: ProbePort, *asked: Probe, address: str = "127.0.0.1") -> VoteSeen:
    seen = await probes.vote(node(address), asked, timeout_seconds=PATIENCE_SECONDS, slow_seconds=PATIENCE_SECONDS)
    assert isinstance(seen, VoteSeen), seen
    assert (seen.vantage_point, seen.node) == ("operator", "a")
    return seen


def http(port: int, **changes: object) -> Probe:
    return Probe(http=HttpProbe(port=port).model_copy(update=changes))


# ---------------------------------------------------------------- both


async def test_what_serves_is_alive(world: ProbedWorld) -> None:
    await world.serve()
    seen = await vote(world.probes, *world.asked)
    assert (seen.vote, seen.reason) == (Vote.ALIVE, Reason.ANSWERS)


async def test_what_refuses_lives_and_is_sick(world: ProbedWorld) -> None:
    await world.refuse()
    seen = await vote(world.probes, *world.asked)
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.CONNECTION_REFUSED)


async def test_what_is_silent_is_dead(world: ProbedWorld) -> None:
    await world.be_silent()
    seen = await vote(world.probes, *world.asked)
    assert (seen.vote, seen.reason) == (Vote.DEAD, Reason.TIMED_OUT)


# ---------------------------------------------------------------- sockets only

Serve = Callable[[Answering], Awaitable[int]]


async def test_a_wrong_status_is_sick(serve: Serve) -> None:
    port = await serve(page(status="503 Busy"))
    seen = await vote(NetworkProbes(), http(port, path="/lui/"))
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.WRONG_STATUS)
    assert "503" in seen.message


async def test_another_status_may_be_the_right_one(serve: Serve) -> None:
    port = await serve(page(status="302 Found\r\nLocation: http://192.0.2.1/"))
    seen = await vote(NetworkProbes(), http(port, status=302))
    assert seen.vote is Vote.ALIVE


async def test_a_pattern_is_found_in_a_page_that_comes_in_parts(serve: Serve) -> None:
    port = await serve(page("LIST", "SERV ", "Maestro"))
    assert (await vote(NetworkProbes(), http(port, pattern="LISTSERV Maestro"))).vote is Vote.ALIVE
    seen = await vote(NetworkProbes(), http(port, pattern="Dolist"))
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.WRONG_STATUS)


async def test_a_page_without_end_is_looked_at_up_to_its_bound(serve: Serve) -> None:
    sent = 0

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while sent < 100 * BODY_LIMIT_BYTES:
            writer.write(b"x" * 4096)
            await writer.drain()
            sent += 4096

    seen = await vote(NetworkProbes(), http(await serve(endless), pattern="y"))
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.WRONG_STATUS)
    # What the kernel's own buffers swallow comes on top.
    assert sent < 100 * BODY_LIMIT_BYTES


async def test_who_accepts_and_says_nothing_lives_and_is_sick(serve: Serve) -> None:
    port = await serve(page(before=lambda: asyncio.sleep(5)))
    seen = await vote(NetworkProbes(), http(port))
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.TIMED_OUT)


@pytest.mark.parametrize("words", [b"", b"SSH-2.0-OpenSSH_9.2\r\n"])
async def test_who_answers_something_else_lives_and_is_sick(serve: Serve, words: bytes) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(words)

    seen = await vote(NetworkProbes(), http(await serve(other)))
    assert seen.vote is Vote.SICK
    assert seen.reason in (Reason.BAD_ANSWER, Reason.CONNECTION_LOST)


async def test_who_breaks_off_lives_and_is_sick(serve: Serve) -> None:
    async def resets(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        found = writer.get_extra_info("socket")
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    seen = await vote(NetworkProbes(), http(await serve(resets)))
    assert (seen.vote, seen.reason) == (Vote.SICK, Reason.CONNECTION_LOST)


@pytest.mark.parametrize(
    "change",
    [{"pattern": "("}, {"host": "x\r\nX-Evil: 1"}],
)
async def test_a_probe_that_cannot_be_made_says_nothing_of_the_node(serve: Serve, change: dict[str, object]) -> None:
    seen = await vote(NetworkProbes(), http(await serve(page()), **change))
    assert (seen.vote, seen.reason) == (Vote.UNKNOWN, Reason.INVALID_SPEC)


async def test_a_name_without_an_address_says_nothing_of_the_node() -> None:
    for probe in (Probe(tcp=TcpProbe(port=80)), http(80)):
        seen = await vote(NetworkProbes(), probe, address="a.invalid.")
        assert seen.vote is Vote.UNKNOWN


@pytest.mark.root
async def test_a_network_without_a_way_there_says_nothing_of_the_node(inside_bed: Bed) -> None:
    for probe in (Probe(tcp=TcpProbe(port=80)), http(80)):
        seen = await vote(NetworkProbes(), probe, address="192.0.2.1")
        assert (seen.vote, seen.reason) == (Vote.UNKNOWN, Reason.HOST_UNREACHABLE)


@pytest.mark.root
async def test_a_node_without_power_is_dead_and_one_without_services_is_sick(inside_bed: Bed) -> None:
    a, b = inside_bed.nodes["a"], inside_bed.nodes["b"]
    b.ssh_ready()
    a.power_cut()
    asked = Probe(tcp=TcpProbe(port=4711))
    assert (await vote(NetworkProbes(), asked, address=a.address)).vote is Vote.DEAD
    assert (await vote(NetworkProbes(), asked, address=b.address)).reason is Reason.CONNECTION_REFUSED


async def test_no_free_descriptor_here_is_no_death_there(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    port = await serve(page())

    def none_left(*_: object, **__: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    seen = await NetworkProbes().vote(
        node("127.0.0.1"), [Probe(tcp=TcpProbe(port=port))], timeout_seconds=1, slow_seconds=1
    )
    assert isinstance(seen, VoteSeen)
    assert seen.vote is Vote.UNKNOWN


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.EHOSTUNREACH, Vote.DEAD), (errno.ETIMEDOUT, Vote.DEAD), (errno.ENETUNREACH, Vote.UNKNOWN)],
)
async def test_a_network_that_says_the_host_is_silent_is_told_from_one_without_a_way(
    monkeypatch: pytest.MonkeyPatch, number: int, expected: Vote
) -> None:
    async def fails(*_: object, **__: object) -> None:
        raise OSError(number, "said by the network")

    monkeypatch.setattr(asyncio, "open_connection", fails)
    assert (await vote(NetworkProbes(), Probe(tcp=TcpProbe(port=80)))).vote is expected


async def test_any_sign_of_life_is_one_of_the_machine(serve: Serve) -> None:
    serving, refusing = http(await serve(page())), Probe(tcp=TcpProbe(port=free_port()))
    nothing = Probe()
    both = await vote(NetworkProbes(), serving, refusing)
    assert (both.vote, both.reason) == (Vote.SICK, Reason.CONNECTION_REFUSED)
    assert (await vote(NetworkProbes(), serving, nothing)).vote is Vote.SICK
    assert (await vote(NetworkProbes(), nothing, refusing)).vote is Vote.SICK
    assert (await vote(NetworkProbes(), nothing)).vote is Vote.UNKNOWN


async def test_silence_beside_a_probe_that_could_not_be_made_is_not_death() -> None:
    probed = LoopbackProbed(serve=lambda _: asyncio.sleep(0, 0))
    await probed.be_silent()
    seen = await vote(probed.probes, *probed.asked, Probe())
    probed.close()
    assert seen.vote is Vote.UNKNOWN


async def test_no_probes_are_no_vote() -> None:
    seen = await NetworkProbes().vote(node("127.0.0.1"), [], timeout_seconds=1, slow_seconds=1)
    assert isinstance(seen, Unknown)
    assert seen.reason is Reason.NOT_CONFIGURED
