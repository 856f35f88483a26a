"""Every cell of the matrix: a ladder, what is wrong with it, and what must come out. Knows nothing of the operator."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["redfish", "ipmi", "gateway", "virsh", "reservation"]


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
    gateway: str = ""
    """What is wrong with the gateway behind which a lies."""
    storage: str = ""
    """What is wrong with the storage whose one disk both nodes reach."""
    twist: str = ""
    """What else is wrong, in a word of `play`."""
    proven: bool
    """Whether a proof is possible; then, and only then, the survivor may be promoted."""
    fault: str
    """In words, for the table."""

    @property
    def is_late(self) -> bool:
        """Tells whether the controller cuts only after the rung's deadline."""
        return self.twist in ("late", "handed-back")

    @property
    def is_lost(self) -> bool:
        """Tells whether the operator's process is killed or frozen while its agent runs."""
        return self.twist.startswith("operator-")

    @property
    def is_isolation(self) -> bool:
        """Tells whether the node is cut off at a gateway, and not switched off."""
        return any("gateway" in rung for rung in self.rungs)

    @property
    def is_shared(self) -> bool:
        """Tells whether both nodes reach one disk, and it is taken from the one that is fenced."""
        return any("reservation" in rung for rung in self.rungs)

    @property
    def is_guest(self) -> bool:
        """Tells whether the node that is fenced is a guest of a libvirt host, and not of the bed."""
        return any("virsh" in rung for rung in self.rungs)

    @property
    def power(self) -> str:
        """Returns the file that says when the fenced machine really had power."""
        return "guest.jsonl" if self.is_guest else "power.jsonl"

    @property
    def bed(self) -> str:
        """Returns the folder of the bed that the cell is played on."""
        if self.is_shared:
            return "bed-storage"
        return "bed-routed" if self.is_isolation else "bed"

    @property
    def ladder(self) -> str:
        """Returns the ladder in words."""
        return ", then ".join(" and ".join(rung) for rung in self.rungs)


REDFISH: tuple[tuple[Kind, ...], ...] = (("redfish",),)
IPMI: tuple[tuple[Kind, ...], ...] = (("ipmi",),)
BOTH: tuple[tuple[Kind, ...], ...] = (("redfish", "ipmi"),)
LADDER: tuple[tuple[Kind, ...], ...] = (("redfish",), ("ipmi",))

VIRSH: tuple[tuple[Kind, ...], ...] = (("virsh",),)
GATEWAY: tuple[tuple[Kind, ...], ...] = (("gateway",),)
STORAGE: tuple[tuple[Kind, ...], ...] = (("reservation", "gateway"),)

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
    Cell(id="redfish-pulled", rungs=REDFISH, redfish="denying", twist="pulled", proven=False,
         fault="the spec loses the ladder in mid-episode"),
    Cell(id="redfish-next-leader", rungs=REDFISH, redfish="hanging", twist="next-leader", proven=True,
         fault="hangs, the leadership ends with the agent running; the next leader waits, then fences"),
    Cell(id="redfish-handed-back", rungs=REDFISH, redfish="slow", twist="handed-back", proven=False,
         fault="cuts after the pair was handed back: the old owner, late"),
    Cell(id="redfish-operator-killed", rungs=REDFISH, redfish="hanging", twist="operator-killed", proven=False,
         fault="the operator is killed with the agent running"),
    Cell(id="redfish-operator-frozen", rungs=REDFISH, redfish="hanging", twist="operator-frozen", proven=False,
         fault="the operator is frozen with the agent running"),
    Cell(id="ipmi-honest", rungs=IPMI, proven=True, fault="none"),
    Cell(id="ipmi-denying", rungs=IPMI, ipmi="denying", proven=False, fault="refuses the order"),
    Cell(id="ipmi-hanging", rungs=IPMI, ipmi="hanging", proven=False, fault="never answers"),
    Cell(id="ipmi-password", rungs=IPMI, twist="password", proven=False, fault="wrong password"),
    Cell(id="ipmi-identity", rungs=IPMI, twist="identity", proven=False, fault="another machine's GUID"),
    Cell(id="supplies-honest", rungs=BOTH, proven=True, fault="none"),
    Cell(id="supplies-one-silent", rungs=BOTH, ipmi="hanging", proven=False, fault="the second one never answers"),
    Cell(id="ladder-second", rungs=LADDER, redfish="offline", proven=True, fault="the first rung refuses connections"),
    Cell(id="ladder-none", rungs=LADDER, redfish="denying", ipmi="hanging", proven=False, fault="both rungs fail"),
    Cell(id="virsh-honest", rungs=VIRSH, proven=True, fault="none"),
    Cell(id="virsh-suspended", rungs=VIRSH, twist="guest-suspended", proven=True, fault="the guest is suspended"),
    Cell(id="virsh-crashed", rungs=VIRSH, twist="guest-crashed", proven=False,
         fault="the guest crashed and is kept: the agent says off, libvirt does not"),
    Cell(id="virsh-stranger", rungs=VIRSH, twist="identity", proven=False, fault="another machine's UUID"),
    Cell(id="virsh-host-key", rungs=VIRSH, twist="host-key", proven=False, fault="another host key"),
    Cell(id="gateway-honest", rungs=GATEWAY, proven=True, fault="none"),
    Cell(id="gateway-refusing", rungs=GATEWAY, gateway="refusing", proven=False, fault="refuses the order"),
    Cell(id="gateway-forgetful", rungs=GATEWAY, gateway="forgetful", proven=False, fault="says done and does nothing"),
    Cell(id="gateway-silent", rungs=GATEWAY, gateway="silent", proven=False, fault="never answers"),
    Cell(id="gateway-bypassed", rungs=GATEWAY, gateway="bypassed", proven=False,
         fault="isolates, and there is another way to the node"),
    Cell(id="gateway-host-key", rungs=GATEWAY, twist="host-key", proven=False, fault="another host key"),
    Cell(id="gateway-same-side", rungs=GATEWAY, twist="same-side", proven=False,
         fault="the address lies on this side of it"),
)  # fmt: skip
"""In the order in which they are played."""
STORAGE_CELLS = (
    Cell(id="storage-honest", rungs=STORAGE, proven=True, fault="none; then the node comes back"),
    Cell(id="storage-lying", rungs=STORAGE, storage="lying", proven=False,
         fault="says that the survivor alone holds the disk, and lets the other one write"),
    Cell(id="storage-denying", rungs=STORAGE, storage="denying", proven=False, fault="refuses the survivor's orders"),
    Cell(id="storage-stranger", rungs=STORAGE, twist="identity", proven=False, fault="another disk's identity"),
    Cell(id="storage-alone", rungs=STORAGE, gateway="forgetful", proven=False,
         fault="none; the gateway says done and does nothing"),
    Cell(id="storage-silent", rungs=STORAGE, storage="silent", proven=False, fault="is not reached by the survivor"),
)  # fmt: skip
"""Those on one disk that both nodes reach, with kernels of their own: a matrix by itself, because it takes its time."""
