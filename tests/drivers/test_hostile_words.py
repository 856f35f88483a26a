"""Nothing that a resource, a Secret, a node or a server says is run by a shell, floods anybody or hides in its words.

Real SSH, and the real scripts by every shell there is: what is hostile must arrive as the word it is.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.model.addresses import AddressPolicy, networks_of
from maestro_operator.model.pair import SecretReference, Ssh
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.answers import outcome_of
from maestro_operator.transport.bundle import remote_script
from maestro_operator.transport.session import OUTPUT_LIMIT_BYTES, Completed, Sessions
from support.loopback_ssh import LoopbackSsh

pytestmark = pytest.mark.timeout(60)
SHELLS = [shell for shell in ("dash", "bash") if shutil.which(shell)]
TOUCHED = "touched"


def hostile(folder: Path) -> list[str]:
    """Returns words each of which would make a file in the folder, were a shell to read it."""
    touch = f"touch {folder}/{TOUCHED}"
    return [
        f"$({touch})",
        f"`{touch}`",
        f"x; {touch}",
        f"x && {touch} #",
        f"x\n{touch}\n",
        f"'; {touch}; '",
        f'"; {touch}; "',
        f"a[$({touch})]",
        f"| {touch}",
        "* ? [a-z] ~root",
        "-n --help -e",
        "\x1b]0;title\x07 \u202e",
        "$IFS${PATH}\\$HOME",
    ]


def node(server: LoopbackSsh, host: str = "127.0.0.1") -> FrozenNode:
    ssh = Ssh(
        host=host, port=server.port, host_key=server.host_key, credentials_secret=SecretReference(name="node-ssh")
    )
    return FrozenNode(name="a", address="192.0.2.10", ssh=ssh)


# ---------------------------------------------------------------- on the way there


async def test_a_hostile_word_arrives_as_the_one_argument_it_is(
    server: LoopbackSsh, sessions: Sessions, tmp_path: Path
) -> None:
    words = hostile(tmp_path)

    answer = await sessions.run(node(server), ("printf", "<%s>", *words), deadline_seconds=10)

    assert isinstance(answer, Completed)
    assert answer.stdout == "".join(f"<{word}>" for word in words)
    assert not (tmp_path / TOUCHED).exists()


async def test_a_word_with_a_nul_is_not_sent(server: LoopbackSsh, sessions: Sessions) -> None:
    answer = await sessions.run(node(server), ("echo", "a\0b"), deadline_seconds=5)

    assert isinstance(answer, Unknown)
    assert answer.reason is Reason.INVALID_SPEC
    assert sessions.commands_run("a") == 0


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("script", ["observe", "pin", "introduce", "equip", "order", "stop"])
def test_a_script_runs_no_word_that_it_is_given(tmp_path: Path, shell: str, script: str) -> None:
    root = tmp_path / "root"
    for folder in ("etc/maestro-guard", "run", "root/.ssh", "usr/local/lib/maestro-guard"):
        (root / folder).mkdir(parents=True)
    (root / "etc/machine-id").write_text("0" * 32 + "\n")
    (root / "etc/hosts").write_text("127.0.0.1 localhost\n")
    (root / "etc/maestro-guard/config").write_text("pair=1\nservices=x.service\n")
    # Nothing of this machine is asked or told.
    stub = tmp_path / "stub"
    stub.mkdir()
    for name in ("systemctl", "getent", "find", "grep"):
        (stub / name).write_text("#!/bin/sh\nexit 1\n")
        (stub / name).chmod(0o755)
    text = remote_script(script).replace("PATH=$PATH:", f"PATH={stub}:$PATH:")

    for word in hostile(tmp_path):
        command = [shell, "-c", text, f"maestro-{script}", str(root), *[word] * 6]
        done = subprocess.run(command, input=b"", capture_output=True, timeout=30, check=False, cwd=tmp_path)
        assert not (tmp_path / TOUCHED).exists(), (word, done)
        assert sorted(item.name for item in tmp_path.iterdir()) == ["root", "stub"]


# ---------------------------------------------------------------- on the way back


async def test_ten_megabytes_are_refused_and_the_session_serves_on(server: LoopbackSsh, sessions: Sessions) -> None:
    flood = await sessions.run(node(server), ("head", "-c", "10485760", "/dev/zero"), deadline_seconds=20)

    assert isinstance(flood, Unknown)
    assert flood.reason is Reason.BAD_ANSWER
    assert "more than 1 MiB" in flood.message
    assert OUTPUT_LIMIT_BYTES == 1024 * 1024
    after = await sessions.run(node(server), ("echo", "here"), deadline_seconds=10)
    assert isinstance(after, Completed)


@pytest.mark.parametrize("endless", ["yes", "while :; do printf x; sleep 0.01; done", "while :; do sleep 1; done"])
async def test_an_answer_without_end_ends_with_its_deadline_or_its_size(
    server: LoopbackSsh, sessions: Sessions, endless: str
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()

    answer = await sessions.run(node(server), ("sh", "-c", endless), deadline_seconds=2)

    assert isinstance(answer, Unknown)
    assert answer.reason in (Reason.BAD_ANSWER, Reason.TIMED_OUT)
    assert loop.time() - began < 10


def test_what_a_program_says_is_shown_without_its_escapes_and_cut() -> None:
    said = Completed(1, "", "\x1b[2J\x1b[1;31mroot#\x07 \u202e" + "x" * 5000)

    outcome = outcome_of(said, what="a: start", refusals={}, otherwise=Reason.STEP_REFUSED)

    message = outcome.message  # type: ignore[union-attr]
    assert message.isprintable() or "\ufffd" in message
    assert "\x1b" not in message
    assert len(message) < 600


# ---------------------------------------------------------------- where to


async def test_a_name_that_resolves_to_the_operator_itself_is_not_connected_to(server: LoopbackSsh) -> None:
    strict = Sessions(secrets=server.secrets, namespace="mail", clock=SystemClock(), policy=AddressPolicy())
    lenient = Sessions(
        secrets=server.secrets,
        namespace="mail",
        clock=SystemClock(),
        policy=AddressPolicy(networks_of("127.0.0.0/8,::1")),
    )
    try:
        for host in ("localhost", "127.0.0.1", "2130706433"):
            answer = await strict.run(node(server, host), ("true",), deadline_seconds=5)
            assert isinstance(answer, Unknown)
            assert answer.reason is Reason.ADDRESS_REFUSED
            assert "a loopback address: write another host, or allow it by MAESTRO_ALLOWED_ADDRESSES" in answer.message
        assert server.server.commands == []
        assert isinstance(await lenient.run(node(server), ("true",), deadline_seconds=5), Completed)
    finally:
        await strict.close()
        await lenient.close()
