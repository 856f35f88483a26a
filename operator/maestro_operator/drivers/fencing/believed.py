"""Which agents' "off" means that a machine has no power, and what makes the others unfit.

The law of this file: an agent is known to lie where reading its code shows a state in which it
says off and the machine runs, or goes on later from where it was. Such an agent is refused, or its
word counts only together with a second reader's. Read in release 4.12.1, as Debian 12 has it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SUSPENDED = "it says off of a suspended machine, which goes on where it was"
_SAVED = "it says off of a machine whose memory was saved, which goes on where it was"
_FABRIC = "it closes a port of the storage network: the machine runs on, on its own disk and its addresses"
_NOTHING = "it switches nothing"

REFUSED_AGENTS: Mapping[str, str] = MappingProxyType(
    {
        "fence_ack_manual": "a person's word is the rung human",
        "fence_azure_arm": "it says off of a machine that is stopped and not deallocated, or whose network is cut",
        "fence_brocade": _FABRIC,
        "fence_cisco_mds": _FABRIC,
        "fence_compute": "it reads what the compute service was told, not the machine's power",
        "fence_crosslink": "it says off of a machine that does not answer a ping",
        "fence_docker": "it ends a container, not a machine",
        "fence_dummy": _NOTHING,
        "fence_evacuate": "it asks for an evacuation and reads no power",
        "fence_gce": "on bare metal it says the opposite of what was ordered",
        "fence_heuristics_ping": _NOTHING,
        "fence_ifmib": "it closes a network port: the machine runs on, on its own disk",
        "fence_kdump": "a machine that dumps its memory still has power",
        "fence_kubevirt": "it says off while the machine's pod may still run",
        "fence_lpar": "it says off of every state but the few that it knows to be on",
        "fence_mpath": "it takes a reservation on a shared disk: the machine runs on, with its own disk and addresses",
        "fence_ovh": "it boots another system and has no status",
        "fence_pve": _SAVED,
        "fence_rcd_serial": "it only resets",
        "fence_rhevm": "it says off where the manager gives no status",
        "fence_sanbox2": _FABRIC,
        "fence_sbd": "it reads what was ordered, not what is",
        "fence_scsi": "it says off of a node without a key though nothing is reserved; take `reservation`",
        "fence_vbox": _SAVED,
        "fence_vmware": _SUSPENDED,
        "fence_vmware_rest": _SUSPENDED,
        "fence_vmware_soap": _SUSPENDED,
        "fence_vmware_vcloud": _SUSPENDED,
        "fence_zvmip": "it says off of a machine that is not to be found, always",
    }
)
"""None of them is accepted, and why."""

SECOND_READER: Mapping[str, str] = MappingProxyType(
    {
        "fence_redfish": "the operator reads PowerState of the same System itself; only Off counts as off",
        "fence_virsh": "the operator asks libvirt itself, over a pinned host key; only shut off counts as off",
    }
)
"""Agents whose word counts only together with a second reader's, and who that is."""

IDENTITY_BY_DEVICE: Mapping[str, str] = MappingProxyType(
    {
        "fence_redfish": "UUID or SerialNumber of the System",
        "fence_virsh": "the UUID that libvirt has for the machine",
        **dict.fromkeys(
            (
                "fence_idrac",
                "fence_ilo3",
                "fence_ilo4",
                "fence_ilo5",
                "fence_imm",
                "fence_ipmilan",
                "fence_ipmilanplus",
            ),
            "the controller's System GUID, read in its own session",
        ),
    }
)
"""Agents whose device says by itself which machine it serves, and by what. Every other one needs a fence drill."""
IPMI_AGENTS = frozenset(IDENTITY_BY_DEVICE) - {"fence_redfish", "fence_virsh"}
"""Agents that are `fence_ipmilan` under another name; their device serves one machine, named by its address."""
