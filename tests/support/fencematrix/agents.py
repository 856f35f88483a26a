"""The table of the agents: which are believed, by what they name their machine, and why the others are refused."""

from maestro_operator.drivers.fencing.believed import IDENTITY_BY_DEVICE, REFUSED_AGENTS, SECOND_READER
from maestro_operator.model.denial import GATEWAY, denied_by, in_words

DENIES = f"it denies {in_words(denied_by(GATEWAY))} alone: the machine runs on"
BEGIN, END = "<!-- agents: begin -->", "<!-- agents: end -->"


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


def written_into(page: str) -> str:
    """Returns the page with the table between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return f"{before}{BEGIN}\n{rows()}\n{END}{after}"
