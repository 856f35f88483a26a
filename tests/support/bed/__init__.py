"""The test bed: two real nodes, their BMCs and a name server, all in namespaces of their own.

`python -m support.bed` is the command, `Bed.up(directory)` the call. Nothing of the host's network is touched.
"""

from support.bed.client import Bed, BedFailedError, Bmc, Dns, Node
from support.bed.description import Account, Description, Direction, Identity, Mode, Ran, TsigKey

__all__ = (
    "Account",
    "Bed",
    "BedFailedError",
    "Bmc",
    "Description",
    "Direction",
    "Dns",
    "Identity",
    "Mode",
    "Node",
    "Ran",
    "TsigKey",
)
