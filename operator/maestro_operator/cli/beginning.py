"""The first manifest of a pair, from a profile: every value written out, and marked where it is a guess or yours."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from ipaddress import ip_address
from string import Template

from maestro_operator.cli.change import CannotError

PROFILES = ("maestro-linux", "maestro-windows", "listserv-linux", "mailman3")
CHANGE, ASSUMED = "# CHANGE", "# assumed"
HOST_KEYS = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJiYmJi",
)
"""What the profiles have in the place of the nodes' keys; nobody holds the private ones."""
IDENTITIES = ("a-serial-number", "b-serial-number")
CONTROLLERS = ("192.0.2.11", "192.0.2.21")
_LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(_LABEL)
_PUBLIC = re.compile(rf"{_LABEL}(\.{_LABEL})+")


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a person says of the pair to come."""

    name: str
    namespace: str
    public_name: str
    a: str
    b: str


def manifest(profile: str, told: Beginning) -> str:
    """Return the manifest of a profile with these values.

    Raises:
        CannotError: a value is none of its kind.

    """
    for word, value, form in (
        ("--name", told.name, _NAME),
        ("--namespace", told.namespace, _NAME),
        ("--public-name", told.public_name, _PUBLIC),
    ):
        if form.fullmatch(value) is None:
            raise CannotError(f"{word} {value} is none: write letters, digits and hyphens, in lower case")
    for word, value in (("--a", told.a), ("--b", told.b)):
        try:
            ip_address(value)
        except ValueError as error:
            raise CannotError(f"{word} {value} is no address: write one such as 192.0.2.10") from error
    text = (files("maestro_operator.cli") / "profiles" / f"{profile}.yaml").read_text()
    return Template(text).substitute(
        name=told.name,
        namespace=told.namespace,
        public_name=told.public_name,
        zone=told.public_name.partition(".")[2],
        a=ip_address(told.a).compressed,
        b=ip_address(told.b).compressed,
        a_identity=IDENTITIES[0],
        b_identity=IDENTITIES[1],
        a_bmc=CONTROLLERS[0],
        b_bmc=CONTROLLERS[1],
    )


def marked(text: str) -> tuple[int, int]:
    """Return how many values of a manifest are marked as yours to change, and how many as assumed."""
    lines = [line.partition("#")[0].strip() and line for line in text.splitlines()]
    return sum(CHANGE in line for line in lines), sum(ASSUMED in line for line in lines)
