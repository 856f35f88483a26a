"""Whether a resource may have an effect: its Secrets, its claims beside other pairs, and what its nodes say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import asyncssh
import pytest

from maestro_operator.admission.claims import ClaimBook
from maestro_operator.admission.gate import Gate
from maestro_operator.model.addresses import AddressPolicy
from maestro_operator.model.claims import Claimant, claims_of
from maestro_operator.model.pair import PairKey, PairSpec
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Barred, Unknown
from maestro_operator.model.status import PairStatus
from maestro_operator.model.steps import StepName
from support import looks
from support.beginnings import is_at, ordered, serving
from support.manifests import changed, example
from support.worlds import Pair

if TYPE_CHECKING:
    from collections.abc import Mapping


pytestmark = pytest.mark.unit
PRIVATE = asyncssh.generate_private_key("ssh-ed25519").export_private_key()
GOOD: Mapping[str, Mapping[str, bytes]] = {
    "lists-a-ssh": {"ssh-privatekey": PRIVATE},
    "lists-b-ssh": {"ssh-privatekey": PRIVATE},
    "lists-a-bmc": {"password": b"s3cret"},
    "lists-b-bmc": {"password": b"s3cret"},
    "lists-tsig": {"name": b"key.", "secret": b"bm90aGluZw=="},
}
LOGIN: Mapping[str, Any] = {
    "path": "/in",
    "userField": "u",
    "passwordField": "p",
    "secret": {"name": "users"},
    "page": "/desk",
    "pattern": "x",
}
MINE = PairKey(namespace="lists", name="mine", uid="1")
OTHERS = PairKey(namespace="mail", name="others", uid="2")


def spec(*changes: tuple[str, Any]) -> PairSpec:
    (pair,) = example("maestro-linux.yaml")
    for path, value in changes:
        pair = changed(pair, path, value)
    return PairSpec.model_validate(pair["spec"])


def secrets_of(contents: Mapping[str, Mapping[str, bytes] | Exception]) -> Any:  # noqa: ANN401
    async def read(namespace: str, name: str) -> Mapping[str, bytes]:
        assert namespace == "lists"
        found = contents[name]
        if isinstance(found, Exception):
            raise found
        return found

    return read


def gate(contents: Mapping[str, Mapping[str, bytes] | Exception] = GOOD, *, claims: ClaimBook | None = None) -> Gate:
    return Gate(
        policy=AddressPolicy(), claims=claims or ClaimBook(), secrets=secrets_of(contents), has_agent=lambda _: True
    )


# ---------------------------------------------------------------- Secrets


async def test_a_pair_whose_secrets_are_all_there_may_begin() -> None:
    assert await gate().before(MINE, spec(), PairStatus()) is None


@pytest.mark.parametrize(
    ("name", "content", "reason", "field", "remedy"),
    [
        ("lists-b-ssh", None, Reason.SECRET_MISSING, "spec.nodes[b].ssh.credentialsSecret", "create it, or add it"),
        (
            "lists-a-ssh",
            {},
            Reason.SECRET_MISSING,
            "spec.nodes[a].ssh.credentialsSecret",
            "no ssh-privatekey: put",
        ),
        (
            "lists-a-ssh",
            {"ssh-privatekey": b"hunter2"},
            Reason.WRONG_CREDENTIALS,
            "spec.nodes[a].ssh.credentialsSecret",
            "is no private key without a passphrase: put one there",
        ),
        ("lists-tsig", None, Reason.SECRET_MISSING, "spec.traffic[dns].dns.tsigSecret", "create it"),
        ("lists-tsig", {"name": b"k"}, Reason.SECRET_MISSING, "spec.traffic[dns].dns.tsigSecret", "write name, secret"),
        (
            "lists-a-bmc",
            {"action": b"off"},
            Reason.INVALID_SPEC,
            "spec.nodes[a].fencing[bmc]",
            "remove the parameter",
        ),
    ],
)
async def test_a_secret_that_is_missing_or_of_no_use_is_named_with_what_to_do(
    name: str, content: Mapping[str, bytes] | None, reason: Reason, field: str, remedy: str
) -> None:
    contents = {**GOOD, name: content} if content is not None else {key: GOOD[key] for key in GOOD if key != name}

    barred = await gate(contents).before(MINE, spec(), PairStatus())

    assert barred is not None
    assert (barred.reason, barred.forbids_contact) == (reason, False)
    assert barred.message.startswith(field)
    assert remedy in barred.message
    assert "hunter2" not in barred.message


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ({"http": {"port": 443}}, "http"),
        ({"login": {**LOGIN, "port": 443}}, "login"),
        ({"click": {"port": 443}}, "click"),
    ],
)
async def test_an_authority_that_is_missing_is_named_with_the_check_that_needs_it(
    kind: dict[str, dict[str, Any]], word: str
) -> None:
    (item,) = kind.values()
    check = {"name": "page", word: {**item, "tls": {"caSecret": {"name": "authority"}}}}
    held = {**GOOD, "users": {"username": b"u", "password": b"p"}}
    wanted = spec(("spec.verification", [check]))

    barred = await gate({**held, "authority": {}}).before(MINE, wanted, PairStatus())

    assert barred is not None
    assert (barred.reason, f"spec.verification[page].{word}.tls.caSecret" in barred.message) == (
        Reason.SECRET_MISSING,
        True,
    )
    assert await gate({**held, "authority": {"ca.crt": b"x"}}).before(MINE, wanted, PairStatus()) is None


async def test_an_api_server_that_does_not_answer_says_nothing_of_a_secret() -> None:
    assert await gate({**GOOD, "lists-a-ssh": TimeoutError()}).before(MINE, spec(), PairStatus()) is None


async def test_a_secret_that_goes_later_bars_nothing_because_the_pair_is_served_all_the_same() -> None:
    assert await gate({}).before(MINE, spec(), looks.status()) is None


# ---------------------------------------------------------------- claims


def book(*claimants: Claimant) -> ClaimBook:
    found = ClaimBook()
    for claimant in claimants:
        found.note(claimant)
    return found


def mine(created_at: str = "2026-02-01", **changes: Any) -> Claimant:  # noqa: ANN401
    return replace(Claimant(MINE, created_at, wants=frozenset(claims_of(spec())), holds=frozenset()), **changes)


def others(created_at: str = "2026-01-01", **changes: Any) -> Claimant:  # noqa: ANN401
    return replace(mine(created_at), key=OTHERS, **changes)


async def judged(claims: ClaimBook, status: PairStatus | None = None) -> Barred | None:
    return await gate(claims=claims).before(MINE, spec(), status or PairStatus())


async def test_a_host_of_an_older_pair_is_not_contacted_and_the_older_pair_is_named() -> None:
    barred = await judged(book(mine(), others()))

    assert barred is not None
    assert (barred.reason, barred.forbids_contact) == (Reason.HOST_CLAIMED, True)
    assert "mail/others" in barred.message
    assert "take it out of one of the two" in barred.message


async def test_the_first_comer_is_not_barred_and_holds_against_one_that_was_created_before() -> None:
    assert await judged(book(mine(), others("2026-03-01"))) is None
    assert await judged(book(mine(holds=mine().wants), others("2026-01-01"))) is None


async def test_a_claim_ends_with_its_pair_and_with_the_edit_that_takes_it_out() -> None:
    gone = book(mine(), others())
    gone.forget(OTHERS.uid)
    edited = book(mine(), others(), others(wants=frozenset({"host elsewhere"})))

    assert await judged(gone) is None
    assert await judged(edited) is None


async def test_a_pair_that_nobody_noted_is_not_judged_by_its_claims() -> None:
    assert await judged(book(others())) is None


async def test_an_episode_under_way_is_not_stopped_by_a_claim() -> None:
    status = looks.status(episode=looks.move())

    assert await judged(book(mine(), others()), status) is None


# ---------------------------------------------------------------- what the nodes and name servers say

TWO = {"a": looks.node("a"), "b": looks.node("b")}


def test_two_nodes_with_one_machine_id_cannot_be_told_apart() -> None:
    nodes = {"a": looks.node("a"), "b": replace(looks.node("b"), machine_id=looks.node("a").machine_id)}

    barred = gate().after(MINE, PairStatus(), nodes=nodes, traffic=())

    assert barred is not None
    assert barred.reason is Reason.NODES_INDISTINCT
    assert "systemd-machine-id-setup" in barred.message


def test_a_machine_that_another_pair_holds_under_another_name_is_claimed() -> None:
    nodes = {"a": looks.node("a"), "b": looks.node("b")}
    claims = book(mine(), others(wants=frozenset(), holds=frozenset({f"machine {nodes['b'].machine_id}"})))

    barred = gate(claims=claims).after(MINE, PairStatus(), nodes=nodes, traffic=())

    assert barred is not None
    assert barred.reason is Reason.HOST_CLAIMED
    assert barred.message.startswith("spec.nodes[b].ssh.host: machine ")
    assert gate(claims=claims).after(MINE, looks.status(episode=looks.move()), nodes=nodes, traffic=()) is None


def test_two_machines_of_a_pair_that_nobody_else_claims_are_good() -> None:
    assert gate().after(MINE, PairStatus(), nodes=TWO, traffic=()) is None


def test_a_key_that_the_name_server_refuses_bars_the_first_effect_and_nothing_later() -> None:
    refused = Unknown(Reason.WRONG_CREDENTIALS, "spec.traffic[dns].dns.tsigSecret: write the right one")
    silent = Unknown(Reason.TIMED_OUT, "no answer")

    barred = gate().after(MINE, PairStatus(), nodes=TWO, traffic=(silent, refused))

    assert barred == Barred(Reason.WRONG_CREDENTIALS, refused.message)
    assert gate().after(MINE, PairStatus(), nodes=TWO, traffic=(silent,)) is None
    assert gate().after(MINE, looks.status(), nodes=TWO, traffic=(refused,)) is None


# ---------------------------------------------------------------- through the loop


class Barring:
    """A gate that says what it is told."""

    def __init__(self, before: Barred | None = None, after: Barred | None = None) -> None:
        self.words = before, after

    async def before(self, *_: object) -> Barred | None:
        return self.words[0]

    def after(self, *_: object, **__: object) -> Barred | None:
        return self.words[1]


def barred_pair(pair: Pair, gate: Barring) -> Pair:
    pair.loop._gate = gate
    return pair


def bar(*, forbids_contact: bool = False) -> Barred:
    return Barred(Reason.HOST_CLAIMED, "spec.nodes[a].ssh.host: take it out", forbids_contact=forbids_contact)


async def turns(pair: Pair) -> None:
    """Take as many turns as a leader needs to take its term, and one more."""
    for _ in range(3):
        await pair.loop.turn()


def shown(pair: Pair) -> dict[str, tuple[str, str, str]]:
    return {item.type: (item.status, item.reason, item.message) for item in pair.status.conditions}


async def test_a_pair_that_never_began_is_not_even_looked_at_and_says_why() -> None:
    pair = barred_pair(Pair(), Barring(before=bar()))

    await turns(pair)

    assert pair.world.commands == 0
    words = ("HostClaimed", "spec.nodes[a].ssh.host: take it out")
    assert shown(pair)["Ready"] == ("False", *words)
    assert shown(pair)["Stalled"] == ("True", *words)
    assert pair.status.claims == ()
    assert pair.status.episode is None


async def test_a_served_pair_that_is_barred_is_looked_at_and_nothing_is_done() -> None:
    pair = barred_pair(await serving(), Barring(before=bar()))
    pair.order("b")
    before, commands = pair.status.claims, pair.world.commands

    await turns(pair)

    assert pair.world.commands > commands
    assert shown(pair)["Available"][0] == "True"
    assert shown(pair)["Ready"][1] == "HostClaimed"
    assert (pair.status.episode, pair.status.claims) == (None, before)
    assert pair.world.writers() == ["a"]


async def test_what_forbids_contact_is_obeyed_in_the_middle_of_an_episode_too() -> None:
    pair = await ordered()
    await pair.run_until(lambda it: is_at(it, StepName.QUIESCE))
    commands = pair.world.commands
    barred_pair(pair, Barring(before=bar(forbids_contact=True)))

    await turns(pair)

    assert pair.world.commands == commands
    assert shown(pair)["Stalled"][1] == "HostClaimed"


async def test_a_machine_that_is_barred_after_the_look_is_kept_nowhere_and_nothing_is_done_to_it() -> None:
    pair = barred_pair(Pair(), Barring(after=bar()))

    await turns(pair)

    assert shown(pair)["Stalled"][1] == "HostClaimed"
    assert [item.machine_id for item in pair.status.recorded] == [None, None]
    assert not any(node.is_equipped for node in pair.world.nodes.values())


async def test_a_pair_holds_what_it_names_and_its_machines_once_it_is_served() -> None:
    pair = await serving()

    assert "host ssh-a.example.net" in pair.status.claims
    assert sum(claim.startswith("machine ") for claim in pair.status.claims) == 2


# ---------------------------------------------------------------- what follows from a spec alone


async def test_a_spec_without_a_fault_is_judged_once_and_another_one_anew() -> None:
    asked: list[str] = []

    def has_agent(name: str) -> bool:
        asked.append(name)
        return True

    own = Gate(policy=AddressPolicy(), claims=ClaimBook(), secrets=secrets_of(GOOD), has_agent=has_agent)
    first = spec()

    for looked_at in (first, first, first, spec()):
        assert await own.before(MINE, looked_at, PairStatus()) is None

    assert len(asked) == 2 * len(set(asked)) * len(first.nodes)


async def test_an_agent_that_comes_to_be_there_ends_its_fault() -> None:
    there: set[str] = set()
    own = Gate(
        policy=AddressPolicy(), claims=ClaimBook(), secrets=secrets_of(GOOD), has_agent=lambda name: name in there
    )
    first = spec()
    barred = await own.before(MINE, first, PairStatus())
    there.add("fence_ipmilan")

    assert barred is not None
    assert await own.before(MINE, first, PairStatus()) is None


async def test_another_pair_that_was_first_is_seen_whatever_was_judged_before() -> None:
    book = ClaimBook()
    own, first = gate(claims=book), spec()
    assert await own.before(MINE, first, PairStatus()) is None

    for key, created in ((MINE, "2026-01-02T00:00:00Z"), (OTHERS, "2026-01-01T00:00:00Z")):
        book.note(Claimant(key=key, created_at=created, wants=frozenset(claims_of(first)), holds=frozenset()))

    barred = await own.before(MINE, first, PairStatus())
    assert barred is not None
    assert barred.reason is Reason.HOST_CLAIMED
