"""Law 3 in the API server: who may run is not unset, not lowered and not moved without a proof, however one writes.

Each case starts from a pair that runs on `a` in epoch 2 with epoch 3 promised to `b`, a switchover under way whose
next lawful write is its promotion, and tells one write that the server must refuse.
"""

import copy
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from support.controlplane import ControlPlane
from support.law_three import refusal
from support.manifests import Manifest, Rule, changed, example, rules
from support.pair_api import Answer, PairApi, Way

NOW = "2026-11-22T19:00:00Z"
NUMBERS = itertools.count(1)
Write = Callable[[PairApi, Manifest, Manifest], Answer]


# ---------------------------------------------------------------- how one can write a status


def put(pairs: PairApi, there: Manifest, status: Manifest) -> Answer:
    return pairs.replace({**there, "status": status}, subresource="/status")


def merge_patch(pairs: PairApi, there: Manifest, status: Manifest) -> Answer:
    return _patch(pairs, there, {"status": _merge(there.get("status", {}), status)}, "merge")


def json_patch(pairs: PairApi, there: Manifest, status: Manifest) -> Answer:
    return _patch(pairs, there, [{"op": "add", "path": "/status", "value": status}], "json")


def apply(pairs: PairApi, there: Manifest, status: Manifest) -> Answer:
    whole = {"apiVersion": there["apiVersion"], "kind": there["kind"], "status": status}
    return _patch(pairs, there, {**whole, "metadata": {"name": there["metadata"]["name"]}}, "apply")


def _patch(pairs: PairApi, there: Manifest, body: object, way: Way) -> Answer:
    return pairs.patch(there["metadata"]["name"], body, way=way, subresource="/status")


def _merge(before: object, after: object) -> object:
    """Returns the merge patch that makes `after` of `before`: what is gone becomes null."""
    if not isinstance(before, dict) or not isinstance(after, dict):
        return after
    gone = dict.fromkeys(before.keys() - after.keys())
    return gone | {key: _merge(before.get(key), value) for key, value in after.items()}


WAYS: tuple[Write, ...] = (put, merge_patch, json_patch)


# ---------------------------------------------------------------- what is written


def mark(number: int, owner: str) -> Manifest:
    return {"number": number, "owner": owner, "episode": f"episode-{number}"}


def proof(**changes: object) -> Manifest:
    lawful = {
        "node": "a",
        "method": "Demoted",
        "evidence": ["guard a: epoch 3 of b in force, no permit"],
        "epoch": 3,
        "episode": "switchover-3",
        "term": 4,
        "provedAt": NOW,
    }
    return lawful | changes


def episode(**changes: object) -> Manifest:
    lawful = {
        "id": "switchover-3",
        "kind": "Switchover",
        "source": "a",
        "target": "b",
        "trigger": "Ordered",
        "startedAt": NOW,
        "epoch": 3,
        "step": "Demote",
    }
    return {key: value for key, value in (lawful | changes).items() if value is not None}


RUNS_ON_A: Manifest = {
    "pairUID": "uid-1",
    "activeNode": "a",
    "observedActiveNode": "a",
    "epoch": {"promised": mark(3, "b"), "inForce": mark(2, "a")},
    "term": 4,
    "episode": episode(),
}
PROMOTED: Manifest = {
    **RUNS_ON_A,
    "activeNode": "b",
    "epoch": {"promised": mark(3, "b"), "inForce": mark(3, "b")},
    "episode": episode(step="Promote", proof=proof()),
}
RENEWED: Manifest = {
    **RUNS_ON_A,
    "epoch": {"promised": mark(4, "a"), "inForce": mark(4, "a")},
    "episode": episode(id="renew-4", kind="Renew", source="b", target="a", epoch=4, step="SwapPermit"),
}
ADOPTED: Manifest = {
    **RUNS_ON_A,
    "pairUID": "uid-2",
    "activeNode": "b",
    "epoch": {"promised": mark(7, "b"), "inForce": mark(7, "b")},
    "episode": episode(
        id="adopt-7",
        kind="Adopt",
        epoch=7,
        step="Adopt",
        proof=proof(method="Adopted", epoch=7, episode="adopt-7"),
    ),
}
ACTIVATED: Manifest = {
    "pairUID": "uid-1",
    "activeNode": "a",
    "epoch": {"promised": mark(1, "a"), "inForce": mark(1, "a")},
    "term": 1,
    "episode": episode(
        id="activate-1",
        kind="Activate",
        source="b",
        target="a",
        epoch=1,
        step="Promote",
        proof=proof(node="b", method="NeverRan", epoch=1, episode="activate-1", term=1),
    ),
}


def but(status: Manifest, **changes: object) -> Manifest:
    """Returns a status with changes; `epoch__inForce` is status.epoch.inForce, `...` removes."""
    holder: Manifest = {"status": status}
    for path, value in changes.items():
        holder = changed(holder, f"status.{path.replace('__', '.')}", value)
    return dict(holder["status"])


@dataclass(frozen=True)
class Case:
    """One write that is refused: by which rule, and in which words."""

    words: str
    """What names the rule: a part of its message, the field with it."""
    status: Manifest
    remedy: str
    before: Manifest = field(default_factory=lambda: RUNS_ON_A)
    path: str = "status"


NODE_IS_OTHER = "episode.proof.node must be the other node"
EPOCH_IS_THIS = "episode.proof.epoch must be the number"
ONLY_PROMOTES = "activeNode may be set or changed only"
IN_FORCE_ONLY = "epoch.inForce may change only"
OTHER_OWNER = "a number that already has an owner"

CASES = (
    Case("activeNode must be the owner", but(RUNS_ON_A, activeNode="b"), remedy="write both in the same write"),
    Case("activeNode must be the owner", but(PROMOTED, activeNode="a"), remedy="write both in the same write"),
    Case("activeNode cannot be unset", but(RUNS_ON_A, activeNode=...), remedy="send it with every write"),
    Case("pairUID cannot be unset", but(RUNS_ON_A, pairUID=...), remedy="send it with every write"),
    Case("epoch.promised cannot be unset", but(RUNS_ON_A, epoch__promised=...), remedy="send it with every write"),
    Case("epoch.promised cannot be unset", but(RUNS_ON_A, epoch=...), remedy="send it with every write"),
    Case("epoch.inForce cannot be unset", but(RUNS_ON_A, epoch__inForce=...), remedy="send it with every write"),
    Case("epoch.inForce cannot be unset", but(RUNS_ON_A, epoch=...), remedy="send it with every write"),
    Case("epoch.inForce cannot be unset", {}, remedy="re-create the resource to start over"),
    Case("term may not fall", but(RUNS_ON_A, term=3), remedy="may not fall from 4 to 3"),
    Case("term may not fall", but(RUNS_ON_A, term=...), remedy="may not fall from 4 to 0"),
    Case("epoch.promised.number may not fall", but(RUNS_ON_A, epoch__promised=mark(2, "a")), remedy="from 3 to 2"),
    Case("epoch.inForce.number may not fall", but(RUNS_ON_A, epoch__inForce=mark(1, "a")), remedy="from 2 to 1"),
    Case(OTHER_OWNER, but(RUNS_ON_A, epoch__promised=mark(3, "a")), remedy="make a new epoch with a higher number"),
    Case(OTHER_OWNER, but(RUNS_ON_A, activeNode="b", epoch__inForce=mark(2, "b")), remedy="make a new epoch"),
    Case(
        OTHER_OWNER,
        remedy="make a new epoch",  # what was promised to b comes in force for a
        status=but(RENEWED, epoch={"promised": mark(4, "a"), "inForce": mark(3, "a")}, episode__epoch=3),
    ),
    Case("pairUID may change only", but(RUNS_ON_A, pairUID="uid-2"), remedy="keep it"),
    Case("pairUID may change only", but(PROMOTED, pairUID="uid-2"), remedy="whose episode.step is Adopt"),
    Case(IN_FORCE_ONLY, but(PROMOTED, episode__step="Demote"), remedy="write the step's intent in the same write"),
    Case(IN_FORCE_ONLY, but(PROMOTED, episode=...), remedy="Promote, SwapPermit or Adopt"),
    Case(IN_FORCE_ONLY, but(RENEWED, episode__step="StoreEpoch"), remedy="Promote, SwapPermit or Adopt"),
    Case("epoch.inForce keeps its owner", but(PROMOTED, episode__step="SwapPermit"), remedy="with a proof"),
    Case(
        "epoch.inForce keeps its owner",
        remedy="with a proof",
        before={},
        status=but(RENEWED, episode__proof=proof(node="b", epoch=4, episode="renew-4")),
    ),
    Case(ONLY_PROMOTES, but(PROMOTED, episode__step="MoveTraffic"), remedy="its proof in the same write"),
    Case(ONLY_PROMOTES, but(PROMOTED, episode__step="SwapPermit"), remedy="Promote or Adopt"),
    Case(ONLY_PROMOTES, but(ACTIVATED, episode__step="Raise"), remedy="Promote or Adopt", before={}),
    Case(ONLY_PROMOTES, but(ACTIVATED, episode=...), remedy="Promote or Adopt", before={}),
    Case("episode.proof is needed", but(PROMOTED, episode__proof=...), remedy="write the proof that the other node"),
    Case("episode.proof is needed", but(ADOPTED, episode__proof=...), remedy="write the proof that the other node"),
    Case("episode.proof is needed", but(ACTIVATED, episode__proof=...), remedy="write the proof", before={}),
    Case(
        "episode.proof is needed",
        remedy="write the proof",  # the same owner, a new epoch, no renewal
        status=but(RENEWED, episode__step="Promote", episode__kind="Failover"),
    ),
    Case(NODE_IS_OTHER, but(PROMOTED, episode__proof__node="b"), remedy="does not become active"),
    Case(NODE_IS_OTHER, but(ACTIVATED, episode__proof__node="a"), remedy="does not become active", before={}),
    Case(EPOCH_IS_THIS, but(PROMOTED, episode__proof__epoch=2), remedy="make a new one for this"),
    Case(EPOCH_IS_THIS, but(PROMOTED, episode__epoch=4), remedy="make a new one for this"),
    Case(
        EPOCH_IS_THIS,
        remedy="make a new one for this",
        status=but(PROMOTED, epoch={"promised": mark(4, "b"), "inForce": mark(4, "b")}, episode__epoch=4),
    ),
    Case(
        "episode.proof.episode must be episode.id",
        but(PROMOTED, episode__proof__episode="switchover-2"),
        remedy="make a new one for this",
    ),
    Case(
        "episode.proof.method Adopted", but(PROMOTED, episode__proof__method="Adopted"), remedy="promote with a proof"
    ),
    Case("episode.proof.method NeverRan", but(PROMOTED, episode__proof__method="NeverRan"), remedy="Demoted, Fenced"),
    Case("activeNode must be episode.target", but(PROMOTED, episode__target="a"), remedy="the node it was made for"),
    Case(
        "epoch.inForce is not promised",
        but(PROMOTED, epoch__promised=...),
        path="status.epoch",
        before={},
        remedy="write epoch.promised with the same or a higher number",
    ),
    Case(
        "epoch.inForce is not promised",
        but(RENEWED, epoch__promised=mark(3, "b")),
        path="status.epoch",
        remedy="write epoch.promised with the same or a higher number",
    ),
    Case(
        "one number to two owners",
        but(RENEWED, epoch__promised=mark(4, "b")),
        path="status.epoch",
        remedy="with a higher number",
    ),
    Case(
        "status.activeNode must be one of the nodes",
        path="",
        remedy="write the name of one of them",
        status=but(
            PROMOTED, activeNode="c", episode__target="c", epoch={"promised": mark(4, "c"), "inForce": mark(4, "c")}
        ),
    ),
    Case(
        "status.episode.proof.node must be one of the nodes",
        but(PROMOTED, episode__proof__node="c"),
        path="",
        remedy="a proof about a stranger proves nothing",
    ),
)
REMOVAL = "status cannot be removed"
LAWFUL = {
    "the promotion of a switchover": (RUNS_ON_A, PROMOTED),
    "the promotion of a failover": (
        RUNS_ON_A,
        but(PROMOTED, episode__proof__method="Fenced", episode__kind="Failover"),
    ),
    "a promotion on a person's word": (RUNS_ON_A, but(PROMOTED, episode__proof__method="Human")),
    "a renewal": (RUNS_ON_A, RENEWED),
    "an adoption from nodes that know more": (RUNS_ON_A, ADOPTED),
    "the first activation": ({}, ACTIVATED),
    "an adoption as the first word": ({}, ADOPTED),
    "a promise": ({**RUNS_ON_A, "epoch": {"promised": mark(2, "a"), "inForce": mark(2, "a")}}, RUNS_ON_A),
    "a new leader": (RUNS_ON_A, but(RUNS_ON_A, term=5)),
    "the end of an episode": (PROMOTED, but(PROMOTED, episode=...)),
    "a lost proof before the intent": (
        but(RUNS_ON_A, episode__step="Fence", episode__proof=proof()),
        but(RUNS_ON_A, episode__step="Fence"),
    ),
    "an answer Adopt before anything is active": ({"pairUID": "uid-1"}, {"pairUID": "uid-2"}),
}


def existing(pairs: PairApi, status: Manifest) -> Manifest:
    """Makes a pair that has this status, by the lawful writes that lead there."""
    (pair,) = example("maestro-linux.yaml")
    there = pairs.create(changed(pair, "metadata.name", f"law-{next(NUMBERS)}")).body
    for step in _history_of(status):
        written = put(pairs, there, step)
        assert written.is_good, written.message
        there = written.body
    return there


def _history_of(status: Manifest) -> list[Manifest]:
    if "activeNode" not in status:
        return [status] if status else []
    if status["activeNode"] == "b":
        return [*_history_of(RUNS_ON_A), PROMOTED]
    second = copy.deepcopy(ACTIVATED)
    second |= {"epoch": {"promised": mark(2, "a"), "inForce": mark(2, "a")}, "term": 4}
    second["episode"] |= {"id": "activate-2", "epoch": 2}
    second["episode"]["proof"] |= {"epoch": 2, "episode": "activate-2"}
    return [ACTIVATED, second, status]


@pytest.fixture(scope="module")
def standing(pairs: PairApi) -> Callable[[Manifest], Manifest]:
    """Makes a pair of a status once, for all who only try in vain to change it."""
    made: dict[str, Manifest] = {}

    def give(status: Manifest) -> Manifest:
        key = json.dumps(status, sort_keys=True)
        if key not in made:
            made[key] = existing(pairs, status)
        return made[key]

    return give


def is_about(rule: Rule, path: str, words: str) -> bool:
    return rule.path == path and words in rule.message


def stood_on() -> set[Rule]:
    return {rule for rule in rules() if not rule.path.startswith("spec")}


def test_every_rule_on_status_has_a_case_and_every_case_a_rule() -> None:
    named = [(case.path, case.words) for case in CASES] + [("", REMOVAL)]

    without_case = [rule for rule in stood_on() if not any(is_about(rule, *name) for name in named)]
    not_one_rule = [name for name in named if sum(is_about(rule, *name) for rule in stood_on()) != 1]

    assert without_case == []
    assert not_one_rule == []


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.words} #{CASES.index(case)}")
def test_a_lawless_write_is_refused_with_the_field_and_the_remedy_and_changes_nothing(
    pairs: PairApi, standing: Callable[[Manifest], Manifest], case: Case, write: Write
) -> None:
    there = standing(case.before)

    refused = write(pairs, there, case.status)

    assert refused.status == 422
    assert case.words in refused.message
    assert case.remedy in refused.message
    assert pairs.read(there["metadata"]["name"]).body == there


@pytest.mark.parametrize("write", [*WAYS, apply])
@pytest.mark.parametrize("what", LAWFUL)
def test_a_lawful_write_is_taken(pairs: PairApi, what: str, write: Write) -> None:
    before, after = LAWFUL[what]
    there = existing(pairs, before)

    written = write(pairs, there, after)

    assert written.is_good, written.message
    assert is_part_of(after, written.body["status"])


def is_part_of(smaller: object, larger: object) -> bool:
    if isinstance(smaller, dict) and isinstance(larger, dict):
        return all(is_part_of(value, larger.get(key)) for key, value in smaller.items())
    return bool(smaller == larger)


REMOVALS: dict[str, Callable[[PairApi, Manifest], Answer]] = {
    "put without status": lambda pairs, there: pairs.replace(
        {key: value for key, value in there.items() if key != "status"}, subresource="/status"
    ),
    "put of null": lambda pairs, there: pairs.replace({**there, "status": None}, subresource="/status"),
    "merge patch of null": lambda pairs, there: _patch(pairs, there, {"status": None}, "merge"),
    "JSON patch that removes": lambda pairs, there: _patch(pairs, there, [{"op": "remove", "path": "/status"}], "json"),
}


@pytest.mark.parametrize("how", REMOVALS)
def test_status_cannot_be_removed(pairs: PairApi, how: str) -> None:
    there = existing(pairs, RUNS_ON_A)

    refused = REMOVALS[how](pairs, there)

    assert refused.status == 422
    assert REMOVAL in refused.message
    assert pairs.read(there["metadata"]["name"]).body["status"] == there["status"]


@pytest.mark.parametrize("field", ["activeNode", "pairUID", "epoch", "epoch.promised", "epoch.inForce"])
def test_a_null_unsets_nothing(pairs: PairApi, field: str) -> None:
    there = existing(pairs, RUNS_ON_A)
    nulled = changed(there, f"status.{field}", None)

    by_patch = _patch(pairs, there, {"status": _merge(there["status"], nulled["status"])}, "merge")
    by_put = pairs.replace(nulled, subresource="/status")

    assert (by_patch.status, by_put.status) == (422, 422)
    assert pairs.read(there["metadata"]["name"]).body == there


def test_one_applier_cannot_take_away_by_leaving_out_what_it_applied_before(pairs: PairApi) -> None:
    there = existing(pairs, {})
    assert apply(pairs, there, ACTIVATED).is_good

    refused = apply(pairs, there, {"pairUID": "uid-1", "term": 1})

    assert refused.status == 422
    assert "activeNode cannot be unset" in refused.message


@pytest.mark.parametrize("way", ["PUT", "merge", "json"])
def test_writes_to_the_resource_itself_leave_status_alone(pairs: PairApi, way: str) -> None:
    there = existing(pairs, RUNS_ON_A)
    name = there["metadata"]["name"]

    match way:
        case "PUT":
            answer = pairs.replace({**there, "status": {}})
        case "merge":
            answer = pairs.patch(name, {"status": None})
        case _:
            answer = pairs.patch(name, [{"op": "replace", "path": "/status/activeNode", "value": "b"}], way="json")

    assert answer.is_good
    assert pairs.read(name).body["status"] == there["status"]


@pytest.mark.parametrize("how", ["create", "apply"])
def test_a_new_pair_has_no_status_whatever_its_maker_says(pairs: PairApi, how: str) -> None:
    (pair,) = example("maestro-linux.yaml")
    name = f"born-{how}"
    wished = {**changed(pair, "metadata.name", name), "status": ACTIVATED}

    made = pairs.create(wished) if how == "create" else pairs.patch(name, wished, way="apply")

    assert made.is_good, made.message
    assert "status" not in made.body


def test_epoch_and_active_node_cannot_be_moved_one_after_the_other(pairs: PairApi) -> None:
    there = existing(pairs, RUNS_ON_A)

    epoch_first = put(pairs, there, but(PROMOTED, activeNode="a"))
    node_first = put(pairs, there, but(PROMOTED, epoch=RUNS_ON_A["epoch"]))
    without_intent = put(pairs, there, but(PROMOTED, activeNode="a", episode=...))

    assert [epoch_first.status, node_first.status, without_intent.status] == [422, 422, 422]


def test_a_proof_that_has_served_does_not_serve_again(pairs: PairApi) -> None:
    there = existing(pairs, PROMOTED)
    back = but(PROMOTED, activeNode="a", epoch={"promised": mark(4, "a"), "inForce": mark(4, "a")})

    refused = put(pairs, there, back)
    with_a_new_number = put(pairs, there, but(back, episode__epoch=4, episode__target="a"))

    assert refused.status == 422
    assert NODE_IS_OTHER in refused.message
    assert EPOCH_IS_THIS in with_a_new_number.message


def test_a_stale_write_is_a_conflict(pairs: PairApi) -> None:
    there = existing(pairs, RUNS_ON_A)
    assert put(pairs, there, but(RUNS_ON_A, term=5)).is_good

    stale = put(pairs, there, but(RUNS_ON_A, term=6))

    assert stale.status == 409


def test_deleting_and_creating_again_is_the_reset(pairs: PairApi) -> None:
    there = existing(pairs, RUNS_ON_A)
    name = there["metadata"]["name"]

    assert pairs.delete(name).is_good
    again = pairs.create({**there, "metadata": {"name": name}})

    assert again.is_good, again.message
    assert "status" not in again.body
    assert again.body["metadata"]["uid"] != there["metadata"]["uid"]


def test_the_columns_show_what_people_ask_first(pairs: PairApi, schema_plane: ControlPlane) -> None:
    shown = but(
        RUNS_ON_A,
        state="SwitchingOver",
        verdicts="a=Alive b=Standby",
        replication={"driver": "rsync", "lag": "under 2 min", "lastSync": NOW},
        conditions=[
            {"type": kind, "status": "True", "reason": "AllGood", "message": "", "lastTransitionTime": NOW}
            for kind in ("Ready", "PeerReady", "BackupFresh")
        ],
    )
    there = existing(pairs, RUNS_ON_A)
    assert put(pairs, there, shown).is_good

    table = schema_plane.run_kubectl("get", "mp", "-n", "pairs", "-o", "wide", there["metadata"]["name"])
    head, row = table.splitlines()

    assert " ".join(head.split()) == (
        "NAME ACTIVE DESIRED STATE READY PEER LAG AGE STEP VERDICTS LAST SYNC LAST BACKUP"
    )
    assert " ".join(row.split()[1:9]) == "a a SwitchingOver True True under 2 min"
    for word in ("Demote", "a=Alive b=Standby", "AllGood"):
        assert word in row


KNOWS_THE_SPEC = "must be one of the nodes"
"""What the twin in memory is not asked: it sees no spec."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.words} #{CASES.index(case)}")
def test_the_twin_of_these_rules_in_memory_refuses_the_same(case: Case) -> None:
    assert refusal(case.before, case.status) is not None or KNOWS_THE_SPEC in case.words


@pytest.mark.parametrize("what", LAWFUL)
def test_the_twin_of_these_rules_in_memory_takes_the_same(what: str) -> None:
    assert refusal(*LAWFUL[what]) is None
