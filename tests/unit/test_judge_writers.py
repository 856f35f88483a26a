"""The judge of writers: one tenure after another is lawful, everything else is named."""

import pytest

from support.judge.evidence import Ack, Write
from support.judge.writers import find_two_writers, tenures

LAWFUL = (
    ("a", "boot-a1", 1, (10, 20, 30)),
    ("b", "boot-b1", 2, (40, 50)),
    ("a", "boot-a2", 3, (60, 70)),
)
"""A switchover or failover to b, and the way back."""


def test_one_tenure_after_another_is_lawful() -> None:
    assert find_two_writers(acks(*LAWFUL)) == ()


def test_a_reboot_in_the_same_epoch_is_lawful() -> None:
    assert find_two_writers(acks(("a", "boot-a1", 1, (10, 20)), ("a", "boot-a2", 1, (30, 40)))) == ()


def test_no_guard_anywhere_leaves_the_overlap_to_judge() -> None:
    assert find_two_writers(acks(("a", "boot-a1", None, (10, 20)), ("a", "boot-a2", None, (30, 40)))) == ()
    assert kinds(("a", "boot-a1", None, (10, 30)), ("b", "boot-b1", None, (20, 40))) == ["Overlap"]


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        pytest.param(("a", "boot-a1", 1, (45,)), ["Overlap", "StaleEpoch"], id="the old owner accepts once more"),
        pytest.param(("a", "boot-a1", 1, (90,)), ["Overlap", "StaleEpoch", "StaleEpoch"], id="stale epoch, long after"),
        pytest.param(("a", "boot-a9", 1, (90,)), ["StaleEpoch", "StaleEpoch"], id="stale epoch in a new boot"),
        pytest.param(("a", "boot-a9", 2, (55,)), ["OneEpochTwoNodes"], id="two nodes in one epoch"),
        pytest.param(("a", "boot-a9", 2, (45,)), ["OneEpochTwoNodes", "Overlap"], id="two nodes in one epoch, at once"),
        pytest.param(("b", "boot-b1", None, (80,)), ["EpochUnknown"] * 3, id="a writer that knows no epoch"),
    ],
)
def test_each_planted_writer_is_found(fault: tuple[str, str, int | None, tuple[int, ...]], found: list[str]) -> None:
    assert sorted(set(kinds(*LAWFUL, fault))) == sorted(set(found))


def test_the_time_with_two_writers_is_measured() -> None:
    second = 1_000_000_000
    found = find_two_writers(
        acks(("a", "boot-a1", 1, (0, 10 * second)), ("b", "boot-b1", 2, (7 * second, 12 * second)))
    )

    assert {finding.seconds for finding in found} == {3.0}
    assert found[0].describe() == ("Overlap: node a, boot boot-a1, epoch 1 and node b, boot boot-b1, epoch 2, 3.000 s")


def test_a_write_nobody_was_told_of_counts_by_its_journal() -> None:
    silent = write(node="a", boot_id="boot-a1", epoch=1, moment=55)

    assert {finding.kind for finding in find_two_writers(acks(*LAWFUL), [silent])} == {"Overlap", "StaleEpoch"}


def test_tenures_are_told_in_the_order_in_which_they_began() -> None:
    assert [(tenure.node, tenure.epoch, tenure.records) for tenure in tenures(acks(*reversed(LAWFUL)))] == [
        ("a", 1, 3),
        ("b", 2, 2),
        ("a", 3, 2),
    ]


def kinds(*given: tuple[str, str, int | None, tuple[int, ...]]) -> list[str]:
    return [finding.kind for finding in find_two_writers(acks(*given))]


def acks(*given: tuple[str, str, int | None, tuple[int, ...]]) -> list[Ack]:
    return [
        Ack(
            client="c1",
            number=moment + 1,
            sha256="",
            address="10.77.0.11",
            sent_ns=moment,
            received_ns=moment,
            node=node,
            boot_id=boot_id,
            epoch=epoch,
            monotonic_ns=moment,
            duplicate=False,
        )
        for node, boot_id, epoch, moments in given
        for moment in moments
    ]


def write(*, node: str, boot_id: str, epoch: int, moment: int) -> Write:
    return Write(
        sequence=moment,
        client="c1",
        number=moment,
        sha256="",
        node=node,
        boot_id=boot_id,
        epoch=epoch,
        monotonic_ns=moment,
        wall_ns=moment,
    )
