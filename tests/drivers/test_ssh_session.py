"""The sessions against a real SSH server on loopback: every failure keeps its own reason."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import asyncssh
import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Completed, Sessions
from support.dark_relay import dark_relay
from support.loopback_ssh import LoopbackSsh, loopback_ssh


def node_of(server: LoopbackSsh, **changes: object) -> FrozenNode:
    words = {"host": "127.0.0.1", "port": server.port, "host_key": server.host_key, **changes}
    ssh = Ssh(credentials_secret=SecretReference(name=str(words.pop("secret", "node-ssh"))), **words)  # type: ignore[arg-type]
    return FrozenNode(name="a", address="127.0.0.1", ssh=ssh)


@contextlib.asynccontextmanager
async def sessions_to(server: LoopbackSsh) -> AsyncIterator[Sessions]:
    sessions = Sessions(secrets=server.secrets, namespace="mail", clock=SystemClock())
    try:
        yield sessions
    finally:
        await sessions.close()


def reason_of(answer: Completed | Unknown) -> Reason | None:
    return answer.reason if isinstance(answer, Unknown) else None


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(3):
        while not condition():  # noqa: ASYNC110 - another process, which no event of ours can speak for
            await asyncio.sleep(0.02)


async def test_each_word_arrives_as_it_was_given(server: LoopbackSsh, sessions: Sessions) -> None:
    word = 'it\'s; $(id) `id` "two  spaces" * \n line'

    answer = await sessions.run(node_of(server), ("printf", "%s", word), deadline_seconds=5)

    assert answer == Completed(0, word, "")


async def test_input_status_and_both_outputs_come_through(server: LoopbackSsh, sessions: Sessions) -> None:
    script = "cat; echo wrong >&2; exit 10"

    answer = await sessions.run(node_of(server), ("sh", "-c", script), stdin=b"given\n", deadline_seconds=5)

    assert answer == Completed(10, "given\n", "wrong\n")


async def test_input_that_the_command_does_not_read_is_no_failure(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node_of(server), ("true",), stdin=b"x" * 4_000_000, deadline_seconds=5)

    assert answer == Completed(0, "", "")


async def test_one_session_serves_many_commands_at_once(server: LoopbackSsh, sessions: Sessions) -> None:
    node = node_of(server)

    answers = await asyncio.gather(
        *(sessions.run(node, ("echo", str(number)), deadline_seconds=5) for number in range(8))
    )

    assert [answer.stdout for answer in answers if isinstance(answer, Completed)] == [f"{n}\n" for n in range(8)]
    assert len(server.server.connections) == 1
    assert sessions.commands_run("a") == 8
    assert server.secret_reads == [("mail", "node-ssh")]


async def test_another_machine_is_not_talked_to(server: LoopbackSsh, sessions: Sessions) -> None:
    other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()

    answer = await sessions.run(node_of(server, host_key=other), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.WRONG_HOST_KEY
    assert server.server.commands == []


async def test_a_machine_without_a_key_of_the_pinned_kind_is_another_machine(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()

    answer = await sessions.run(node_of(server, host_key=other), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.WRONG_HOST_KEY


async def test_a_pinned_key_that_is_none_is_the_specs_fault(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node_of(server, host_key="ssh-ed25519 nonsense"), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.INVALID_SPEC


async def test_credentials_that_are_refused_are_named(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node_of(server, user="somebody"), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.WRONG_CREDENTIALS


async def test_a_missing_secret_is_named(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node_of(server, secret="no-such"), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.SECRET_MISSING


async def test_a_secret_that_holds_no_key_is_never_quoted(server: LoopbackSsh, sessions: Sessions) -> None:
    server.private_key = b"-----BEGIN hunter2-----"

    answer = await sessions.run(node_of(server), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.WRONG_CREDENTIALS
    assert "hunter2" not in str(answer)


async def test_a_port_where_nothing_listens_refuses(server: LoopbackSsh, sessions: Sessions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    answer = await sessions.run(node_of(server, port=port), ("true",), deadline_seconds=5)

    assert reason_of(answer) is Reason.CONNECTION_REFUSED


async def test_a_host_that_accepts_and_says_nothing_times_out(server: LoopbackSsh, sessions: Sessions) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = await sessions.run(node_of(server, port=silent.getsockname()[1]), ("true",), deadline_seconds=0.5)

    assert reason_of(answer) is Reason.TIMED_OUT


async def test_a_command_is_killed_on_the_node_within_its_deadline(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    script = f"trap '' TERM; echo $$ >{tmp_path}/pid; while :; do sleep 0.1; done"

    answer = await sessions.run(node_of(server), ("sh", "-c", script), deadline_seconds=1.5)

    assert reason_of(answer) is Reason.TIMED_OUT
    process = Path("/proc") / (tmp_path / "pid").read_text().strip()
    await until(lambda: not process.exists())


async def test_output_without_end_is_cut_and_not_believed(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node_of(server), ("yes",), deadline_seconds=10)

    assert reason_of(answer) is Reason.BAD_ANSWER


async def test_a_session_that_died_unseen_is_replaced_within_the_same_call(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    await sessions.run(node, ("true",), deadline_seconds=5)
    server.drop_connections()

    answer = await sessions.run(node, ("echo", "again"), deadline_seconds=5)

    assert answer == Completed(0, "again\n", "")


async def test_a_connection_that_ends_in_the_middle_says_so(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    running = asyncio.create_task(
        sessions.run(node_of(server), ("sh", "-c", f"touch {begun}; sleep 3"), deadline_seconds=5)
    )
    await until(begun.exists)

    server.drop_connections()

    assert reason_of(await running) is Reason.CONNECTION_LOST


async def test_after_a_silent_death_the_next_command_opens_a_new_session(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    await sessions.run(node, ("true",), deadline_seconds=5)
    # What it leaves behind keeps the output open, so that no end of it ever comes.
    silent = await sessions.run(node, ("sh", "-c", "setsid sleep 3 &"), deadline_seconds=0.5)
    assert reason_of(silent) is Reason.TIMED_OUT

    answer = await sessions.run(node, ("echo", "new"), deadline_seconds=5)

    assert answer == Completed(0, "new\n", "")
    assert len(server.secret_reads) == 2, "each new session reads the Secret"


async def test_a_caller_that_loses_patience_leaves_no_dark_session_behind(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    await sessions.run(node, ("true",), deadline_seconds=5)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sessions.run(node, ("sleep", "5"), deadline_seconds=10)

    answer = await sessions.run(node, ("echo", "new"), deadline_seconds=5)

    assert answer == Completed(0, "new\n", "")
    assert len(server.secret_reads) == 2


async def test_a_node_that_goes_dark_under_a_command_holds_nobody_for_its_whole_deadline(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    clock = SystemClock()
    async with dark_relay(server.port) as relay:
        node = node_of(server, port=relay.port)
        assert await sessions.run(node, ("true",), deadline_seconds=5) == Completed(0, "", "")
        relay.cut_power()
        began = clock.monotonic_seconds()

        answer = await sessions.run(node, ("true",), deadline_seconds=60)

        assert reason_of(answer) is Reason.TIMED_OUT
        assert clock.monotonic_seconds() - began < 20


async def test_a_node_that_lets_in_slowly_is_read_all_the_same(server: LoopbackSsh, sessions: Sessions) -> None:
    server.server.lets_in.clear()
    node = node_of(server)
    first = await sessions.run(node, ("true",), deadline_seconds=0.5)
    assert reason_of(first) is Reason.TIMED_OUT
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sessions.run(node, ("true",), deadline_seconds=10)

    server.server.lets_in.set()
    answer = await sessions.run(node, ("echo", "in"), deadline_seconds=5)

    assert answer == Completed(0, "in\n", "")
    assert server.server.accepted == 1, "an attempt goes on, whoever loses patience"


async def test_a_session_that_took_its_time_to_open_is_kept_for_the_next_command(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    late = await sessions.run(node, ("sleep", "3"), deadline_seconds=0.5)
    assert reason_of(late) is Reason.TIMED_OUT

    answer = await sessions.run(node, ("echo", "kept"), deadline_seconds=5)

    assert answer == Completed(0, "kept\n", "")
    assert len(server.secret_reads) == 1


async def test_an_attempt_that_nobody_waits_for_ends_with_the_sessions(server: LoopbackSsh) -> None:
    server.server.lets_in.clear()
    async with sessions_to(server) as sessions:
        await sessions.run(node_of(server), ("true",), deadline_seconds=0.3)

    await until(lambda: not server.server.connections)


async def test_a_port_is_reached_from_the_node(server: LoopbackSsh, sessions: Sessions) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"got " + await reader.readline())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as listening:
        address = listening.sockets[0].getsockname()

        said = await sessions.talk_tcp(node_of(server), address, send=b"hello\n", deadline_seconds=5)
        accepted = await sessions.talk_tcp(node_of(server), address, send=b"", deadline_seconds=5)

    refused = await sessions.talk_tcp(node_of(server), address, send=b"", deadline_seconds=5)
    assert (said, accepted) == (b"got hello\n", b"")
    assert isinstance(refused, Unknown)
    assert refused.reason is Reason.CONNECTION_REFUSED


async def test_a_server_that_forbids_forwarding_is_told_apart_from_a_closed_port(tmp_path: Path) -> None:
    async with loopback_ssh(tmp_path / "bin", may_forward=False) as server, sessions_to(server) as sessions:
        answer = await sessions.talk_tcp(node_of(server), ("127.0.0.1", 9), send=b"", deadline_seconds=5)

    assert isinstance(answer, Unknown)
    assert answer.reason is Reason.NOT_CONFIGURED
