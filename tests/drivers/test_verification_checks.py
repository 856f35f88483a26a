"""Each kind of check against a small server of its own, and what it must not do: hang, believe, or tell a secret."""

import asyncio
import struct
from collections.abc import Mapping

import pytest

from maestro_operator.drivers.verification import listserv, mail, outside, web
from maestro_operator.drivers.verification.matching import NotMatched, first_matches
from maestro_operator.model.checks import Click, Login, Mailbox, NamesFrom, OldAddress, Trigger
from maestro_operator.model.pair import SecretReference
from maestro_operator.model.probes import HttpCheck
from support.listening import HERE, Talk, listening
from support.web_talk import door, leads_on, web_server

pytestmark = pytest.mark.timeout(20)


# ---------------------------------------------------------------- patterns


async def test_patterns_find_the_first_line_that_they_fit() -> None:
    texts = ["all well", "SEVERE table x", "SEVERE table y"]
    assert await first_matches(["SEVERE", r"table \w$", "none", r"^\d"], texts) == [1, 1, None, None]


async def test_a_pattern_that_would_take_for_ever_is_ended() -> None:
    began = asyncio.get_running_loop().time()
    found = await first_matches([r"(a+)+$"], ["a" * 4000 + "b"])
    assert isinstance(found, NotMatched)
    assert asyncio.get_running_loop().time() - began < 8


async def test_the_loop_goes_on_while_a_pattern_is_searched_for() -> None:
    searching = asyncio.create_task(first_matches([r"(a+)+$"], ["a" * 4000 + "b"]))
    for _ in range(3):
        await asyncio.sleep(0.05)
    assert not searching.done()
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching


@pytest.mark.parametrize("pattern", ["(", "a{99999999999}", "(?P<x>a)(?P<x>b)"])
async def test_a_pattern_that_is_none_is_said(pattern: str) -> None:
    assert isinstance(await first_matches([pattern], ["a"]), NotMatched)


async def test_more_text_than_is_bounded_is_not_looked_at() -> None:
    assert isinstance(await first_matches(["x"], ["a" * 2_000_000]), NotMatched)


# ---------------------------------------------------------------- the web


def at(item: HttpCheck | Login | Trigger | Click) -> web.Place:
    """Return where a check asks, in plain HTTP."""
    return web.Place(HERE, item.port, item.host)


async def test_a_page_of_another_host_fails() -> None:
    def answer(_first: str, headers: Mapping[str, str], _body: str) -> tuple[str, str]:
        return "200 OK", "LISTSERV Maestro 11" if headers["host"] == "lists.example.org" else "It works!"

    async with listening(web_server(answer)) as port:
        right = HttpCheck(port=port, host="lists.example.org", pattern=r"Maestro \d+")
        assert (await web.page(at(right), right)).passed
        other = right.model_copy(update={"host": "other.example.org"})
        assert not (await web.page(at(other), other)).passed


LOGIN = Login(
    path="/in",
    user_field="u",
    password_field="p",
    secret=SecretReference(name="x"),
    page="/desk",
    pattern="Mail Jobs",
)


async def test_a_login_is_one_when_the_page_behind_it_is_shown() -> None:
    async with listening(web_server(door)) as port:
        item = LOGIN.model_copy(update={"port": port})
        good = await web.login(at(item), item, username="verifier", password="s3cret &")
        bad = await web.login(at(item), item, username="verifier", password="n0t-this")
    assert (good.passed, bad.passed) == (True, False)
    assert "s3cret" not in good.message
    assert "n0t-this" not in bad.message


async def test_a_page_that_takes_everybody_for_logged_in_is_held_to_its_pattern() -> None:
    async with listening(web_server(lambda *_: ("200 OK", "please log in"))) as port:
        item = LOGIN.model_copy(update={"port": port})
        found = await web.login(at(item), item, username="v", password="s3cret")
    assert not found.passed


@pytest.mark.parametrize("token", ["a b", "a&b=c", "a\r\nX: y", "", "%0a"])
async def test_a_token_that_would_change_the_request_is_not_sent(token: str) -> None:
    item = Trigger(port=1, secret=SecretReference(name="x"))
    fault = await web.trigger(at(item), item, token=token)
    assert fault == "the token is none that can stand in a URL"


async def test_a_token_is_in_no_message() -> None:
    item = Trigger(port=1, secret=SecretReference(name="x"))
    assert "s3cret" not in str(await web.trigger(at(item), item, token="s3cret"))
    async with listening(web_server(lambda *_: ("403 Forbidden", "s3cret"))) as port:
        fault = await web.trigger(web.Place(HERE, port, None), item, token="s3cret")
    assert fault == "/lui/externalAction.do answers 403"


@pytest.mark.parametrize(
    ("text", "passed"),
    [
        ("see http://lists.example.org:{port}/trk/click?ref=z4&\nbye", True),
        (
            "<a href='http://lists.example.org:{port}/other'>x</a> http://lists.example.org:{port}/trk/click?ref=z4",
            True,
        ),
        ("see http://lists.example.org:{port}/trk/click?ref=gone&", False),
        ("see http://elsewhere.example.org:{port}/trk/click?ref=z4&", False),
        ("see https://lists.example.org:{port}/trk/click?ref=z4&", False),
        ("no link", False),
    ],
)
async def test_the_tracked_link_of_a_message_is_asked_of_the_node(text: str, passed: bool) -> None:  # noqa: FBT001
    async with listening(web_server(leads_on)) as port:
        item = Click(of="mail", path="/trk/click?ref=", host="lists.example.org")
        assert (await web.link_in(at(item), item, text.format(port=port))).passed is passed


async def test_a_server_that_accepts_and_is_silent_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    monkeypatch.setattr(web, "REQUEST_SECONDS", 0.2)
    monkeypatch.setattr(listserv, "TALK_SECONDS", 0.2)
    async with listening(silent) as port:
        assert not (await web.page(web.Place(HERE, port, None), HttpCheck())).passed
        assert not (await listserv.thanks(HERE, port)).passed


# ---------------------------------------------------------------- LISTSERV


def tcpgui(greeting: bytes, code: int, text: bytes, *, announced: int | None = None) -> Talk:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert await reader.readexactly(4) == b"1B\r\n"
        size, origin = struct.unpack(">HB", await reader.readexactly(3))
        assert await reader.readexactly(origin) == b"@"
        writer.write(greeting)
        assert (await reader.readexactly(size - origin - 1)).startswith(b"THANKS PW=")
        writer.write(struct.pack(">II", code, len(text) if announced is None else announced) + text)
        await writer.drain()

    return talk


@pytest.mark.parametrize(
    ("talk", "passed"),
    [
        (tcpgui(b"250 OK\r\n", 0, b"You're welcome!\r\n"), True),
        (tcpgui(b"250 OK\r\n", 8, b"You're welcome!\r\n"), False),
        (tcpgui(b"250 OK\r\n", 0, b"Unknown command"), False),
        (tcpgui(b"550 no\r\n", 0, b"You're welcome!"), False),
        (tcpgui(b"250 OK\r\n", 0, b"You're", announced=4_000_000_000), False),
        (tcpgui(b"250 OK\r\n", 0, b"You're welcome!", announced=400), False),
        (tcpgui(b"2" * 100_000, 0, b""), False),
    ],
)
async def test_listserv_is_well_only_when_it_gives_its_thanks(talk: Talk, passed: bool) -> None:  # noqa: FBT001
    async with listening(talk) as port:
        assert (await listserv.thanks(HERE, port)).passed is passed


# ---------------------------------------------------------------- outside


async def test_an_old_address_that_answers_fails_and_one_that_refuses_is_dead() -> None:
    async with listening(web_server(lambda *_: ("200 OK", ""))) as port:
        assert not (await outside.old_address(HERE, OldAddress(ports=(port,)))).passed
    assert (await outside.old_address(HERE, OldAddress(ports=(port,)))).passed


async def test_a_resolver_that_cannot_be_asked_is_no_answer() -> None:
    item = NamesFrom(names=("lists.example.org",), resolvers=(HERE,))
    assert not (await outside.names("192.0.2.1", item, port=1)).passed


# ---------------------------------------------------------------- mail


async def test_a_mailbox_that_refuses_says_so_without_the_password() -> None:
    async def imap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK ready\r\n")
        while line := await reader.readline():
            tag = line.split()[0]
            word = b"* CAPABILITY IMAP4rev1\r\n" + tag + b" OK\r\n" if b"CAPABILITY" in line else tag + b" NO " + line
            writer.write(word)

    async with listening(imap) as port:
        mailbox = Mailbox.model_validate({"host": HERE, "port": port, "security": "Plain", "secret": {"name": "x"}})
        access = mail.Access(mailbox, HERE, {"username": b"probe", "password": b"s3cret"})
        with pytest.raises(mail.MailFailedError) as failed:
            await mail.Imap(access).next_number()
    assert "refuses the user" in str(failed.value)
    assert "s3cret" not in str(failed.value)


def test_the_text_of_a_message_is_read_whatever_its_parts_claim_to_be() -> None:
    raw = (
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/plain; charset=nonsense\r\n\r\nA\r\n"
        b"--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        b"http://l/trk/click?ref=3D1\r\n--x--"
    )
    assert "http://l/trk/click?ref=1" in mail.text_of(raw)
