"""The real nodes: every verb is one call over the pair's sessions, judged by what came back.

The law of this file: nothing is believed but what the node itself answered under its pinned key,
and an answer that cannot be understood is Unknown or Failed, never a guess.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.drivers.localise.files import settle_files
from maestro_operator.drivers.localise.hosts import pin_names
from maestro_operator.drivers.nodes.configuration import node_files
from maestro_operator.drivers.nodes.orders import order_words
from maestro_operator.drivers.nodes.reading import node_seen
from maestro_operator.drivers.nodes.votes import peer_vote_of
from maestro_operator.drivers.nodes.watched import Watched, watched
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
    from maestro_operator.drivers.ports import Equipment, Order
    from maestro_operator.model.pair import Localise, PairSpec, Probe, Service, Ssh
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Completed, Sessions

READ_SECONDS = 8.0
VOTE_SECONDS = 15.0
"""A silent peer costs the asked node three seconds, a peer that hangs eight."""
SSH_PORT = 22
_PUBLIC_KEY = re.compile(r"(ssh-ed25519 [A-Za-z0-9+/]+={0,2})( [^\r\n]*)?")


class SshNodes:
    """Both nodes of one pair, reached by SSH."""

    def __init__(self, sessions: Sessions, *, spec: Callable[[], PairSpec], clock: Clock) -> None:
        """Keep the way to the nodes, and how to ask for the spec as it is now."""
        self._sessions = sessions
        self._spec = spec
        self._clock = clock

    async def read(self, node: FrozenNode) -> NodeSeen | Unknown:
        """Read everything about a node from the node itself, in one round trip."""
        try:
            view, known_peer = watched(self._spec()), self._known_peer(node)
        except BadInput as error:
            return Unknown(Reason.INVALID_SPEC, str(error))
        answer = await self._sessions.run(node, observe_words(view), deadline_seconds=READ_SECONDS)
        if isinstance(answer, Unknown):
            return answer
        if answer.exit_status != 0:
            return Unknown(Reason.COMMAND_FAILED, f"{node.name}: reading: {shortened(answer)}")
        try:
            return node_seen(node.name, answer.stdout, units=view.units, known_peer=known_peer)
        except BadAnswerError as error:
            return Unknown(Reason.BAD_ANSWER, f"{node.name}: {error}")

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
        answer = await self._sessions.run(asked, guard_words("probe-peer"), deadline_seconds=VOTE_SECONDS)
        return peer_vote_of(answer, asked=asked.name, about=about.name)

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


def observe_words(view: Watched) -> tuple[str, ...]:
    """Return the command that reads a node, with or without a guard on it."""
    ports = " ".join(str(port) for port in view.ports)
    return scripted("observe", view.live, ports, " ".join(view.names), *view.units)


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
