"""What the adversary may do to a pair between two moves of its operator, or in the middle of a turn.

A blow has a name, says where it is possible, and changes the state that it is given. `hit` lists those that make
something worse; `MENDS` those that a person or a repair does, which the adversary may do, too, at the worst moment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from maestro_operator.drivers.memory.guard_twin import LOST, NEVER, Standing
from maestro_operator.drivers.memory.world import OPERATOR
from maestro_operator.model.pair import Management
from support.modelcheck.copies import NODE_FIELDS, copied_node

if TYPE_CHECKING:
    from maestro_operator.drivers.memory.world import MemoryNode
    from maestro_operator.model.pair import PairSpec
    from support.modelcheck.state import State

LINKS = (("a", "b"), (OPERATOR, "a"), (OPERATOR, "b"))
ANOTHER = "another-"
"""Before the machine-id of a machine that was put in another one's place."""
NOT_ON_THE_DISK = (
    "name",
    "address",
    "units",
    "is_on",
    "is_frozen",
    "is_guarding",
    "boots",
    "booted_at_seconds",
    "running",
)
"""What a snapshot of a node's disk does not hold."""


class Blow(NamedTuple):
    """One thing done to the pair."""

    name: str
    can: Callable[[State], bool]
    do: Callable[[State], None]


def _all() -> Iterator[Blow]:
    for name in ("a", "b"):
        yield from _on_a_node(name)
    for one, other in LINKS:
        yield _cut(one, other)
    yield Blow("the name server goes away", lambda it: it.world.is_dns_up, lambda it: _set(it, is_dns_up=False))
    yield Blow("the name server keeps its answers", lambda it: not it.world.is_dns_frozen, _freeze_dns)
    yield Blow("the API server is put back", lambda it: bool(it.adversary.older), _restore)
    yield Blow("the resource is made anew", lambda it: bool(it.status), _recreate)
    yield Blow("the resource is deleted", lambda it: not it.stores[0].is_deleting, _delete)
    yield Blow("management becomes Paused", _is_managed, lambda it: _edit(it, management=Management.PAUSED))


def _on_a_node(name: str) -> Iterator[Blow]:
    def node(state: State) -> MemoryNode:
        return state.world.nodes[name]

    yield Blow(f"{name} loses its power", lambda it: node(it).is_on, lambda it: it.world.power_cut(name))
    yield Blow(f"{name} reboots", lambda it: node(it).is_on, lambda it: it.world.reboot(name))
    yield Blow(f"{name} freezes", lambda it: node(it).is_alive, lambda it: it.world.freeze(name))
    yield Blow(
        f"{name} is put back to a snapshot", lambda it: name in it.adversary.disks, lambda it: _roll_back(it, name)
    )
    yield Blow(f"{name} is replaced", lambda _: True, lambda it: _replace(it, name))
    yield Blow(
        f"{name} loses its guard's state",
        lambda it: node(it).guard.standing is Standing.VALID,
        lambda it: it.world.lose_guard_state(name),
    )
    yield Blow(f"{name}'s guard does not go round", lambda it: node(it).is_guarding, lambda it: _stall(it, name))
    yield Blow(
        f"{name} refuses the credentials", lambda it: name not in it.adversary.locked, lambda it: _lock(it, name)
    )
    yield Blow(f"{name}'s device is dead", lambda it: _is_honest(it, name), lambda it: _device(it, name, "dead"))
    yield Blow(f"{name} is cut off from everybody", lambda it: node(it).is_alive, lambda it: it.world.isolate(name))


def _cut(one: str, other: str) -> Blow:
    return Blow(
        f"{one} and {other} are cut off from each other",
        lambda it: (one, other) not in it.world.cuts,
        lambda it: it.world.cut(one, other),
    )


def _mends() -> Iterator[Blow]:
    yield Blow("the network heals", lambda it: bool(it.world.cuts), lambda it: it.world.heal())
    yield Blow("the name server is back", _is_dns_ill, lambda it: _set(it, is_dns_up=True, is_dns_frozen=False))
    yield Blow(
        "management is Enforce again",
        lambda it: not _is_managed(it),
        lambda it: _edit(it, management=Management.ENFORCE),
    )
    for name in ("a", "b"):
        yield from _mends_of(name)


def _mends_of(name: str) -> Iterator[Blow]:
    yield Blow(f"{name} gets power", lambda it: not it.world.nodes[name].is_on, lambda it: it.world.power_on(name))
    yield Blow(f"{name} thaws", lambda it: it.world.nodes[name].is_frozen, lambda it: it.world.thaw(name))
    yield Blow(
        f"{name} takes the credentials again", lambda it: name in it.adversary.locked, lambda it: _unlock(it, name)
    )
    yield Blow(f"{name}'s device is mended", lambda it: not _is_honest(it, name), lambda it: _honest(it, name))
    yield Blow(
        f"{name}'s guard goes round again",
        lambda it: not it.world.nodes[name].is_guarding,
        lambda it: _go_round(it, name),
    )


def _by_hand(name: str) -> Iterator[Blow]:
    yield Blow(
        f"people stop the services on {name}",
        lambda it: bool(it.world.nodes[name].running),
        lambda it: it.world.nodes[name].running.clear(),
    )
    yield Blow(f"people start the services on {name}", lambda it: _may_start(it, name), lambda it: _start(it, name))
    yield Blow(
        f"people put the data back on {name}",
        lambda it: it.world.nodes[name].is_on and it.world.nodes[name].records is None,
        lambda it: setattr(it.world.nodes[name], "records", 0),
    )
    yield Blow(
        f"people switch {name} off for good", lambda it: it.world.nodes[name].is_on, lambda it: it.world.shut_down(name)
    )


# ---------------------------------------------------------------- what they do


def _set(state: State, **values: bool) -> None:
    for name, value in values.items():
        setattr(state.world, name, value)


def _freeze_dns(state: State) -> None:
    state.world.is_dns_frozen = True


def _is_dns_ill(state: State) -> bool:
    return not state.world.is_dns_up or state.world.is_dns_frozen


def _is_managed(state: State) -> bool:
    return state.stores[0].spec.management is Management.ENFORCE


def _edit(state: State, **fields: object) -> None:
    edit(state, state.stores[0].spec.model_copy(update=fields))


def edit(state: State, spec: PairSpec) -> None:
    """Applies a spec, and lets the operator hear of it."""
    state.stores[0].apply(spec)
    _wake(state)


def _wake(state: State) -> None:
    for operator in state.operators:
        operator.loop.wake()


def _delete(state: State) -> None:
    state.stores[0].delete()
    _wake(state)


def _restore(state: State) -> None:
    state.stores[0].restore(state.adversary.older)
    state.adversary = replace(state.adversary, forgot=True)
    _wake(state)


def _recreate(state: State) -> None:
    state.stores[0].recreate()
    state.adversary = replace(state.adversary, forgot=True)
    _wake(state)


def _may_start(state: State, name: str) -> bool:
    """Tells whether systemd would start the services by hand: the guard's `ExecCondition=` asks for the permit."""
    node = state.world.nodes[name]
    may = node.is_alive and node.guard.may_run(node.boot_id)
    return may and node.records is not None and node.running != set(node.units)


def _start(state: State, name: str) -> None:
    node = state.world.nodes[name]
    node.running |= set(node.units)


def _roll_back(state: State, name: str) -> None:
    """Puts the disk back and boots from it."""
    world, node, disk = state.world, state.world.nodes[name], copied_node(state.adversary.disks[name])
    world.power_cut(name)
    for field in NODE_FIELDS:
        if field not in NOT_ON_THE_DISK:
            setattr(node, field, getattr(disk, field))
    world.power_on(name)


def _replace(state: State, name: str) -> None:
    """Puts another machine, with nothing on its disk, in the node's place."""
    world, node = state.world, state.world.nodes[name]
    world.power_cut(name)
    node.machine_id = f"{ANOTHER}{node.machine_id}"
    node.guard, node.is_equipped, node.has_peer_key, node.is_outdated = NEVER, False, False, False
    node.records, node.copies, node.sent, node.sent_at_seconds = None, (), None, None
    node.promoted, node.promoted_episode = None, None
    node.quarantine, node.pins = {}, {}
    world.power_on(name)


def _stall(state: State, name: str) -> None:
    state.world.nodes[name].is_guarding = False


def _go_round(state: State, name: str) -> None:
    state.world.nodes[name].is_guarding = True


def _lock(state: State, name: str) -> None:
    state.adversary = replace(state.adversary, locked=state.adversary.locked | {name})


def _unlock(state: State, name: str) -> None:
    state.adversary = replace(state.adversary, locked=state.adversary.locked - {name})


def _is_honest(state: State, name: str) -> bool:
    return state.world.devices[name] == "honest" and name not in state.adversary.lies


def _device(state: State, name: str, mode: str) -> None:
    state.world.devices[name] = mode


def lie_from_now_on(state: State, name: str, lie: str) -> None:
    """Lets the fence device of a node lie."""
    lies = MappingProxyType({**state.adversary.lies, name: lie})
    state.adversary = replace(state.adversary, lies=lies)


def _honest(state: State, name: str) -> None:
    state.world.devices[name] = "honest"
    lies = MappingProxyType({key: lie for key, lie in state.adversary.lies.items() if key != name})
    state.adversary = replace(state.adversary, lies=lies)


def lose_state(state: State, name: str) -> None:
    """Damages the guard's state on a node."""
    state.world.nodes[name].guard = LOST


BLOWS: Mapping[str, Blow] = {blow.name: blow for blow in _all()}
MENDS: Mapping[str, Blow] = {blow.name: blow for blow in _mends()}
BY_HAND: Mapping[str, Blow] = {blow.name: blow for blow in (*_by_hand("a"), *_by_hand("b"))}
STOPPED = tuple(name for name in BY_HAND if name.startswith("people stop"))
ANY: Mapping[str, Blow] = {**BLOWS, **MENDS, **BY_HAND}
AT_ANY_MOMENT: Mapping[str, Blow] = {name: ANY[name] for name in (*BLOWS, *MENDS, *STOPPED)}
"""What the adversary may do; the rest of what people do by hand they do only where a hold asks for it."""
IN_MID_TURN = tuple(
    name
    for name in ANY
    if any(
        word in name for word in ("loses its power", "reboots", "freezes", "gets power", "thaws", "heals", "cut off")
    )
)
"""What may also strike between a look and the effect that follows from it."""
