"""The table of docs/explanation/performance.md, made of bench/results.json: `python -m support.bench.page`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from support.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = ROOT / "docs" / "explanation" / "performance.md"
RESULTS = ROOT / "bench" / "results.json"
BEGINS, ENDS = "<!-- the figures of bench/results.json -->", "<!-- end of the figures -->"
VERDICT = {True: "met", False: "**missed**", None: ""}


def table(results: Mapping[str, Any]) -> str:
    """Returns the surroundings and every figure as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    noise, machine = results["noise"], results["machine"]
    load = f"load {noise['loadBefore']} before and {noise['loadAfter']} after"
    where = f"{machine['cores']} cores ({machine['processor']}), {load}, {results['seconds']} s"
    lines = [
        f"{where}; {versions}; tree `{results['tree']}`.",
        "",
        "| figure | unit | min | median | max | n | beside | goal | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *(_row(figure) for figure in results["figures"])])


def _row(figure: Mapping[str, Any]) -> str:
    spread, ratio = figure["spread"], figure["ratio"]
    beside = f"{ratio['median']:.2f} × {figure['against']}" if ratio is not None else ""
    numbers = (f"{spread[word]:.4g}" for word in ("min", "median", "max"))
    cells = (
        f"`{figure['id']}`",
        figure["unit"],
        *numbers,
        str(spread["n"]),
        beside,
        figure["goal"],
        VERDICT[figure["met"]],
    )
    return f"| {' | '.join(cells)} |"


def with_figures(page: str, results: Mapping[str, Any]) -> str:
    """Returns the page with the figures of these results in their place.

    Raises:
        ValueError: the page has no place for them.

    """
    before, begins, rest = page.partition(BEGINS)
    _, ends, after = rest.partition(ENDS)
    if not begins or not ends:
        raise ValueError(f"{PAGE.name} has no place between {BEGINS} and {ENDS}")
    return f"{before}{BEGINS}\n\n{table(results)}\n\n{ENDS}{after}"


def main() -> int:
    """Writes the page anew."""
    PAGE.write_text(with_figures(PAGE.read_text(), json.loads(RESULTS.read_text())))
    print(PAGE.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
