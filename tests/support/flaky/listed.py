"""What the report of `make api-trouble` must hold of its seeds; run as a program it prints the claims, one a line."""

from __future__ import annotations

from support.flaky.stories import drawn

SEEDS = 12
"""Each trouble once."""
LAWS = (
    "terms-never-fall",
    "effects-of-two-leaders-never-overlap",
    "every-effect-rests-on-a-lease",
    "leaderships-never-overlap",
    "one-writer",
    "every-order-is-carried-out",
    "taken-over-in-time",
)


def claims() -> tuple[str, ...]:
    """Returns the ids of the claims about two operators."""
    stories = (f"seed-{seed}-{drawn(seed).name}:comes-to-its-end" for seed in range(1, SEEDS + 1))
    return (*stories, *(f"two-operators:{law}" for law in LAWS))


if __name__ == "__main__":
    print("\n".join(claims()))
