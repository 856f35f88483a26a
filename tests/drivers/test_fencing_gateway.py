"""maestro-gateway on real nftables, in a network namespace with two legs: what it says is what the rules do."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.root, pytest.mark.timeout(60)]

SCRIPT = Path(__file__).parents[2] / "operator/maestro_operator/transport/gateway/maestro-gateway"
NEAR, FAR = "10.77.0.2/24", "10.78.0.1/24"
NODE, OPERATOR, OTHER = "10.78.0.11", "10.77.0.1", "10.77.0.12"
LEGS = f"""
for leg in near far; do
  ip link add $leg type veth peer name $leg-end && ip link set $leg up && ip link set $leg-end up
done
ip address add {NEAR} dev near && ip address add {FAR} dev far && ip link set lo up
echo ready; exec sleep 120
"""


class Router:
    """A network namespace with a leg on each side."""

    def __init__(self, process_id: int) -> None:
        self._enter = ("nsenter", f"--target={process_id}", "--net", "--")

    def asked(self, words: str, *, by: str = OPERATOR) -> tuple[int, str]:
        """Runs the script as sshd does for a forced command."""
        given = {"SSH_ORIGINAL_COMMAND": words, "SSH_CONNECTION": f"{by} 40000 10.77.0.2 22"}
        return self._run((str(SCRIPT),), given)

    def told(self, *words: str) -> tuple[int, str]:
        """Runs the script as root does at a console."""
        return self._run((str(SCRIPT), *words), {})

    def nft(self, rule: str) -> None:
        """Changes the rules past the script."""
        assert self._run(("nft", rule), {})[0] == 0

    def _run(self, words: tuple[str, ...], given: dict[str, str]) -> tuple[int, str]:
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **given}
        done = subprocess.run(
            (*self._enter, *words), env=environment, capture_output=True, text=True, timeout=20, check=False
        )
        return done.returncode, done.stdout.strip().rpartition("\n")[2]


@pytest.fixture
def router() -> Iterator[Router]:
    with subprocess.Popen(
        ("unshare", "--net", "--kill-child", "--fork", "sh", "-ec", LEGS), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        try:
            yield Router(int(children[0]))
        finally:
            process.kill()


def test_a_leg_is_isolated_with_everything_behind_it_and_says_so(router: Router) -> None:
    assert router.asked(f"status {NODE}") == (0, "Status: OPEN")
    assert router.asked(f"isolate {NODE}") == (0, "Success: Isolated")
    assert router.asked(f"isolate {NODE}") == (0, "Success: Isolated")

    assert router.asked(f"status {NODE}") == (2, "Status: ISOLATED")
    assert router.asked("status 10.78.0.12") == (2, "Status: ISOLATED")


@pytest.mark.parametrize(
    "rule",
    [
        "insert rule inet maestro_gateway cut accept",
        "flush chain inet maestro_gateway out",
        "delete chain inet maestro_gateway cut",
        "add rule inet maestro_gateway out ip saddr 10.0.0.0/8 accept",
    ],
)
def test_rules_that_are_not_word_for_word_its_own_are_no_isolation(router: Router, rule: str) -> None:
    router.asked(f"isolate {NODE}")
    router.nft(rule)

    code, said = router.asked(f"status {NODE}")

    assert code == 1
    assert said.startswith("ERROR")


def test_a_set_that_somebody_emptied_is_open(router: Router) -> None:
    router.asked(f"isolate {NODE}")
    router.nft("flush set inet maestro_gateway isolated")

    assert router.asked(f"status {NODE}") == (0, "Status: OPEN")


def test_people_let_a_node_back_in_two_steps_and_the_first_is_no_isolation_any_more(router: Router) -> None:
    router.asked(f"isolate {NODE}")

    assert router.told("manage", NODE, OPERATOR)[0] == 0
    assert router.asked(f"status {NODE}") == (
        1,
        f"ERROR: far is isolated but for the administration of {NODE}+{OPERATOR}",
    )
    assert router.told("release", NODE)[0] == 0
    assert router.asked(f"status {NODE}") == (0, "Status: OPEN")


def test_an_order_to_isolate_ends_what_people_had_opened(router: Router) -> None:
    router.asked(f"isolate {NODE}")
    router.told("manage", NODE, OPERATOR)

    router.asked(f"isolate {NODE}")

    assert router.asked(f"status {NODE}") == (2, "Status: ISOLATED")


@pytest.mark.parametrize("words", [f"isolate {OTHER}", f"status {OTHER}", "isolate 10.77.0.2", "status 192.0.2.1"])
def test_what_does_not_lie_behind_it_is_neither_isolated_nor_said_to_be(router: Router, words: str) -> None:
    code, said = router.asked(words)

    assert code == 1
    assert said.startswith("ERROR")


@pytest.mark.parametrize(
    "words",
    [
        f"release {NODE}",
        f"manage {NODE} {OPERATOR}",
        "show",
        "isolate",
        f"isolate {NODE} now",
        "isolate 10.78.0.011",
        "isolate 10.78.0.11;id",
        "isolate 2001:db8::1",
        "isolate $(id)",
        "isolate *",
    ],
)
def test_the_operator_may_isolate_and_ask_and_nothing_else(router: Router, words: str) -> None:
    code, said = router.asked(words)

    assert code == 1
    assert said.startswith("ERROR")
