"""What is shown of a resource that this version cannot carry out: why not, and nothing else changed.

The schema refuses first, at apply; what arrives here was let through by another version's schema.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from maestro_operator.model.reasons import Reason
from maestro_operator.model.status import Condition

if TYPE_CHECKING:
    from maestro_operator.model.status import PairStatus

SAYS: tuple[tuple[str, Literal["True", "False"]], ...] = (("Ready", "False"), ("Stalled", "True"))


def refused(status: PairStatus, *, generation: int, now: str, message: str) -> PairStatus:
    """Return the status with `Ready` and `Stalled` saying what is wrong with the resource."""
    before = {item.type: item for item in status.conditions}
    for name, truth in SAYS:
        old = before.get(name)
        before[name] = Condition(
            type=name,
            status=truth,
            reason=Reason.INVALID_SPEC.value,
            message=message[:1024],
            observed_generation=generation,
            last_transition_time=old.last_transition_time if old and old.status == truth else now,
        )
    return status.model_copy(update={"conditions": tuple(before.values())})
