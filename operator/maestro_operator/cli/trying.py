"""What people can have tried: by which answer, under which verb, and how it is called; pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from maestro_operator.model.pair import Say
from maestro_operator.model.rehearsal import RehearsalKind

if TYPE_CHECKING:
    from collections.abc import Mapping

TRIED: Mapping[Say, tuple[RehearsalKind, str, str]] = MappingProxyType(
    {
        Say.DRILL: (RehearsalKind.DRILL, "drill", "drill"),
        Say.TEST_START: (RehearsalKind.START_TEST, "start test", "start"),
        Say.TEST_RESTORE: (RehearsalKind.RESTORE_TEST, "restore test", "restore"),
    }
)
"""What is tried by which answer, how it is called, and how one without a name of its own begins."""

VERBS = (
    ("drill", Say.DRILL, "move to the other node and back, each way timed, to have it tried"),
    ("test-start", Say.TEST_START, "start the services on a copy on the standby, out of reach, and check them there"),
    ("test-restore", Say.TEST_RESTORE, "restore the newest backup on the standby, out of reach, and check it there"),
)
