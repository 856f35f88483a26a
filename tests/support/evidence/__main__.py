"""`python -m support.evidence check`: looks at every committed report. `keep NAME ...`: copies reports from build/."""

from __future__ import annotations

import argparse
import shutil
import sys

from support.evidence import declared
from support.evidence.check import check
from support.report import BUILD, ROOT

FOLDER = ROOT / "evidence"


def main() -> int:
    """Do what was asked for; 0 only if nothing is missing and nothing failed."""
    parser = argparse.ArgumentParser(prog="support.evidence", description=__doc__)
    parser.add_argument("do", choices=("check", "keep"))
    parser.add_argument("names", nargs="*", metavar="NAME", help="the reports to keep, without .json")
    options = parser.parse_args()
    if options.do == "keep":
        for name in options.names:
            shutil.copyfile(BUILD / f"{name}.json", FOLDER / f"{name}.json")
        return 0
    found = [check(one, folder=FOLDER, repository=ROOT) for one in declared.read()]
    print(*(one.line() for one in found), sep="\n")
    return 1 if any(one.fault for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
