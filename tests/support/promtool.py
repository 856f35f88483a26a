"""Programs that judge what people are given: Prometheus, promtool, Lua. The machine's own, or out of Debian's package.

Installing the package would start a Prometheus on the machine, which nobody asked for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

from support.controlplane.cache import cache_root

PACKAGES = {"promtool": "prometheus", "prometheus": "prometheus", "lua5.1": "lua5.1"}
LIMIT_SECONDS = 240.0


class PromtoolMissingError(Exception):
    """There is no promtool and no way to get one; the message says what to do."""


def obtain_promtool() -> Path:
    """Returns a promtool; the first call on a machine may fetch it.

    Raises PromtoolMissingError.
    """
    return obtain("promtool")


def obtain(program: Literal["promtool", "prometheus", "lua5.1"]) -> Path:
    """Returns a program; the first call on a machine may fetch it.

    Raises PromtoolMissingError.
    """
    cached = cache_root(os.environ) / "promtool" / program
    own = shutil.which(program)
    if own is not None or cached.exists():
        return Path(own) if own is not None else cached
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise PromtoolMissingError(f"{program} is not on the PATH: install {PACKAGES[program]}")
    print(f"{program}: taking it out of Debian's package {PACKAGES[program]}", flush=True)
    try:
        _extract(cached, PACKAGES[program])
    except (subprocess.SubprocessError, OSError) as error:
        raise PromtoolMissingError(f"{program} could not be fetched: {error}") from error
    return cached


def _extract(target: Path, package: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".promtool-") as name:
        folder = Path(name)
        # The downloading user of apt may write there.
        folder.chmod(0o755)
        try:
            _run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, folder=folder)
        except subprocess.CalledProcessError:
            # A fresh machine has no lists yet.
            if os.geteuid() != 0:
                raise
            _run("apt-get", "update", "-qq", folder=folder)
            _run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, folder=folder)
        (archive,) = folder.glob("*.deb")
        _run("dpkg-deb", "--extract", str(archive), str(folder / "root"), folder=folder)
        (folder / "root" / "usr" / "bin" / target.name).rename(target)


def _run(*command: str, folder: Path) -> None:
    subprocess.run(
        command,
        cwd=folder,
        check=True,
        timeout=LIMIT_SECONDS,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
