"""Keeps one fence agent inside its deadline and inside the life of the operator that started it.

Run as a script by a bare interpreter: `guardian.py LIFELINE SECONDS PROGRAM [ARGUMENT...]`. The agent gets the
standard streams and a process group of its own; the guardian ends with the agent's exit status.
When the deadline is over, or the lifeline closes because the operator let go of it or died, all
of the agent's group is killed. The operator may be frozen meanwhile: the clock here runs on.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys

KILLED = 124
NOT_STARTED = 127
PR_SET_PDEATHSIG = 1


def main() -> int:
    """Run the agent and return what to exit with."""
    lifeline, seconds, command = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    agent = _start(command, guardian=os.getpid())
    # One look is enough: the only child's end, the operator's end, or the deadline.
    select.select([lifeline, woken], [], [], seconds)
    has_ended = os.waitid(os.P_PID, agent, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    # Not reaped yet, the agent still lends its number to the group: nobody else's can be meant.
    os.killpg(agent, signal.SIGKILL)
    _, status = os.waitpid(agent, 0)
    if not has_ended:
        return KILLED
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def _start(command: list[str], *, guardian: int) -> int:
    libc = ctypes.CDLL(None)
    agent = os.fork()
    if agent:
        return agent
    try:
        os.setpgid(0, 0)
        # Should the guardian itself be killed, the agent goes as well.
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if os.getppid() == guardian:
            os.execv(command[0], command)  # noqa: S606 - no shell: an agent reads its standard input
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    os._exit(NOT_STARTED)


if __name__ == "__main__":
    sys.exit(main())
