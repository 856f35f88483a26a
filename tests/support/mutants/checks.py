"""What each part's mutants are held against: `decide` in forks of one process, the others by their tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from support.mutants.mutant import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from support.mutants.mutant import Mutant

LIMIT_SECONDS = 1200
GUARD_FILES = tuple(f"tests/drivers/test_guard_{name}.py" for name in ("slots", "peer", "observe", "twin"))
CEL_FILES = ("tests/cluster/test_crd_status.py", "tests/cluster/test_crd_engine.py")
COMMAND = ("-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no")
QUIET = "deaf"
"""The planted fault: every check says that it noticed nothing."""


class Trials:
    """Tries mutants one by one."""

    def __init__(self, *, broken: str = "") -> None:
        """Plants the fault, if one is named."""
        self._broken = broken
        self._decide: subprocess.Popen[str] | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="mutants-")

    def __enter__(self) -> Self:
        """Begins nothing before it is needed."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the process that forks, and removes the mutants' files."""
        if self._decide is not None:
            self._decide.kill()
            self._decide.wait()
        self._folder.cleanup()

    def killed_by(self, mutant: Mutant) -> str | None:
        """Returns the first check that notices a mutant."""
        if self._broken == QUIET:
            return None
        if mutant.part == "decide":
            return self._of_decide(mutant)
        path = Path(self._folder.name) / f"{mutant.mark}{mutant.path.suffix}"
        path.write_text(mutant.text)
        path.chmod(0o755)
        if mutant.part == "guard":
            return self._by_tests(GUARD_FILES, {"MAESTRO_TEST_GUARD": str(path)})
        return self._by_tests(CEL_FILES, {"MAESTRO_TEST_CRD": str(path)})

    def _of_decide(self, mutant: Mutant) -> str | None:
        if self._decide is None:
            command = [sys.executable, "-m", "support.mutants.trial"]
            self._decide = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=_environment({})
            )
        assert self._decide.stdin is not None
        assert self._decide.stdout is not None
        asked = {"module": f"maestro_operator.decide.{mutant.path.stem}", "text": mutant.text}
        self._decide.stdin.write(json.dumps(asked) + "\n")
        self._decide.stdin.flush()
        found: str | None = json.loads(self._decide.stdout.readline())
        return found

    def _by_tests(self, files: tuple[str, ...], knobs: Mapping[str, str]) -> str | None:
        """Runs test files one after the other; returns the first that fails."""
        for name in files:
            try:
                done = subprocess.run(
                    [sys.executable, *COMMAND, "-m", "not long", name],
                    cwd=ROOT,
                    env=_environment(knobs),
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=LIMIT_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                return f"{name} (never ends)"
            if done.returncode:
                return name
        return None


def _environment(knobs: Mapping[str, str]) -> dict[str, str]:
    roots = os.pathsep.join(str(ROOT / name) for name in ("operator", "tests"))
    return {**os.environ, "PYTHONPATH": roots, **knobs}
