"""The real nodes: every verb is one call over the pair's sessions, judged by what came back.

The law of this file: nothing is believed but what the node itself answered under its pinned key,
and an answer that cannot be understood is Unknown or Failed, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.drivers.localise.files import settle_files
from maestro_operator.drivers.localise.hosts import pin_names
from maestro_operator.drivers.nodes.configuration import node_files, wanted_bundle
from maestro_operator.drivers.nodes.orders import order_words
from maestro_operator.drivers.nodes.reading import node_seen
from maestro_operator.drivers.nodes.votes import peer_vote_of
from maestro_operator.drivers.nodes.watched import Watched, watched
from maestro_operator.drivers.ports import Equipment
from maestro_operator.drivers.probes.drbd import drbd_vote_of, drbd_words
from maestro_operator.drivers.services.systemd import read_back_stopped, start_services, stop_units
from maestro_operator.model.errors import BadInput
from maestro_operator.model.outcome import Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import NodeSeen, Unknown, VoteSeen
from maestro_operator.transport.answers import BadAnswerError, outcome_of, shortened
from maestro_operator.transport.bundle import archive, scripted
from maestro_operator.transport.guard import guard_outcome, guard_words

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.ports import Order
    from maestro_operator.model.pair import Localise, PairSpec, Probe, Service, Ssh
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Completed, Sessions

READ_SECONDS = 8.0
VOTE_SECONDS = 15.0
"""A silent peer costs the asked node up to three seconds, a peer that hangs eight."""
VERSIONS_SECONDS = 300.0
SSH_PORT = 22
_PUBLIC_KEY = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]+={0,2})( [^\r\n]*)?")


@dataclass(frozen=True, slots=True)
class Versions:
    """What a node said of its versions, and when: they change seldom and cost a process each."""

    asked: tuple[str, ...]
    found: Mapping[str, str]
    at_seconds: float

    def serves(self, view: Watched, now_seconds: float) -> bool:
        """Tell whether it is young enough, and about what the spec lists now."""
        return self.asked == view.versions and now_seconds - self.at_seconds < VERSIONS_SECONDS


class SshNodes:
    """Both nodes of one pair, reached by SSH."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec], clock: Clock) -> None:
        """Keep the way to the nodes, and how to ask for the spec as it is now."""
        self._sessions = sessions
        self._spec = spec
        self._clock = clock
        self._versions: dict[str, Versions] = {}

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read everything about a node from the node itself, in one round trip."""
        try:
            view, known_peer = watched(self._spec()), self._known_peer(node)
        except BadInput as error:
            return Unknown(Reason.INVALID_SPEC, str(error))
        known = self._versions.get(node.name)
        is_due = known is None or not known.serves(view, self._clock.monotonic_seconds())
        words = observe_words(view, with_versions=is_due)
        most = max(READ_SECONDS, self._spec().detection.timeout_seconds)
        answer = await self._sessions.ask(node, words, deadline_seconds=most)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            return Unknown(Reason.COMMAND_FAILED, f"{node.name}: reading: {shortened(answer)}")
        try:
            seen = self._judged(node_seen(node.name, answer.stdout, units=view.units, known_peer=known_peer))
        except BadAnswerError as error:
            return Unknown(Reason.BAD_ANSWER, f"{node.name}: {error}")

        if is_due or known is None:
            self._versions[node.name] = Versions(view.versions, seen.versions, self._clock.monotonic_seconds())
            return seen
        return replace(seen, versions=known.found)

    def _judged(self, seen: NodeSeen) -> NodeSeen:
        """Return the reading with what was installed held against what would be installed now."""
        guard, spec = seen.guard, self._spec()
        if guard.pair_uid is None or seen.name not in spec.names:
            return seen
        try:
            wanted = wanted_bundle(Equipment(guard.pair_uid, spec, seen.name))
        except BadInput:
            # The spec cannot be installed at all; that is said elsewhere.
            return seen
        return replace(seen, guard=replace(guard, is_current=guard.bundle == wanted))

    async def equip(self, node: FrozenNode, equipment: Equipment, *, deadline_seconds: float) -> Outcome:
        """Install the guard, its configuration, gates and timers; nothing running is stopped.

        Where services run without a permit the gates wait (fact `gates`) and are put on by the
        order that gives one.
        """
        try:
            content = archive(node_files(equipment))
            units = watched(equipment.spec).units
        except BadInput as error:
            return Refused(Reason.INVALID_SPEC, str(error))
        answer = await self._sessions.run(
            node, scripted("equip", *units), stdin=content, deadline_seconds=deadline_seconds
        )
        return _scripted_outcome(answer, what=f"{node.name}: installing the guard")

    async def introduce(
        self, node: FrozenNode, *, peer: FrozenNode, peer_public_key: str, deadline_seconds: float
    ) -> Outcome:
        """Let the peer's guard ask this node's, by one forced command and pinned keys."""
        key = _PUBLIC_KEY.fullmatch(peer_public_key.strip())
        known = known_hosts_line(peer.ssh)
        if key is None or known is None:
            return Refused(Reason.BAD_ANSWER, f"{peer.name} has no ed25519 key, or its hostKey is no public key")
        answer = await self._sessions.run(node, scripted("introduce", known, key[1]), deadline_seconds=deadline_seconds)
        return _scripted_outcome(answer, what=f"{node.name}: introducing {peer.name}")

    async def release(self, node: FrozenNode, *, pair_uid: str, is_owner: bool, deadline_seconds: float) -> Outcome:
        """Take off everything that was put on; no service is stopped or started."""
        words = scripted("release", pair_uid, "owner" if is_owner else "standby")
        answer = await self._sessions.run(node, words, deadline_seconds=deadline_seconds)
        return _scripted_outcome(answer, what=f"{node.name}: taking the guard off")

    async def order(self, node: FrozenNode, order: Order, *, deadline_seconds: float) -> Outcome:
        """Give one order to the guard. `Refused` carries the guard's word."""
        answer = await self._sessions.run(node, guard_words(*order_words(order)), deadline_seconds=deadline_seconds)
        return guard_outcome(answer, what=f"{node.name}: {order.verb}")

    async def start(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Start the services in order, each ready before the next; needs a permit on the node."""
        return await start_services(
            self._sessions, node, services, clock=self._clock, deadline_seconds=deadline_seconds
        )

    async def stop(self, node: FrozenNode, services: Sequence[Service], *, deadline_seconds: float) -> Outcome:
        """Stop the services in reverse order and read back that nothing of them is left."""
        units = [service.unit for service in services]
        failed = await stop_units(self._sessions, node, units, deadline_seconds=deadline_seconds)
        return read_back_stopped(await self.read(node)) if failed is None else failed

    async def pin(self, node: FrozenNode, names: Mapping[str, str], *, deadline_seconds: float) -> Outcome:
        """Make names resolve to addresses on the node itself, and read that back there."""
        return await pin_names(self._sessions, node, names, deadline_seconds=deadline_seconds)

    async def settle(
        self, node: FrozenNode, items: Sequence[Localise], *, peer: FrozenNode, deadline_seconds: float
    ) -> Outcome:
        """Make the files in which some values are the node's own say what they should; every other byte stays."""
        return await settle_files(self._sessions, node, items, peer=peer, deadline_seconds=deadline_seconds)

    async def peer_vote(self, asked: FrozenNode, about: FrozenNode, probes: Sequence[Probe]) -> VoteSeen | Unknown:
        """Ask one node what it sees of the other one's services; how long is for the caller to keep."""
        del probes  # the node that is asked about answers with its own local probe
        answer = await self._sessions.ask(asked, guard_words("probe-peer"), deadline_seconds=VOTE_SECONDS)
        return peer_vote_of(answer, asked=asked.name, about=about.name)

    async def drbd_vote(self, asked: FrozenNode, about: FrozenNode, resource: str) -> VoteSeen | Unknown:
        """Ask one node what its DRBD sees of the other one's kernel."""
        answer = await self._sessions.ask(asked, drbd_words(resource), deadline_seconds=READ_SECONDS)
        return drbd_vote_of(answer, asked=asked.name, about=about.name, resource=resource)

    def commands_run(self, node: str) -> int:
        """Return how many commands were sent to a node since the start."""
        return self._sessions.commands_run(node)

    def _known_peer(self, node: FrozenNode) -> str:
        try:
            peer = self._spec().other(node.name)
        except KeyError:
            # Frozen by an episode and taken out of the spec since: whom it knows does not matter now.
            return ""
        return known_hosts_line(peer.ssh) or ""


def observe_words(view: Watched, *, with_versions: bool = False) -> tuple[str, ...]:
    """Return the command that reads a node, with or without a guard on it."""
    ports = " ".join(str(port) for port in view.ports)
    asked = (*(view.versions if with_versions else ()), *(f"-:present:{path}" for path in view.files))
    return scripted("observe", view.live, ports, " ".join(view.names), " ".join(asked), *view.units)


def known_hosts_line(ssh: Ssh) -> str | None:
    """Return the one line that pins a host's key for the guard's own ssh, or None where there is no key."""
    try:
        key = asyncssh.import_public_key(ssh.host_key).export_public_key("openssh").decode().split()
    except asyncssh.KeyImportError:
        return None
    host = ssh.host if ssh.port == SSH_PORT else f"[{ssh.host}]:{ssh.port}"
    return f"{host} {key[0]} {key[1]}"


def _scripted_outcome(answer: Completed | Unknown, *, what: str) -> Outcome:
    return outcome_of(answer, what=what, refusals={}, otherwise=Reason.STEP_REFUSED)
