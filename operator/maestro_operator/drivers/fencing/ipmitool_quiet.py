#!/usr/bin/python3 -I
"""Runs ipmitool with the password from the environment where `fence_ipmilan` would write it in the arguments.

The agent puts `-P PASSWORD` on ipmitool's command line, which everybody on the machine can read. It is told an
empty password and this program's path instead; `-E` takes the password from IPMI_PASSWORD, which root and the
operator's own user alone can read.
"""

import os
import sys

IPMITOOL = "/usr/bin/ipmitool"


def main() -> None:
    """Replace the empty password by the environment's and become ipmitool."""
    words = sys.argv[1:]
    where = words.index("-P")
    words[where : where + 2] = ["-E"]
    os.execv(IPMITOOL, [IPMITOOL, *words])  # noqa: S606 - no shell; every word is the agent's own


if __name__ == "__main__":
    main()
