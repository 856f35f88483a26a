"""What can go wrong with the control plane.

ControlPlaneError
├── BuildFailed      the tools could not be built, or no Go toolchain can be had
├── NotReady         a server did not start, or not in time; the message ends with its log's last lines
├── CommandFailed    kubectl or another tool said no; the message carries its words
└── NotOurs          the control plane belongs to somebody else: it is used, never killed or restored
"""

from __future__ import annotations


class ControlPlaneError(Exception):
    """Something about the control plane failed; the message says what to do."""


class BuildFailed(ControlPlaneError):
    """The tools could not be built."""


class NotReady(ControlPlaneError):
    """A server did not come up."""


class CommandFailed(ControlPlaneError):
    """A tool ended with an error."""


class NotOurs(ControlPlaneError):
    """The wanted action would change a control plane that somebody else runs."""
