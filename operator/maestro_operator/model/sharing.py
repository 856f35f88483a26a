"""What people say of one disk that both nodes reach, such as a volume of a storage network."""

from __future__ import annotations

from typing import ClassVar

from maestro_operator.model.resource import ResourceValue


class SharedDisk(ResourceValue):
    """One disk for both nodes, held and mounted by the owner alone under a SCSI-3 persistent reservation."""

    shares_data: ClassVar[bool] = True
    """There is one disk: whoever reaches it changes what the other one would bring up."""

    disk: str
    identity: str
    """The name that the disk has for itself (NAA or EUI-64), in hexadecimal digits."""
    mount: str
