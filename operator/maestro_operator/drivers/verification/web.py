"""What a node's web applications say: a page, a form login, a tracked link.

The law of this file: a request goes to the node's own address, whatever host it names, and no redirect
is followed. Over TLS the certificate must be good for that host. Of an answer its status is shown,
never its body, its cookies or where it leads.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from maestro_operator.drivers.probes.tls import context_of
from maestro_operator.drivers.verification.matching import NotMatched, first_matches
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from maestro_operator.model.checks import Click, Login, Trigger
    from maestro_operator.model.probes import HttpCheck

BODY_LIMIT_BYTES = 64 * 1024
REQUEST_SECONDS = 5.0
PORTS = {"http": 80, "https": 443}
_REDIRECTS = range(300, 400)
_DONE = range(200, 400)
_LINK = re.compile(r"https?://[^\s\"'<>\\]{1,2000}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: str
    location: str = field(repr=False)
    cookies: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request goes, the host that it names, and what its certificate is trusted by; plain HTTP without that."""

    address: str
    port: int
    host: str | None
    trust: ssl.SSLContext | None = None
    door: Callable[[int], Awaitable[tuple[str, int]]] | None = None
    """Where to connect to instead, for one of its ports."""

    async def entered(self) -> Place:
        """Return the place as it is connected to from here; it names the same host."""
        if self.door is None:
            return self
        address, port = await self.door(self.port)
        host, trust = self.host or f"{self.address}:{self.port}", self.trust
        return Place(address, port, host, trust)

    @property
    def url(self) -> str:
        """Return the beginning of the URL."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{'http' if self.trust is None else 'https'}://{address}:{self.port}"

    @property
    def server_name(self) -> str:
        """Return the name that a certificate must be of."""
        return (urlsplit(f"//{self.host}").hostname if self.host else None) or self.address


async def place_of(
    address: str,
    item: HttpCheck | Login | Trigger | Click,
    *,
    secret: Callable[[str], Awaitable[Mapping[str, bytes] | str]],
    door: Callable[[int], Awaitable[tuple[str, int]]] | None = None,
) -> Place | str:
    """Return where a check asks; else why it is not known what its certificate is trusted by."""
    if item.tls is None:
        return Place(address, item.port, item.host, door=door)
    authority: bytes | None = None
    if item.tls.ca_secret is not None:
        name = item.tls.ca_secret.name
        content = await secret(name)
        if isinstance(content, str):
            return content
        authority = content.get("ca.crt")
        if authority is None:
            return f"Secret {name} has no ca.crt"
    try:
        return Place(address, item.port, item.host, context_of(authority), door)
    except ValueError as error:
        return str(error)


async def ask(
    place: Place, path: str, *, form: Mapping[str, str] | None = None, cookies: Mapping[str, str] | None = None
) -> Answer | str:
    """Return what the node answers to a GET, or to a POST of a form; else why there is no answer."""
    what = f"{place.address}:{place.port}"
    place = await place.entered()
    headers = {"Host": place.host} if place.host else {}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    try:
        async with (
            asyncio.timeout(REQUEST_SECONDS),
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.request(
                "GET" if form is None else "POST",
                URL(place.url + path, encoded=True),
                data=None if form is None else dict(form),
                headers=headers,
                allow_redirects=False,
                ssl=place.trust or True,
                server_hostname=place.server_name if place.trust else None,
            ) as answer,
        ):
            body = bytearray()
            while len(body) < BODY_LIMIT_BYTES and (chunk := await answer.content.read(BODY_LIMIT_BYTES - len(body))):
                body += chunk
            set_now = {name: item.value for name, item in answer.cookies.items()}
            location = answer.headers.get("Location", "")
            return Answer(answer.status, body.decode(errors="replace"), location, set_now)
    except TimeoutError:
        return f"{what} did not answer in {REQUEST_SECONDS:.0f} s"
    except aiohttp.ClientConnectorCertificateError as error:
        return f"the certificate of {place.server_name} at {what}: {_fault_of(error.certificate_error)}"
    except aiohttp.ClientConnectorSSLError:
        return f"{what} speaks no TLS"
    except (OSError, aiohttp.ClientError, ValueError) as error:
        # The text of an error may hold the URL, and with it a token.
        return f"{what} could not be asked: {type(error).__name__}"


def _fault_of(error: Exception) -> str:
    """Return what is wrong with a certificate, in OpenSSL's words."""
    return error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else type(error).__name__


async def page(place: Place, item: HttpCheck) -> Verdict:
    """Judge one page by its status and what it shows."""
    found = await ask(place, item.path)
    if isinstance(found, str):
        return not_yet(found)
    if found.status != item.status:
        return not_yet(f"{item.path} answers {found.status}, not {item.status}")
    if item.pattern is not None and (missing := await _missing(item.pattern, found.body)):
        return not_yet(f"{item.path} {missing}")
    return well(f"{item.path} answers {found.status}")


async def login(place: Place, item: Login, *, username: str, password: str) -> Verdict:
    """Log in by the form, then ask for the page that only a user who is logged in sees."""
    sent = await ask(place, item.path, form={item.user_field: username, item.password_field: password})
    if isinstance(sent, str):
        return not_yet(sent)
    if sent.status not in _DONE:
        return not_yet(f"{item.path} answers the form with {sent.status}")
    shown = await ask(place, item.page, cookies=sent.cookies)
    if isinstance(shown, str):
        return not_yet(shown)
    if shown.status in _REDIRECTS:
        return not_yet(f"{item.page} answers {shown.status} after the form was sent: it was not accepted")
    if missing := await _missing(item.pattern, shown.body):
        return not_yet(f"{item.page} {missing} after the form was sent")
    return well(f"logged in at {item.path}")


async def trigger(place: Place, item: Trigger, *, token: str) -> str | None:
    """Trigger a job; return why that failed, None where it was accepted."""
    if not re.fullmatch(r"[!-~]+", token) or set(token) & set("&#?%+"):
        return "the token is none that can stand in a URL"
    found = await ask(place, f"{item.path}?token={token}")
    if isinstance(found, str):
        return found
    return None if found.status == 200 else f"{item.path} answers {found.status}"  # noqa: PLR2004 - HTTP's OK


async def fixed_link(place: Place, item: Click) -> Verdict:
    """Follow a link of the spec."""
    return await _followed(place, item.path)


async def link_in(place: Place, item: Click, text: str) -> Verdict:
    """Follow the first link of a message that is a tracked one, at its own port and by its own scheme.

    A link of https is trusted as `tls` of the check says; without it nobody said by what.
    """
    for word in _LINK.findall(text):
        link = urlsplit(word.replace("&amp;", "&"))
        path = f"{link.path}?{link.query}" if link.query else link.path
        if not path.startswith(item.path):
            continue
        if link.scheme == "https" and place.trust is None:
            return never("the link in the message is one of https: set tls of the check")
        if item.host is not None and link.hostname != item.host:
            return never(f"the link in the message names {str(link.hostname)[:80]}, not {item.host}")
        trust = place.trust if link.scheme == "https" else None
        port = link.port or PORTS[link.scheme]
        return await _followed(Place(place.address, port, link.netloc, trust, place.door), path)
    return never(f"no link in the message begins with {item.path}")


async def _followed(place: Place, path: str) -> Verdict:
    found = await ask(place, path)
    what = path.partition("?")[0]
    if isinstance(found, str):
        return not_yet(found)
    if found.status not in _REDIRECTS or not found.location:
        return not_yet(f"{what} answers {found.status} and leads nowhere")
    return well(f"{what} leads on ({found.status})")


async def _missing(pattern: str, body: str) -> str | None:
    """Return what is wrong where a body does not show a pattern."""
    found = await first_matches([pattern], [body])
    if isinstance(found, NotMatched):
        return f"could not be judged: {found.message}"
    return None if found[0] is not None else f"does not show {pattern!r}"
