"""Random configuration files of three forms, each with the edit that is asked for and what must come of it.

What must come of it is put together from the same pieces as the file, so no parser is asked: every piece that is not an
edited value is there again, byte for byte.
"""

import random
from dataclasses import dataclass

from maestro_operator.model.localise import Localise, ManagedLines, ValuesFile

LINE_ENDS = ("\n", "\r\n", "\r")
WORD = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789"
NOISE = WORD + " \t=:#!;'\"$`\\äéß<>|&"


@dataclass(frozen=True)
class Asked:
    """One file, one entry of `localise`, and the file afterwards."""

    path: str
    before: bytes
    entry: Localise
    after: bytes


def asked(seed: int, *, folder: str) -> Asked:
    """Return the file of a number."""
    chance = random.Random(seed)
    path = f"{folder}/file-{seed}"
    return (_properties, _site, _lines)[seed % 3](chance, path)


def _word(chance: random.Random, *, least: int = 1) -> str:
    return "".join(chance.choices(WORD, k=chance.randint(least, 12)))


def _noise(chance: random.Random) -> str:
    return "".join(chance.choices(NOISE, k=chance.randint(0, 30)))


def _properties(chance: random.Random, path: str) -> Asked:
    """A Java properties file: comments, every separator, continued lines, one of three line ends."""
    end = chance.choice(LINE_ENDS)
    before, after, values = "", "", {}
    for number in range(chance.randint(1, 12)):
        if chance.random() < 0.4:
            line = chance.choice(("", " ", f"# {_noise(chance)}".replace("\\", "/"), f"  !{_word(chance)}")) + end
            before, after = before + line, after + line
            continue
        key, old = f"{_word(chance)}.{number}", _word(chance)
        separator = chance.choice(("=", ":", " ", " = ", "\t:  ", "  "))
        raw = old if chance.random() < 0.7 else f"{old[:1]}\\{end}   {old[1:]}x"
        head = chance.choice(("", "  ", "\t")) + key + separator
        new = raw
        if chance.random() < 0.5:
            values[key] = new = f"new-{_word(chance)}"
        before, after = f"{before}{head}{raw}{end}", f"{after}{head}{new}{end}"
    entry = Localise(name="properties", properties=ValuesFile(file=path, set=values))
    return Asked(path, before.encode("latin-1"), entry, after.encode("latin-1"))


def _site(chance: random.Random, path: str) -> Asked:
    """A shell file of assignments, with quotes of both kinds, exports, comments and what only a shell can tell."""
    before, after, values = "", "", {}
    for number in range(chance.randint(1, 12)):
        if chance.random() < 0.4:
            stuff = (f"# {_noise(chance)}", "", f'NOTE_{number}="# no comment\nA=inside"', f'D{number}="$(hostname)"')
            line = chance.choice(stuff) + "\n"
            before, after = before + line, after + line
            continue
        name, old = f"N{number}_{_word(chance).upper()}", _word(chance)
        raw = chance.choice((old, f'"{old} {old}"', f"'{old} $x'"))
        head = chance.choice(("", "export ", "  ")) + name + "="
        tail = chance.choice(("", f";export {name}", "   # own", " ; X=1"))
        new = raw
        if chance.random() < 0.5:
            values[name] = f"new {_word(chance)}"
            new = f'"{values[name]}"'
        before, after = f"{before}{head}{raw}{tail}\n", f"{after}{head}{new}{tail}\n"
    entry = Localise(name="site", site_configuration=ValuesFile(file=path, set=values))
    return Asked(path, before.encode("latin-1"), entry, after.encode("latin-1"))


def _lines(chance: random.Random, path: str) -> Asked:
    """A mail server's file of any bytes, in which our own lines stand between marks, or are to stand."""
    name = "mail"
    begin, end = (f"# maestro-operator: {name}: {word}\n".encode() for word in ("begin", "end"))
    lines = tuple(f"{_word(chance)} RELAY" for _ in range(chance.randint(0, 4)))
    ours = begin + "".join(f"{line}\n" for line in lines).encode() + end
    entry = Localise(name=name, relay_rules=ManagedLines(file=path, lines=lines))
    head = chance.randbytes(chance.randint(0, 300))
    if chance.random() < 0.5:
        gap = b"" if not head or head.endswith(b"\n") else b"\n"
        return Asked(path, head, entry, head + gap + ours)
    head, tail = head + b"\n", chance.randbytes(chance.randint(0, 100))
    return Asked(path, head + begin + b"old RELAY\n" + end + tail, entry, head + ours + tail)
