"""The one function that turns an observation into a proof.

The law of this file: a `Proof` comes from nowhere else, and only from what was read in this
very look or answered by the devices in this leader's last attempt. A return code proves nothing,
silence proves nothing, time proves nothing. What is read of a node counts only from the node
itself, under this pair's uid and its own name. Any sign of life ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from maestro_operator.decide import facts
from maestro_operator.model.denial import OUTSIDE, fenced_word, in_words, lacking, leaves_it_running
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import HUMAN, Say
from maestro_operator.model.proof import Method, Proof
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import GuardState, NodeSeen, Unknown, Vote
from maestro_operator.model.steps import EpisodeKind, StepName

if TYPE_CHECKING:
    from maestro_operator.model.pair import FencingDevice
    from maestro_operator.model.proof import FenceEvidence
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import Episode

SECOND_LOOK_SECONDS = 2.0
"""A device is read off twice, at least this far apart: some say off while they switch."""


@dataclass(frozen=True, slots=True)
class NoProof:
    """Why what was seen proves nothing."""

    reason: Reason
    message: str


def prove(seen: Seen, episode: Episode) -> Proof | NoProof:
    """Return the proof that the node that is not the target cannot write, or why there is none."""
    node = facts.other_name(seen, episode.target)
    reading = seen.node(node)
    if seen.spec.machine is not None:
        return _from_hosts(seen, episode, reading, node=node)
    if isinstance(reading, NodeSeen):
        return _from_reading(seen, episode, reading)
    if episode.proof is not None:
        return _still_holds(seen, episode, episode.proof)
    return _from_devices(seen, episode, node)


def _proof(seen: Seen, episode: Episode, node: str, *, method: Method, evidence: tuple[str, ...]) -> Proof:
    return Proof(
        node=node,
        method=method,
        evidence=evidence,
        epoch=episode.epoch,
        episode=episode.id,
        term=seen.leadership.term,
        proved_at=seen.now,
    )


def _from_reading(seen: Seen, episode: Episode, node: NodeSeen) -> Proof | NoProof:
    guard = node.guard
    twin = facts.readable(seen, episode.target)
    if twin is not None and twin.machine_id == node.machine_id:
        return NoProof(Reason.NODES_INDISTINCT, "both nodes show the same machine-id")
    if facts.is_another_machine(node, episode):
        return _replaced(seen, episode, node, why=f"{node.name} is another machine than the episode began with")
    if guard.state is GuardState.ABSENT:
        return _replaced(seen, episode, node, why=f"{node.name} has no guard")
    if not facts.is_ours(seen, guard) or guard.node != node.name:
        text = f"{node.name}: its guard does not speak for this pair; switch it off and answer ConfirmFenced of it"
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{text} (episode {episode.id})")
    mark = guard.in_force
    if mark is None or (mark.number, mark.owner) != (episode.epoch, episode.target):
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{node.name} does not have epoch {episode.epoch} in force")
    unread = {service.unit for service in seen.spec.services} - {unit.name for unit in node.units}
    if unread:
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{node.name}: {min(unread)} was not read")
    if not facts.cannot_write(node):
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{node.name} still runs something or may")
    never_ran = guard.max_permit_epoch == 0 and episode.kind is EpisodeKind.ACTIVATE
    method = Method.NEVER_RAN if never_ran else Method.DEMOTED
    if episode.kind is EpisodeKind.ADOPT:
        method = Method.ADOPTED
    units = ",".join(f"{unit.name}={unit.active}" for unit in node.units)
    return _proof(
        seen,
        episode,
        node.name,
        method=method,
        evidence=(
            f"guard {node.name}: epoch {mark.number} of {mark.owner} in force, no permit",
            f"boot {node.boot_id}: {units}; 0 processes hold the data, 0 service ports open",
        ),
    )


def _from_hosts(seen: Seen, episode: Episode, reading: NodeSeen | Unknown, *, node: str) -> Proof | NoProof:
    """Return the proof that a machine which its cluster has running on the target does not run on the other host.

    What was read there shows it, or a person says so of a host that cannot be read.
    """
    there = facts.readable(seen, episode.target)
    if there is None or not seen.runs_everything(there):
        return NoProof(Reason.MACHINE_DOWN, f"the machine is not read to run on {episode.target}")
    if isinstance(reading, Unknown):
        word = _word_of_a_person(seen, episode, node)
        if isinstance(word, Proof):
            return word
        text = f"the machine runs on {episode.target}, and {node} cannot be read; {word.message}"
        return NoProof(Reason.CONFIRMATION_UNPROVEN, f"{text} (episode {episode.id})")
    if reading.machine_id == there.machine_id:
        return NoProof(Reason.NODES_INDISTINCT, "both hosts show the same machine-id")
    if not reading.is_stopped:
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{node} has the machine too, or something of it")
    evidence = tuple(
        f"host {host.name}, boot {host.boot_id}: " + ",".join(f"{unit.name}={unit.sub}" for unit in host.units)
        for host in (reading, there)
    )
    return _proof(seen, episode, node, method=Method.DEMOTED, evidence=evidence)


def _replaced(seen: Seen, episode: Episode, node: NodeSeen, *, why: str) -> Proof | NoProof:
    """Ask a person where the machine is that stood in this place before: the one that stands there now proves nothing.

    Its own reading only shows that it is no second writer itself.
    """
    if not facts.cannot_write(node):
        return NoProof(Reason.DEMOTION_UNPROVEN, f"{why}, and it runs something")
    word = _from_a_person(seen, episode, node.name)
    if isinstance(word, Proof):
        return word
    return NoProof(Reason.DEMOTION_UNPROVEN, f"{why}; {word.message} (episode {episode.id})")


def _still_holds(seen: Seen, episode: Episode, proof: Proof) -> Proof | NoProof:
    """Carry a recorded proof on while the same leader speaks and nothing shows life."""
    life = _sign_of_life(seen, proof.node)
    if life is not None:
        return life
    if (proof.episode, proof.epoch) != (episode.id, episode.epoch):
        return NoProof(Reason.PROOF_EXPIRED, "the proof names another episode")
    if proof.term != seen.leadership.term:
        return NoProof(Reason.PROOF_EXPIRED, "the proof was seen by a former leader")
    if proof.method not in (Method.FENCED, Method.HUMAN):
        return NoProof(Reason.PROOF_EXPIRED, f"{proof.node} cannot be read any more")
    return proof


def _sign_of_life(seen: Seen, node: str) -> NoProof | None:
    """Return who sees a node that this operator cannot read."""
    for vote in seen.votes:
        if vote.node == node and vote.vote in (Vote.ALIVE, Vote.SICK):
            return NoProof(Reason.SIGN_OF_LIFE, f"{vote.vantage_point} sees {node}: {vote.message}")
    return None


def _from_devices(seen: Seen, episode: Episode, node: str) -> Proof | NoProof:
    life = _sign_of_life(seen, node)
    if life is not None:
        return life
    word = _from_a_person(seen, episode, node)
    if isinstance(word, Proof):
        return word
    last = seen.last
    fits = last is not None and (last.episode, last.step) == (episode.id, StepName.FENCE)
    evidence = last.outcome.evidence if last and fits and isinstance(last.outcome, Done) else None
    if evidence is None:
        return NoProof(Reason.FENCE_UNPROVEN, f"no device has answered for {node}; {word.message}")
    return _from_evidence(seen, episode, node, evidence=evidence)


def _from_a_person(seen: Seen, episode: Episode, node: str) -> Proof | NoProof:
    if HUMAN not in {rung.name for rung in facts.ladder(episode, node)}:
        return NoProof(Reason.FENCE_UNPROVEN, "the ladder has no human rung")
    return _word_of_a_person(seen, episode, node)


def _word_of_a_person(seen: Seen, episode: Episode, node: str) -> Proof | NoProof:
    said = [word for word in facts.answers(seen, episode.id, Say.CONFIRM_FENCED) if word.of == node]
    if not said:
        return NoProof(Reason.FENCE_UNPROVEN, f"answer ConfirmFenced of {node} once it is certainly off")
    wordings = {(word.episode, word.of, word.by, word.why) for word in said}
    # A word is in status before it counts; one that lay there for too long says nothing of now.
    fresh = [it for it in seen.fresh_words if (it.episode, it.of, it.by, it.why) in wordings]
    if not fresh:
        return NoProof(Reason.FENCE_UNPROVEN, f"the word that {node} is off is not recorded or too old: answer anew")
    word = fresh[-1]
    who, why = word.by or "unnamed", word.why or "no reason given"
    lines = (
        f"{who} says that {node} is off: {why}",
        f"seen {word.seen_at}, written by {word.written_by or 'unknown'}",
    )
    return _proof(seen, episode, node, method=Method.HUMAN, evidence=lines)


def _from_evidence(seen: Seen, episode: Episode, node: str, *, evidence: FenceEvidence) -> Proof | NoProof:
    rung = next((item for item in facts.ladder(episode, node) if item.name == evidence.rung), None)
    if rung is None or evidence.node != node or not rung.devices:
        return NoProof(Reason.FENCE_UNPROVEN, f"the evidence is not about a rung of {node}")
    left = lacking(rung.devices, seen.spec.replication)
    if left:
        return NoProof(Reason.FENCE_UNPROVEN, f"rung {rung.name} leaves {node} its {in_words(left)}")
    if len({device.identity for device in rung.devices}) < len(rung.devices):
        return NoProof(Reason.FENCE_UNPROVEN, "two devices of one identity could pass for one that was read twice")
    for device in rung.devices:
        open_still = _unproven(seen, node, rung.name, device=device, evidence=evidence)
        if open_still is not None:
            return NoProof(Reason.FENCE_UNPROVEN, open_still)
    strangers = {item.identity for item in evidence.readings} - {item.identity for item in rung.devices}
    if strangers:
        return NoProof(Reason.FENCE_UNPROVEN, "a device answered for a machine that is not the node")
    heard = _who_cannot_say(seen, node) if leaves_it_running(rung.devices) else ()
    if heard:
        text = f"{node} runs on behind its gateway, and {' and '.join(heard)} did not say to find it cut off"
        return NoProof(Reason.FENCE_UNPROVEN, text)
    lines = tuple(
        f"{item.device} {item.identity}: {item.state} at {item.at_seconds:.3f}, process {item.process}"
        for item in evidence.readings
    )
    return _proof(seen, episode, node, method=Method.FENCED, evidence=lines)


def _unproven(seen: Seen, node: str, rung: str, *, device: FencingDevice, evidence: FenceEvidence) -> str | None:
    """Return why the readings of one device show nothing, or None where they show what they should."""
    last_two = [item for item in evidence.readings if item.identity == device.identity][-2:]
    if len(last_two) < len(("first look", "second look")):
        return f"{device.agent} was not read twice"
    told = all(item.tells_identity for item in last_two)
    if not told and not facts.is_drilled(seen, node=node, rung=rung, device=device):
        return f"{device.agent} cannot tell which machine it serves, and no fence drill showed it"
    first, second = last_two
    if {first.state, second.state} != {fenced_word(device.agent)}:
        return f"{device.agent} says {second.state}: {second.detail}"
    if second.at_seconds - first.at_seconds < SECOND_LOOK_SECONDS:
        return f"{device.agent} was read twice in one moment"
    if first.process == second.process:
        return f"{device.agent} was read twice by one process"
    return None


def _who_cannot_say(seen: Seen, node: str) -> tuple[str, ...]:
    """Return who has not just found from outside that neither the survivor nor the public reaches a node.

    Every vantage point is asked, the peer among them, whether the resource names it for outages or not.
    """
    wanted = dict.fromkeys((*(point.name for point in seen.spec.detection.vantage_points), *OUTSIDE))
    dead = {vote.vantage_point for vote in seen.votes if vote.node == node and vote.vote is Vote.DEAD}
    return tuple(name for name in wanted if name not in dead)


def may_permit(seen: Seen, episode: Episode) -> Proof | NoProof:
    """Return the proof under which the target may be given its permit, after Promote's intent.

    The proof recorded there serves this epoch until a sign of life, whoever leads: a site may die
    together with its fence device. A node that answers must be read back unable to write.
    """
    node = facts.other_name(seen, episode.target)
    reading = seen.node(node)
    if isinstance(reading, NodeSeen):
        if not facts.cannot_write(reading):
            return NoProof(Reason.SIGN_OF_LIFE, f"{node} answers and is not stopped")
        return episode.proof or _from_reading(seen, episode, reading)
    word = _from_a_person(seen, episode, node)
    if episode.proof is None and isinstance(word, NoProof):
        text = f"{node} cannot be read and no proof stands for it; {word.message} (episode {episode.id})"
        return NoProof(Reason.CONFIRMATION_UNPROVEN, text)
    return _sign_of_life(seen, node) or episode.proof or word


def could_not_be_left(seen: Seen, episode: Episode) -> bool:
    """Tell whether the owner's own guard shows that nobody can have taken over from it.

    It was permitted in this very boot and has no later epoch in force, so no Demote was stored.
    The epoch that the other side misses, unreadable or stopped without its guard's state, is given to it by its Rejoin.
    """
    other, owner = facts.readable(seen, episode.source), facts.readable(seen, episode.target)
    if owner is None or (other is not None and (facts.is_ours(seen, other.guard) or not facts.cannot_write(other))):
        return False
    in_force = owner.guard.in_force
    return owner.guard.max_permit_boot == owner.boot_id and in_force is not None and in_force.owner == owner.name
