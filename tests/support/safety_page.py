"""Draws what docs/explanation/safety.md shows of the code: the steps of every episode, and the rules in their order.

`python -m support.safety_page` writes both into the page; a test holds the page to it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from maestro_operator.decide import RULES
from maestro_operator.model.steps import STEPS, StepName
from support.report import ROOT

PAGE = ROOT / "docs" / "explanation" / "safety.md"
OWNER_CHANGES = (StepName.PROMOTE, StepName.ADOPT, StepName.SWAP_PERMIT)


def diagram() -> Iterator[str]:
    """Return the state diagram: one line of steps an episode, the one that changes owner or epoch drawn apart."""
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield "  direction LR"
    for kind, steps in STEPS.items():
        yield f"  state {kind} {{"
        names = [f"{kind}_{step}" for step in steps]
        yield from (f"    {name} : {step}" for name, step in zip(names, steps, strict=True))
        yield from (f"    {one} --> {other}" for one, other in zip(["[*]", *names], [*names, "[*]"], strict=True))
        yield "  }"
        yield from (f"  class {kind}_{step} owner" for step in steps if step in OWNER_CHANGES)
    yield "  classDef owner font-weight:bold,stroke-width:3px"
    yield "```"


def rules() -> Iterator[str]:
    """Return the table of rules: the first that has something to say decides."""
    yield "| # | rule | what it says |"
    yield "|---|---|---|"
    for number, rule in enumerate(RULES, start=1):
        first = (rule.__doc__ or "").strip().splitlines()[0]
        yield f"| {number} | `{rule.__name__}` | {first} |"


def drawn(page: str) -> str:
    """Return the page with both parts as the code has them now."""
    for name, lines in (("steps", diagram()), ("rules", rules())):
        begin, end = f"<!-- {name}: generated -->", f"<!-- {name}: end -->"
        body = "\n".join((begin, "", *lines, "", end))
        before, at, rest = page.partition(begin)
        _, until, after = rest.partition(end)
        if not (at and until):
            raise ValueError(f"the page has no place for {name}")
        page = before + body + after
    return page


def main(page: Path = PAGE) -> int:
    """Write the page anew."""
    page.write_text(drawn(page.read_text()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
