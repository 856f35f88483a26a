"""What stands between double braces in a value: four names, a closed set; no template, no expression."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_operator.model.status import FrozenNode

_NAMED = re.compile(r"\{\{ ?([^{}]*?) ?\}\}")
NAMES = ("node.address", "node.name", "peer.address", "peer.name")


def filled(value: str, *, node: FrozenNode, peer: FrozenNode) -> str:
    """Return the value with the names replaced, once: what comes in is not looked at again.

    Raises:
        ValueError: another name stands there, or a brace too many.

    """
    known = dict(zip(NAMES, (node.address, node.name, peer.address, peer.name), strict=True))
    rest = _NAMED.sub("", value)
    unknown = [name for name in _NAMED.findall(value) if name not in known]
    if unknown or "{{" in rest or "}}" in rest:
        word = unknown[0] if unknown else value
        raise ValueError(f"{word[:60]!r} is none of {', '.join('{{ ' + name + ' }}' for name in NAMES)}")
    return _NAMED.sub(lambda found: known[found[1]], value)
