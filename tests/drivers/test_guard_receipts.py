"""Receipts for a mirror's fence-peer handler: fresh, of this boot, of what is in force, and used once."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import GuardState, Mark, Permit, usable
from maestro_operator.drivers.ports import Order
from support.guard_root import GuardRoot

KINDS = ("Fenced", "StandbyLost")
BOOTS = ("boot-1", "boot-2")
OWN, OTHERS, LATER = Mark(2, "a", "e2"), Mark(2, "b", "e2"), Mark(3, "b", "e3")
PERMIT = Permit(2, "boot-1")
OWNER = GuardState("p-1", "a", 1, promised=OWN, inforce=OWN, permit=PERMIT, maxpermit=PERMIT)
STATES = tuple(
    GuardState("p-1", "a", 1, promised=promised, inforce=inforce, permit=permit, maxpermit=permit)
    for promised, inforce in ((OWN, OWN), (LATER, OWN), (OTHERS, OTHERS), (OWN, None))
    for permit in (None, PERMIT, Permit(2, "boot-2"))
)


def receipt(kind: str, *, epoch: int = 2) -> Order:
    return Order("receipt", "p-1", "a", 1, "e9", epoch=epoch, kind=kind)


@pytest.fixture
def root(tmp_path: Path) -> GuardRoot:
    made = GuardRoot(tmp_path / "root")
    made.put(OWNER)
    uptime(made, 100)
    return made


def uptime(root: GuardRoot, seconds: int) -> None:
    (root.path / "proc/uptime").write_text(f"{seconds}.50 1.00\n")


def test_a_receipt_serves_once(root: GuardRoot) -> None:
    given = root.order(receipt("Fenced"))
    uses = [root.run("use-receipt", "--kind", "Fenced") for _ in range(2)]

    assert (given.code, given.word) == (0, "")
    assert uses[0].lines == {"used": "Fenced", "epoch": "2"}
    assert (uses[1].code, uses[1].word) == (10, "NoReceipt")


def test_a_receipt_of_one_kind_is_none_of_the_other(root: GuardRoot) -> None:
    root.order(receipt("Fenced"))

    assert root.run("use-receipt", "--kind", "StandbyLost").word == "NoReceipt"
    assert root.run("use-receipt", "--kind", "Fenced").code == 0


@pytest.mark.parametrize(("seconds", "word"), [(160, ""), (161, "StaleReceipt"), (99, "StaleReceipt")])
def test_a_receipt_is_good_for_a_minute_of_the_nodes_own_clock(root: GuardRoot, seconds: int, word: str) -> None:
    root.order(receipt("Fenced"))
    uptime(root, seconds)

    assert root.run("use-receipt", "--kind", "Fenced").word == word
    assert root.run("use-receipt", "--kind", "Fenced").word == "NoReceipt"


def test_a_reboot_voids_a_receipt_even_where_it_is_left(root: GuardRoot) -> None:
    root.order(receipt("Fenced"))
    root.reboot("boot-2")

    assert root.run("use-receipt", "--kind", "Fenced").word == "StaleReceipt"


def test_a_receipt_dies_with_a_rollback(root: GuardRoot) -> None:
    root.order(receipt("StandbyLost"))
    root.order(receipt("Fenced"))

    renewed = root.order(Order("renew", "p-1", "a", 1, "renew-3", epoch=3))

    assert renewed.code == 0
    assert [root.run("use-receipt", "--kind", kind).word for kind in KINDS] == ["NotInForce"] * 2


def test_every_state_gives_and_takes_receipts_as_the_twin_says(root: GuardRoot) -> None:
    differs = []
    for state, kind, boot, epoch in product(STATES, KINDS, BOOTS, (2, 3)):
        root.put(OWNER)
        root.reboot("boot-1")
        expected = usable(state, kind=kind, epoch=epoch, boot=boot)
        root.put(state)
        root.reboot(boot)
        given = root.order(receipt(kind, epoch=epoch)).word
        lines = f"epoch={epoch}\nepisode=e9\nboot={boot}\nuptime=100\n"
        (root.runtime / f"receipt-{kind}").write_text(lines)
        used = root.run("use-receipt", "--kind", kind).word
        if (given, used) != (expected, expected):
            differs.append(f"{state} {kind} {boot} {epoch}: given {given}, used {used}, twin {expected}")

    assert not differs, "\n".join(differs[:5])


@pytest.mark.parametrize("words", [(), ("--kind",), ("--kind", "Any"), ("--kind", "Fenced", "--x")])
def test_words_that_are_no_request_for_a_receipt_are_refused(root: GuardRoot, words: tuple[str, ...]) -> None:
    assert root.run("use-receipt", *words).code == 2
