#!/usr/bin/python3 -I
"""Takes the place of `ssh` for an agent: the key and the host key come from the environment, and nothing else is used.

The agent would take whatever host key it is shown, and wants its private key in a file. Both are kept in memory here
and shown to ssh by this process's own descriptors, as long as ssh runs.
"""

import os
import subprocess
import sys

SSH = "/usr/bin/ssh"


def main() -> int:
    """Run ssh with the agent's arguments but for its key file, and return its exit status."""
    words = sys.argv[1:]
    where = words.index("-i")
    del words[where : where + 2]
    key, known = (_in_memory(name) for name in ("PINNED_KEY", "PINNED_HOST"))
    options = (
        *("-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
        *("-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null"),
        *("-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"),
    )
    return subprocess.run((SSH, *options, *words), check=False).returncode


def _in_memory(name: str) -> str:
    """Return a path under which a variable's value can be read; it is taken out of the environment."""
    descriptor = os.memfd_create(name)
    os.fchmod(descriptor, 0o600)
    os.write(descriptor, os.environ.pop(name).encode() + b"\n")
    return f"/proc/{os.getpid()}/fd/{descriptor}"


if __name__ == "__main__":
    sys.exit(main())
