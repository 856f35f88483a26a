"""The bill of materials: every Debian package and every Python distribution of the image, as CycloneDX 1.6.

Read out of the image's own trees: dpkg's database, and the metadata that pip left.
"""

from __future__ import annotations

import importlib.metadata
import re
import uuid
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from pathlib import Path

DISTRIBUTION = "debian-12"
Component = dict[str, Any]


def bill(*, debian: Path, application: Path, name: str, version: str) -> dict[str, Any]:
    """Returns the document for the trees of the two layers; the same trees give the same document."""
    components = sorted([*_packages(debian), *_distributions(application)], key=lambda one: str(one["purl"]))
    told = "\n".join(str(one["purl"]) for one in components)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, told)}",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": name, "version": version}},
        "components": components,
    }


def _packages(root: Path) -> Iterator[Component]:
    """Gives what dpkg has installed."""
    for paragraph in (root / "var" / "lib" / "dpkg" / "status").read_text().split("\n\n"):
        found: dict[str, str] = dict(re.findall(r"^([A-Za-z-]+): (.+)$", paragraph, re.MULTILINE))
        if found.get("Status") == "install ok installed":
            name, version, arch = found["Package"], found["Version"], found["Architecture"]
            source = found.get("Source", name).split()[0]
            purl = f"pkg:deb/debian/{_quoted(name)}@{_quoted(version)}?arch={arch}&distro={DISTRIBUTION}"
            yield {
                "type": "library",
                "bom-ref": purl,
                "name": name,
                "version": version,
                "purl": purl,
                "properties": [{"name": "debian:source", "value": source}],
            }


def _distributions(environment: Path) -> Iterator[Component]:
    """Gives what pip has installed, with the licence that each one states."""
    for folder in environment.glob("lib/python3.*/site-packages"):
        for found in importlib.metadata.distributions(path=[str(folder)]):
            name, version = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(), found.version
            purl = f"pkg:pypi/{_quoted(name)}@{_quoted(version)}"
            component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
            yield {**component, **_licence(cast("Message", found.metadata))}


def _licence(metadata: Message) -> dict[str, Any]:
    expression = metadata.get("License-Expression")
    if expression:
        return {"licenses": [{"expression": expression}]}
    classified = [
        one.rsplit(" :: ", 1)[-1] for one in metadata.get_all("Classifier") or () if one.startswith("License")
    ]
    short = (metadata.get("License") or "").strip().splitlines()[:1]
    names = classified or short
    return {"licenses": [{"license": {"name": one}} for one in names]} if names else {}


def _quoted(text: str) -> str:
    """Returns a name or version as a package URL has it."""
    return re.sub(r"[^A-Za-z0-9.\-_~:]", lambda found: f"%{ord(found[0]):02X}", text)
