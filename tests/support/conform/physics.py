"""What the adversary of the enumeration does that can be done to real nodes too, and how it is done there.

The law of this file: one name, two ways. What a blow does in memory is the enumeration's own, or stands beside its
real one; what the same words mean for machines, cables, controllers and a name server stands here alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from maestro_operator.drivers.memory.world import OPERATOR
from support.bed import clock, wire
from support.bed.layout import BED_ADDRESS
from support.contracts.pair_world import UNITS
from support.modelcheck.blows import ANY, Blow

if TYPE_CHECKING:
    from support.bed import Bed, Mode, Node
    from support.modelcheck.state import State

Real = Callable[["Bed"], object]
GUARD_STATE = "/var/lib/maestro-guard"
NAMES_AWAY, NAMES_BACK = "the name server goes away", "the name server is back"
READY_SECONDS = 60.0


# ---------------------------------------------------------------- in memory, beside those of the enumeration


def _own() -> Iterator[Blow]:
    for name, other in (("a", "b"), ("b", "a")):
        parties = (OPERATOR, other)
        yield Blow(f"{name} hears nobody", _is_alive(name), _cut([(party, name) for party in parties]))
        yield Blow(f"{name} is heard by nobody", _is_alive(name), _cut([(name, party) for party in parties]))
        yield Blow(f"{name}'s services die", _runs(name), _clear(name))


def _is_alive(name: str) -> Callable[[State], bool]:
    return lambda it: it.world.nodes[name].is_alive


def _runs(name: str) -> Callable[[State], bool]:
    return lambda it: it.world.nodes[name].is_alive and bool(it.world.nodes[name].running)


def _cut(ways: list[tuple[str, str]]) -> Callable[[State], None]:
    return lambda it: it.world.cuts.update(ways)


def _clear(name: str) -> Callable[[State], None]:
    return lambda it: it.world.nodes[name].running.clear()


OWN: Mapping[str, Blow] = {blow.name: blow for blow in _own()}
"""What the enumeration has no move for: a cable that carries one way, services that die by themselves."""
KNOWN: Mapping[str, Blow] = {**ANY, **OWN}


# ---------------------------------------------------------------- on the bed


def _real() -> Iterator[tuple[str, Real]]:
    for name in ("a", "b"):
        yield from _power(name)
        yield from _cable(name)
        yield from _by_hand(name)
        yield f"{name}'s device is dead", partial(_device, name=name, mode="offline")
        yield f"{name}'s device is mended", partial(_device, name=name, mode="honest")
    for one, other in (("a", "b"), (OPERATOR, "a"), (OPERATOR, "b")):
        yield f"{one} and {other} are cut off from each other", partial(_part, one=one, other=other)
    yield "the network heals", heal
    yield "the name server keeps its answers", lambda bed: bed.dns.freeze()
    yield NAMES_AWAY, lambda _bed: None
    yield NAMES_BACK, lambda bed: bed.dns.thaw()


def _power(name: str) -> Iterator[tuple[str, Real]]:
    yield f"{name} loses its power", lambda bed: bed.nodes[name].power_cut()
    yield f"{name} gets power", lambda bed: power_on(bed, name)
    yield f"{name} reboots", lambda bed: _reset(bed, name)
    yield f"{name} freezes", lambda bed: bed.nodes[name].freeze()
    yield f"{name} thaws", lambda bed: bed.nodes[name].thaw()
    yield f"people switch {name} off for good", lambda bed: _switch_off(bed, name)


def _cable(name: str) -> Iterator[tuple[str, Real]]:
    yield f"{name} is cut off from everybody", lambda bed: bed.nodes[name].cut()
    yield f"{name} hears nobody", lambda bed: bed.nodes[name].cut("in")
    yield f"{name} is heard by nobody", lambda bed: bed.nodes[name].cut("out")


def _by_hand(name: str) -> Iterator[tuple[str, Real]]:
    units = " ".join(reversed(UNITS))
    scripts = {
        f"people stop the services on {name}": f"systemctl stop {units}",
        f"people start the services on {name}": f"systemctl start {' '.join(UNITS)}",
        f"{name}'s services die": f"systemctl kill --signal=KILL {units}",
        # The folder stays: a guard that once was here, and nothing is known of what it promised.
        f"{name} loses its guard's state": f"rm -f {GUARD_STATE}/*",
    }
    for blow, script in scripts.items():
        yield blow, partial(_typed, name=name, script=script)


def _typed(bed: Bed, *, name: str, script: str) -> None:
    bed.nodes[name].run(script)


def _device(bed: Bed, *, name: str, mode: Mode) -> None:
    bed.bmcs[name].set_mode(mode)


def power_on(bed: Bed, name: str) -> None:
    """Switches a node on, and returns when it has booted, which is seen at its console: it may be cut off."""
    node = bed.nodes[name]
    node.power_on()
    clock.wait_until(
        lambda: _has_started(node), timeout_seconds=READY_SECONDS, what=f"{name} to start", every_seconds=0.1
    )


def _has_started(node: Node) -> bool:
    with contextlib.suppress(wire.HolderFailedError):
        return node.run("systemctl --quiet is-active multi-user.target ssh.service").return_code == 0
    return False


def _reset(bed: Bed, name: str) -> None:
    """Reboots it as a hardware reset does: nobody says goodbye."""
    bed.nodes[name].power_cut()
    power_on(bed, name)


def _switch_off(bed: Bed, name: str) -> None:
    bed.nodes[name].soft_off()
    bed.nodes[name].wait_off(timeout_seconds=READY_SECONDS)


def _part(bed: Bed, *, one: str, other: str) -> None:
    here, there = (BED_ADDRESS if end == OPERATOR else bed.nodes[end].address for end in (one, other))
    bed.part(here, there)
    bed.part(there, here)


def heal(bed: Bed) -> None:
    """Ends every cut."""
    bed.join()
    for node in bed.nodes.values():
        node.heal()


REAL: Mapping[str, Real] = dict(_real())
AT_THE_CONSOLE = ("people stop", "people start", "services die", "loses its guard", "people switch")
"""In the names of what somebody does on the node itself, who can only where it runs."""


def can_be_struck(state: State, name: str) -> bool:
    """Tells whether a blow is possible now, in memory and on the bed."""
    if name not in REAL or not KNOWN[name].can(state):
        return False
    at_the_console = any(word in name for word in AT_THE_CONSOLE)
    return not at_the_console or all(
        node.is_alive for node in state.world.nodes.values() if f"{node.name}" in _whose(name)
    )


def _whose(name: str) -> tuple[str, ...]:
    """Returns the nodes that a blow names."""
    return tuple(word.removesuffix("'s") for word in name.split() if word.removesuffix("'s") in ("a", "b"))
