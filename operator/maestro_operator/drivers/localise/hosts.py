"""Public names pinned on the node, by a part of its hosts file that is ours alone."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason
from maestro_operator.transport.answers import outcome_of
from maestro_operator.transport.bundle import scripted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.session import Sessions

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")


async def pin_names(
    sessions: Sessions, node: FrozenNode, names: Mapping[str, str], *, deadline_seconds: float
) -> Outcome:
    """Pin each name to its address and read back how the node resolves it now."""
    for name, address in names.items():
        if not _NAME.fullmatch(name) or not _is_address(address):
            return Refused(Reason.INVALID_SPEC, f"{name}={address} cannot stand in a hosts file")
    words = [f"{name}={address}" for name, address in sorted(names.items())]
    answer = await sessions.run(node, scripted("pin", *words), deadline_seconds=deadline_seconds)
    what = f"{node.name}: pinning names"
    outcome = outcome_of(answer, what=what, refusals={}, otherwise=Reason.STEP_REFUSED)
    if not isinstance(outcome, Done):
        return outcome
    resolved = pins_of(outcome.facts.get("pins", ""))
    wrong = [
        f"{name} resolves to {resolved.get(name, 'nothing')}" for name in names if resolved.get(name) != names[name]
    ]
    if wrong:
        return Failed(Reason.COMMAND_FAILED, f"{what}: {', '.join(sorted(wrong))}")
    return Done(resolved)


def pins_of(words: str) -> dict[str, str]:
    """Return names and addresses from `name:address` words; a name that does not resolve has none."""
    pairs = (word.partition(":") for word in words.split())
    return {name: address for name, _, address in pairs if address}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
