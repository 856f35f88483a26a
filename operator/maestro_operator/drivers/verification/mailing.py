"""Test mailings and the checks that need them: the click of a link, the record of a bounce.

The law of this file: a mailing is sent once a verification, after everybody who waits for what it
causes has noted how things were before.
"""

from __future__ import annotations

import asyncio
import secrets as randomness
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.drivers.verification import mail, web
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well
from maestro_operator.model.seen import Unknown
from maestro_operator.transport.resolution import resolved

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from maestro_operator.drivers.verification.onnode import OnNode
    from maestro_operator.drivers.verification.reach import Box, Reach
    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.checks import Mailing
    from maestro_operator.model.pair import Check
    from maestro_operator.model.status import FrozenNode


@dataclass(slots=True)
class _Sent:
    """One mailing of this verification."""

    number: int | None = None
    subject: str = ""
    text: str | None = None
    was_sent: asyncio.Event = field(default_factory=asyncio.Event)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)


class Mailings:
    """All mailings of one verification, and who waits for them."""

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        node: FrozenNode,
        on_node: OnNode,
        secret: Callable[[str], Awaitable[Mapping[str, bytes] | str]],
        policy: AddressPolicy | None,
        reach: Reach | None = None,
    ) -> None:
        """Note which mailings there are; nothing is sent yet."""
        self._reach = reach
        self._checks = checks
        self._node = node
        self._on_node = on_node
        self._secret = secret
        self._policy = policy
        self._sent = {check.name: _Sent() for check in checks if check.mailing is not None}
        self._before: dict[str, int] = {}

    async def failed_before(self, check: Check) -> str | None:
        """Wait for what a check needs of a mailing; return the mailing's name where that never came."""
        if check.of is None:
            return None
        sent = self._sent.get(check.of)
        if sent is None:
            return check.of
        if check.bounce is not None:
            await _first_of(sent.was_sent, sent.has_ended)
            return None if sent.was_sent.is_set() else check.of
        await sent.has_ended.wait()
        return None if sent.text is not None else check.of

    def ended(self, check: Check) -> None:
        """Let those go on who wait for a mailing that is over, however it ended."""
        if check.name in self._sent:
            self._sent[check.name].has_ended.set()

    async def once(self, check: Check) -> Verdict:
        """Look once at a mailing, a link or a bounce."""
        if check.mailing is not None:
            try:
                return await self._mailing(check.name, check.mailing)
            except mail.MailFailedError as error:
                return not_yet(str(error))
        if check.click is not None:
            place = await web.place_of(self._node.address, check.click, secret=self._secret, door=self._door)
            if isinstance(place, str):
                return not_yet(place)
            sent = self._sent.get(check.click.of or "")
            if sent is None:
                return await web.fixed_link(place, check.click)
            return await web.link_in(place, check.click, sent.text or "")
        if check.bounce is not None:
            return await self._on_node.bounce(check.bounce, before=self._before[check.name])
        return never("the check names no kind")

    async def _mailing(self, name: str, item: Mailing) -> Verdict:
        sent = self._sent[name]
        box = await self._box(item)
        if isinstance(box, Verdict):
            return box
        if not sent.was_sent.is_set():
            sent.number = await box.next_number() if sent.number is None else sent.number
            fault = await self._note_before(name) or await self._send(item, sent)
            if fault is not None:
                return not_yet(fault)
            sent.was_sent.set()
        found = await box.message_from(number=sent.number or 0, subject=sent.subject)
        if found is None:
            return not_yet("it was sent, and the mailbox does not have it")
        sent.text = found
        return well("it arrived")

    async def _note_before(self, name: str) -> str | None:
        """Note how long the files are that bounces of this mailing are recorded in."""
        for check in self._checks:
            if check.bounce is not None and check.bounce.of == name and check.name not in self._before:
                length = await self._on_node.length(check.bounce.file)
                if isinstance(length, str):
                    return length
                self._before[check.name] = length
        return None

    async def _send(self, item: Mailing, sent: _Sent) -> str | None:
        """Send it; return why it was not sent."""
        if item.smtp is not None:
            # Of its own, so that two verifications are never taken for each other.
            sent.subject = f"{item.subject} {randomness.token_hex(8)}"
            port = item.smtp.port
            where = (self._node.address, port) if self._door is None else await self._door(port)
            await mail.submit(where, item.smtp, subject=sent.subject)
            return None
        sent.subject = item.subject
        if item.trigger is None:
            return "the mailing names no way to be sent"
        content = await self._secret(item.trigger.secret.name)
        if isinstance(content, str):
            return content
        if "token" not in content:
            return f"Secret {item.trigger.secret.name} has no token"
        place = await web.place_of(self._node.address, item.trigger, secret=self._secret, door=self._door)
        if isinstance(place, str):
            return place
        return await web.trigger(place, item.trigger, token=content["token"].decode(errors="replace").strip())

    @property
    def _door(self) -> Callable[[int], Awaitable[tuple[str, int]]] | None:
        return None if self._reach is None else self._reach.door

    async def _box(self, item: Mailing) -> Box | Verdict:
        """Return where the mailing is found again; why not, where that cannot be said."""
        if self._reach is not None:
            return self._reach.sink
        mailbox = item.mailbox
        content = await self._secret(mailbox.secret.name)
        if isinstance(content, str):
            return not_yet(content)
        what = f"mailbox {mailbox.host}:{mailbox.port}"
        addresses = await resolved(mailbox.host, mailbox.port, policy=self._policy, what=what)
        if isinstance(addresses, Unknown):
            return not_yet(addresses.message)
        return mail.Imap(mail.Access(mailbox, addresses[0], content))


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
