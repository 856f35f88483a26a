"""A test mailing: sent, and found again in a mailbox.

The law of this file: what is waited for is new. The mailbox says before the mailing what the number
of its next message will be, and only from that number on a message counts. Passwords and tokens
are in no message, and nothing of a mail but its links is looked at.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import imaplib
import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, TypeVar

from maestro_operator.model.checks import MailboxSecurity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from maestro_operator.model.checks import Mailbox, Submission

CALL_SECONDS = 5.0
MESSAGE_LIMIT_BYTES = 256 * 1024


Found = TypeVar("Found")


class MailFailedError(Exception):
    """Something about the mail did not work; the message holds no secret."""


@dataclass(frozen=True, slots=True)
class Access:
    """How a mailbox is opened."""

    mailbox: Mailbox
    address: str
    """What its host was resolved to."""
    content: Mapping[str, bytes]
    """The Secret."""


class Imap:
    """One mailbox that is opened anew for each question."""

    def __init__(self, access: Access) -> None:
        """Keep how it is opened."""
        self._access = access

    async def next_number(self) -> int:
        """Return the number that the mailbox's next message gets.

        Raises:
            MailFailedError: it could not be asked.

        """
        return await asyncio.to_thread(_in_mailbox, self._access, _next_number)

    async def message_from(self, *, number: int, subject: str) -> str | None:
        """Return the text of the first message from that number on with the subject, None where there is none yet.

        Raises:
            MailFailedError: it could not be asked.

        """
        return await asyncio.to_thread(
            _in_mailbox, self._access, lambda imap: _message(imap, number=number, subject=subject)
        )


async def submit(where: tuple[str, int], item: Submission, *, subject: str) -> None:
    """Hand one message to the node's mail server.

    Raises:
        MailFailedError: it was not taken.

    """
    await asyncio.to_thread(_submit, where, item, subject)


def subject_of(raw: bytes) -> str:
    """Return the subject of a message, empty where it has none."""
    return str(email.message_from_bytes(raw, policy=email.policy.default).get("Subject", ""))


def text_of(raw: bytes) -> str:
    """Return all that a person reads of a message."""
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    texts = []
    for part in parsed.walk():
        if part.get_content_maintype() != "text":
            continue
        try:
            texts.append(str(part.get_content()))
        except (LookupError, ValueError):
            # A character set that nobody knows, or bytes that are none of it.
            continue
    return "\n".join(texts)


def _submit(where: tuple[str, int], item: Submission, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = item.sender, item.recipient, subject
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain=item.sender.rpartition("@")[2])
    message.set_content("A test after a start of the mailing lists' server. Nobody needs to read it.\n")
    try:
        with smtplib.SMTP(*where, timeout=CALL_SECONDS) as server:
            server.send_message(message, from_addr=item.sender, to_addrs=[item.recipient])
    except smtplib.SMTPException as error:
        raise MailFailedError(f"the mail server does not take the message: {type(error).__name__}") from None
    except OSError as error:
        raise MailFailedError(
            f"the mail server at port {item.port}: {error.strerror or type(error).__name__}"
        ) from None


def _in_mailbox(access: Access, do: Callable[[imaplib.IMAP4], Found]) -> Found:
    mailbox = access.mailbox
    what = f"mailbox {mailbox.host}:{mailbox.port}"
    try:
        with _opened(access) as imap:
            imap.login(_word(access, "username"), _word(access, "password"))
            typ, _ = imap.select(mailbox.folder, readonly=True)
            if typ != "OK":
                raise MailFailedError(f"{what} has no folder {mailbox.folder}")
            return do(imap)
    except imaplib.IMAP4.error:
        # The server's words may repeat what it was sent.
        raise MailFailedError(f"{what} refuses the user, or does not speak IMAP") from None
    except ssl.SSLError as error:
        raise MailFailedError(f"{what}: TLS: {error.reason or type(error).__name__}") from None
    except OSError as error:
        raise MailFailedError(f"{what}: {error.strerror or type(error).__name__}") from None


def _opened(access: Access) -> imaplib.IMAP4:
    mailbox = access.mailbox
    if mailbox.security is MailboxSecurity.PLAIN:
        return imaplib.IMAP4(access.address, mailbox.port, timeout=CALL_SECONDS)
    return _NamedTls(access, _context(access))


class _NamedTls(imaplib.IMAP4):
    """IMAP over TLS to an address, with the certificate held to the host's name."""

    def __init__(self, access: Access, context: ssl.SSLContext) -> None:
        self._context = context
        self._name = access.mailbox.host
        super().__init__(access.address, access.mailbox.port, timeout=CALL_SECONDS)

    def _create_socket(self, timeout: float | None) -> ssl.SSLSocket:
        plain = socket.create_connection((self.host, self.port), timeout)
        try:
            return self._context.wrap_socket(plain, server_hostname=self._name)
        except BaseException:
            plain.close()
            raise


def _next_number(imap: imaplib.IMAP4) -> int:
    # In the answer to SELECT; STATUS of a selected folder is not to be asked.
    _, words = imap.response("UIDNEXT")
    number = words[0] if words else None
    if not isinstance(number, bytes) or not number.isdigit():
        raise MailFailedError("the mailbox does not say what its next message will be")
    return int(number)


def _message(imap: imaplib.IMAP4, *, number: int, subject: str) -> str | None:
    _, found = imap.uid("SEARCH", f"UID {number}:*", "SUBJECT", f'"{subject}"')
    # N:* always has the last message in it, also where that is older than N.
    numbers = sorted(int(word) for word in (found[0] or b"").split() if int(word) >= number)
    if not numbers:
        return None
    _, parts = imap.uid("FETCH", str(numbers[0]), f"(BODY.PEEK[]<0.{MESSAGE_LIMIT_BYTES}>)")
    raw = next((part[1] for part in parts if isinstance(part, tuple)), None)
    return None if raw is None else text_of(raw)


def _word(access: Access, key: str) -> str:
    if key not in access.content:
        raise MailFailedError(f"the mailbox's Secret has no {key}")
    return access.content[key].decode(errors="replace").strip()


def _context(access: Access) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if "ca.crt" in access.content:
        context = ssl.create_default_context(cadata=access.content["ca.crt"].decode("ascii", "replace"))
    return context
