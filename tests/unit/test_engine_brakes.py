"""Everything that keeps the operator from moving by itself: each with its reason, each played to its end."""

from __future__ import annotations

import pytest

from maestro_operator.model.reasons import Reason
from maestro_operator.observe.wallclock import maintenance_remaining_seconds
from support.beginnings import serving
from support.worlds import Pair, pair_spec

NOW = "2026-01-01T00:16:40.000Z"


def allowed(pair: Pair) -> tuple[str, str]:
    """Returns what the condition says of an automatic failover."""
    found = next(item for item in pair.status.conditions if item.type == "AutomaticFailoverAllowed")
    return found.status, found.reason


def maintained(until: str | None) -> dict[str, object]:
    detection = pair_spec().detection.model_copy(update={"maintenance_until": until})
    return {"detection": detection}


@pytest.mark.parametrize(
    ("until", "left"),
    [
        (None, 0.0),
        ("2026-01-01T00:16:00Z", 0.0),
        ("2026-01-01T00:17:40Z", 60.0),
        ("2026-01-01T01:17:40+01:00", 60.0),
        ("2026-01-01T00:17:40", float("inf")),
        ("tomorrow", float("inf")),
    ],
)
def test_a_maintenance_lasts_until_its_moment_and_for_ever_where_that_cannot_be_read(
    until: str | None, left: float
) -> None:
    assert maintenance_remaining_seconds(pair_spec(**maintained(until)), NOW) == left


async def test_an_owner_that_is_down_in_a_maintenance_is_failed_over_only_when_that_is_over() -> None:
    pair = await serving()
    pair.change(**maintained("2026-01-01T00:17:05Z"))
    pair.world.power_cut("a")

    await pair.hold(Reason.MAINTENANCE)
    assert allowed(pair) == ("False", "Maintenance")
    assert pair.status.episode is None

    await pair.run_until(lambda it: it.status.active_node == "b")
    assert pair.clock.now() > "2026-01-01T00:17:05"


async def test_an_order_in_a_maintenance_is_carried_out() -> None:
    pair = await serving()
    pair.change(**maintained("2026-01-01T12:00:00Z"))

    pair.order("b")

    await pair.settle()
    assert pair.world.writers() == ["b"]
