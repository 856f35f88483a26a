"""What the rules make of a product that replicates itself: its standby's word, and a first copy that takes long."""

from __future__ import annotations

from dataclasses import replace

from maestro_operator.decide.brakes import out_of_sync
from maestro_operator.decide.phases import PHASES
from maestro_operator.drivers.nodes.configuration import configuration
from maestro_operator.drivers.ports import Equipment
from maestro_operator.model.commanding import Command, DemoteProgram, LagProgram, PromoteProgram, StatusProgram
from maestro_operator.model.decision import Hold
from maestro_operator.model.denial import Denial, needed
from maestro_operator.model.pair import Replication
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Product, Replica
from maestro_operator.model.status import Generation
from maestro_operator.model.steps import EpisodeKind, StepName
from support.looks import move, node, seen, standby
from support.worlds import pair_spec

PRODUCT = Replication(
    command=Command(
        data="/var/lib/product/",
        standby_unit="product-standby.service",
        status=StatusProgram(program="/usr/local/lib/ask", arguments=("status", "-x")),
        lag=LagProgram(program="/usr/local/lib/ask", arguments=("lag",)),
        promote=PromoteProgram(program="/usr/local/lib/ask", arguments=("promote",)),
        demote=DemoteProgram(program="/usr/local/lib/demote", deadline_seconds=7200),
    )
)
SPEC = pair_spec(replication=PRODUCT)
WHOLE = Replica(
    newest=Generation(epoch=1, counter=4096),
    announced_age_seconds=2.0,
    clock="uptime",
    is_whole=True,
    product=Product(role="standby", is_running=True, is_connected=True),
)


def following(replica: Replica = WHOLE) -> NodeSeen:
    return replace(standby(), replica=replica)


def test_a_standby_that_had_everything_a_moment_ago_is_in_sync() -> None:
    assert out_of_sync(seen(spec=SPEC, nodes={"a": node("a", is_running=True), "b": following()})) is None


def test_a_standby_that_was_not_told_so_for_two_intervals_is_behind() -> None:
    old = replace(WHOLE, announced_age_seconds=10.5)

    held = out_of_sync(seen(spec=SPEC, nodes={"a": node("a", is_running=True), "b": following(old)}))

    assert held == Hold(Reason.SYNC_BEHIND, "b's copy is older than 10 s")


def test_a_standby_that_is_not_believed_is_not_in_sync_whatever_it_had() -> None:
    unclear = replace(WHOLE, product=Product(trouble="LagTimedOut"))

    held = out_of_sync(seen(spec=SPEC, nodes={"a": node("a", is_running=True), "b": following(unclear)}))

    assert held is not None
    assert (held.reason, "LagTimedOut" in held.message) == (Reason.COPY_NOT_WHOLE, True)


def test_a_first_copy_that_takes_long_is_awaited_and_not_begun_again() -> None:
    copying = Replica(product=Product(role="absent"), is_sending=True)
    look = seen(spec=SPEC, nodes={"a": node("a", is_running=True), "b": following(copying)})
    episode = move(EpisodeKind.REJOIN, source="a", target="b", step=StepName.RESYNC)

    held = PHASES[StepName.RESYNC].ready(look, episode)

    assert held == Hold(Reason.RESYNCING, "b is made a standby of a")


def test_each_program_reaches_the_node_as_its_words_and_its_deadline() -> None:
    text = configuration(Equipment("uid", SPEC, "a"))

    lines = [line for line in text.splitlines() if line.startswith(("command_", "live="))]
    assert lines == [
        "live=/var/lib/product",
        "command_unit=product-standby.service",
        "command_status=3 /usr/local/lib/ask status -x",
        "command_lag=10 /usr/local/lib/ask lag",
        "command_promote=30 /usr/local/lib/ask promote",
        "command_demote=7200 /usr/local/lib/demote",
    ]


def test_each_side_has_data_of_its_own() -> None:
    assert (PRODUCT.driver, PRODUCT.shares_data) == ("command", False)
    assert needed(PRODUCT) == {Denial.STREAM, Denial.TRAFFIC}
