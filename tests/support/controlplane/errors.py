"""What can go wrong with the control plane.

ControlPlaneError
├── BuildError       the tools could not be built, or no Go toolchain can be had
├── NotReadyError    a server did not start, or not in time; the message ends with its log's last lines
├── CommandError     kubectl or another tool said no; the message carries its words
└── NotOursError     the control plane belongs to somebody else: it is used, never killed or restored
"""

from __future__ import annotations


class ControlPlaneError(Exception):
    """Something about the control plane failed; the message says what to do."""


class BuildError(ControlPlaneError):
    """The tools could not be built."""


class NotReadyError(ControlPlaneError):
    """A server did not come up."""


class CommandError(ControlPlaneError):
    """A tool ended with an error."""


class NotOursError(ControlPlaneError):
    """The wanted action would change a control plane that somebody else runs."""
