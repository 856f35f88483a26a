"""The worlds that the walk begins with: a pair as it should be, and every row of the adoption table.

A beginning in which something is already wrong has spent one of the adversary's faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.model.backing import Backup, BackupCommand
from maestro_operator.model.pair import Answer, Management, Say
from support.beginnings import lead_astray
from support.modelcheck.blows import ANY, edit
from support.modelcheck.canonical import name_of
from support.modelcheck.copies import copied_loop, copied_node
from support.modelcheck.moves import wait
from support.modelcheck.state import Adversary, State
from support.worlds import ADDRESSES, NAME, UNITS, MemoryStore, pair_spec

if TYPE_CHECKING:
    from maestro_operator.model.pair import PairSpec
    from support.modelcheck.stage import Stage

DETECTION = {"period_seconds": 2, "timeout_seconds": 1, "down_for_seconds": 4, "startup_grace_seconds": 5}
"""As fast as it can be: what only takes longer shows nothing more."""
MOST_MOVES = 200
BACKUP, NIGHTLY = Backup(command=BackupCommand(program="/usr/local/sbin/newest")), "20260101"


class Beginning(NamedTuple):
    """One world to begin with."""

    faults: int
    """How many faults it took to come to it."""
    make: Callable[[Stage], State]


def checked_spec() -> PairSpec:
    """Returns the spec of every pair that is checked."""
    spec = pair_spec()
    return spec.model_copy(update={"detection": spec.detection.model_copy(update=DETECTION)})


def lowering_spec() -> PairSpec:
    """Returns the spec of a pair whose switchovers first shorten what clients may keep."""
    spec = checked_spec()
    (entry,) = spec.traffic
    assert entry.dns is not None
    dns = entry.dns.model_copy(update={"ttl_seconds": 5, "lowered_ttl_seconds": 1})
    return spec.model_copy(update={"traffic": (entry.model_copy(update={"dns": dns}),)})


def fresh(stage: Stage, spec: PairSpec | None = None) -> State:
    """Returns a pair whose nodes never ran under a guard."""
    world = MemoryWorld(nodes=ADDRESSES.items(), units=UNITS, clock=MemoryClock())
    state = State(world, (MemoryStore(spec or checked_spec()),), (), Adversary())
    stage.put(state)
    state.operators = (stage.new_operator(0, store=0),)
    return state


def found_running(*names: str) -> Callable[[Stage], State]:
    """Returns how to make a pair of which these run, and nobody knows of it."""

    def make(stage: Stage) -> State:
        state = fresh(stage)
        for name in names:
            node = state.world.nodes[name]
            node.running |= set(node.units)
            node.records = node.records or 0
        state.world.names = {NAME: ADDRESSES[names[0]]}
        return state

    return make


def settled(stage: Stage, state: State) -> State:
    """Returns what becomes of a pair that is left to itself."""
    for _ in range(MOST_MOVES):
        state, _ = wait(stage, state, name=name_of(state))
        if state.rest is not None:
            state.rest = None
            return state
    raise RuntimeError("the pair never comes to rest")


def serving(stage: Stage, spec: PairSpec | None = None) -> State:
    """Returns a pair that is served by a, b its standby; of both disks there is a snapshot, of status a backup."""
    state = settled(stage, fresh(stage, spec))
    disks = MappingProxyType({name: copied_node(node) for name, node in state.world.nodes.items()})
    stale = copied_loop(state.operators[0].loop)
    state.adversary = replace(state.adversary, disks=disks, older=state.status, stale=stale)
    return state


def to_node(state: State, name: str) -> State:
    """Returns a pair that was ordered to a node just now."""
    edit(state, state.stores[0].spec.model_copy(update={"active_node": name}))
    return state


def ordered(stage: Stage) -> State:
    """Returns a pair served by a that was ordered to b just now."""
    return to_node(serving(stage), "b")


def asked(state: State, say: Say, *, episode: str, of: str) -> State:
    """Returns a pair of which a person said something just now."""
    word = Answer(episode=episode, say=say, of=of, by="ops@example.org", why="looked at it")
    spec = state.stores[0].spec
    edit(state, spec.model_copy(update={"answers": (*spec.answers, word)}))
    return state


def restoring(stage: Stage) -> State:
    """Returns a pair served by a, of which a person wants yesterday's backup back, whatever is lost by it."""
    state = serving(stage)
    edit(state, state.stores[0].spec.model_copy(update={"backup": BACKUP}))
    state.world.back_up("a", NIGHTLY)
    state = asked(state, Say.RESTORE, episode=state.status["history"][0]["id"], of=NIGHTLY)
    while not state.status.get("episode"):
        state, _ = wait(stage, state, name=name_of(state))
    return asked(state, Say.ACCEPT_LOSS, episode=state.status["episode"]["id"], of="100000")


def discarding(stage: Stage) -> State:
    """Returns a pair served by a, of which a person gives up what b keeps aside."""
    state = serving(stage)
    state.world.nodes["b"].quarantine["rejoin-1"] = 3
    state = settled(stage, state)
    return asked(state, Say.DISCARD_QUARANTINE, episode="rejoin-1", of="rejoin-1")


def lowering(stage: Stage) -> State:
    """Returns such a pair whose switchovers shorten what clients may keep."""
    return to_node(serving(stage, lowering_spec()), "b")


def unpinned(stage: Stage) -> State:
    """Returns a pair ordered to b, whose pins are gone."""
    state = ordered(stage)
    state.world.nodes["b"].pins = {}
    return state


def unpinned_survivor(stage: Stage) -> State:
    """Returns a pair whose owner a is dead, and b, whose pins are gone, is ordered."""
    state = struck("a loses its power")(stage)
    state.world.nodes["b"].pins = {}
    return to_node(state, "b")


def outdated_copy(stage: Stage) -> State:
    """Returns a pair whose owner a is dead, and b, whose copy is a day old, is ordered."""
    state = struck("a and b are cut off from each other")(stage)
    stage.put(state)
    stage.let_pass(86_400.0)
    stage.strike(ANY["a loses its power"].do)
    return to_node(state, "b")


def left_quiesced(stage: Stage) -> State:
    """Returns a pair that failed over to b while a switchover had stopped a; a gets power again."""
    state = ordered(stage)
    state, _ = wait(stage, state, name=name_of(state))
    stage.put(state)
    stage.strike(ANY["a loses its power"].do)
    state = settled(stage, state)
    stage.put(state)
    stage.strike(ANY["a gets power"].do)
    return state


def taken_back(stage: Stage) -> State:
    """Returns a pair whose switchover to b is taken back after the promotion; the pins of a are gone."""
    state = ordered(stage)
    while state.status.get("activeNode") != "b":
        state, _ = wait(stage, state, name=name_of(state))
    state.world.nodes["a"].pins = {}
    return to_node(state, "a")


def moved(stage: Stage) -> State:
    """Returns a pair that was moved from a to b."""
    return settled(stage, ordered(stage))


def released(stage: Stage) -> State:
    """Returns a pair off whose nodes a person wants everything."""
    state = serving(stage)
    edit(state, state.stores[0].spec.model_copy(update={"management": Management.RELEASE}))
    return state


def outdated(stage: Stage) -> State:
    """Returns a pair on whose standby an older guard is installed."""
    state = serving(stage)
    state.world.nodes["b"].is_outdated = True
    return state


def astray(stage: Stage) -> State:
    """Returns a pair served by a, whose names and pins point elsewhere."""
    state = serving(stage)
    lead_astray(state)  # type: ignore[arg-type]  # of a pair it takes the world alone
    return state


def both_run(stage: Stage) -> State:
    """Returns a pair served by a, while b, put back to before it heard of any epoch, runs too."""
    state = serving(stage)
    other = state.world.nodes["b"]
    other.guard = replace(other.guard, inforce=None, promised=None, grant=None)
    other.is_guarding = False
    other.running |= set(other.units)
    return state


def struck(*blows: str, first: Callable[[Stage], State] = serving) -> Callable[[Stage], State]:
    """Returns how to make a pair to which these blows were dealt."""

    def make(stage: Stage) -> State:
        state = first(stage)
        stage.put(state)
        for blow in blows:
            stage.strike(ANY[blow].do)
        return state

    return make


GONE, BACK = "the resource is made anew", "the API server is put back"
BEGINNINGS: Mapping[str, Beginning] = {
    "nodes that never ran": Beginning(0, fresh),
    "a runs, and nobody knows of it": Beginning(0, found_running("a")),
    "a serves": Beginning(0, serving),
    "a serves, and b is ordered": Beginning(0, ordered),
    "a serves, b is ordered, and what clients may keep is shortened": Beginning(0, lowering),
    "a backup is to be brought up": Beginning(0, restoring),
    "what is kept aside is given up": Beginning(0, discarding),
    "everything is to be taken off": Beginning(0, released),
    "an older guard stands on b": Beginning(1, outdated),
    "names and pins are astray": Beginning(1, astray),
    "b runs, and a is declared": Beginning(1, found_running("b")),
    "both run, and nobody owns an epoch": Beginning(1, found_running("a", "b")),
    "both run, and a owns the epoch": Beginning(1, both_run),
    "status is lost": Beginning(1, struck(GONE)),
    "status is lost, and a cannot be read": Beginning(2, struck(GONE, "a is cut off from everybody")),
    "status is lost, and b cannot be read": Beginning(2, struck(GONE, "b is cut off from everybody")),
    "status is lost, and a is off": Beginning(2, struck(GONE, "a loses its power")),
    "status is lost, and neither can be read": Beginning(
        2, struck(GONE, "a is cut off from everybody", "b is cut off from everybody")
    ),
    "status is of before the move": Beginning(1, struck(BACK, first=moved)),
    "status is of before the move, and b is off": Beginning(2, struck(BACK, "b loses its power", first=moved)),
    "the owner was put back to before the move": Beginning(1, struck("b is put back to a snapshot", first=moved)),
    "b is ordered, and its pins are gone": Beginning(1, unpinned),
    "a is dead, and b is ordered, whose pins are gone": Beginning(2, unpinned_survivor),
    "a is dead, and b is ordered, whose copy is a day old": Beginning(2, outdated_copy),
    "a is back, which a switchover had stopped before it died": Beginning(2, left_quiesced),
    "a is ordered back in mid-switchover, and its pins are gone": Beginning(2, taken_back),
    "the owner reboots, and its peer was put back to before the move": Beginning(
        2, struck("a is put back to a snapshot", "b reboots", first=moved)
    ),
    "the owner reboots, and nobody reads its peer": Beginning(2, struck("b is cut off from everybody", "a reboots")),
}
TWICE = frozenset({"a serves"})
"""Of those that took no fault, the ones that `PAIRS=1` strikes twice by plain faults; the others it strikes once."""
