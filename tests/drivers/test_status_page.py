"""The status page in a real headless Chromium: live, by keyboard, dark and light, on a phone, with enough contrast."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from maestro_operator.statuspage.board import Board
from maestro_operator.statuspage.server import StatusPage
from support.boards import UNDER_WAY, board_of_every_world, lively_board, shown_in
from support.browser import Browser, browser
from support.report import BUILD

PICTURES = BUILD / "status-page"
DESK, PHONE = (1280, 900), (360, 740)
DRAWN = "document.querySelectorAll('.pair').length > 0"
FAINT = (Path(__file__).parents[1] / "support" / "faint_texts.js").read_text()
"""Gives the texts whose contrast with what they stand on is too small."""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def board() -> Board:
    return lively_board()


@pytest.fixture
def page(board: Board) -> Iterator[StatusPage]:
    served = StatusPage(board, address="127.0.0.1", port=0)
    yield served
    served.close()


def opened(tab: Browser, page: StatusPage, *, size: tuple[int, int] = DESK, scheme: str = "light") -> None:
    # What the page before has asked for is over when another one is there.
    tab.open("about:blank", until="location.href === 'about:blank'")
    tab.complaints.clear()
    tab.requested.clear()
    tab.look_as(width=size[0], height=size[1], scheme=scheme)
    tab.open(f"http://127.0.0.1:{page.port}/", until=DRAWN)


def test_the_page_loads_from_itself_alone_and_nothing_complains(tab: Browser, page: StatusPage) -> None:
    opened(tab, page)

    assert tab.complaints == []
    assert {url for url in tab.requested if not url.startswith(f"http://127.0.0.1:{page.port}/")} == set()
    assert tab.value("document.querySelectorAll('[style*=\"color\"], [onclick]').length") == 0


def test_a_script_that_somebody_gets_into_the_page_does_not_run(tab: Browser, page: StatusPage) -> None:
    opened(tab, page)

    tab.value("document.body.append(Object.assign(document.createElement('script'), {text: 'window.stolen = 1'}))")

    assert tab.value("window.stolen === undefined") is True
    assert any("Content Security Policy" in said for said in tab.complaints)


def test_a_change_is_drawn_without_anybody_asking_and_is_read_aloud(
    tab: Browser, page: StatusPage, board: Board
) -> None:
    opened(tab, page)
    assert tab.value("document.querySelector('.pair .badge').textContent") == "Active"

    shown_in(board, "lists", episode=UNDER_WAY, state="SwitchingOver")

    tab.wait_until("document.querySelector('.pair .badge').textContent === 'SwitchingOver'")
    assert tab.value("document.getElementById('news').textContent") == "lists is now SwitchingOver"


def test_an_operator_that_is_gone_is_said_and_the_last_word_stays(tab: Browser, page: StatusPage) -> None:
    opened(tab, page)

    page.close()

    tab.wait_until("!document.getElementById('trouble').hidden")
    assert "No word from the operator since" in tab.value("document.getElementById('trouble').textContent")
    assert tab.value("document.querySelectorAll('.pair').length") == 2


def test_the_arrows_go_from_the_active_node(tab: Browser, page: StatusPage) -> None:
    opened(tab, page)

    assert tab.value("document.querySelector('.data .across').textContent") == "→"
    assert tab.value("document.querySelector('.clients').textContent").startswith("clients are sent to a")


def test_everything_is_reached_and_opened_by_keyboard_alone_and_stays_so_when_drawn_anew(
    tab: Browser, page: StatusPage, board: Board
) -> None:
    opened(tab, page)

    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "Skip to the pairs"
    assert tab.value("document.activeElement.getBoundingClientRect().left") >= 0
    tab.press("Tab")
    assert tab.value("document.activeElement.tagName") == "SUMMARY"
    assert tab.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    before = tab.value("document.activeElement.parentElement.open")
    tab.press("Enter")
    assert tab.value("document.activeElement.parentElement.open") is not before
    shown_in(board, "another")
    tab.wait_until("document.querySelectorAll('.pair').length === 3")
    assert tab.value("document.activeElement.tagName") == "SUMMARY"
    assert tab.value("document.activeElement.parentElement.open") is not before


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_every_text_can_be_read_and_nothing_is_cut_off(
    tab: Browser, page: StatusPage, size: tuple[int, int], scheme: str
) -> None:
    opened(tab, page, size=size, scheme=scheme)
    tab.value("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    PICTURES.mkdir(parents=True, exist_ok=True)
    tab.picture(PICTURES / f"{'desk' if size == DESK else 'phone'}-{scheme}.png")

    assert tab.value(FAINT) == []
    assert tab.value(WIDE) <= 0


def test_a_text_that_cannot_be_read_would_be_found(tab: Browser, page: StatusPage) -> None:
    opened(tab, page)

    tab.value("document.querySelectorAll('.quiet').forEach((item) => { item.style.color = '#999'; })")

    assert tab.value(FAINT) != []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_golden_world_is_drawn_readably_on_a_phone(tab: Browser, scheme: str) -> None:
    served = StatusPage(board_of_every_world(), address="127.0.0.1", port=0)
    try:
        opened(tab, served, size=PHONE, scheme=scheme)
        drawn, complaints = tab.value("document.querySelectorAll('.pair').length"), list(tab.complaints)
        faint, wide = tab.value(FAINT), tab.value(WIDE)
    finally:
        served.close()

    assert (drawn > 20, complaints, faint) == (True, [], [])
    assert wide <= 0
