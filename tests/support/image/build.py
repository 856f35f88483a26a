"""Makes the operator's image without Docker: Debian packages, a virtual environment, and umoci to pack them.

The same two layers that the Dockerfile makes: Debian with the agents, and the operator with its locked requirements.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from support.bed import debian
from support.image.recipe import LEFT_OUT, LOCK, TIDY
from support.report import BUILD, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from support.image.recipe import Recipe

WHEELS = BUILD / "dist"
STEP_SECONDS = 300
# What mmdebstrap needed of this machine to find its packages is no part of the image.
AFTERWARDS = """
set -eu
chroot "$1" {user}
chroot "$1" {tidy}
rm -rf "$1"/etc/apt/apt.conf.d/99mmdebstrap "$1"/etc/apt/sources.list "$1"/var/lib/apt/lists/* "$1"/var/log/*
rm -f "$1"/etc/resolv.conf "$1"/etc/hostname
"""
ISOLATED = ("unshare", "--mount", "--pid", "--fork", "--kill-child", "--propagation=private", "--")
# $1 is Debian's tree, $2 an empty folder whose `upper` will hold the difference, $3 what is installed, $4 where.
INSTALL = """
set -eu
mkdir -p "$2/upper" "$2/work" "$2/merged"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
mount --bind "$3" "$2/merged/mnt"
mount -t proc proc "$2/merged/proc"
exec chroot "$2/merged" /bin/sh -euc '
  python3 -m venv --without-pip "$0"
  export PYTHONPATH=/mnt/installer PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
  pip="$0/bin/python -m pip install --quiet --no-deps --no-index --no-compile --find-links /mnt/wheels"
  $pip --require-hashes --only-binary :all: --requirement /mnt/operator.txt
  $pip /mnt/own/*.whl
  PYTHONHASHSEED=0 "$0/bin/python" -m compileall -q --invalidation-mode unchecked-hash "$0/lib"
' "$4"
"""


class BuildFailedError(Exception):
    """The image could not be made; the message says at what."""


@dataclass(frozen=True, slots=True)
class Built:
    """What was made: the trees of both layers, and the image in an OCI layout."""

    debian: Path
    application: Path
    layout: Path
    tag: str

    @property
    def name(self) -> str:
        """Returns the image as umoci calls it."""
        return f"{self.layout}:{self.tag}"


def debian_recipe(recipe: Recipe) -> debian.Recipe:
    """Returns how the first layer is made."""
    if recipe.suite != debian.SUITE:
        raise BuildFailedError(f"the recipe is of {recipe.suite}, and root file systems are made of {debian.SUITE}")
    return debian.Recipe(
        name="image-root",
        packages=tuple(sorted(recipe.packages)),
        dpkg_options=(*(f"path-exclude={path}" for path in LEFT_OUT), "force-unsafe-io"),
        afterwards=AFTERWARDS.format(user=recipe.add_user, tidy=TIDY),
    )


def wheel() -> Path:
    """Makes the operator's own wheel with the locked tools, and returns it."""
    shutil.rmtree(WHEELS, ignore_errors=True)
    pip = (sys.executable, "-m", "pip", "--quiet")
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(WHEELS), str(ROOT))
    (made,) = WHEELS.glob("*.whl")
    return made


def make(recipe: Recipe, folder: Path, *, say: Callable[[str], None]) -> Built:
    """Makes the image below an empty folder."""
    say("Debian with the agents")
    root = debian.ensure(debian_recipe(recipe))
    say("the operator's wheel and its locked requirements")
    own = wheel()
    application = _install(root, own, folder=folder, into=recipe.folder)
    say("packing both as an OCI image")
    built = Built(debian=root, application=application, layout=folder / "oci", tag=own.name.split("-")[1])
    _pack(recipe, built)
    return built


def digest(built: Built) -> str:
    """Returns the image's digest, which everything that is in it decides."""
    (entry,) = json.loads((built.layout / "index.json").read_text())["manifests"]
    return str(entry["digest"])


def _install(root: Path, own: Path, *, folder: Path, into: str) -> Path:
    """Makes the virtual environment where it will be, over Debian's tree, and returns what that added."""
    given, scratch = folder / "given", folder / "scratch"
    (given / "own").mkdir(parents=True)
    scratch.mkdir()
    pip = (sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--only-binary", ":all:")
    run(
        *pip,
        "--python-version",
        "3.11",
        "--require-hashes",
        "--requirement",
        str(LOCK),
        "--dest",
        str(given / "wheels"),
    )
    shutil.copy2(LOCK, given / "operator.txt")
    shutil.copy2(own, given / "own")
    # The installer is the locked one, and stays outside.
    library = next((ROOT / ".venv" / "lib").glob("python3.*")) / "site-packages"
    shutil.copytree(library / "pip", given / "installer" / "pip", ignore=shutil.ignore_patterns("__pycache__"))
    run(*ISOLATED, "sh", "-c", INSTALL, "install", str(root), str(scratch), str(given), into)
    shutil.rmtree(given)
    return scratch / "upper" / into.lstrip("/")


def _pack(recipe: Recipe, built: Built) -> None:
    run("umoci", "init", "--layout", str(built.layout))
    run("umoci", "new", "--image", built.name)
    created = datetime.fromtimestamp(epoch_seconds(), tz=UTC).isoformat()
    _add_layer(built, built.debian, at="", about="Debian and the agents", created=created)
    _add_layer(built, built.application, at=recipe.folder, about="the operator and its requirements", created=created)
    words = [f"--config.env={name}={value}" for name, value in recipe.environment.items()]
    words += [f"--config.entrypoint={word}" for word in recipe.command]
    words += [f"--config.user={recipe.user_id}:{recipe.user_id}", "--config.workingdir=/"]
    words += [f"--config.label=org.opencontainers.image.title={recipe.title}"]
    words += [f"--config.label=org.opencontainers.image.version={built.tag}"]
    run("umoci", "config", "--image", built.name, *words, "--created", created, "--history.created", created)
    run("umoci", "gc", "--layout", str(built.layout))


def _add_layer(built: Built, tree: Path, *, at: str, about: str, created: str) -> None:
    """Adds a tree as a layer that is the same whenever the tree is: in order, without owners' names or late moments."""
    layer = built.layout.with_name("layer.tar")
    into = at.lstrip("/")
    # Hard links (`h`) name other files of the layer and move along; symbolic ones (`S`: not) point anywhere.
    moved = (f"--transform=flags=rhS;s,^\\.,{into},",) if into else ()
    run(
        *("tar", "--create", "--file", str(layer), "--directory", str(tree), "--numeric-owner", "--sort=name"),
        *("--format=pax", "--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime"),
        *(f"--mtime=@{epoch_seconds()}", "--clamp-mtime", *moved, "."),
    )
    about_it = ("--history.comment", about, "--history.created", created)
    run("umoci", "raw", "add-layer", "--image", built.name, *about_it, str(layer))
    layer.unlink()


@functools.cache
def epoch_seconds() -> int:
    """Returns the moment of the last commit: nothing in the image is said to be newer."""
    return int(run("git", "-C", str(ROOT), "log", "-1", "--format=%ct"))


def run(*command: str) -> str:
    """Runs one step; what it said is in the error."""
    moment = {} if command[0] == "git" else {"SOURCE_DATE_EPOCH": str(epoch_seconds())}
    try:
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, timeout=STEP_SECONDS, env={**os.environ, **moment}
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildFailedError(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        raise BuildFailedError(f"{' '.join(command)[:300]}: {done.stdout[-500:]}{done.stderr[-1500:]}")
    return done.stdout
