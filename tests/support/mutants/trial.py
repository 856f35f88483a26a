"""Tries mutants of `decide`, one a process: forked from a parent that has read everything but what is mutated.

`python -m support.mutants.trial` reads one JSON line a mutant and answers each by one: the check that killed it, or
null. With QUICK in its surroundings it asks only the checks that take seconds.
"""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING

import pytest
import yaml  # noqa: F401 - read once, before the forks
from typing_extensions import override

from maestro_operator.model import recorded  # noqa: F401 - read once, before the forks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

CHECK_SECONDS = 300
"""Of the processor, for one check; more is a loop that never ends."""


def _golden() -> bool:
    """Whether a golden world notices."""
    golden = importlib.import_module("support.golden")
    return any(golden.differences(world) for world in golden.worlds())


def _tests(*paths: str) -> Callable[[], bool]:
    """Returns the check whether a test of these files notices."""

    def check() -> bool:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = pytest.main([*paths, "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--tb=no"])
        return code != pytest.ExitCode.OK

    return check


DECIDE = ("rules", "prove", "adoption", "regain", "brakes", "command", "mirror", "seeing", "sharing")

CHECKS: Mapping[str, Callable[[], bool]] = {
    "golden worlds": _golden,
    "rules": _tests(
        *(f"tests/unit/test_decide_{name}.py" for name in DECIDE),
        *(f"tests/unit/test_fencing_{name}.py" for name in ("drills", "isolation", "words", "preflight")),
    ),
    "the enumeration": _tests("tests/model/test_worlds_enumerated.py"),
    "deaths at every boundary": _tests("tests/unit/test_kills_boundaries.py"),
    "engine": _tests("tests/unit", "-k", "engine or kills_restored or report_conditions"),
}
"""In the order in which they are asked; the first that notices ends it."""
QUICK = ("golden worlds", "rules")


class _Mutated(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another text."""

    def __init__(self, module: str, text: str) -> None:
        """Keeps which module, and its text."""
        self._module, self._text = module, text

    @override
    def find_spec(
        self, fullname: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Finds the one module."""
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._module else None

    @override
    def exec_module(self, module: ModuleType) -> None:
        """Runs the other text."""
        exec(compile(self._text, f"mutant of {self._module}", "exec"), module.__dict__)  # noqa: S102 - its own mutant


def tried(module: str, text: str) -> str | None:
    """Returns the first check that notices the text; one that breaks on it has noticed it."""
    sys.meta_path.insert(0, _Mutated(module, text))
    asked = QUICK if os.environ.get("QUICK") else tuple(CHECKS)
    for name, check in ((name, CHECKS[name]) for name in asked):
        used = int(resource.getrusage(resource.RUSAGE_SELF).ru_utime)
        # Only the lower of the two limits: the upper one can be lowered, and never be raised again by the next check.
        resource.setrlimit(resource.RLIMIT_CPU, (used + CHECK_SECONDS, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        try:
            if check():
                return name
        except Exception as error:  # noqa: BLE001 - whatever a mutant breaks by, it was noticed
            return f"{name} ({type(error).__name__})"
    return None


def _forked(module: str, text: str) -> str | None:
    """Tries in a process of its own; one that is ended by the processor's limit was noticed by never ending.

    Raises:
        RuntimeError: the trial itself broke, and nothing is known of the mutant.

    """
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read)
        with os.fdopen(write, "w") as answer:
            answer.write(json.dumps(tried(module, text)))
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        told = answer.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"never ends ({signal.Signals(os.WTERMSIG(status)).name})"
    if not told:
        message = f"the trial of a mutant of {module} gave no answer: {status}"
        raise RuntimeError(message)
    found: str | None = json.loads(told)
    return found


def main() -> None:
    """Answers line by line, until there is no more."""
    assert "maestro_operator.decide" not in sys.modules
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(_forked(asked["module"], asked["text"])), flush=True)


if __name__ == "__main__":
    main()
