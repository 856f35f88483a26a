"""Two guards that ask each other: what the peer confirms, what the boot unit makes of it, and what root may take."""

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import (
    LOST,
    NEVER,
    Grant,
    GuardState,
    Mark,
    Permit,
    confirmed,
    taken,
    yielded,
)
from maestro_operator.drivers.ports import Order
from support.guard_pair import Node, await_true, owner_state, two_nodes
from support.guard_root import Reply


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Node, Node]:
    return two_nodes(tmp_path)


def forced(node: Node, words: str) -> Reply:
    return node.run("forced", environment={"SSH_ORIGINAL_COMMAND": words})


STANDBY = owner_state("b", epoch=4, owner="a")
DOUBTS: dict[str, tuple[GuardState, str]] = {
    "another epoch above is in force there": (owner_state("b", epoch=5, owner="b"), "NotOwner"),
    "this epoch belongs to the peer there": (owner_state("b", epoch=4, owner="b"), "NotOwner"),
    "the peer has not stored the epoch": (owner_state("b", epoch=3, owner="a"), "LowerEpoch"),
    "the peer has stored a later epoch of the asker": (owner_state("b", epoch=5, owner="a"), "LowerEpoch"),
    "the peer has promised another": (replace(STANDBY, promised=Mark(5, "b", "e2")), "PromisedAway"),
    "the peer has promised the asker a later one": (replace(STANDBY, promised=Mark(5, "a", "e2")), "PromisedAway"),
    "no epoch was ever in force there": (GuardState(pair="p-1", node="b"), "NotOwner"),
    "the peer is of another pair": (replace(STANDBY, pair="p-2"), "ForeignPair"),
    "the peer calls itself as the asker": (replace(STANDBY, node="a"), "ForeignPair"),
    "the peer has another name": (replace(STANDBY, node="c"), "ForeignPair"),
    "the peer holds a permit": (replace(STANDBY, permit=Permit(4, "boot-1")), "HoldsPermit"),
}


def test_the_peer_vouches_for_exactly_this_epoch_of_exactly_this_owner(pair: tuple[Node, Node]) -> None:
    a, _ = pair

    reply = a.run("ask-peer", "confirm")

    assert (reply.code, reply.lines) == (0, {"confirmed": "4"})


@pytest.mark.parametrize("doubt", DOUBTS)
def test_the_peer_does_not_vouch_when(pair: tuple[Node, Node], doubt: str) -> None:
    a, b = pair
    state, why = DOUBTS[doubt]
    b.put(state)

    reply = a.run("ask-peer", "confirm")

    assert reply.code == 10
    assert why in reply.lines["message"]


@pytest.mark.parametrize("state", [LOST, NEVER])
def test_a_peer_without_state_vouches_for_nobody(pair: tuple[Node, Node], state: GuardState) -> None:
    a, b = pair
    b.put(state)

    assert a.run("ask-peer", "confirm").code in (10, 11)
    assert forced(b, "confirm abc p-1 a").code == 11


def test_the_peer_vouches_for_nobody_while_a_service_runs_there(pair: tuple[Node, Node]) -> None:
    a, b = pair
    for state in ("active", "activating", "deactivating", "reloading"):
        b.unit("app.service", state)
        assert "NotStopped" in a.run("ask-peer", "confirm").lines["message"], state


def test_a_peer_that_does_not_know_its_services_vouches_for_nobody(pair: tuple[Node, Node]) -> None:
    _, b = pair
    (b.path / "etc/maestro-guard/config").unlink()

    assert forced(b, "confirm abc p-1 a").lines["confirms"] == "no:NotStopped"


@pytest.mark.parametrize(
    "tampering",
    [
        "s/^nonce=./nonce=0/;s/^nonce=0\\(.*\\)$/nonce=x\\1/",
        "s/^nonce=.*/nonce=00000000000000000000000000000000/",
        "/^nonce=/d",
        "s/^pair=.*/pair=p-9/",
        "s/^node=.*/node=a/",
        "s/^node=.*/node=c/",
        "s/^inforce_epoch=.*/inforce_epoch=5/",
        "s/^inforce_epoch=.*/inforce_epoch=/",
        "s/^inforce_owner=.*/inforce_owner=b/",
        "s/^promised_epoch=.*/promised_epoch=5/",
        "s/^promised_owner=.*/promised_owner=b/",
        "s/^confirms=.*/confirms=no:Whatever/",
        "s/^confirms=.*/confirms=yes yes/",
        "/^confirms=/d",
    ],
)
def test_an_answer_that_is_not_exactly_the_one_asked_for_confirms_nothing(
    pair: tuple[Node, Node], tampering: str
) -> None:
    a, _ = pair
    a.wire(tampering)

    assert a.run("ask-peer", "confirm").code in (10, 11)


@pytest.mark.parametrize("wire", ["down", "refused", "stranger", "garbage"])
def test_who_does_not_answer_as_the_peer_confirms_nothing(pair: tuple[Node, Node], wire: str) -> None:
    a, _ = pair
    a.wire(wire)

    assert a.run("ask-peer", "confirm").code == 11
    assert a.run("ask-peer", "epoch").code == 11


def test_each_question_carries_a_nonce_of_its_own(pair: tuple[Node, Node]) -> None:
    a, _ = pair

    for _ in range(3):
        a.run("ask-peer", "confirm")

    nonces = [line.split()[1] for line in a.asked()]
    assert len(set(nonces)) == 3
    assert all(len(nonce) == 32 for nonce in nonces)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "sh",
        "epoch; touch @/gone",
        "epoch $(touch @/gone)",
        "epoch `touch @/gone`",
        "epoch\ntouch @/gone",
        "epoch *",
        "epoch extra",
        "confirm",
        "confirm n p-1 A",
        "confirm n p-1 a extra",
        "confirm " + "n" * 65 + " p-1 a",
        "epoch " + "x" * 5000,
        "revoke --pair p-1",
        "receive data",
        "receive data x 1 a",
        "receive data 4 1 ../a",
        "show",
        "take --reason x",
    ],
)
def test_the_forced_command_answers_nothing_but_the_four_requests(pair: tuple[Node, Node], words: str) -> None:
    _, b = pair
    before = b.stored()

    reply = forced(b, words.replace("@", str(b.path)))

    assert (reply.code, reply.word) == (10, "BadRequest")
    assert not (b.path / "gone").exists()
    assert b.stored() == before


def test_a_receiver_is_handed_over_only_under_a_grant_for_its_epoch_and_source(pair: tuple[Node, Node]) -> None:
    _, b = pair
    assert forced(b, "receive data 4 1 a rsync --server . incoming/").word == "NoGrant"

    b.put(replace(STANDBY, grant=Grant(4, "a"), quarantined=4))

    handed = forced(b, "receive data 4 1 a rsync --server . incoming/")
    assert handed.lines["received"] == "receive data 4 1 a rsync --server . incoming/"
    assert forced(b, "receive data 3 1 a").word == "NoGrant"
    assert forced(b, "receive data 4 1 c").word == "NoGrant"


def test_a_generation_must_be_above_the_last_one(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.put(replace(STANDBY, grant=Grant(4, "a")))

    def answer(counter: str, last: str) -> str:
        return b.run("may-receive", "--epoch", "4", "--counter", counter, "--source", "a", "--last", last).word

    assert answer("1", "3.99") == ""
    assert answer("10", "4.9") == ""
    assert answer("9", "4.9") == "LowerGeneration"
    assert answer("9", "5.1") == "LowerGeneration"


def test_the_local_probe_tells_running_from_stopped_from_half(pair: tuple[Node, Node]) -> None:
    a, b = pair
    assert forced(b, "probe").lines["service"] == "stopped"
    b.unit("db.service", "active")
    assert a.run("ask-peer", "probe").lines["service"] == "partial"
    b.unit("app.service", "active")
    assert forced(b, "probe").lines["service"] == "runs"
    assert a.run("probe-peer").lines["peer_service"] == "runs"
    a.wire("down")
    assert a.run("probe-peer").lines["peer_answers"] == "no"


# ------------------------------------------------------------ the boot unit


def test_after_a_reboot_the_confirmed_owner_gets_its_data_names_and_services_up_in_order(
    pair: tuple[Node, Node],
) -> None:
    a, _ = pair

    with a.daemon():
        await_true(lambda: len(a.active()) == 2 and not (a.runtime / "sequence").exists(), what="the services run")

    assert a.stored() == confirmed(OWNER, boot="boot-1")
    assert a.stored().permit == Permit(4, "boot-1")
    assert a.systemctl_calls() == ["start --no-block -- db.service", "start --no-block -- app.service"]
    assert a.replica_calls()[0] == "up"
    hosts = (a.path / "etc/hosts").read_text()
    assert "192.0.2.7 maestro.example.org" in hosts
    assert "127.0.0.1 localhost" in hosts


@pytest.mark.parametrize("doubt", ["the peer has promised another", "this epoch belongs to the peer there"])
def test_an_owner_that_is_not_confirmed_starts_nothing(pair: tuple[Node, Node], doubt: str) -> None:
    a, b = pair
    b.put(DOUBTS[doubt][0])
    before = a.stored()

    with a.daemon():
        await_true(lambda: len(a.asked()) >= 2, what="the peer was asked twice")

    assert a.stored() == before
    assert a.systemctl_calls() == []


def test_a_yes_counts_for_nothing_when_the_state_changed_while_it_was_asked_for(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    a.meanwhile(Order("demote", "p-1", "a", 2, "e2", epoch=5, owner="b"))

    with a.daemon():
        a.await_turns(2)

    assert a.stored().permit is None
    assert a.stored().inforce == Mark(5, "b", "e2")
    assert not any(call.startswith("start") for call in a.systemctl_calls())


def test_an_owner_asks_until_its_peer_is_there(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    a.wire("down")

    with a.daemon():
        await_true(lambda: len(a.asked()) >= 2, what="the peer was asked twice")
        assert a.systemctl_calls() == []
        a.wire("")
        await_true(lambda: len(a.active()) == 2, what="the services run")


OWNER = owner_state("a", epoch=4, owner="a", permit=Permit(4, "boot-0"))
SILENT: dict[str, GuardState] = {
    "its permit was revoked": replace(OWNER, permit=None),
    "it was quiesced": replace(OWNER, permit=None, final=4),
    "it was promoted and never permitted": replace(OWNER, permit=None, maxpermit=None),
    "it has promised the next epoch itself": replace(OWNER, promised=Mark(5, "b", "e2")),
    "its permit is of an older epoch": replace(OWNER, permit=Permit(3, "boot-0")),
}


@pytest.mark.parametrize("why", SILENT)
def test_an_owner_does_not_even_ask_when(pair: tuple[Node, Node], why: str) -> None:
    a, _ = pair
    a.put(SILENT[why])

    with a.daemon():
        a.await_turns()

    assert a.asked() == []
    assert a.stored() == SILENT[why]
    assert a.systemctl_calls() == []


def running(pair: tuple[Node, Node]) -> tuple[Node, Node]:
    """Lets node a run under a permit of this boot."""
    a, b = pair
    a.put(owner_state("a", epoch=4, owner="a", permit=Permit(4, "boot-1")))
    for unit in ("db.service", "app.service"):
        a.unit(unit, "active")
    return a, b


@pytest.mark.parametrize("epoch", [4, 5, 9])
def test_a_running_node_obeys_an_epoch_in_force_at_its_peer_that_it_does_not_own(
    pair: tuple[Node, Node], epoch: int
) -> None:
    a, b = running(pair)
    b.put(owner_state("b", epoch=epoch, owner="b"))

    with a.daemon():
        await_true(lambda: not a.active(), what="the services stop")

    assert a.stored().permit is None
    assert a.systemctl_calls()[:2] == ["stop -- app.service", "stop -- db.service"]
    assert f"epoch {epoch} of b is in force at the peer" in a.log()


QUIET: dict[str, tuple[str, GuardState]] = {
    "the peer is unreachable": ("down", STANDBY),
    "something else answers": ("stranger", STANDBY),
    "the answer is garbage": ("garbage", owner_state("b", epoch=5, owner="b")),
    "the answer names another pair": ("s/^pair=.*/pair=p-2/", owner_state("b", epoch=5, owner="b")),
    "the peer has only promised": ("", replace(STANDBY, promised=Mark(5, "b", "e2"))),
    "the peer's epoch is lower": ("", owner_state("b", epoch=3, owner="b")),
    "the peer's epoch is higher and ours": ("", owner_state("b", epoch=5, owner="a")),
    "the peer lost its state": ("", LOST),
}


@pytest.mark.parametrize("why", QUIET)
def test_a_running_node_goes_on_when(pair: tuple[Node, Node], why: str) -> None:
    a, b = running(pair)
    wire, state = QUIET[why]
    a.wire(wire)
    b.put(state)
    before = a.stored()

    with a.daemon():
        a.await_turns(4)

    assert a.stored() == before
    assert a.systemctl_calls() == []


def test_a_newer_epoch_given_while_the_peer_was_asked_is_not_revoked(pair: tuple[Node, Node]) -> None:
    a, b = running(pair)
    b.put(owner_state("b", epoch=5, owner="b"))
    a.meanwhile(Order("renew", "p-1", "a", 2, "e2", epoch=6))

    with a.daemon():
        a.await_turns(3)

    assert a.stored().may_run("boot-1")
    assert len(a.active()) == 2


def test_a_standby_does_nothing_but_answer(pair: tuple[Node, Node]) -> None:
    _, b = pair

    with b.daemon():
        b.await_turns()

    assert b.asked() == []
    assert b.systemctl_calls() == []
    assert b.stored() == STANDBY


def test_a_stop_that_was_cut_off_after_its_state_was_stored_is_finished(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.unit("app.service", "active")

    with b.daemon():
        await_true(lambda: not b.active(), what="the service stops")


def test_a_node_without_any_epoch_is_left_alone(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    a.put(GuardState(pair="p-1", node="a"))
    a.unit("app.service", "active")

    with a.daemon():
        a.await_turns()

    assert a.active() == ["app.service"]
    assert a.systemctl_calls() == []


def test_a_boot_unit_that_died_in_mid_sequence_goes_on_where_it_was(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    a.put(owner_state("a", epoch=4, owner="a", permit=Permit(4, "boot-1")))
    (a.runtime / "sequence").write_text("\n")

    with a.daemon():
        await_true(lambda: len(a.active()) == 2, what="the services run")


# ------------------------------------------------------------ orders and their effects


def test_a_demoted_node_stores_first_and_then_stops_in_reverse_order(pair: tuple[Node, Node]) -> None:
    a, _ = running(pair)

    reply = a.order(Order("demote", "p-1", "a", 1, "e2", epoch=5, owner="b"))

    assert reply.code == 0
    assert reply.lines["stopped"] == "app.service db.service"
    assert a.systemctl_calls() == ["stop -- app.service", "stop -- db.service"]
    assert a.stored().inforce == Mark(5, "b", "e2")


def test_a_service_that_does_not_stop_is_said_so_and_the_epoch_is_stored(pair: tuple[Node, Node]) -> None:
    a, _ = running(pair)
    (a.path / "units/db.service.stuck").touch()

    reply = a.order(Order("demote", "p-1", "a", 1, "e2", epoch=5, owner="b"))

    assert (reply.code, reply.word, reply.lines["still"]) == (1, "StillRunning", "db.service")
    assert a.stored().inforce == Mark(5, "b", "e2")


def test_nothing_is_read_back_stopped_where_systemd_does_not_answer(pair: tuple[Node, Node]) -> None:
    a, _ = running(pair)
    a.program("systemctl", "#!/bin/sh\nexit 1\n")

    assert a.run("stop").word == "StillRunning"


def test_services_start_only_under_a_permit_of_this_boot(pair: tuple[Node, Node]) -> None:
    a, b = pair
    assert a.run("start").word == "NotPermittedThisBoot"
    assert b.run("start").word == "NotOwner"
    a.put(owner_state("a", epoch=4, owner="a", permit=Permit(4, "boot-1")))

    assert a.run("start", "--only", "db.service").code == 0
    assert a.active() == ["db.service"]
    assert a.run("start", "--only", "sshd.service").code == 2
    assert a.run("start").code == 0
    assert len(a.active()) == 2


def test_sever_kills_the_receivers_with_their_children_and_nobody_else(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.put(replace(STANDBY, grant=Grant(4, "a"), quarantined=4))
    receiver = subprocess.Popen(("sh", "-c", "sleep 60 & wait"), start_new_session=True)
    stranger = subprocess.Popen(("sleep", "60"), start_new_session=True)
    try:
        started = Path(f"/proc/{receiver.pid}/stat").read_text().rsplit(") ", 1)[1].split()[19]
        (b.runtime / f"receivers/{receiver.pid}").write_text(f"{started}\n")
        # A record whose process has long ended, and whose number belongs to somebody else by now.
        (b.runtime / f"receivers/{stranger.pid}").write_text("1\n")

        reply = b.order(Order("sever", "p-1", "b", 1, "e2"))

        assert (reply.code, reply.lines.get("receivers")) == (0, "0"), reply.text
        assert receiver.wait(10) == -9
        assert stranger.poll() is None
        assert b.stored().grant is None
    finally:
        for process in (receiver, stranger):
            process.kill()
            process.wait()


def test_sever_does_not_say_none_while_somebody_holds_the_receivers_lock(pair: tuple[Node, Node]) -> None:
    _, b = pair
    lock = b.runtime / "receive.lock"
    lock.touch()
    held = subprocess.Popen(("flock", str(lock), "cat"), stdin=subprocess.PIPE)
    await_true(
        lambda: subprocess.run(("flock", "-n", str(lock), "true"), check=False).returncode != 0, what="the lock is held"
    )
    try:
        assert b.order(Order("sever", "p-1", "b", 1, "e2")).word == "StillReceiving"
    finally:
        held.communicate()
    assert b.order(Order("sever", "p-1", "b", 1, "e2")).code == 0


# ------------------------------------------------------------ root's own words


def take(node: Node, *words: str) -> Reply:
    return node.run("take", "--reason", "the other site is gone", *words)


def test_take_is_refused_while_the_peer_runs_or_may_run(pair: tuple[Node, Node]) -> None:
    a, b = running(pair)
    assert take(b).word == "PeerAnswers"
    assert take(b, "--peer-is-off").word == "PeerAnswers"
    for unit in ("db.service", "app.service"):
        a.unit(unit, "inactive")
    assert "yield" in take(b).lines["message"]
    assert b.stored() == STANDBY
    before = a.stored()

    assert a.run("yield", "--reason", "moving over").code == 0

    assert a.stored() == yielded(before, boot="boot-1", peer="b")
    assert a.order(Order("renew", "p-1", "a", 1, "e2", epoch=9)).word == "NotPermittedThisBoot"
    assert a.order(Order("permit", "p-1", "a", 1, "e1", epoch=4)).word == "PromisedAway"
    assert a.run("yield", "--reason", "moving over").code == 0
    assert a.stored() == yielded(before, boot="boot-1", peer="b")

    reply = take(b)
    assert (reply.code, reply.lines["taken"]) == (0, "6")
    assert b.active() == ["db.service", "app.service"]


AWAY = replace(OWNER, permit=None, promised=Mark(5, "b", "e2"))
COULD_RETURN: dict[str, GuardState] = {
    "it waits for its confirmation": OWNER,
    "it was promoted and its permit is on the way": replace(OWNER, permit=None, maxpermit=None),
    "it was promised the next epoch": replace(
        STANDBY, node="a", inforce=Mark(3, "b", "e1"), promised=Mark(4, "a", "e2")
    ),
    "it holds a permit although the next epoch is promised away": replace(AWAY, permit=Permit(4, "boot-0")),
    "it was revoked in this boot and can be renewed": replace(AWAY, maxpermit=Permit(4, "boot-1")),
    "it was quiesced in this boot and can be renewed": replace(AWAY, maxpermit=Permit(4, "boot-1"), final=4),
}


@pytest.mark.parametrize("why", COULD_RETURN)
def test_take_is_refused_while_the_stopped_peer_could_come_back(pair: tuple[Node, Node], why: str) -> None:
    a, b = pair
    a.put(COULD_RETURN[why])
    assert COULD_RETURN[why].may_return("boot-1")

    assert take(b).word == "PeerAnswers"


def test_take_needs_a_word_about_a_silent_peer(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.wire("down")
    b.program("bash", "#!/bin/sh\nexit 124\n")

    assert take(b).word == "PeerNotProvenOff"
    assert b.stored() == STANDBY

    reply = take(b, "--peer-is-off")

    assert reply.code == 0
    episode = "take-boot-1-5"
    mark = Mark(5, "b", episode)
    permit = Permit(5, "boot-1")
    assert b.stored() == taken(STANDBY, boot="boot-1", peer_promised=0)
    assert b.stored() == GuardState(
        pair="p-1", node="b", term=1, promised=mark, inforce=mark, permit=permit, maxpermit=permit
    )
    assert b.replica_calls() == ["observe", f"promote --episode {episode}", "up"]
    assert b.active() == ["db.service", "app.service"]
    assert "the other site is gone" in reply.text


@pytest.mark.parametrize("wire", ["refused", "stranger", "garbage", "s/^node=.*/node=c/", "/^service=/d"])
def test_take_holds_any_sign_of_life_for_an_answer(pair: tuple[Node, Node], wire: str) -> None:
    _, b = pair
    b.wire(wire)
    b.program("bash", "#!/bin/sh\nexit 124\n")

    assert take(b, "--peer-is-off").word == "PeerAnswers"
    assert b.stored() == STANDBY


def test_take_holds_an_open_port_of_the_peer_for_a_sign_of_life(pair: tuple[Node, Node]) -> None:
    _, b = pair
    b.wire("down")
    b.program("bash", "#!/bin/sh\nexit 0\n")

    assert take(b, "--peer-is-off").word == "PeerAnswers"


def test_take_is_refused_on_a_copy_that_is_not_whole(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.put(yielded(OWNER, boot="boot-1", peer="b"))
    for said in ("whole=no\n", ""):
        (b.script.parent / "replica.observed").write_text(said)
        assert take(b).word == "NotWhole"
    assert b.stored() == STANDBY
    assert b.systemctl_calls() == []


def test_an_owner_that_rebooted_alone_takes_its_own_data_up_again(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    a.wire("down")
    a.program("bash", "#!/bin/sh\nexit 124\n")
    (a.script.parent / "replica.observed").write_text("whole=no\n")

    assert take(a, "--peer-is-off").code == 0

    assert a.active() == ["db.service", "app.service"]
    assert not any(call.startswith("promote") for call in a.replica_calls())


def test_take_is_refused_when_the_state_changed_while_the_peer_was_asked(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.put(yielded(OWNER, boot="boot-1", peer="b"))
    b.meanwhile(Order("promise", "p-1", "b", 2, "e2", epoch=6, owner="a"))

    assert take(b).word == "PromisedAway"
    assert b.stored().promised == Mark(6, "a", "e2")


def test_take_goes_above_what_the_peer_has_promised(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.put(yielded(replace(OWNER, promised=Mark(8, "b", "e3")), boot="boot-1", peer="b"))

    assert take(b).lines["taken"] == "9"


def test_take_and_yield_want_a_reason_in_plain_characters(pair: tuple[Node, Node]) -> None:
    _, b = pair
    for words in (
        (),
        ("--reason",),
        ("--reason", ""),
        ("--reason", "a\nb"),
        ("--reason", "$(x)"),
        ("--reason", "x" * 201),
    ):
        assert b.run("take", *words).code == 2, words
        assert b.run("yield", *words).code == 2, words
    assert b.stored() == STANDBY


# ------------------------------------------------------------ an orderly shutdown


def shuts_down(node: Node, *, is_stopping: bool) -> Reply:
    node.program("systemctl", f"echo {'stopping' if is_stopping else 'running'}\n")
    return node.run("farewell")


def test_a_peer_that_shuts_down_in_order_says_so_and_it_is_told_how_long_ago(pair: tuple[Node, Node]) -> None:
    a, b = pair
    assert "peer_left_seconds" not in b.run("observe").lines

    assert shuts_down(a, is_stopping=True).code == 0

    assert int(b.run("observe").lines["peer_left_seconds"]) < 60
    assert "peer_left_seconds" not in a.run("observe").lines


def test_a_guard_that_is_only_stopped_says_nothing_of_a_shutdown(pair: tuple[Node, Node]) -> None:
    a, b = pair

    assert shuts_down(a, is_stopping=False).code == 0

    assert "peer_left_seconds" not in b.run("observe").lines


def test_a_shutdown_is_over_where_the_peer_cannot_be_told(pair: tuple[Node, Node]) -> None:
    a, b = pair
    a.wire("down")

    assert shuts_down(a, is_stopping=True).code == 0

    assert "peer_left_seconds" not in b.run("observe").lines
