"""An OCI image as it lies on disk: its blobs against their own names, its configuration, and what its layers hold."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: what it weighs, and the few files of it that are read."""

    packed_bytes: int
    unpacked_bytes: int
    names: frozenset[str]
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Image:
    """One image, read once."""

    config: Mapping[str, Any]
    layers: tuple[Layer, ...]
    faults: tuple[str, ...]
    """What is not as its own digest says."""

    @property
    def packed_bytes(self) -> int:
        """Returns what is pulled."""
        return sum(layer.packed_bytes for layer in self.layers)

    @property
    def unpacked_bytes(self) -> int:
        """Returns what lies on a node's disk."""
        return sum(layer.unpacked_bytes for layer in self.layers)


def read(layout: Path) -> Image:
    """Returns the one image of a layout."""
    index = json.loads((layout / "index.json").read_text())
    (entry,) = index["manifests"]
    manifest = json.loads(_blob(layout, entry["digest"]).read_text())
    config = json.loads(_blob(layout, manifest["config"]["digest"]).read_text())
    faults = [found for one in (entry, manifest["config"], *manifest["layers"]) if (found := _fault(layout, one))]
    layers = []
    for number, described in enumerate(manifest["layers"]):
        layer, digest = _layer(_blob(layout, described["digest"]))
        layers.append(layer)
        if config["rootfs"]["diff_ids"][number] != digest:
            faults.append(f"layer {number} unpacks to {digest}")
    return Image(config=config["config"], layers=tuple(layers), faults=tuple(faults))


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


def _fault(layout: Path, described: Mapping[str, Any]) -> str:
    path = _blob(layout, described["digest"])
    with path.open("rb") as file:
        found = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    same = found == described["digest"] and path.stat().st_size == described["size"]
    return "" if same else f"{described['digest']} is {found}, {path.stat().st_size} bytes"


def _layer(path: Path) -> tuple[Layer, str]:
    names, texts, size, unpacked = set(), {}, 0, hashlib.sha256()
    with gzip.open(path) as file:
        while block := file.read(BLOCK):
            unpacked.update(block)
    with tarfile.open(path) as archive:
        for member in archive:
            name = member.name.removeprefix("./")
            names.add(name)
            size += member.size
            if name == "var/lib/dpkg/status" or name.endswith(".dist-info/METADATA"):
                content = archive.extractfile(member)
                assert content is not None
                texts[name] = content.read().decode()
    return Layer(path.stat().st_size, size, frozenset(names), texts), f"sha256:{unpacked.hexdigest()}"
