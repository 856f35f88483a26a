"""Judges the image from its own blobs, from what the kernel said of the container, and from the files people read.

The law of this file: it imports nothing of the operator, nor of what made the image.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.image.archive import Image

ONLY_WRITABLE = {"/tmp"}  # noqa: S108 - the container's own
TOOLS = ("ipmitool", "ssh", "snmpget")
SIZE_SHARE = 0.1
"""By how much the size may differ from what the docs say, for Debian's packages change."""
CAPABILITIES = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that is judged."""

    image: Image
    digests: tuple[str, ...]
    """The image's digest each time that it was made from one Debian."""
    inside: Mapping[str, Mapping[str, Any]]
    """The looks into the running container, by what they are about."""
    log: Sequence[str]
    """What the operator wrote, line by line."""
    bill: Mapping[str, Any]
    dockerfile: str
    lock: str
    fencing_page: str
    image_page: str


def judge(found: Found) -> list[Claim]:
    """Returns every claim about the image."""
    return [
        _whole(found.image),
        _reproducible(found.digests),
        _user(found.image),
        _runs_as(found.inside),
        _read_only(found.inside),
        _nothing_set_id(found.inside),
        _agents(found),
        _tools(found.inside),
        _errors(found.log),
        _lock(found),
        _bill(found),
        _dockerfile(found),
        _size(found),
    ]


def _whole(image: Image) -> Claim:
    return Claim("oci-image", not image.faults and len(image.layers) == 2, len(image.faults), 0, image.faults)


def _reproducible(digests: tuple[str, ...]) -> Claim:
    """Everything but Debian's own packages, which are those of the day, comes out the same each time."""
    different = len(set(digests))
    return Claim("same-each-time", len(digests) > 1 and different == 1, different, f"1 of {len(digests)}", digests)


def _user(image: Image) -> Claim:
    user = str(image.config.get("User", ""))
    number = user.partition(":")[0]
    return Claim("user-is-not-root", number.isdecimal() and int(number) > 0, user or "none", "a number above 0")


def _runs_as(inside: Mapping[str, Mapping[str, Any]]) -> Claim:
    """Reads what the kernel says of the container's first process."""
    said = dict(re.findall(r"^(\w+):\s+(.+)$", str(inside["status"]["said"]), re.MULTILINE))
    users = set(said.get("Uid", "0").split()) | set(said.get("Gid", "0").split())
    held = [f"{name}={said.get(name)}" for name in CAPABILITIES if int(said.get(name, "1"), 16)]
    measured = f"Uid {said.get('Uid')}, NoNewPrivs {said.get('NoNewPrivs')}, capabilities {', '.join(held) or 'none'}"
    ok = "0" not in users and not held and said.get("NoNewPrivs") == "1"
    return Claim("runs-as-nobody-with-no-rights", ok, measured, "no user or group 0, no capability, NoNewPrivs 1")


def _read_only(inside: Mapping[str, Mapping[str, Any]]) -> Claim:
    tried = {about.removeprefix("write "): look for about, look in inside.items() if about.startswith("write ")}
    writable = {place for place, look in tried.items() if look["code"] == 0}
    mounts = [line.split() for line in str(inside["mounts"]["said"]).splitlines()]
    # Where on this machine the root lies says nothing to anybody else.
    root = " ".join(next((words[4:6] for words in mounts if words[4] == "/"), []))
    is_mounted_so = "ro" in root.removeprefix("/ ").split(",")
    ok = writable == ONLY_WRITABLE and len(tried) > len(ONLY_WRITABLE) and is_mounted_so
    measured = f"of {len(tried)} places {', '.join(sorted(writable)) or 'none'} took a file"
    return Claim("root-is-read-only", ok, measured, f"{', '.join(ONLY_WRITABLE)} alone", (root,))


def _nothing_set_id(inside: Mapping[str, Mapping[str, Any]]) -> Claim:
    lines = [line for line in str(inside["set-id files"]["said"]).splitlines() if line.startswith("/")]
    found = [line for line in lines if ":" not in line]
    return Claim("nothing-makes-anybody-root", not found, len(found), 0, tuple(found[:5]))


def _agents(found: Found) -> Claim:
    """Every agent that the reference accepts is there and tells what it takes."""
    wanted = re.findall(r"^\| `(fence_\w+)` \| yes ", found.fencing_page, re.MULTILINE)
    good = [name for name in wanted if _tells(found.inside.get(f"agent {name}"), f'name="{name}"')]
    missing = tuple(sorted(set(wanted) - set(good)))
    return Claim("agents-inside", bool(wanted) and not missing, f"{len(good)} of {len(wanted)}", "all", missing)


def _tells(look: Mapping[str, Any] | None, text: str) -> bool:
    return look is not None and look["code"] == 0 and text in str(look["said"])


def _tools(inside: Mapping[str, Mapping[str, Any]]) -> Claim:
    bad = tuple(f"{name}: {inside[name]['said'][-200:]}" for name in TOOLS if inside[name]["code"] != 0)
    return Claim("tools-inside", not bad, len(TOOLS) - len(bad), len(TOOLS), bad)


def _errors(log: Sequence[str]) -> Claim:
    """The operator missed nothing in its container: it wrote, and no line is an error."""
    errors = tuple(line[:300] for line in log if '"level": "ERROR"' in line or not line.startswith("{"))
    return Claim("its-log-has-no-error", bool(log) and not errors, len(errors), f"0 of {len(log)} lines", errors[:3])


def _lock(found: Found) -> Claim:
    """The virtual environment holds what is locked, our own wheel, and nothing else."""
    locked = {
        (_normal(name), version) for name, version in re.findall(r"^([\w.-]+)==([^\s\\]+)", found.lock, re.MULTILINE)
    }
    installed = set(_installed(found.image))
    others = sorted(installed - locked)
    missing = sorted(locked - installed)
    ok = not missing and [name for name, _ in others] == ["maestro-operator"]
    shown = tuple(f"missing {name} {version}" for name, version in missing) + tuple(f"{n} {v}" for n, v in others)
    return Claim("the-lock-and-nothing-else", ok, len(installed), f"{len(locked)} locked and our own", shown)


def _installed(image: Image) -> Iterator[tuple[str, str]]:
    for layer in image.layers:
        for path, text in layer.texts.items():
            if path.startswith("opt/") and path.endswith("METADATA"):
                told = dict(re.findall(r"^(Name|Version): (.+)$", text.partition("\n\n")[0], re.MULTILINE))
                yield _normal(told["Name"]), told["Version"].strip()


def _debian(image: Image) -> set[tuple[str, str]]:
    (status,) = (layer.texts["var/lib/dpkg/status"] for layer in image.layers if "var/lib/dpkg/status" in layer.texts)
    told = [dict(re.findall(r"^(\w+): (.+)$", one, re.MULTILINE)) for one in status.split("\n\n")]
    return {(one["Package"], one["Version"]) for one in told if one.get("Status") == "install ok installed"}


def _bill(found: Found) -> Claim:
    """The bill of materials names what the layers hold, all of it and nothing else."""
    listed = {(str(one["name"]), str(one["version"])) for one in found.bill.get("components", ())}
    there = _debian(found.image) | set(_installed(found.image))
    wrong = tuple(f"{name} {version}" for name, version in sorted(listed ^ there))
    urls = [str(one.get("purl", "")) for one in found.bill.get("components", ())]
    ok = not wrong and len(set(urls)) == len(urls) == len(there) and found.bill.get("bomFormat") == "CycloneDX"
    return Claim(
        "bill-of-materials-is-whole", ok, f"{len(listed)} components", f"the {len(there)} that are there", wrong[:9]
    )


def _dockerfile(found: Found) -> Claim:
    """What Docker would make has the same packages, environment, user, command and folder."""
    last = found.dockerfile.replace("\\\n", "").rpartition("\nFROM ")[2]
    packages = set(re.findall(r"--no-install-recommends (.+?)\s+&&", last)[0].split())
    there = {name for name, _ in _debian(found.image)}
    config = found.image.config
    environment = dict(re.findall(r"^ENV (\w+)=(.*)$", last, re.MULTILINE))
    copied = re.findall(r"^COPY --from=build (\S+) \S+$", last, re.MULTILINE)
    differs = [f"package {name}" for name in sorted(packages - there)]
    differs += ["environment"] * ([f"{name}={value}" for name, value in environment.items()] != config.get("Env"))
    differs += ["user"] * (re.findall(r"^USER (.+)$", last, re.MULTILINE) != [config.get("User")])
    differs += ["command"] * (
        [json.loads(one) for one in re.findall(r"^ENTRYPOINT (.+)$", last, re.MULTILINE)] != [config.get("Entrypoint")]
    )
    differs += ["folder"] * (
        not copied
        or not any(f"{copied[0].lstrip('/')}/bin/maestro-operator" in layer.names for layer in found.image.layers)
    )
    return Claim("dockerfile-is-in-step", not differs, ", ".join(differs) or "the same", "the same")


def _size(found: Found) -> Claim:
    said = re.search(r"(\d+) MB to pull and (\d+) MB on disk", found.image_page)
    real = (found.image.packed_bytes / 1e6, found.image.unpacked_bytes / 1e6)
    measured = f"{real[0]:.0f} MB packed, {real[1]:.0f} MB unpacked"
    if said is None:
        return Claim("size-is-said", ok=False, measured=measured, bound="not said")
    ok = all(abs(one - float(told)) <= SIZE_SHARE * float(told) for one, told in zip(real, said.groups(), strict=True))
    return Claim("size-is-said", ok, measured, f"{said[0]}, within {SIZE_SHARE:.0%}")


def looks(lines: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Returns the looks of a file by what they are about."""
    return {found["about"]: found for found in map(json.loads, lines)}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
