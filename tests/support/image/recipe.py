"""Reads image/recipe.toml: the one place that says what is in the image."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from support.report import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

RECIPE = ROOT / "image" / "recipe.toml"
DOCKERFILE = ROOT / "image" / "Dockerfile"
LOCK = ROOT / "requirements" / "operator.txt"
LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")
"""What no process reads; Debian's slim images leave it out as well."""
TIDY = "find / -xdev -perm /6000 -type f -exec chmod a-s {} +"
"""Nothing in the image makes anybody root."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the image is made of."""

    base: str
    suite: str
    title: str
    user: str
    user_id: int
    folder: str
    command: tuple[str, ...]
    packages: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def add_user(self) -> str:
        """Returns the command that makes the user."""
        named = f"--uid {self.user_id} --user-group --no-create-home --home-dir /nonexistent"
        return f"useradd {named} --shell /usr/sbin/nologin {self.user}"


def read() -> Recipe:
    """Returns the recipe; a word too many or too few is an error."""
    found = tomllib.loads(RECIPE.read_text())
    return Recipe(**{**found, "command": tuple(found["command"]), "packages": tuple(found["packages"])})
