"""The operator's container: crun runs the chart's pod from the image, in the network that it is started in."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from support.image import build
from support.image.pod import configuration, deployment_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.image.pod import Surroundings
    from support.manifests import Manifest

NAME = "maestro-operator"
LOOK_SECONDS = 60.0
SPOILT = {"uid": 0, "gid": 0}


@dataclass(frozen=True, slots=True)
class Look:
    """One command inside the container, and what came of it."""

    about: str
    command: tuple[str, ...]
    code: int
    said: str


class Container:
    """One container below a folder; it ends with the process that runs it."""

    def __init__(self, folder: Path, *, enter: Sequence[str]) -> None:
        """Keep where everything is, and what to put before a command that is to reach the container."""
        self.bundle, self._state, self._enter = folder / "bundle", folder / "state", tuple(enter)

    def unpack(self, image: str) -> None:
        """Lays the image out, its layers one over the other, as a node does that pulled it."""
        build.run("umoci", "unpack", "--image", image, str(self.bundle))

    def configure(self, objects: Sequence[Manifest], image: Manifest, around: Surroundings, *, as_root: bool) -> None:
        """Writes down how the chart's pod is run; as root with a writable root where that is to be found out."""
        found = configuration(deployment_of(objects), image, around)
        if as_root:
            found["process"]["user"] = SPOILT
            found["root"]["readonly"] = False
        (self.bundle / "config.json").write_text(json.dumps(found, indent=2))

    @property
    def run_command(self) -> tuple[str, ...]:
        """Returns the command that runs the container until it ends."""
        return (*self._crun, "run", "--bundle", str(self.bundle), NAME)

    @property
    def _crun(self) -> tuple[str, ...]:
        # The limits of memory are the node's to keep, and are not tried here.
        return ("crun", "--root", str(self._state), "--cgroup-manager=disabled")

    def look(self, about: str, *command: str) -> Look:
        """Runs a command inside, as the operator's own user, with the operator's own environment."""
        done = subprocess.run(
            (*self._enter, *self._crun, "exec", NAME, *command),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": os.environ["PATH"]},
            timeout=LOOK_SECONDS,
        )
        return Look(about, command, done.returncode, done.stdout)


def keep(looks: Sequence[Look], path: Path) -> None:
    """Writes the looks down, one line each."""
    path.write_text("".join(json.dumps(asdict(look)) + "\n" for look in looks))
