"""What comes from elsewhere is shown as one line that does nothing to the reader's terminal."""

import pytest
from pydantic import ValidationError

from maestro_operator.model.pair import Ssh
from maestro_operator.model.printable import LONGEST, first_fault, one_line, printable

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, ÄÖÜ, 漢字, —", "plain words, ÄÖÜ, 漢字, —"),
        ("two\nlines\r\n\tand a tab", "two lines and a tab"),
        ("\x1b[2J\x1b]0;title\x07cleared", "\ufffd[2J\ufffd]0;title\ufffdcleared"),
        ("nul\x00del\x7fc1\x9b31m", "nul\ufffddel\ufffdc1\ufffd31m"),
        ("right to left \u202eesrever", "right to left \ufffdesrever"),
        ("zero\u200bwidth\ufeff", "zero\ufffdwidth\ufffd"),
        ("half \ud800 a pair", "half \ufffd a pair"),
    ],
)
def test_what_no_reader_can_see_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_flood_is_cut() -> None:
    assert len(printable("x" * 10_000_000)) == LONGEST
    assert printable("a b" * 100, longest=5) == "a ba "


def test_an_error_is_one_line_or_its_kind() -> None:
    assert one_line(ValueError("first\nsecond")) == "first"
    assert one_line(ValueError()) == "ValueError"


def test_of_a_spec_the_first_fault_is_told_with_its_field() -> None:
    with pytest.raises(ValidationError) as raised:
        Ssh.model_validate({"host": "h"})

    assert first_fault(raised.value) == "hostKey: Field required"
