"""Takes hosts, addresses, users and devices out of what messages say in words: the names in `spec` stand for them.

A message quotes what a host or a library said, and that names whom it talked to.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from maestro_operator.model.pair import PairSpec

IN_WORDS = frozenset({"message", "plan"})
"""The fields that are sentences; all others are names, numbers and words of closed sets."""
DEVICE, ADDRESS = "its device", "an address"
_ADDRESS = r"(?:[\w.-]+@)?\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?"
_EDGES = r"(?<![\w@.-])(?:{})(?![\w-])"


def discreet(shown: dict[str, Any], spec: PairSpec) -> dict[str, Any]:
    """Return what is shown of a pair, with its sentences made discreet."""
    words = words_of(spec)
    return {key: _told(key, value, words) for key, value in shown.items()}


def words_of(spec: PairSpec) -> Callable[[str], str]:
    """Return what makes a sentence about a pair of this spec discreet."""
    names = dict(_names(spec))
    longest_first = sorted(names, key=len, reverse=True)
    pattern = re.compile(_EDGES.format("|".join([*map(re.escape, longest_first), _ADDRESS])))
    return lambda text: pattern.sub(lambda found: names.get(found[0], ADDRESS), text)


def _names(spec: PairSpec) -> Iterator[tuple[str, str]]:
    for node in spec.nodes:
        for host in {node.ssh.host, node.address}:
            yield from _ways(host, user=node.ssh.user, port=node.ssh.port, name=node.name)
        for device in (item for rung in node.fencing for item in rung.devices):
            yield device.identity, DEVICE
            yield from ((value, DEVICE) for value in device.parameters.values() if "." in value or ":" in value)
    for point in spec.detection.vantage_points:
        if point.ssh is not None:
            witness = point.ssh
            yield from _ways(witness.host, user=witness.user, port=witness.port, name=witness.name)
        if point.prometheus is not None:
            yield point.prometheus.url, point.name


def _ways(host: str, *, user: str, port: int, name: str) -> Iterator[tuple[str, str]]:
    for way in (host, f"{host}:{port}", f"{user}@{host}", f"{user}@{host}:{port}"):
        yield way, name


def _told(key: str, value: object, words: Callable[[str], str]) -> object:
    match value:
        case str() if key in IN_WORDS:
            return words(value)
        case dict():
            return {name: _told(name, item, words) for name, item in value.items()}
        case list():
            return [_told(key, item, words) for item in value]
        case _:
            return value
