"""Plain questions about one look at the world; each answers from `Seen` alone.

The law of this file: a question whose answer would need something Unknown answers with the side
that keeps the pair safe, and its name says which side that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import Say
from maestro_operator.model.seen import GuardState, NodeSeen, TrafficSeen

if TYPE_CHECKING:
    from maestro_operator.model.pair import Answer, FencingDevice, FencingRung
    from maestro_operator.model.seen import Guard, Seen
    from maestro_operator.model.status import Episode, EpochMark
    from maestro_operator.model.steps import StepName


def readable(seen: Seen, name: str) -> NodeSeen | None:
    """Return the node's reading, or None where nothing is known of it."""
    node = seen.nodes.get(name)
    return node if isinstance(node, NodeSeen) else None


def other_name(seen: Seen, name: str) -> str:
    """Return the name of the other node."""
    return seen.spec.other(name).name


def is_ours(seen: Seen, guard: Guard) -> bool:
    """Tell whether a guard has valid state of this very pair."""
    return guard.state is GuardState.VALID and guard.pair_uid == seen.status.pair_uid


def speaks(seen: Seen, name: str) -> bool:
    """Tell whether a node was read and its guard speaks for this pair."""
    node = readable(seen, name)
    return node is not None and is_ours(seen, node.guard)


def is_another_machine(node: NodeSeen, episode: Episode) -> bool:
    """Tell whether a node was read to be another machine than the one that the episode froze."""
    frozen = episode.frozen_node(node.name)
    return frozen is not None and frozen.machine_id not in (None, node.machine_id)


def in_force_number(guard: Guard) -> int:
    """Return the number of the epoch in force on a node, 0 where it knows none."""
    return guard.in_force.number if guard.in_force else 0


def highest_number(guard: Guard) -> int:
    """Return the highest epoch a node knows, promised or in force, 0 where it knows none."""
    promised = guard.promised.number if guard.promised else 0
    return max(promised, in_force_number(guard), guard.max_permit_epoch)


def next_epoch(seen: Seen) -> int:
    """Return 1 + the highest epoch promised that status or a readable node knows (law 5)."""
    epoch = seen.status.epoch
    known = [mark.number for mark in (epoch.promised, epoch.in_force) if mark]
    known += [highest_number(node.guard) for node in seen.nodes.values() if isinstance(node, NodeSeen)]
    return 1 + max(known, default=0)


def promise_above(seen: Seen) -> EpochMark | None:
    """Return the highest promise above the epoch in force that a readable node of this pair knows, if any does."""
    mark = seen.status.epoch.in_force
    found = [
        node.guard.promised
        for node in seen.nodes.values()
        if isinstance(node, NodeSeen) and is_ours(seen, node.guard) and node.guard.promised is not None
    ]
    highest = max(found, key=lambda promise: promise.number, default=None)
    return highest if mark is not None and highest is not None and highest.number > mark.number else None


def is_yielded(promise: EpochMark) -> bool:
    """Tell whether root made this promise, by `maestro-guard yield`."""
    return promise.episode.startswith("yield-")


def least_epoch(seen: Seen, name: str) -> int:
    """Return the epoch below which a node is not what status knew of it: rolled back, or not yet resynced."""
    mark = seen.status.epoch.in_force
    recorded = (item.epoch for item in seen.status.recorded if item.node == name)
    return max(mark.number if mark else 0, *recorded, 0)


def is_behind(seen: Seen, name: str) -> bool:
    """Tell whether a node of this pair was read to have heard of no epoch as high as the one in force."""
    mark, node = seen.status.epoch.in_force, readable(seen, name)
    if mark is None or node is None or not is_ours(seen, node.guard):
        return False
    return highest_number(node.guard) < mark.number


def holds_epoch(node: NodeSeen, mark: EpochMark) -> bool:
    """Tell whether a node has exactly this epoch with this owner in force."""
    in_force = node.guard.in_force
    return in_force is not None and (in_force.number, in_force.owner) == (mark.number, mark.owner)


def cannot_write(node: NodeSeen) -> bool:
    """Tell whether a node was read back stopped, without a permit or a final right."""
    return node.is_stopped and not node.guard.may_run and node.guard.final_epoch is None


def receives(seen: Seen, name: str) -> bool:
    """Tell whether a node is read to have the grant of the epoch in force, and no right to run."""
    mark, node = seen.status.epoch.in_force, readable(seen, name)
    if mark is None or node is None:
        return False
    return (node.guard.grant_epoch, node.guard.grant_source) == (mark.number, mark.owner) and not node.guard.may_run


def owner_serves(seen: Seen) -> bool:
    """Tell whether the active node is read running everything under its permit of the epoch in force."""
    mark, active = seen.status.epoch.in_force, readable(seen, seen.status.active_node or "")
    if active is None or mark is None:
        return False
    return active.guard.may_run and holds_epoch(active, mark) and seen.runs_everything(active)


def answer(seen: Seen, episode: str, *says: Say) -> Answer | None:
    """Return the first untaken answer to an episode that says one of these."""
    return next(iter(answers(seen, episode, *says)), None)


def answers(seen: Seen, episode: str, *says: Say) -> tuple[Answer, ...]:
    """Return every untaken answer to an episode that says one of these, in the order of the spec."""
    taken = {(item.episode, item.say, item.of) for item in seen.status.taken_answers}
    fitting = (item for item in seen.spec.answers if item.episode == episode and item.say in says)
    return tuple(item for item in fitting if (item.episode, item.say.value, item.of) not in taken)


def accepted_loss_seconds(seen: Seen, episode: Episode) -> float:
    """Return the largest loss that the spec or an answer to this episode accepts, in seconds.

    An `AcceptLoss` names the amount in `of`; a word that is no number accepts nothing.
    """
    return max(float(seen.spec.failover.max_data_loss_seconds), answered_loss_seconds(seen, episode))


def answered_loss_seconds(seen: Seen, episode: Episode) -> float:
    """Return the largest loss that an answer to this very episode accepts, in seconds."""
    accepted = 0.0
    for item in seen.spec.answers:
        if item.episode == episode.id and item.say is Say.ACCEPT_LOSS and item.of is not None:
            digits = item.of.removesuffix("s")
            accepted = max(accepted, float(digits)) if digits.isdecimal() else accepted
    return accepted


def ladder(episode: Episode, node: str) -> tuple[FencingRung, ...]:
    """Return the rungs for a node as the episode froze them."""
    frozen = episode.frozen_node(node)
    return frozen.fencing if frozen else ()


def is_drilled(seen: Seen, *, node: str, rung: str, device: FencingDevice) -> bool:
    """Tell whether exactly this device was seen to switch exactly this node."""
    wanted = (node, rung, device.mark)
    return any((it.node, it.rung, it.device) == wanted and it.proven_at is not None for it in seen.status.drills)


def public_names(seen: Seen) -> tuple[str, ...]:
    """Return every name that each node must resolve to itself, in order, once."""
    pinned = [name for item in seen.spec.localise if item.hosts_pin for name in item.hosts_pin.names]
    return tuple(dict.fromkeys(pinned))


def address_of(seen: Seen, name: str) -> str:
    """Return where traffic for a node goes: as the episode under way froze it, else as the spec says."""
    frozen = seen.status.episode.frozen_node(name) if seen.status.episode else None
    return frozen.address if frozen else seen.spec.node(name).address


def is_localised(seen: Seen, name: str) -> bool:
    """Tell whether the node resolves every pinned public name to itself."""
    node, address = readable(seen, name), address_of(seen, name)
    return node is not None and all(node.pins.get(item) == address for item in public_names(seen))


def points_at(seen: Seen, name: str) -> bool:
    """Tell whether all traffic was read and points at the node alone.

    What is silent may be at the site of the other node: it is waited for only where that one can be read.
    """
    address, is_alone = address_of(seen, name), readable(seen, other_name(seen, name)) is None
    return all(
        isinstance(item, TrafficSeen) and item.addresses == (address,) and (is_alone or not item.silent)
        for item in seen.traffic
    )


def lowers(seen: Seen) -> bool:
    """Tell whether a switchover lowers what clients may keep."""
    return any(entry.lowered_ttl_seconds is not None for entry in seen.spec.traffic)


def is_lowered(seen: Seen) -> bool:
    """Tell whether an entry was read to have the time to live that it has while a switchover is under way."""
    return any(
        isinstance(item, TrafficSeen)
        and entry.lowered_ttl_seconds is not None
        and item.ttl_seconds == entry.lowered_ttl_seconds
        for entry, item in zip(seen.spec.traffic, seen.traffic, strict=False)
    )


def last_done(seen: Seen, episode: Episode, step: StepName) -> bool:
    """Tell whether this leader's last attempt was of this very step, and ended well."""
    last = seen.last
    if last is None or (last.episode, last.step) != (episode.id, step):
        return False
    return isinstance(last.outcome, Done)
