"""The control plane from a shell: `python -m support.controlplane up|down|status|build`.

`up` leaves a keeper process behind, which is the servers' parent: `down` asks it to stop, and if it dies so do they.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

from support.controlplane.cache import Whole, cache_root, inspect
from support.controlplane.clock import await_condition
from support.controlplane.errors import ControlPlaneError
from support.controlplane.plane import ControlPlane
from support.controlplane.programs import obtain_programs, print_progress
from support.controlplane.toolset import TOOLSETS

_UP_LIMIT_SECONDS = 3600.0
_DOWN_LIMIT_SECONDS = 20.0


@dataclass(frozen=True)
class Kept:
    """What the keeper writes down for later commands."""

    pid: int
    started_ticks: str
    """When the keeper started, in clock ticks since boot: another process may get its number one day."""
    server: str
    kubeconfig: str
    kubectl: str
    audit_log: str
    pids: dict[str, int]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m support.controlplane", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    default = Path("build") / "control-plane"
    for name, text in {
        "up": "start a control plane and leave it running",
        "down": "stop it; the folder keeps its data",
        "status": "say whether it runs, and what the cache holds",
        "keep": "run it in the foreground until a signal comes",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("--directory", type=Path, default=default, help="where all its files are (%(default)s)")
        if name in {"up", "keep"}:
            command.add_argument("--port", type=int, default=0, help="the API server's port; 0 takes a free one")
    build = commands.add_parser("build", help="fill the cache of tools")
    names = [name for toolset in TOOLSETS for name in (toolset.name, *(tool.name for tool in toolset.tools))]
    build.add_argument("--tool", choices=list(dict.fromkeys(names)), default="control-plane", help="(%(default)s)")
    chosen = parser.parse_args(arguments)
    try:
        match chosen.command:
            case "up":
                return _up(chosen.directory.absolute(), port=chosen.port)
            case "down":
                return _down(chosen.directory.absolute())
            case "status":
                return _status(chosen.directory.absolute())
            case "keep":
                return _keep(chosen.directory.absolute(), port=chosen.port)
            case _:
                return _build(chosen.tool)
    except ControlPlaneError as error:
        print(error, file=sys.stderr)
        return 1


def _up(directory: Path, *, port: int) -> int:
    """Starts a keeper and waits until its control plane is ready."""
    if _kept(directory) is not None:
        return _status(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = directory / "state.json"
    state.unlink(missing_ok=True)
    command = [sys.executable, "-m", "support.controlplane", "keep", f"--directory={directory}", f"--port={port}"]
    log = directory / "keeper.log"
    with log.open("wb") as file:
        keeper = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
    with log.open("rb") as said:

        def settled() -> bool:
            sys.stderr.buffer.write(said.read())
            sys.stderr.flush()
            return state.exists() or keeper.poll() is not None

        try:
            ready = await_condition(settled, within_seconds=_UP_LIMIT_SECONDS) and keeper.poll() is None
        except BaseException:
            keeper.terminate()
            raise
        sys.stderr.buffer.write(said.read())
    if not ready:
        keeper.terminate()
        return 1
    # The keeper goes on without this process; nobody here waits for it any more.
    keeper.returncode = 0
    return _status(directory)


def _keep(directory: Path, *, port: int) -> int:
    """Runs a control plane until a signal comes."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: over.set())
    state = directory / "state.json"
    with ControlPlane.start(directory, port=port) as plane:
        kept = Kept(
            pid=os.getpid(),
            started_ticks=_started_ticks(os.getpid()),
            server=plane.server,
            kubeconfig=str(plane.admin_kubeconfig),
            kubectl=str(plane.kubectl),
            audit_log=str(plane.audit_log or ""),
            pids=plane.pids,
        )
        fresh = state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(kept), indent=2) + "\n")
        fresh.rename(state)
        over.wait()
        state.unlink(missing_ok=True)
    return 0


def _down(directory: Path) -> int:
    """Asks the keeper to stop and waits until it has; nothing running is as good as stopped."""
    kept = _kept(directory)
    if kept is None:
        print("not running")
        return 0
    os.kill(kept.pid, signal.SIGTERM)
    if not await_condition(lambda: _kept(directory, number=kept) is None, within_seconds=_DOWN_LIMIT_SECONDS):
        print(f"the keeper {kept.pid} did not stop within {_DOWN_LIMIT_SECONDS:.0f} s", file=sys.stderr)
        return 1
    print("stopped")
    return 0


def _status(directory: Path) -> int:
    """Says what runs and what the cache holds; returns 3 when nothing runs."""
    root = cache_root(os.environ)
    for toolset in TOOLSETS:
        found = inspect(toolset, root=root)
        print(f"{toolset.name} {toolset.version}: {'cached' if isinstance(found, Whole) else found.reason}")
    kept = _kept(directory)
    if kept is None:
        print(f"no control plane runs in {directory}")
        return 3
    print(f"server     {kept.server}")
    print(f"processes  {', '.join(f'{name} {pid}' for name, pid in {'keeper': kept.pid, **kept.pids}.items())}")
    print(f"audit log  {kept.audit_log or 'none'}")
    print(f"{kept.kubectl} --kubeconfig={kept.kubeconfig}")
    return 0


def _build(tool: str) -> int:
    """Fills the cache and prints where the programs are."""
    for path in obtain_programs(tool, report=print_progress).values():
        print(path)
    return 0


def _kept(directory: Path, *, number: Kept | None = None) -> Kept | None:
    """Returns what the keeper of the folder wrote, if that very process still lives."""
    if number is None:
        try:
            number = Kept(**json.loads((directory / "state.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
    return number if _started_ticks(number.pid) == number.started_ticks else None


def _started_ticks(pid: int) -> str:
    """Returns when a process started, or nothing if it is gone."""
    try:
        words = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if words[0] == "Z" else words[19]


if __name__ == "__main__":
    sys.exit(main())
