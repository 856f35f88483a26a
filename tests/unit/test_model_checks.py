"""Which checks stand alone and which wait for a mailing."""

import pytest

from maestro_operator.model.checks import Bounce, Click
from maestro_operator.model.pair import Check


@pytest.mark.parametrize(
    ("check", "of"),
    [
        (Check(name="alone"), None),
        (Check(name="fixed link", click=Click()), None),
        (Check(name="its link", click=Click(of="weekly")), "weekly"),
        (Check(name="its bounce", bounce=Bounce(of="weekly", file="/var/log/bounces", pattern="x")), "weekly"),
    ],
)
def test_a_click_and_a_bounce_name_the_mailing_they_wait_for(check: Check, of: str | None) -> None:
    assert check.of == of
