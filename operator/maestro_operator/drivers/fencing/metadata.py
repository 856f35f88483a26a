"""What an agent says of itself: its parameters and actions, by its own `metadata` action.

The law of this file: a resource's parameters are held to what the installed agent really knows. An
agent ignores a parameter that it does not know, so a slip of the pen would switch a machine off in
another way than people wrote, or not at all on the day it is needed.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from maestro_operator.drivers.fencing.agent import run_agent

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

METADATA_SECONDS = 10.0
NEEDED_ACTIONS = frozenset({"off", "status"})
ALIASES: Mapping[str, str] = {
    "ipaddr": "ip",
    "login": "username",
    "passwd": "password",
    "port": "plug",
    "passwd_script": "password_script",
    "debug": "debug_file",
    "cmd_prompt": "command_prompt",
    "secure": "ssh",
}
"""The agents' own second names of their parameters."""
_TRUTHS = frozenset({"1", "0", "on", "off", "yes", "no", "true", "false"})
_WHOLE = re.compile(r"-?[0-9]{1,9}")
_DOCUMENT = re.compile(r"<resource-agent\b.*</resource-agent>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter as the agent declares it."""

    kind: str
    """The agents' own word: `string`, `boolean`, `integer`, `second` or `select`."""
    is_required: bool
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AgentMetadata:
    """One agent, in one version."""

    parameters: Mapping[str, Parameter]
    """By the one name that `canonical` gives them."""
    actions: frozenset[str]


def canonical(name: str) -> str:
    """Return the one name of a parameter: agents take `-` for `_`, and second names."""
    plain = name.replace("-", "_")
    return ALIASES.get(plain, plain)


def parsed(text: str) -> AgentMetadata:
    """Return what an agent's metadata says.

    Raises:
        ValueError: this is no agent's metadata.

    """
    found = _DOCUMENT.search(text)
    if found is None:
        raise ValueError("it prints no metadata")
    try:
        root = ET.fromstring(found.group())  # noqa: S314 - what the distribution's own agent prints
    except ET.ParseError as error:
        raise ValueError(f"its metadata cannot be read ({error})") from None
    parameters: dict[str, Parameter] = {}
    for item in root.iter("parameter"):
        name = canonical(item.get("name", ""))
        content = item.find("content")
        kind = "string" if content is None else content.get("type", "string")
        has_default = content is not None and content.get("default") is not None
        options = tuple(option.get("value", "") for option in item.iter("option"))
        required = item.get("required") == "1" and not has_default
        # An old name of the same parameter says the same; the stricter word counts.
        before = parameters.get(name)
        parameters[name] = Parameter(kind, required or (before is not None and before.is_required), options)
    actions = frozenset(item.get("name", "") for item in root.iter("action"))
    return AgentMetadata(parameters, actions)


def complaint(
    agent: str, metadata: AgentMetadata, told: Mapping[str, str], *, from_secret: Iterable[str]
) -> str | None:
    """Return what is wrong with the parameters that an agent would be told, field and remedy, else None.

    No value of the Secret stands in the message.
    """
    missing = sorted(NEEDED_ACTIONS - metadata.actions)
    if missing:
        return f"{agent} has no action {missing[0]}, so it can prove nothing: use another agent"
    hidden = frozenset(from_secret)
    for name, value in told.items():
        known = metadata.parameters.get(name)
        where = f"the Secret's {name}" if name in hidden else f"parameters.{name}"
        if known is None:
            return f"{where}: {agent} has no such parameter and would ignore it{_nearest(name, metadata)}"
        wanted = _mismatch(known, value)
        if wanted is not None:
            shown = "" if name in hidden else f", not {value!r}"
            return f"{where}: {agent} takes {wanted}{shown}"
    for name, known in sorted(metadata.parameters.items()):
        if known.is_required and name != "action" and not told.get(name):
            return f"parameters.{name} is missing: {agent} needs it; write it in parameters or in the Secret"
    return None


def _mismatch(known: Parameter, value: str) -> str | None:
    """Return what the agent takes, where the value is nothing of it."""
    match known.kind:
        case "boolean":
            return None if value.lower() in _TRUTHS else 'true or false: write "1" or "0"'
        case "integer" | "second":
            return None if _WHOLE.fullmatch(value) else "a whole number"
        case "select":
            return None if value in known.options else f"one of {', '.join(known.options)}"
        case _:
            return None


def _nearest(name: str, metadata: AgentMetadata) -> str:
    near = difflib.get_close_matches(name, metadata.parameters, n=1)
    return f"; did you mean {near[0]}?" if near else "; take it out"


class AgentCatalog:
    """What the installed agents say of themselves, asked once for each version of each."""

    def __init__(self) -> None:
        """Begin without any agent asked."""
        self._kept: dict[str, tuple[tuple[int, int, int], AgentMetadata]] = {}

    async def of(self, program: Path) -> AgentMetadata:
        """Return the agent's metadata; a changed file is asked anew.

        Raises:
            OSError: there is no such agent.
            ValueError: it does not say what it is.

        """
        found = os.stat(program)  # noqa: PTH116 - one call on a local file, no path arithmetic
        version = (found.st_ino, found.st_mtime_ns, found.st_size)
        kept = self._kept.get(program.name)
        if kept is not None and kept[0] == version:
            return kept[1]
        run = await run_agent(program, {"action": "metadata"}, deadline_seconds=METADATA_SECONDS)
        if run.exit_status != 0:
            raise ValueError("it does not print its metadata")
        metadata = parsed(run.output)
        self._kept[program.name] = (version, metadata)
        return metadata
