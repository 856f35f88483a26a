"""The far end of a machine's console: runs scripts that come over its own wire, one process each.

Runs on the machine as a service of its own, by its own Python, and imports nothing else of the bed: an SSH login costs
such a machine a second, and this a tenth of it. The wire is the bed's alone, and no cut reaches it.

One connection is one script: a line of JSON says as whom, for how long, and how many bytes of standard input follow; in
the answer a line of JSON says how it ended, and how many bytes of both outputs follow.
"""

import json
import os
import pwd
import signal
import socketserver
import subprocess
import sys
from typing import Any

PORT = 2323
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Console(socketserver.StreamRequestHandler):
    """One script."""

    def handle(self) -> None:  # type: ignore[explicit-override] # the machine's Python has nothing to say it with
        """Run it to its end or its deadline, and answer how it ended; `code` is null where it was late."""
        asked: dict[str, Any] = json.loads(self.rfile.readline())
        account = pwd.getpwnam(asked["user"])
        process = subprocess.Popen(
            ("bash", "-c", asked["script"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=os.getgrouplist(account.pw_name, account.pw_gid),
            cwd=account.pw_dir,
            env={"PATH": PATH, "HOME": account.pw_dir, "USER": account.pw_name, "LANG": "C.UTF-8"},
            start_new_session=True,
        )
        code: int | None
        try:
            out, err = process.communicate(self.rfile.read(asked["stdin"]), timeout=asked["seconds"])
            code = process.returncode
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code, out, err = None, b"", b""
        head = {"code": code, "out": len(out), "err": len(err)}
        self.wfile.write(json.dumps(head).encode() + b"\n" + out + err)


class Server(socketserver.ThreadingTCPServer):
    """All of them."""

    allow_reuse_address = True
    daemon_threads = True


if __name__ == "__main__":
    Server((sys.argv[1], PORT), Console).serve_forever()
