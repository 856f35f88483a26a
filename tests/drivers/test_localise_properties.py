"""Configuration files survive an edit byte for byte but for the edited values."""

import re
import subprocess
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_operator.drivers.localise.audit import MOST_FINDINGS, find_addresses
from maestro_operator.drivers.localise.properties import (
    UnreadableError,
    edit_properties,
    entries,
    escaped,
    read_properties,
)
from maestro_operator.drivers.localise.site import assignments, edit_site, read_site

BLANKS = st.sampled_from(["", " ", "\t", "  \f"])
LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
KEYS = st.text(alphabet="abAB.-_é\\: =u0041", min_size=1, max_size=6)
VALUES = st.text(alphabet="xyz 012.\\:=#!é\t\\u00e9ß", max_size=12)
ANY_VALUE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)


def raw(text: str, chop: list[int], line_end: str) -> str:
    """Return a text escaped as an old hand would, broken into continued lines at some places."""
    units = ["\\\\" if item == "\\" else f"\\{item}" if item in " :=#!" else item for item in text]
    units = ["\\t" if item == "\t" else item for item in units]
    for place in chop:
        if place < len(units):
            units[place] = f"\\{line_end}  \t{units[place]}"
    return "".join(units)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """Return a file of comments, blank lines and entries in every form there is."""
    line_end = draw(LINE_ENDS)
    lines = []
    for _ in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["comment", "blank", "entry", "entry", "entry"]))
        indent = draw(BLANKS)
        if kind == "comment":
            lines.append(indent + draw(st.sampled_from("#!")) + draw(st.text(alphabet="ab\\ =é", max_size=9)))
        elif kind == "blank":
            lines.append(indent)
        else:
            chop = draw(st.lists(st.integers(1, 8), max_size=2, unique=True))
            separator = draw(BLANKS) + draw(st.sampled_from(["=", ":", " "])) + draw(BLANKS)
            value = raw(draw(VALUES), chop, line_end)
            lines.append(indent + raw(draw(KEYS), [], line_end) + separator + value)
    end = draw(st.sampled_from([line_end, "", "\\", "\\" + line_end]))
    return (line_end.join(lines) + end).encode("latin-1")


@given(files(), st.data())
@settings(max_examples=200, deadline=None)
def test_200_files_survive_an_edit_but_for_the_edited_values(content: bytes, data: st.DataObject) -> None:
    found = entries(content)
    chosen = data.draw(st.sets(st.sampled_from([entry.key for entry in found])) if found else st.just(set()))
    new = {key: data.draw(ANY_VALUE) for key in sorted(chosen)}
    edited = edit_properties(content, new)

    assert rest_of(edited) == rest_of(content), "every byte outside of values stays"
    assert [entry.key for entry in entries(edited)] == [entry.key for entry in found]
    assert read_properties(edited) == {**read_properties(content), **new}
    for before, after in zip(found, entries(edited), strict=True):
        if before.key not in new or before not in last(found):
            assert content[before.begin : before.end] == edited[after.begin : after.end], "as is its spelling"
    assert edit_properties(edited, new) == edited, "a second edit finds nothing to do"


def last(found: list) -> list:  # type: ignore[type-arg]
    return list({entry.key: entry for entry in found}.values())


def rest_of(content: bytes) -> list[bytes]:
    """Return the stretches between the values that count; a separator that had to be added is not counted."""
    stretches, place = [], 0
    for entry in sorted(last(entries(content)), key=lambda item: item.begin):
        stretch = content[place : entry.begin]
        stretches.append(stretch.removesuffix(b"=") if stretch.endswith(b"=") else stretch)
        place = entry.end
    return [*stretches, content[place:]]


@given(files(), st.text(alphabet="kéy :=#!\\", min_size=1, max_size=8), ANY_VALUE)
@settings(max_examples=100, deadline=None)
def test_a_key_that_is_missing_is_added_at_the_end(content: bytes, key: str, value: str) -> None:
    known = read_properties(content)
    if key in known:
        return
    edited = edit_properties(content, {key: value})
    assert edited.startswith(content)
    assert read_properties(edited) == {**known, key: value}


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("a=b", {"a": "b"}),
        ("  a  :  b  ", {"a": "b  "}),
        ("a b=c", {"a": "b=c"}),
        ("a", {"a": ""}),
        ("a\\=b=c", {"a=b": "c"}),
        ("a=b\\\n   c", {"a": "bc"}),
        ("a=b\\\r\n   c\r\nd=e", {"a": "bc", "d": "e"}),
        ("# a=b\\\nc=d", {"c": "d"}),
        ("a=b\\\n# c", {"a": "b# c"}),
        ("a=\\u00e9\\t\\q", {"a": "é\tq"}),
        ("a=1\na=2", {"a": "2"}),
        ("a=b\\\\\nc=d", {"a": "b\\", "c": "d"}),
        ("path=C:\\\\L-Soft\\\\lui", {"path": "C:\\L-Soft\\lui"}),
        ("a=\\uD83D\\uDE00", {"a": "😀"}),
        ("\\\na=b", {"a": "b"}),
        ("a=b\\", {"a": "b"}),
        ("=x", {"": "x"}),
    ],
)
def test_it_is_read_as_java_reads_it(text: str, meaning: Mapping[str, str]) -> None:
    assert read_properties(text.encode("latin-1")) == meaning


@pytest.mark.parametrize("content", [b"a=\\u12", b"a=\\u12zz", "a=b".encode("utf-16"), b"a\0b"])
def test_what_java_would_refuse_is_not_touched(content: bytes) -> None:
    with pytest.raises(UnreadableError):
        edit_properties(content, {"a": "c"})


@given(ANY_VALUE)
def test_what_is_written_is_ascii_on_one_line(value: str) -> None:
    assert re.fullmatch(r"[ -~]*", escaped(value))


# ---------------------------------------------------------------- LISTSERV's site configuration

SITE = b"""# LISTSERV
NODE="lists.example.org"
export NODE
  TCPGUI_IPADDR='192.0.2.1';export TCPGUI_IPADDR
export SMTP_LISTENER_IP=192.0.2.1   # "own
NOTE="it is # not a comment
NODE=inside of a quote"
DYNAMIC="$(hostname)"
LATER=x\\
y
"""


def test_a_site_configuration_keeps_every_other_byte() -> None:
    edited = edit_site(SITE, {"TCPGUI_IPADDR": "192.0.2.2", "SMTP_LISTENER_IP": "192.0.2.2"})
    assert edited == SITE.replace(b"'192.0.2.1'", b'"192.0.2.2"').replace(b"=192.0.2.1 ", b'="192.0.2.2" ')


@given(st.permutations(range(8)), st.text(alphabet="abc 012.:*", max_size=12))
@settings(max_examples=200, deadline=None)
def test_a_shell_finds_what_was_written_and_the_rest_as_it_was(order: list[int], value: str) -> None:
    forms = ["# c'x", 'A="x y"', "B='$z' # c", "export C=1", "D=;E=2", "", 'F="a\nA=not me"', "G=/x:y; export G"]
    content = "\n".join(forms[number] for number in order).encode() + b"\n"
    edited = edit_site(content, {"A": value})
    assert edited == content.replace(b'A="x y"', f'A="{value}"'.encode())
    assert read_site(edited)["A"] == value


def test_a_shell_agrees_with_the_reading() -> None:
    plain = edit_site(SITE, {"TCPGUI_IPADDR": "192.0.2.2 [x] {y}"})
    script = plain.decode() + '\nprintf \'%s|%s|%s\' "$NODE" "$TCPGUI_IPADDR" "$SMTP_LISTENER_IP"\n'
    ran = subprocess.run(["sh"], input=script, capture_output=True, text=True, check=True, timeout=5)
    found = read_site(plain)
    assert ran.stdout == f"{found['NODE']}|{found['TCPGUI_IPADDR']}|{found['SMTP_LISTENER_IP']}"


@pytest.mark.parametrize("text", ["A=x\ncat <<END\nA=y\nEND\n", 'A=x\nB="open\n'])
def test_what_only_a_shell_can_follow_is_not_touched(text: str) -> None:
    with pytest.raises(UnreadableError):
        assignments(text.encode())


@pytest.mark.parametrize("name", ["DYNAMIC", "LATER", "MISSING", "NOTE2"])
def test_a_name_without_a_plain_value_is_not_set(name: str) -> None:
    with pytest.raises(UnreadableError):
        edit_site(SITE, {name: "x"})


@pytest.mark.parametrize("value", ["$(reboot)", "`id`", 'x" y', "a\\b", "a\nb"])
def test_a_value_that_a_shell_would_read_is_not_written(value: str) -> None:
    with pytest.raises(UnreadableError):
        edit_site(SITE, {"NODE": value})


# ---------------------------------------------------------------- the audit

PAIR = {"a": "192.0.2.1", "b": "2001:db8::b"}


@pytest.mark.parametrize(
    ("line", "node"),
    [
        ("host=192.0.2.1", "a"),
        ("url=http://192.0.2.1:8080/lui", "a"),
        ('SMTP_FORWARD="5*192.0.2.1"', "a"),
        ("bind=[2001:0DB8:0:0:0:0:0:B]:80", "b"),
        ("bind=2001\\:db8\\:\\:b", "b"),
        ("host=192.0.2.10", None),
        ("host=1192.0.2.1", None),
        ("version=192.0.2.1.5", None),
        ("# host=192.0.2.1", None),
        ("host=lists.example.org", None),
    ],
)
def test_an_address_is_found_as_a_word_of_its_own(line: str, node: str | None) -> None:
    found = find_addresses(f"x=1\n{line}\n".encode(), PAIR, settled=frozenset())
    assert {item.node for item in found} == ({node} if node else set())
    assert all(item.line == 2 for item in found)


def test_what_is_settled_by_node_is_no_finding() -> None:
    content = b"host=192.0.2.1\nother=192.0.2.1\n"
    (found,) = find_addresses(content, PAIR, settled={"host"})
    assert str(found) == "line 2 (other) names a's address 192.0.2.1"


def test_a_long_list_of_findings_is_cut() -> None:
    assert len(find_addresses(b"x=192.0.2.1\n" * 100, PAIR, settled=frozenset())) == MOST_FINDINGS
