"""Every cell of the matrix: a ladder, what is wrong with it, and what must come out. Knows nothing of the operator."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["redfish", "ipmi"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One story: node a is silent and still has power, a person orders b, and the ladder is climbed."""

    id: str
    rungs: tuple[tuple[Kind, ...], ...]
    """The devices of each rung, in order."""
    redfish: str = "honest"
    """The mode of a's Redfish controller."""
    ipmi: str = "honest"
    """The mode of a's IPMI controller."""
    twist: str = ""
    """What else is wrong, in a word of `play`."""
    proven: bool
    """Whether a proof is possible; then, and only then, the survivor may be promoted."""
    fault: str
    """In words, for the table."""

    @property
    def ladder(self) -> str:
        """Returns the ladder in words."""
        return ", then ".join(" and ".join(rung) for rung in self.rungs)


REDFISH: tuple[tuple[Kind, ...], ...] = (("redfish",),)
IPMI: tuple[tuple[Kind, ...], ...] = (("ipmi",),)
BOTH: tuple[tuple[Kind, ...], ...] = (("redfish", "ipmi"),)
LADDER: tuple[tuple[Kind, ...], ...] = (("redfish",), ("ipmi",))

CELLS = (
    Cell(id="redfish-honest", rungs=REDFISH, proven=True, fault="none"),
    Cell(id="redfish-slow", rungs=REDFISH, redfish="slow", proven=True, fault="cuts after 5 s"),
    Cell(id="redfish-late", rungs=REDFISH, redfish="slow", twist="late", proven=False, fault="cuts after its deadline"),
    Cell(id="redfish-denying", rungs=REDFISH, redfish="denying", proven=False, fault="refuses the order (403)"),
    Cell(id="redfish-hanging", rungs=REDFISH, redfish="hanging", proven=False, fault="never answers"),
    Cell(id="redfish-offline", rungs=REDFISH, redfish="offline", proven=False, fault="refuses connections"),
    Cell(id="redfish-null", rungs=REDFISH, redfish="null", proven=False, fault="PowerState is null"),
    Cell(id="redfish-stranger", rungs=REDFISH, redfish="stranger", proven=False, fault="is another machine's"),
    Cell(id="redfish-twins", rungs=REDFISH, redfish="twins", proven=True, fault="serves both nodes"),
    Cell(
        id="redfish-other-member", rungs=REDFISH, redfish="twins", twist="other-member", proven=False,
        fault="systems_uri names the survivor",
    ),
    Cell(id="redfish-password", rungs=REDFISH, twist="password", proven=False, fault="wrong password"),
    Cell(id="redfish-parameter", rungs=REDFISH, twist="parameter", proven=False, fault="a parameter the agent ignores"),
    Cell(
        id="redfish-lying", rungs=REDFISH, redfish="lying", twist="seen", proven=False,
        fault="says off while on; the peer sees it alive",
    ),
    Cell(id="redfish-leader-lost", rungs=REDFISH, redfish="denying", twist="leader-lost", proven=False,
         fault="the leadership ends with the agent running"),
    Cell(id="redfish-edited", rungs=REDFISH, redfish="denying", twist="edited", proven=False,
         fault="the spec names the survivor's controller in mid-episode"),
    Cell(id="ipmi-honest", rungs=IPMI, proven=True, fault="none"),
    Cell(id="ipmi-denying", rungs=IPMI, ipmi="denying", proven=False, fault="refuses the order"),
    Cell(id="ipmi-hanging", rungs=IPMI, ipmi="hanging", proven=False, fault="never answers"),
    Cell(id="ipmi-password", rungs=IPMI, twist="password", proven=False, fault="wrong password"),
    Cell(id="ipmi-identity", rungs=IPMI, twist="identity", proven=False, fault="another machine's GUID"),
    Cell(id="supplies-honest", rungs=BOTH, proven=True, fault="none"),
    Cell(id="supplies-one-silent", rungs=BOTH, ipmi="hanging", proven=False, fault="the second one never answers"),
    Cell(id="ladder-second", rungs=LADDER, redfish="offline", proven=True, fault="the first rung refuses connections"),
    Cell(id="ladder-none", rungs=LADDER, redfish="denying", ipmi="hanging", proven=False, fault="both rungs fail"),
)  # fmt: skip
"""In the order in which they are played."""
