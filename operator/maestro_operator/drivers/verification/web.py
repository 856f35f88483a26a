"""What a node's web applications say: a page, a form login, a tracked link.

The law of this file: a request goes to the node's own address, whatever host it names, and no redirect
is followed. Of an answer its status is shown, never its body, its cookies or where it leads.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from maestro_operator.drivers.verification.matching import NotMatched, first_matches
from maestro_operator.drivers.verification.verdict import Verdict, never, not_yet, well

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.checks import Click, Login, Trigger
    from maestro_operator.model.pair import HttpProbe

BODY_LIMIT_BYTES = 64 * 1024
REQUEST_SECONDS = 5.0
HTTP_PORT = 80
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
    """Where a request goes, and the host that it names."""

    address: str
    port: int
    host: str | None

    @property
    def url(self) -> str:
        """Return the beginning of the URL."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{address}:{self.port}"


async def ask(
    place: Place, path: str, *, form: Mapping[str, str] | None = None, cookies: Mapping[str, str] | None = None
) -> Answer | str:
    """Return what the node answers to a GET, or to a POST of a form; else why there is no answer."""
    headers = {"Host": place.host} if place.host else {}
    if cookies:
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    what = f"{place.address}:{place.port}"
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
    except (OSError, aiohttp.ClientError, ValueError) as error:
        # The text of an error may hold the URL, and with it a token.
        return f"{what} could not be asked: {type(error).__name__}"


async def page(address: str, item: HttpProbe) -> Verdict:
    """Judge one page by its status and what it shows."""
    found = await ask(Place(address, item.port, item.host), item.path)
    if isinstance(found, str):
        return not_yet(found)
    if found.status != item.status:
        return not_yet(f"{item.path} answers {found.status}, not {item.status}")
    if item.pattern is not None and (missing := await _missing(item.pattern, found.body)):
        return not_yet(f"{item.path} {missing}")
    return well(f"{item.path} answers {found.status}")


async def login(address: str, item: Login, *, username: str, password: str) -> Verdict:
    """Log in by the form, then ask for the page that only a user who is logged in sees."""
    place = Place(address, item.port, item.host)
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


async def trigger(address: str, item: Trigger, *, token: str) -> str | None:
    """Trigger a job; return why that failed, None where it was accepted."""
    if not re.fullmatch(r"[!-~]+", token) or set(token) & set("&#?%+"):
        return "the token is none that can stand in a URL"
    found = await ask(Place(address, item.port, item.host), f"{item.path}?token={token}")
    if isinstance(found, str):
        return found
    return None if found.status == 200 else f"{item.path} answers {found.status}"  # noqa: PLR2004 - HTTP's OK


async def fixed_link(address: str, item: Click) -> Verdict:
    """Follow a link of the spec."""
    return await _followed(Place(address, item.port, item.host), item.path)


async def link_in(address: str, item: Click, text: str) -> Verdict:
    """Follow the first link of a message that is a tracked one."""
    for word in _LINK.findall(text):
        link = urlsplit(word.replace("&amp;", "&"))
        path = f"{link.path}?{link.query}" if link.query else link.path
        if not path.startswith(item.path):
            continue
        if link.scheme != "http":
            return never("the link in the message is one of https, which is not followed")
        if item.host is not None and link.hostname != item.host:
            return never(f"the link in the message names {str(link.hostname)[:80]}, not {item.host}")
        return await _followed(Place(address, link.port or HTTP_PORT, link.netloc), path)
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
