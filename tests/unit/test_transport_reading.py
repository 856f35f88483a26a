"""What a node prints of itself becomes one reading, or nothing at all: a line that lacks is never an empty list."""

import pytest

from maestro_operator.drivers.nodes.orders import order_words
from maestro_operator.drivers.nodes.reading import node_seen
from maestro_operator.drivers.nodes.votes import peer_vote_of
from maestro_operator.drivers.ports import Order
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, NodeSeen, Replica, Unit, Unknown, Vote
from maestro_operator.model.status import EpochMark
from maestro_operator.transport.answers import BadAnswerError
from maestro_operator.transport.session import Completed

BOOT = "7f23be0f-f2c9-4fed-8ee3-cc8d9ed10f3c"
MACHINE = "3b7a6ce3036741a18bdc0ab9dfae1133"
KNOWN = "10.77.0.12 ssh-ed25519 AAAApeer"
UNITS = ("db.service", "app.service")
COMMON = f"""systemd_version=252
disk_free_bytes=1000
machine_id={MACHINE}
boot_id={BOOT}
uptime_seconds=81.25
unit.db.service=active/running/disabled/success
unit.app.service=inactive/dead/disabled/success
holders=311 312
listeners=5432
pins=maestro.example.org:10.77.0.11 tracker.example.org:
"""
WITHOUT_GUARD = f"{COMMON}state=absent\nreplica.live=present\n"
WITH_GUARD = f"""peer_known_hosts={KNOWN}
own_key=yes
{COMMON}version=1
state=valid
torn=0
seq=9
pair=uid-1
node=a
term=4
promised_epoch=3
promised_owner=b
promised_episode=ep-3
inforce_epoch=2
inforce_owner=a
inforce_episode=ep-2
permit_epoch=2
permit_boot={BOOT}
maxpermit_epoch=2
maxpermit_boot={BOOT}
final=0
grant_epoch=0
grant_source=
quarantined=0
promised=3,b,ep-3
inforce=2,a,ep-2
may_run=yes
config_pair=uid-1
config_bad=
peer_ready=yes
daemon=active
replica.version=1
replica.live=present
replica.generation=none
replica.whole=no
replica.clock=none
replica.receivers=0
"""


def read(text: str, *, units: tuple[str, ...] = UNITS, known_peer: str = KNOWN) -> NodeSeen:
    return node_seen("a", text, units=units, known_peer=known_peer)


def test_a_node_without_a_guard_is_read_by_what_any_linux_has() -> None:
    assert read(WITHOUT_GUARD) == NodeSeen(
        name="a",
        machine_id=MACHINE,
        boot_id=BOOT,
        uptime_seconds=81.25,
        guard=Guard(state=GuardState.ABSENT),
        units=(
            Unit("db.service", active="active", sub="running", enabled="disabled"),
            Unit("app.service", active="inactive", sub="dead", enabled="disabled"),
        ),
        holders=2,
        listeners=(5432,),
        # The other name does not resolve there, so it is pinned to nothing.
        pins={"maestro.example.org": "10.77.0.11"},
        disk_free_bytes=1000,
        replica=Replica(live_present=True),
        systemd_version=252,
    )


def test_the_guards_numbers_are_read_as_it_printed_them() -> None:
    assert read(WITH_GUARD).guard == Guard(
        state=GuardState.VALID,
        pair_uid="uid-1",
        node="a",
        term=4,
        promised=EpochMark(number=3, owner="b", episode="ep-3"),
        in_force=EpochMark(number=2, owner="a", episode="ep-2"),
        permit_epoch=2,
        permit_boot=BOOT,
        max_permit_epoch=2,
        max_permit_boot=BOOT,
        may_run=True,
        version="1",
        peer_ready=True,
    )


def test_a_node_that_pinned_another_key_for_its_peer_is_not_ready_to_ask_it() -> None:
    assert not read(WITH_GUARD, known_peer="10.77.0.12 ssh-ed25519 AAAAother").guard.peer_ready


@pytest.mark.parametrize("state", ["never", "lost"])
def test_without_valid_state_no_number_is_believed(state: str) -> None:
    seen = read(WITH_GUARD.replace("state=valid", f"state={state}"))

    assert seen.guard == Guard(state=GuardState(state), version="1", peer_ready=True)


def test_a_service_that_left_the_spec_still_counts_as_running() -> None:
    seen = read(WITH_GUARD, units=("app.service",))

    assert seen.runs_something
    assert [unit.name for unit in seen.units] == ["app.service", "db.service"]


@pytest.mark.parametrize(
    "line",
    [
        f"machine_id={MACHINE}",
        f"boot_id={BOOT}",
        "uptime_seconds=81.25",
        "unit.app.service=inactive/dead/disabled/success",
        "holders=311 312",
        "listeners=5432",
        "pins=maestro.example.org:10.77.0.11 tracker.example.org:",
        "state=valid",
        "pair=uid-1",
        "node=a",
        "inforce_owner=a",
        "promised_episode=ep-3",
        "replica.live=present",
        "replica.generation=none",
        "replica.receivers=0",
    ],
)
def test_an_answer_that_lacks_a_line_is_no_answer(line: str) -> None:
    assert f"{line}\n" in WITH_GUARD

    with pytest.raises(BadAnswerError):
        read(WITH_GUARD.replace(f"{line}\n", ""))


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ("term=4", "term=-4"),
        ("term=4", "term=four"),
        ("inforce_epoch=2", "inforce_epoch=2 "),
        ("may_run=yes", "may_run=true"),
        ("state=valid", "state=fine"),
        ("listeners=5432", "listeners=5432,80"),
        ("unit.app.service=inactive/", "unit.app.service=/"),
        ("unit.app.service=inactive/", "unit.app.service=stopped/"),
        (f"machine_id={MACHINE}", "machine_id=$(id)"),
        (f"boot_id={BOOT}", "boot_id=short"),
        ("uptime_seconds=81.25", "uptime_seconds=-1"),
        ("replica.whole=no", "replica.whole=perhaps"),
        ("torn=0", "Last login: Sunday"),
    ],
)
def test_an_answer_with_a_line_that_cannot_be_understood_is_no_answer(good: str, bad: str) -> None:
    with pytest.raises(BadAnswerError):
        read(WITH_GUARD.replace(good, bad, 1))


def test_an_order_says_exactly_what_it_carries() -> None:
    order = Order(verb="demote", pair_uid="uid-1", node="a", term=4, episode="ep-3", epoch=3, owner="b")

    words = " ".join(order_words(order))

    assert words == "demote --pair uid-1 --node a --term 4 --episode ep-3 --epoch 3 --owner b"


def test_lost_state_is_written_anew_only_where_the_order_says_so() -> None:
    order = Order(verb="create", pair_uid="uid-1", node="a", term=4, episode="ep-3")
    anew = Order(verb="create", pair_uid="uid-1", node="a", term=4, episode="ep-3", anew=True)

    assert (order_words(order)[-1], order_words(anew)[-1]) == ("ep-3", "--anew")


def vote(text: str, *, status: int = 0) -> tuple[Vote | None, Reason]:
    said = peer_vote_of(Completed(status, text, ""), asked="b", about="a")
    return (None, said.reason) if isinstance(said, Unknown) else (said.vote, said.reason)


SILENT = "port.80=silent\nport.5432=silent\nssh=silent\npeer_answers=no\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh=open\npeer_answers=yes\npeer_service=runs\n", (Vote.ALIVE, Reason.ANSWERS)),
        ("ssh=open\npeer_answers=yes\npeer_service=partial\n", (Vote.SICK, Reason.SERVICE_DOWN)),
        ("ssh=open\npeer_answers=yes\npeer_service=stopped\n", (Vote.SICK, Reason.SERVICE_DOWN)),
        (SILENT, (Vote.DEAD, Reason.TIMED_OUT)),
        (SILENT.replace("silent", "unreachable"), (Vote.DEAD, Reason.HOST_UNREACHABLE)),
        (SILENT.replace("port.80=silent", "port.80=refused"), (Vote.SICK, Reason.CONNECTION_REFUSED)),
        (SILENT.replace("ssh=silent", "ssh=open"), (Vote.SICK, Reason.BAD_ANSWER)),
        (SILENT.replace("port.80=silent", "port.80=asleep"), (None, Reason.BAD_ANSWER)),
        ("peer_answers=no\n", (None, Reason.BAD_ANSWER)),
        ("Killed\n", (None, Reason.BAD_ANSWER)),
    ],
)
def test_only_silence_is_dead(text: str, expected: tuple[Vote | None, Reason]) -> None:
    assert vote(text) == expected


def test_a_node_that_cannot_be_asked_gives_no_vote() -> None:
    assert vote("absent=yes\n", status=13) == (None, Reason.GUARD_ABSENT)
    assert vote("unknown=BadConfig\n", status=11) == (None, Reason.COMMAND_FAILED)
    said = peer_vote_of(Unknown(Reason.TIMED_OUT, "no answer"), asked="b", about="a")
    assert said == Unknown(Reason.TIMED_OUT, "no answer")
