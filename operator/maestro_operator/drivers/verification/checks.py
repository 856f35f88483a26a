"""Checks after a start: every one at once, each until it passes, cannot pass any more or is out of time.

The law of this file: a check that could not be made has failed. One that waits for another's result, and
the other failed, says so and is no finding of its own. What a message shows is evidence cut short; no
password, token or body of a page is in it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from maestro_operator.drivers.ports import CheckResult
from maestro_operator.drivers.verification import listserv, outside, web
from maestro_operator.drivers.verification.mailing import Mailings
from maestro_operator.drivers.verification.onnode import READ_SECONDS, OnNode
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well
from maestro_operator.model.checks import THE_NODE
from maestro_operator.model.status import FrozenNode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from maestro_operator.clock import Clock
    from maestro_operator.drivers.verification.reach import Reach
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.checks import Login, NamesFrom, OldAddress
    from maestro_operator.model.pair import Check, PairSpec
    from maestro_operator.model.probes import HttpCheck
    from maestro_operator.transport.connect import ReadSecret
    from maestro_operator.transport.session import Sessions

POLL_SECONDS = 0.2
SLOW_POLL_SECONDS = 1.0
"""Between looks that log in somewhere, or start a process."""
SHORTEST_SECONDS = 0.5
"""What the last look before a deadline still gets."""
COMMAND_SECONDS = 60.0
LAST_LOOK_SECONDS = 2.0
"""What is kept of the step's deadline, so that it ends with reasons and not with its time-out."""


class NodeVerification:
    """The verification port over the network and the pair's SSH sessions."""

    def __init__(
        self,
        sessions: Sessions,
        *,
        clock: Clock,
        spec: Callable[[], PairSpec],
        secrets: ReadSecret,
        namespace: str,
        policy: AddressPolicy | None = None,
        reach: Reach | None = None,
    ) -> None:
        """Keep the way to the nodes, how to ask for the spec as it is now, and where Secrets are read.

        With `reach` the services are those that are kept apart there; without it, those that clients reach.
        """
        self._sessions = sessions
        self._clock = clock
        self._spec = spec
        self._secrets = secrets
        self._namespace = namespace
        self._policy = policy
        self._reach = reach

    async def verify(
        self, node: FrozenNode, checks: Sequence[Check], *, since: str, deadline_seconds: float
    ) -> tuple[CheckResult, ...]:
        """Run every check at once; one that needs a mailing begins when that was sent or received."""
        ends = self._clock.monotonic_seconds() + deadline_seconds - min(LAST_LOOK_SECONDS, deadline_seconds / 10)
        reach = self._reach
        on_node = OnNode(self._sessions if reach is None else reach.way, node, clock=self._clock)
        mailings = Mailings(checks, node=node, on_node=on_node, secret=self._secret, policy=self._policy, reach=reach)
        run = _Run(self, node, on_node, mailings=mailings, since=since, ends=ends, clock=self._clock)
        return tuple(await asyncio.gather(*(run.until_passed(check) for check in checks)))

    @property
    def spec(self) -> PairSpec:
        """Return the spec as it is now."""
        return self._spec()

    def units(self) -> tuple[str, ...]:
        """Return the units of the services, in the order of their start."""
        return tuple(service.unit for service in self.spec.services)

    def peer_address(self, node: FrozenNode) -> str | None:
        """Return the other node's address, None where the spec knows this node no more."""
        try:
            return self.spec.other(node.name).address
        except KeyError:
            return None

    def places(self, node: FrozenNode, item: NamesFrom) -> tuple[FrozenNode, ...]:
        """Return the machines on which names are looked up: the node itself, and witnesses of the spec."""
        witnesses = [point.ssh for point in self.spec.detection.vantage_points if point.ssh is not None]
        chosen = item.vantage_points
        own = (node,) if chosen is None or THE_NODE in chosen else ()
        return own + tuple(
            FrozenNode(name=it.name, address=it.host, ssh=it.ssh)
            for it in witnesses
            if chosen is None or it.name in chosen
        )

    async def names_seen_from(self, place: FrozenNode, address: str, item: NamesFrom) -> Verdict:
        """Look names up on a machine."""
        return await outside.names_seen_from(self._sessions, place, item, address=address)

    async def page(self, node: FrozenNode, item: HttpCheck) -> Verdict:
        """Ask for a page."""
        place = await web.place_of(node.address, item, secret=self._secret, door=self.door)
        return not_yet(place) if isinstance(place, str) else await web.page(place, item)

    @property
    def door(self) -> Callable[[int], Awaitable[tuple[str, int]]] | None:
        """Return what leads to the ports of services that are kept apart, None where clients reach them."""
        return None if self._reach is None else self._reach.door

    async def thanks(self, node: FrozenNode, port: int) -> Verdict:
        """Ask LISTSERV for its thanks."""
        address, port = (node.address, port) if self.door is None else await self.door(port)
        return await listserv.thanks(address, port)

    async def login(self, node: FrozenNode, item: Login) -> Verdict:
        """Log in with the user of a Secret."""
        place = await web.place_of(node.address, item, secret=self._secret, door=self.door)
        if isinstance(place, str):
            return not_yet(place)
        content = await self._secret(item.secret.name)
        if isinstance(content, str):
            return not_yet(content)
        if not {"username", "password"} <= set(content):
            return never(f"Secret {item.secret.name} needs the keys username and password")
        words = {key: content[key].decode(errors="replace") for key in ("username", "password")}
        return await web.login(place, item, username=words["username"], password=words["password"])

    async def _secret(self, name: str) -> Mapping[str, bytes] | str:
        try:
            return await self._secrets(self._namespace, name)
        except LookupError:
            return f"there is no Secret {name}, or this operator may not read it"
        except Exception as error:  # noqa: BLE001 - whatever the store raises, it is one fact: it is not known now
            return f"Secret {name} could not be read ({type(error).__name__})"


class _Run:
    """All checks of one start."""

    def __init__(
        self,
        port: NodeVerification,
        node: FrozenNode,
        on_node: OnNode,
        *,
        mailings: Mailings,
        since: str,
        ends: float,
        clock: Clock,
    ) -> None:
        self._port = port
        self._node = node
        self._on_node = on_node
        self._mailings = mailings
        self._since = since
        self._ends = ends
        self._clock = clock

    async def until_passed(self, check: Check) -> CheckResult:
        """Look again and again; a check that waits for another one has its own time after that."""
        waits_for = await self._mailings.failed_before(check)
        if waits_for is not None:
            return CheckResult(check.name, passed=False, message=f"not tried: {waits_for} failed", waits_for=waits_for)
        ends = min(self._ends, self._clock.monotonic_seconds() + check.deadline_seconds)
        period = SLOW_POLL_SECONDS if check.login or check.mailing or check.command else POLL_SECONDS
        try:
            while True:
                left = max(SHORTEST_SECONDS, ends - self._clock.monotonic_seconds())
                verdict = await self._once_in_time(check, left_seconds=left)
                if verdict.is_final or self._clock.monotonic_seconds() + period >= ends:
                    return CheckResult(check.name, passed=verdict.passed, message=verdict.message)
                await self._clock.sleep(period)
        finally:
            self._mailings.ended(check)

    async def _once_in_time(self, check: Check, *, left_seconds: float) -> Verdict:
        """Look once; a look that is cut off at the deadline is one without an answer."""
        try:
            async with asyncio.timeout(left_seconds + SHORTEST_SECONDS):
                return await self._once(check, left_seconds=left_seconds)
        except TimeoutError:
            return not_yet(f"no answer in {left_seconds:.0f} s")

    async def _once(self, check: Check, *, left_seconds: float) -> Verdict:
        on_node = self._on_node
        seconds = min(READ_SECONDS, left_seconds)
        looks: Mapping[str, Callable[[Any], Awaitable[Verdict]]] = {
            "http": lambda item: self._port.page(self._node, item),
            "tcp": lambda item: on_node.tcp(item, seconds=seconds),
            "database": lambda item: on_node.database(item, seconds=seconds),
            "log": lambda item: on_node.log(item, since=self._since, units=self._port.units(), seconds=seconds),
            "login": lambda item: self._port.login(self._node, item),
            "tcpgui": lambda item: self._port.thanks(self._node, item.port),
            "names": self._names,
            "command": lambda item: on_node.command(item, seconds=min(COMMAND_SECONDS, left_seconds)),
            "address_audit": lambda item: on_node.address_audit(item, spec=self._port.spec),
            "old_address": self._old_address,
            **dict.fromkeys(("mailing", "click", "bounce"), lambda _: self._mailings.once(check)),
        }
        for kind, look in looks.items():
            item = getattr(check, kind)
            if item is not None:
                return await look(item)
        return never("the check names no kind")

    async def _names(self, item: NamesFrom) -> Verdict:
        """Ask the resolvers, the node itself and every witness at once; the first that is not right is said."""
        places = self._port.places(self._node, item)
        looks = [self._port.names_seen_from(place, self._node.address, item) for place in places]
        found = await asyncio.gather(outside.names(self._node.address, item), *looks)
        wrong = next((verdict for verdict in found if not verdict.passed), None)
        return wrong or well("; ".join(verdict.message for verdict in found))

    async def _old_address(self, item: OldAddress) -> Verdict:
        peer = self._port.peer_address(self._node)
        if peer is None:
            return never(f"the spec does not know {self._node.name}")
        return await outside.old_address(peer, item)
