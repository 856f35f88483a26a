"""What the benchmarks read out of the audit log: the writes of pairs, and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from support.bench.audit import writes

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unit


def entry(verb: str = "update", resource: str = "maestropairs", **status: Any) -> str:  # noqa: ANN401
    became = {"metadata": {"name": "p-1"}, "status": status}
    told = {"stage": "ResponseComplete", "verb": verb, "objectRef": {"resource": resource}, "responseObject": became}
    return json.dumps(told)


def test_each_write_is_told_with_what_changed(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    lines = [
        entry("create"),
        entry(plan="x", conditions=[{"type": "Ready", "message": "one"}]),
        entry("update", "leases"),
        entry("get"),
        entry(plan="x", conditions=[{"type": "Ready", "message": "two"}]),
    ]
    log.write_text("\n".join(lines) + "\n")

    assert writes(log) == ["p-1 create", "p-1 update plan conditions", "p-1 update conditions[Ready].message"]


def test_without_a_log_nothing_can_be_told() -> None:
    with pytest.raises(ValueError, match="no audit log"):
        writes(None)
