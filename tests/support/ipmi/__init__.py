"""An IPMI controller for a node of the bed: Debian's own `ipmi_sim`, whose power is the node's power supply."""

from support.ipmi.simulator import IpmiAccount, IpmiBmc, IpmiMode

__all__ = ["IpmiAccount", "IpmiBmc", "IpmiMode"]
