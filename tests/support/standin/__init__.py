"""A stand-in for LISTSERV Maestro, which is proprietary and not to be had here.

What it keeps of the product: one application server for HUB, LUI and Tracker, a real database found by the
public host name, files and rows that must agree, and LUI-yyyymmdd.LOG.
"""

from support.standin.installation import (
    GUARD,
    LIVE,
    PUBLIC_NAME,
    SERVICES,
    Node,
    configuration,
    initialise,
    install,
    set_mail,
)

__all__ = ["GUARD", "LIVE", "PUBLIC_NAME", "SERVICES", "Node", "configuration", "initialise", "install", "set_mail"]
