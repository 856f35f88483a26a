"""Whether the application was verified: after its last start, and since then while the pair is at rest; pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import FailedCheck, VerifiedAtRest
from maestro_operator.model.steps import StepName

if TYPE_CHECKING:
    from maestro_operator.model.seen import Seen
    from maestro_operator.model.status import PairStatus

Answer = tuple[Literal["True", "False", "Unknown"], Reason, str]
MESSAGE_KEPT = 512


def verified_at_rest(seen: Seen, status: PairStatus) -> VerifiedAtRest | None:
    """Return the last round of checks of the node that is active now."""
    before, made = status.verified_at_rest, seen.checked
    if made is not None and made.node == status.active_node and (before is None or before.at < made.at):
        failed = tuple(
            FailedCheck(name=check.name, message=printable(check.message)[:MESSAGE_KEPT])
            for check in made.checks
            if not check.passed
        )
        return VerifiedAtRest(node=made.node, at=made.at, passed=len(made.checks) - len(failed), failed=failed)
    return before if before is not None and before.node == status.active_node else None


def verified(seen: Seen, status: PairStatus) -> Answer:
    """Return the newest of what the checks after a start and at rest said."""
    if not seen.spec.verification:
        return "Unknown", Reason.NOT_CONFIGURED, "spec.verification is empty"
    rest = verified_at_rest(seen, status)
    for entry in status.history:
        step = next((item for item in entry.steps if item.name is StepName.VERIFY), None)
        if step is None:
            continue
        if rest is not None and datetime.fromisoformat(rest.at) > datetime.fromisoformat(entry.finished_at):
            break
        if step.state == "Failed":
            return "False", Reason.VERIFICATION_FAILED, f"{step.message or 'a check failed'} (after {entry.id})"
        return "True", Reason.ALL_GOOD, f"every check passed after {entry.id}"
    if rest is None:
        return "Unknown", Reason.NOT_YET_KNOWN, "nothing was verified yet"
    if rest.failed:
        said = "; ".join(f"{check.name}: {check.message}" for check in rest.failed)
        return "False", Reason.VERIFICATION_FAILED, f"{said} (at rest)"
    return "True", Reason.ALL_GOOD, "every check passed at rest"
