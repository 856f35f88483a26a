"""The parts of the mirror's story and what must be true of each. Knows nothing of the operator.

Each part begins and ends at rest: one node owns the mirror and serves, the other one is in sync. So any of them can be
played alone.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Part:
    """One part, in words, and the claims that are made of it."""

    id: str
    about: str
    claims: tuple[str, ...]


PARTS = (
    Part("switchover", "the owner stops, gives up, and the other one serves", ("moved", "at-once")),
    Part("frozen", "the link is cut and healed in time", ("held-writes", "went-on-together")),
    Part("alone", "the link stays cut and no operator is there", ("written-down", "after-its-time")),
    Part("receipt", "the link stays cut and the operator gives StandbyLost", ("written-down", "before-its-time")),
    Part(
        "power-cut",
        "the owner loses its power with unsynced pages; the survivor without, with a stale, with a fresh receipt",
        (
            "lost-only-unsynced",
            "refused-without",
            "refused-stale",
            "promoted-on-receipt",
            "old-owner-apart",
            "kept-aside",
        ),
    ),
    Part("resync", "the link is cut in the middle of a resync", ("never-promoted", "whole-afterwards")),
    Part("split", "both sides wrote by themselves, and a person decides", ("held", "both-kept", "one-again")),
    Part("verify", "three blocks are changed below the mirror", ("found", "mended")),
    Part("unsafe", "a person sets what may lose or fork data", ("named",)),
)
BY_ID = {part.id: part for part in PARTS}
ALWAYS = ("acknowledged", "lost", "alike")
"""What is claimed of every run: clients were answered, nothing that they were told is lost, both disks are the same."""


def claim_ids(names: tuple[str, ...] = tuple(BY_ID)) -> tuple[str, ...]:
    """Return the ids of all claims of a run of these parts."""
    return (*(f"{name}.{claim}" for name in names for claim in BY_ID[name].claims), *ALWAYS)
