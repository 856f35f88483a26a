"""The tables of the agents, which are believed and why the others are refused, and of what each way takes away."""

from maestro_operator.drivers.fencing.believed import IDENTITY_BY_DEVICE, REFUSED_AGENTS, SECOND_READER
from maestro_operator.model.denial import GATEWAY, RESERVATION, Denial, denied_by, in_words
from maestro_operator.model.pair import HUMAN

DENIES = f"it denies {in_words(denied_by(GATEWAY))} alone: the machine runs on"
WAYS = {
    "a device that switches the machine off": "fence_redfish",
    "a person's word that it is off (`human`)": HUMAN,
    "`gateway`": GATEWAY,
    "`reservation`": RESERVATION,
}
"""How the docs call each way to fence, and its name in the code."""


def rows() -> str:
    """Returns the table as Markdown."""
    lines = ["| agent | accepted | which machine | why |", "|---|---|---|---|"]
    for name in sorted({*IDENTITY_BY_DEVICE, *REFUSED_AGENTS}):
        if name in REFUSED_AGENTS:
            lines.append(f"| `{name}` | no | | {REFUSED_AGENTS[name]} |")
        else:
            why = f"second reader: {SECOND_READER[name]}" if name in SECOND_READER else ""
            lines.append(f"| `{name}` | yes | {IDENTITY_BY_DEVICE[name]} | {why} |")
    lines.append(f"| `{GATEWAY}` (no agent) | yes | the address that lies behind its leg | {DENIES} |")
    lines.append("| every other one | yes | shown by a fence drill | |")
    return "\n".join(lines)


def denials() -> str:
    """Returns the table of what each way takes away from a node as Markdown."""
    lines = [f"| way | {' | '.join(Denial)} |", f"|---|{'---|' * len(Denial)}"]
    for way, name in WAYS.items():
        lines.append(f"| {way} | {' | '.join('yes' if item in denied_by(name) else 'no' for item in Denial)} |")
    return "\n".join(lines)


def written_into(page: str) -> str:
    """Returns the page with both tables between their marks."""
    for name, table in (("agents", rows()), ("denials", denials())):
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        before, rest = page.split(begin)
        _, after = rest.split(end)
        page = f"{before}{begin}\n{table}\n{end}{after}"
    return page
