"""Questions of one moment travel as one command, against a real SSH server, and each is answered as if alone."""

import asyncio
from pathlib import Path

import pytest

from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Completed, Sessions
from support.loopback_ssh import LoopbackSsh


def node_of(server: LoopbackSsh) -> FrozenNode:
    reference = SecretReference(name="node-ssh")
    ssh = Ssh(host="127.0.0.1", port=server.port, host_key=server.host_key, credentials_secret=reference)
    return FrozenNode(name="a", address="127.0.0.1", ssh=ssh)


async def asked(
    sessions: Sessions, server: LoopbackSsh, *scripts: str, seconds: float = 5.0
) -> list[Completed | Reason]:
    node = node_of(server)
    answers = await asyncio.gather(
        *(sessions.ask(node, ("sh", "-c", script), deadline_seconds=seconds) for script in scripts)
    )
    return [answer.reason if isinstance(answer, Unknown) else answer for answer in answers]


async def test_questions_of_one_moment_are_one_command_and_each_has_its_own_answer(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    answers = await asked(
        sessions,
        server,
        "echo one; exit 3",
        "echo two >&2",
        "printf '  a\\n\\n\\\\b  '",
        "head -c 2500 /dev/zero | tr '\\0' x",
    )

    assert answers == [
        Completed(3, "one\n", ""),
        Completed(0, "", "two\n"),
        Completed(0, "  a\n\n\\b  ", ""),
        Completed(0, "x" * 2500, ""),
    ]
    assert (len(server.server.commands), sessions.commands_run("a")) == (1, 1)


async def test_each_word_arrives_as_it_was_given(server: LoopbackSsh, sessions: Sessions) -> None:
    node, word = node_of(server), 'it\'s; $(id) `id` "two  spaces" * \n-n 3= 0o'

    answers = await asyncio.gather(
        *(sessions.ask(node, ("printf", "%s|", word, "", str(number)), deadline_seconds=5) for number in range(3))
    )

    assert answers == [Completed(0, f"{word}||{number}|", "") for number in range(3)]


async def test_more_questions_than_one_command_carries_are_two(server: LoopbackSsh, sessions: Sessions) -> None:
    answers = await asked(sessions, server, *(f"echo {number}" for number in range(17)))

    assert answers == [Completed(0, f"{number}\n", "") for number in range(17)]
    assert len(server.server.commands) == 2


async def test_one_question_is_the_bare_command(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.ask(node_of(server), ("echo", "alone"), deadline_seconds=5)

    assert answer == Completed(0, "alone\n", "")
    assert "together" not in server.server.commands[0]


async def test_an_answer_does_not_wait_for_a_slower_one(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    ended, node = tmp_path / "ended", node_of(server)
    script = f"while [ ! -e {ended} ]; do sleep 0.05; done; echo slow"
    slow = asyncio.create_task(sessions.ask(node, ("sh", "-c", script), deadline_seconds=8))
    quick = await sessions.ask(node, ("echo", "quick"), deadline_seconds=8)

    was_there = slow.done()
    ended.touch()

    assert (quick, was_there, await slow) == (Completed(0, "quick\n", ""), False, Completed(0, "slow\n", ""))
    assert len(server.server.commands) == 1


async def test_one_that_hangs_or_floods_takes_nothing_from_the_others(server: LoopbackSsh, sessions: Sessions) -> None:
    node = node_of(server)

    answers = await asyncio.gather(
        sessions.ask(node, ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"), deadline_seconds=1),
        sessions.ask(node, ("sh", "-c", "yes | tr -d '\\n'"), deadline_seconds=9),
        sessions.ask(node, ("sh", "-c", "sleep 1.5; echo well"), deadline_seconds=9),
    )

    hung, flooded, well = answers
    assert isinstance(hung, Unknown)
    assert isinstance(flooded, Unknown)
    assert (hung.reason, flooded.reason, well) == (Reason.TIMED_OUT, Reason.BAD_ANSWER, Completed(0, "well\n", ""))


async def test_what_a_command_leaves_behind_holds_up_nobody(server: LoopbackSsh, sessions: Sessions) -> None:
    left = "setsid sleep 20 </dev/null >/dev/null 2>&1 & echo gone"

    assert await asked(sessions, server, left, "echo well") == [Completed(0, "gone\n", ""), Completed(0, "well\n", "")]


async def test_a_session_that_died_unseen_is_replaced_for_all_of_them(server: LoopbackSsh, sessions: Sessions) -> None:
    await asked(sessions, server, "true")
    server.drop_connections()

    answers = await asked(sessions, server, "echo one", "echo two")

    assert answers == [Completed(0, "one\n", ""), Completed(0, "two\n", "")]


async def test_a_connection_that_ends_in_the_middle_lets_the_answered_stay_answered(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    cut = asyncio.create_task(sessions.ask(node, ("sleep", "5"), deadline_seconds=8))
    quick = await sessions.ask(node, ("echo", "quick"), deadline_seconds=8)

    server.drop_connections()

    lost = await cut
    assert isinstance(lost, Unknown)
    assert (quick, lost.reason) == (Completed(0, "quick\n", ""), Reason.CONNECTION_LOST)


async def test_one_that_loses_patience_takes_nothing_from_the_others_and_the_next_gets_a_new_session(
    server: LoopbackSsh, sessions: Sessions
) -> None:
    node = node_of(server)
    await sessions.ask(node, ("true",), deadline_seconds=9)
    other = asyncio.create_task(sessions.ask(node, ("sh", "-c", "sleep 1.5; echo well"), deadline_seconds=9))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.8):
            await sessions.ask(node, ("sleep", "5"), deadline_seconds=9)

    fresh = await sessions.ask(node, ("echo", "new"), deadline_seconds=9)

    assert (fresh, await other) == (Completed(0, "new\n", ""), Completed(0, "well\n", ""))
    assert len(server.secret_reads) == 2


async def test_a_machine_that_lets_nobody_be_root_says_so_to_each(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    (tmp_path / "bin" / "sudo").write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")

    assert await asked(sessions, server, "true", "true") == [Reason.COMMAND_FAILED, Reason.COMMAND_FAILED]


async def test_a_node_that_prints_what_nobody_asked_for_answers_nothing_by_it(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    lies = "#!/bin/sh\nprintf '%s\\n' hello 7=0 99999999999999999999=0 0=x 0z '' 1o 1=0\nexit 5\n"
    (tmp_path / "bin" / "sudo").write_text(lies)

    assert await asked(sessions, server, "true", "true") == [Reason.COMMAND_FAILED, Completed(0, "", "")]
