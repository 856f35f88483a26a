"""The page on safety shows the steps and the rules as the code has them."""

from __future__ import annotations

from support.safety_page import PAGE, drawn


def test_the_page_on_safety_shows_the_code_as_it_is() -> None:
    page = PAGE.read_text()

    assert page == drawn(page), "run: python -m support.safety_page"
