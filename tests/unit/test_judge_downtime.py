"""The judge of downtime: what the clients waited, told by interruption."""

from support.judge.downtime import find_outages, outage_into
from support.judge.evidence import Ack, Failure

SECOND = 1_000_000_000


def test_an_undisturbed_client_saw_no_outage() -> None:
    assert find_outages([ack("c1", at=1), ack("c1", at=2)], []) == ()


def test_a_switch_costs_from_the_last_old_to_the_first_new_acknowledgement() -> None:
    acks = [ack("c1", at=1), ack("c1", at=4.5, node="b", epoch=2)]

    (outage,) = find_outages(acks, [failure("c1", at=2), failure("c1", at=3)])

    assert (outage.seconds, outage.failures, outage.from_node, outage.to_node) == (3.5, 2, "a", "b")
    assert outage.is_move


def test_a_switch_without_a_failed_attempt_still_counts() -> None:
    acks = [ack("c1", at=1), ack("c1", at=1.5, node="b", epoch=2)]

    assert [outage.seconds for outage in find_outages(acks, [])] == [0.5]


def test_the_longest_wait_of_any_client_counts() -> None:
    acks = [
        ack("c1", at=1),
        ack("c2", at=1.25),
        ack("c1", at=3, node="b", epoch=2),
        ack("c2", at=4, node="b", epoch=2),
    ]

    (outage,) = find_outages(acks, [failure("c1", at=2), failure("c2", at=2)])

    assert outage.seconds == 2.75
    assert outage.by_client == (("c1", 2.0), ("c2", 2.75))


def test_two_interruptions_are_told_apart_and_found_by_their_epoch() -> None:
    acks = [ack("c1", at=1), ack("c1", at=3, node="b", epoch=2), ack("c1", at=4, node="b", epoch=2)]
    back = ack("c1", at=9, node="a", epoch=3)

    outages = find_outages([*acks, back], [failure("c1", at=2), failure("c1", at=5)])

    assert [outage.seconds for outage in outages] == [2.0, 5.0]
    assert outage_into(outages, 3) == outages[1]
    assert outage_into(outages, 4) is None


def test_a_hiccup_in_one_epoch_is_an_outage_but_no_move() -> None:
    (outage,) = find_outages([ack("c1", at=1), ack("c1", at=2)], [failure("c1", at=1.5)])

    assert (outage.seconds, outage.is_move) == (1.0, False)


def test_a_service_that_never_came_back_has_no_end() -> None:
    (outage,) = find_outages([ack("c1", at=1)], [failure("c1", at=2), failure("c1", at=8)])

    assert (outage.ended_ns, outage.seconds, outage.to_node) == (None, 7.0, None)


def test_one_client_that_is_still_cut_off_keeps_the_outage_open() -> None:
    acks = [ack("c1", at=1), ack("c2", at=1), ack("c1", at=3, node="b", epoch=2)]

    (outage,) = find_outages(acks, [failure("c1", at=2), failure("c2", at=6)])

    assert (outage.ended_ns, outage.seconds) == (None, 5.0)


def ack(client: str, *, at: float, node: str = "a", epoch: int = 1) -> Ack:
    moment = int(at * SECOND)
    return Ack(
        client=client,
        number=moment,
        sha256="",
        address="10.77.0.11",
        sent_ns=moment,
        received_ns=moment,
        node=node,
        boot_id=f"boot-{node}",
        epoch=epoch,
        monotonic_ns=moment,
        duplicate=False,
    )


def failure(client: str, *, at: float) -> Failure:
    moment = int(at * SECOND)
    return Failure(
        client=client, number=1, stage="connect", problem="refused", address=None, sent_ns=moment, failed_ns=moment
    )
