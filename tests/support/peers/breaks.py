"""Planted faults: what is done behind the operator's back in a planned move, which the judge must then find."""

from __future__ import annotations

from typing import TYPE_CHECKING

from support.peers.service import OPERATOR, PROGRAMS, other

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.bed.client import Bed


def meddling(name: str, bed: Bed) -> Callable[[str], None]:
    """Return what is done once the service is back, told which node it left."""
    return _two_writers(bed) if name == "two-writers" else _forgets(bed)


BREAKS = ("two-writers", "forgets")


def _two_writers(bed: Bed) -> Callable[[str], None]:
    def start_it_where_it_was(old: str) -> None:
        bed.nodes[old].run(f"timeout 1 {PROGRAMS}/hello-{OPERATOR.name}")

    return start_it_where_it_was


def _forgets(bed: Bed) -> Callable[[str], None]:
    def drop_a_record(old: str) -> None:
        bed.nodes[other(old)].run(f"sed -i '$d' /srv/{OPERATOR.records}")

    return drop_a_record
