"""Who leads where status does not say it: the last good owner, or a person decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from maestro_operator.decide import decide
from maestro_operator.decide.adoption import adopt, split_brain
from maestro_operator.decide.rules import RULES
from maestro_operator.model.decision import Hold, Perform, Record
from maestro_operator.model.pair import Answer, Say
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Guard, GuardState, Leadership, NodeSeen, Replica, Seen, Unknown
from maestro_operator.model.status import EpochMark, PairStatus, TakenAnswer
from maestro_operator.model.steps import EpisodeKind, StepName
from support.beginnings import serving
from support.looks import GONE, NEXT, demoted_guard, move, node, owner_guard, seen, standby, standby_guard, status
from support.worlds import Pair, pair_spec

ABSENT = Guard(GuardState.ABSENT)
NEVER = Guard(GuardState.NEVER)
LOST = Guard(GuardState.LOST)
MOVED = EpochMark(number=2, owner="b", episode="switchover-2")
UNADOPTED = PairStatus(term=1)
A_LEADS = {"a": node("a", is_running=True), "b": standby()}
STOPPED = {"a": node("a", guard=owner_guard(may_run=False)), "b": standby()}


def new(nodes: Mapping[str, NodeSeen | Unknown], *, declared: str = "a", **changes: Any) -> Seen:  # noqa: ANN401
    uid = PairStatus(pair_uid=status().pair_uid, term=1)
    return seen(**{"nodes": nodes, "status": uid, "spec": pair_spec(active_node=declared), **changes})


ROWS: dict[str, tuple[Seen, Reason | EpisodeKind]] = {
    "neither readable": (new({"a": GONE, "b": GONE}), Reason.NOBODY_READABLE),
    "one runs, the other unreadable": (new({"a": A_LEADS["a"], "b": GONE}), Reason.PEER_UNREADABLE),
    "one stopped, the other unreadable": (new({"a": STOPPED["a"], "b": GONE}), Reason.WAIT_FOR_USER),
    "never ran, neither runs": (
        new({"a": node("a", guard=NEVER), "b": node("b", guard=ABSENT)}),
        EpisodeKind.ACTIVATE,
    ),
    "one lost its state, neither runs": (
        new({"a": node("a", guard=NEVER), "b": node("b", guard=LOST)}),
        Reason.WAIT_FOR_USER,
    ),
    "both run, no known owner": (
        new({"a": node("a", is_running=True, guard=ABSENT), "b": node("b", is_running=True, guard=LOST)}),
        Reason.SPLIT_BRAIN,
    ),
    "both run, of another pair": (
        new(
            {"a": node("a", is_running=True), "b": node("b", is_running=True)},
            status=PairStatus(pair_uid="other", term=1),
        ),
        Reason.SPLIT_BRAIN,
    ),
    "both run and are one machine": (
        new({"a": node("a", is_running=True), "b": node("b", is_running=True, machine_id="machine-a")}),
        Reason.NODES_INDISTINCT,
    ),
    "the declared one runs alone": (
        new({"a": node("a", is_running=True, guard=ABSENT), "b": node("b", guard=ABSENT)}),
        EpisodeKind.ADOPT,
    ),
    "the declared owner runs alone": (new(A_LEADS), EpisodeKind.ADOPT),
    "the declared owner is stopped": (new(STOPPED), EpisodeKind.ADOPT),
    "the owner runs and is not declared": (new(A_LEADS, declared="b"), Reason.WAIT_FOR_USER),
    "the other one runs without a guard": (
        new({"a": node("a", is_running=True, guard=ABSENT), "b": node("b", guard=ABSENT)}, declared="b"),
        Reason.WAIT_FOR_USER,
    ),
    "one runs and the other owns": (
        new(
            {
                "a": node("a", is_running=True),
                "b": node("b", guard=standby_guard(in_force=NEXT, promised=NEXT)),
            }
        ),
        Reason.WAIT_FOR_USER,
    ),
    "neither ever had the last epoch's data": (
        new(
            {
                "a": node("a", guard=demoted_guard(), replica=Replica()),
                "b": node("b", guard=standby_guard(promised=MOVED, in_force=MOVED, permit_epoch=None)),
            }
        ),
        Reason.WAIT_FOR_USER,
    ),
    "the last owner never had its data, the declared one has": (
        new(
            {
                "a": node("a", guard=demoted_guard()),
                "b": node("b", guard=standby_guard(promised=MOVED, in_force=MOVED)),
            }
        ),
        EpisodeKind.ADOPT,
    ),
    "the last owner is only named by its peer": (
        new({"a": node("a", guard=demoted_guard()), "b": node("b", guard=standby_guard(promised=NEXT))}),
        EpisodeKind.ADOPT,
    ),
    "the same machine twice": (
        new({"a": node("a", guard=NEVER), "b": node("b", guard=NEVER, machine_id="machine-a")}),
        Reason.NODES_INDISTINCT,
    ),
    "another pair's nodes": (
        new(A_LEADS, status=PairStatus(pair_uid="other", term=1)),
        Reason.FOREIGN_PAIR,
    ),
}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_found_decides_who_leads(row: str) -> None:
    look, wanted = ROWS[row]

    found = decide(look).decision

    if isinstance(wanted, Reason):
        assert isinstance(found, Hold)
        assert found.reason is wanted
    else:
        begun = getattr(found, "status", PairStatus()).episode
        assert begun is not None
        assert (begun.kind, begun.target) == (wanted, "a")


@pytest.mark.parametrize("declared", ["a", "b"])
@pytest.mark.parametrize("before", [UNADOPTED, status()], ids=["unknown", "known"])
def test_of_two_that_run_the_one_that_no_epoch_names_is_stopped(declared: str, before: PairStatus) -> None:
    nodes = {"a": node("a", is_running=True), "b": node("b", is_running=True)}
    known = before.model_copy(update={"pair_uid": status().pair_uid})

    found = decide(new(nodes, declared=declared, status=known)).decision

    assert isinstance(found, Perform)
    assert (found.episode.kind, found.step, found.episode.target) == (EpisodeKind.SEPARATE, StepName.STOP, "b")
    assert found.status.epoch == before.epoch


def test_a_split_is_seen_before_anybody_is_adopted() -> None:
    assert RULES.index(split_brain) < RULES.index(adopt)


def test_answers_that_are_there_at_the_adoption_count_as_taken() -> None:
    old = Answer(episode="failover-9", say=Say.HAND_BACK)
    look = new(A_LEADS, spec=pair_spec(answers=(old,)))

    found = decide(look).decision

    taken = getattr(found, "status", PairStatus()).taken_answers
    assert taken == (TakenAnswer(episode="failover-9", say="HandBack"),)


def foreign_answer(of: str) -> Answer:
    return Answer(episode="adopt-other", say=Say.ADOPT, of=of)


FOREIGN = {
    "a": node("a", is_running=True, guard=owner_guard(pair_uid="other")),
    "b": node("b", guard=standby_guard(pair_uid="other")),
}


def test_an_answer_that_names_the_uid_adopts_the_nodes_of_another_pair() -> None:
    look = new(FOREIGN, status=UNADOPTED, spec=pair_spec(answers=(foreign_answer("other"),)))

    found = decide(look).decision

    assert isinstance(found, Record)
    assert found.status.pair_uid == "other"


@pytest.mark.parametrize(
    "look",
    [
        new(FOREIGN, status=UNADOPTED, spec=pair_spec(answers=(foreign_answer("else"),))),
        new(
            {**FOREIGN, "b": node("b", guard=standby_guard(pair_uid="third"))},
            status=UNADOPTED,
            spec=pair_spec(answers=(foreign_answer("other"),)),
        ),
        new(
            {**FOREIGN, "a": node("a", is_running=True, guard=owner_guard(in_force=NEXT, promised=NEXT))},
            status=status(),
            spec=pair_spec(answers=(foreign_answer("other"),)),
        ),
    ],
    ids=["another uid is named", "two pairs", "the pair is adopted already"],
)
def test_nothing_less_adopts_the_nodes_of_another_pair(look: Seen) -> None:
    found = decide(look).decision

    assert isinstance(found, Hold)
    assert found.reason is Reason.FOREIGN_PAIR


def test_a_node_that_knows_a_higher_epoch_makes_the_operator_discover_anew() -> None:
    b_leads = {
        "a": node("a", guard=demoted_guard(in_force=NEXT)),
        "b": node("b", is_running=True, guard=standby_guard(in_force=NEXT, promised=NEXT, may_run=True)),
    }

    found = decide(seen(nodes=b_leads)).decision

    assert found == Hold(Reason.WAIT_FOR_USER, "b leads and a is declared; set activeNode to b to adopt it")


def test_an_adoption_makes_the_next_epoch_of_all_that_is_known() -> None:
    mark = EpochMark(number=7, owner="a", episode="old")
    nodes = {"a": node("a", is_running=True, guard=owner_guard(in_force=mark, promised=mark)), "b": standby()}

    found = decide(new(nodes, leadership=Leadership(1, has_lease=True, led_for_seconds=9, sure_for_seconds=9)))

    begun = getattr(found.decision, "status", PairStatus()).episode
    assert begun is not None
    assert begun.epoch == 8


async def test_a_restored_cluster_follows_the_nodes_and_not_its_old_status() -> None:
    pair = await serving()
    old = pair.store.status
    pair.order("b")
    await pair.run_until(lambda it: it.status.active_node == "b" and it.status.episode is None)
    await pair.settle()
    pair.store.restore(old)
    pair.store.spec = pair_spec()
    pair.restart_operator()
    await pair.hold(Reason.WAIT_FOR_USER)
    assert pair.world.writers() == ["b"]

    pair.order("b")

    await pair.settle()
    assert (pair.status.active_node, pair.world.writers()) == ("b", ["b"])
    assert pair.world.moments_with_two_writers == []


# ---------------------------------------------------------------- each question of the last good owner by itself


def begun(look: Seen) -> tuple[EpisodeKind, str] | Reason | None:
    """Returns which episode a discovery begins, and for whom; or why it holds; or that it is none."""
    found = adopt(look)
    if isinstance(found, Hold):
        return found.reason
    if found is None:
        return None
    assert isinstance(found, Record)
    assert found.status.episode is not None
    return found.status.episode.kind, found.status.episode.target


def owner_b(**changes: Any) -> NodeSeen:  # noqa: ANN401
    """Returns b as the stopped owner of epoch 2, to which it was moved and in which it was permitted."""
    guard = {"promised": MOVED, "in_force": MOVED, "max_permit_epoch": 2, "grant_epoch": None, "grant_source": None}
    return standby(guard=standby_guard(**{**guard, **changes}))


OLD_A = node("a", guard=owner_guard(promised=MOVED, in_force=MOVED, may_run=False, permit_epoch=None))


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize(
    ("owner", "other", "leads"),
    [
        (owner_b(), OLD_A, (EpisodeKind.ADOPT, "b")),
        (owner_b(max_permit_epoch=0), OLD_A, Reason.WAIT_FOR_USER),
        (standby(guard=standby_guard()), OLD_A, Reason.WAIT_FOR_USER),
    ],
    ids=["it was permitted", "it never had its data", "it was put back"],
)
def test_the_last_owner_leads_where_it_has_its_data_in_whatever_order_they_are_read(
    first: str, owner: NodeSeen, other: NodeSeen, leads: object
) -> None:
    nodes = {"a": other, "b": owner} if first == "a" else {"b": owner, "a": other}

    assert begun(new(nodes, declared="b")) == leads


@pytest.mark.parametrize(
    ("there", "permitted", "leads"),
    [(True, 1, (EpisodeKind.ADOPT, "a")), (False, 1, Reason.WAIT_FOR_USER), (True, 0, Reason.WAIT_FOR_USER)],
    ids=["with data, permitted last", "without data", "not permitted last"],
)
def test_the_other_one_leads_only_where_it_was_permitted_last_and_has_data(
    there: bool,  # noqa: FBT001 - a case of the table
    permitted: int,
    leads: object,
) -> None:
    guard = owner_guard(promised=MOVED, in_force=MOVED, may_run=False, permit_epoch=None, max_permit_epoch=permitted)
    other = node("a", guard=guard, replica=Replica(live_present=there))
    never = owner_b(max_permit_epoch=0, promised=MOVED)

    found = begun(new({"a": other, "b": never}))

    # Where nobody was ever permitted nothing was written, and the declared one is brought up.
    assert found == ((EpisodeKind.ACTIVATE, "a") if not permitted else leads)


def given_up(there: NodeSeen, say: Say = Say.FAIL_OVER) -> Seen:
    """Returns a look at b alone, of whose other side a person said that it is gone."""
    word = Answer(episode="discover-a-3", say=say, of="a" if say is Say.CONFIRM_FENCED else None)
    look = new({"a": GONE, "b": there}, declared="b")
    return replace(look, spec=look.spec.model_copy(update={"answers": (word,)}))


@pytest.mark.parametrize(
    ("there", "kind"),
    [
        (owner_b(), EpisodeKind.ADOPT),
        (owner_b(max_permit_epoch=0), EpisodeKind.FAILOVER),
        (owner_b(in_force=EpochMark(number=2, owner="a", episode="renew-2")), EpisodeKind.FAILOVER),
        (owner_b(in_force=None), EpisodeKind.FAILOVER),
    ],
    ids=["it owns and has the data", "it owns without the data", "the other one owns", "it knows no epoch"],
)
@pytest.mark.parametrize("say", [Say.FAIL_OVER, Say.CONFIRM_FENCED])
def test_who_is_left_is_adopted_where_it_is_the_owner_with_its_data_and_takes_over_where_it_is_not(
    there: NodeSeen, kind: EpisodeKind, say: Say
) -> None:
    look = given_up(there, say)
    found = adopt(look)

    assert begun(look) == (kind, "b")
    assert isinstance(found, Record)
    assert found.status.taken_answers == ()


def test_of_all_answers_only_the_one_that_gives_the_other_side_up_is_kept_for_later() -> None:
    look = given_up(owner_b())
    old = Answer(episode="switchover-1", say=Say.RETRY)
    look = replace(look, spec=look.spec.model_copy(update={"answers": (old, *look.spec.answers)}))

    found = adopt(look)

    assert isinstance(found, Record)
    assert [(item.episode, item.say) for item in found.status.taken_answers] == [("switchover-1", "Retry")]


@pytest.mark.parametrize("number", [1, 2])
def test_nothing_is_discovered_anew_where_nobody_knows_more_than_status(number: int) -> None:
    mark = EpochMark(number=number, owner="b", episode="take-boot-b-2")
    knows = standby(guard=standby_guard(in_force=mark if number > 1 else None, promised=mark))

    found = begun(seen(nodes={"a": node("a", guard=owner_guard(may_run=False)), "b": knows}))

    assert (found is None) is (number == 1)


def test_a_discovery_waits_for_the_end_of_an_episode() -> None:
    knows = standby(guard=standby_guard(in_force=MOVED, promised=MOVED))
    look = seen(nodes={"a": node("a", guard=owner_guard(may_run=False)), "b": knows})

    assert begun(look) is not None
    assert begun(replace(look, status=look.status.model_copy(update={"episode": move()}))) is None


async def test_an_owner_that_is_found_stopped_is_started_by_its_restart() -> None:
    pair: Pair = await serving()
    pair.world.cut("a", "b")
    pair.world.reboot("a")
    pair.store.restore({})
    pair.restart_operator()

    await pair.run_until(lambda it: it.world.writers() == ["a"])
    pair.world.heal()
    await pair.settle()

    assert {entry.kind for entry in pair.status.history} >= {EpisodeKind.ADOPT, EpisodeKind.RESTART}
