"""Pages, logins, triggers and links by HTTPS: a certificate that a user's browser would refuse fails the check."""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.verification import web
from maestro_operator.drivers.verification.verdict import Verdict
from maestro_operator.model.checks import Click, Login, Tls, Trigger
from maestro_operator.model.pair import SecretReference
from maestro_operator.model.probes import HttpCheck
from support.listening import HERE, listening
from support.tls_page.authority import Authority
from support.web_talk import door, leads_on, web_server

pytestmark = pytest.mark.timeout(20)

NOW = SystemClock().now()
AUTHORITY = Authority(now=NOW)
TLS = Tls(ca_secret=SecretReference(name="authority"))


async def secret(name: str) -> Mapping[str, bytes] | str:
    known = {"authority": {"ca.crt": AUTHORITY.certificate}, "empty": {}, "nonsense": {"ca.crt": b"none"}}
    return known.get(name, f"there is no Secret {name}")


def served(folder: Path, *, name: str = HERE, ends_in_days: int = 30) -> ssl.SSLContext:
    """Return how a server shows a certificate of the authority."""
    path = folder / "page.pem"
    path.write_bytes(AUTHORITY.signed(name, now=NOW, ends_in_days=ends_in_days))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


async def asked(item: HttpCheck) -> Verdict:
    """Ask for a page as a verification does."""
    place = await web.place_of(HERE, item, secret=secret)
    assert isinstance(place, web.Place)
    return await web.page(place, item)


async def test_a_page_is_asked_for_over_tls_and_its_authority_is_the_one_of_the_secret(tmp_path: Path) -> None:
    async with listening(web_server(lambda *_: ("200 OK", "Maestro")), tls=served(tmp_path)) as port:
        good = await asked(HttpCheck(port=port, pattern="Maestro", tls=TLS))
        of_nobody = await asked(HttpCheck(port=port, tls=Tls()))
    assert good.passed, good.message
    assert (of_nobody.passed, "unable to get local issuer certificate" in of_nobody.message) == (False, True)


@pytest.mark.parametrize(
    ("name", "days", "host", "words"),
    [
        (HERE, -1, None, "certificate has expired"),
        ("192.0.2.1", 30, None, "IP address mismatch"),
        (HERE, 30, "lists.example.org", "Hostname mismatch"),
    ],
)
async def test_a_certificate_that_is_over_or_of_another_fails_and_is_said(
    tmp_path: Path, name: str, days: int, host: str | None, words: str
) -> None:
    served_so = served(tmp_path, name=name, ends_in_days=days)
    async with listening(web_server(lambda *_: ("200 OK", "Maestro")), tls=served_so) as port:
        found = await asked(HttpCheck(port=port, host=host, tls=TLS))
    assert not found.passed
    assert words in found.message


async def test_a_port_without_tls_is_said() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listening(plain) as port:
        found = await asked(HttpCheck(port=port, tls=TLS))
    assert (found.passed, found.message) == (False, f"{HERE}:{port} speaks no TLS")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone", "there is no Secret gone"),
        ("empty", "Secret empty has no ca.crt"),
        ("nonsense", "ca.crt is no certificate in PEM form"),
    ],
)
async def test_what_nothing_can_be_trusted_by_is_said_and_nothing_is_asked(name: str, words: str) -> None:
    item = HttpCheck(port=1, tls=Tls(ca_secret=SecretReference(name=name)))
    assert await web.place_of(HERE, item, secret=secret) == words


async def test_a_login_and_a_trigger_go_over_tls(tmp_path: Path) -> None:
    login = Login(
        path="/in", user_field="u", password_field="p", secret=SecretReference(name="x"), page="/desk",
        pattern="Mail Jobs", tls=TLS,
    )  # fmt: skip
    async with listening(web_server(door), tls=served(tmp_path)) as port:
        place = await web.place_of(HERE, login.model_copy(update={"port": port}), secret=secret)
        assert isinstance(place, web.Place)
        good = await web.login(place, login, username="verifier", password="s3cret &")
    trigger = Trigger(secret=SecretReference(name="x"), tls=TLS)
    async with listening(web_server(lambda *_: ("200 OK", "")), tls=served(tmp_path)) as port:
        place = await web.place_of(HERE, trigger.model_copy(update={"port": port}), secret=secret)
        assert isinstance(place, web.Place)
        fault = await web.trigger(place, trigger, token="t0ken")
    assert (good.passed, fault) == (True, None)


@pytest.mark.parametrize(("tls", "passed"), [(TLS, True), (Tls(), False), (None, False)])
async def test_a_tracked_link_of_https_is_followed_where_its_certificate_is_good(
    tmp_path: Path,
    tls: Tls | None,
    passed: bool,  # noqa: FBT001
) -> None:
    async with listening(web_server(leads_on), tls=served(tmp_path)) as port:
        item = Click(of="mail", path="/trk/click?ref=", host=HERE, tls=tls)
        place = await web.place_of(HERE, item, secret=secret)
        assert isinstance(place, web.Place)
        found = await web.link_in(place, item, f"see https://{HERE}:{port}/trk/click?ref=z4&")
    assert found.passed is passed, found.message
