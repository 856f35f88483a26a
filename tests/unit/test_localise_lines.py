"""Lines of our own in somebody else's file: every other byte stays, and what cannot be told is not touched."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_operator.drivers.localise.files import Edited, edited_file
from maestro_operator.drivers.localise.firewall import canonical, wanted_elements
from maestro_operator.drivers.localise.lines import edit_lines, marks, read_lines, refuse_doubled_aliases
from maestro_operator.drivers.localise.properties import UnreadableError
from maestro_operator.model.localise import FirewallSet
from support.configuration_files import asked
from support.frozen import node_at

pytestmark = pytest.mark.unit

LINE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)
BEGIN, END = marks("mail")


@given(content=st.binary(max_size=400), lines=st.lists(LINE, max_size=5), others=st.lists(LINE, max_size=5))
@settings(max_examples=200, deadline=None)
def test_200_files_keep_every_other_byte(content: bytes, lines: list[str], others: list[str]) -> None:
    first = edit_lines(content, "mail", tuple(lines))
    gap = b"" if not content or content.endswith(b"\n") else b"\n"
    assert first == content + gap + BEGIN + "".join(f"{line}\n" for line in lines).encode() + END
    followed = first + b"# written behind it\n"
    second = edit_lines(followed, "mail", tuple(others))
    before, ours, behind = read_lines(second, "mail")
    assert (before, behind) == (content + gap, b"# written behind it\n")
    assert ours == "".join(f"{line}\n" for line in others).encode()
    assert edit_lines(second, "mail", tuple(others)) == second


@pytest.mark.parametrize("content", [BEGIN, END, END + BEGIN, BEGIN + END + BEGIN + END, b"x" + BEGIN + END])
def test_marks_that_are_not_one_pair_in_order_are_not_guessed_at(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        edit_lines(content, "mail", ("a",))


@pytest.mark.parametrize("line", ["a\nb", "a\x07", "ä"])
def test_a_line_that_cannot_stand_there_is_not_written(line: str) -> None:
    with pytest.raises(UnreadableError):
        edit_lines(b"", "mail", (line,))


def test_an_alias_that_stands_outside_of_our_lines_too_is_refused() -> None:
    own = edit_lines(b"root: admin\n", "mail", ("listserv: postmaster",))
    refuse_doubled_aliases(own, "mail", ("listserv: other", "owner-listserv: other"))
    for line in ("ROOT: x", '"root": x', "root : x"):
        with pytest.raises(UnreadableError, match="root"):
            refuse_doubled_aliases(own, "mail", (line,))


@pytest.mark.parametrize("seed", range(200))
def test_200_random_files_of_three_forms_survive_byte_for_byte_but_for_the_edited_values(seed: int) -> None:
    a, b = node_at("a", "192.0.2.1"), node_at("b", "192.0.2.2")
    item = asked(seed, folder="/etc")
    edited = edited_file(item.entry, item.before, node=a, peer=b)
    assert isinstance(edited, Edited)
    assert edited.content == item.after
    assert edited_file(item.entry, item.after, node=a, peer=b) == Edited(item.after, "is as it should be")


def test_the_elements_of_a_set_have_one_form() -> None:
    a, b = node_at("a", "192.0.2.1"), node_at("b", "192.0.2.2")
    item = FirewallSet(table="filter", set="peers", elements=("{{ peer.address }}", "10.0.0.0/8", "2001:DB8::1/128"))
    assert wanted_elements(item, node=a, peer=b) == ("10.0.0.0/8", "192.0.2.2", "2001:db8::1")
    item = FirewallSet(table="filter", set="peers", elements=("10.9.8.7", "2001:db8::/32", "2001:db8::1", "10.0.0.0/8"))
    assert wanted_elements(item, node=a, peer=b) == ("10.0.0.0/8", "2001:db8::/32")
    with pytest.raises(ValueError, match=r"10\.0\.0\.1/8"):
        canonical("10.0.0.1/8")
