"""The chart's pod as a runtime has to run it: an OCI configuration from the rendered Deployment and the image.

What a kubelet adds is added here: the address of the API server, and the token that the ServiceAccount has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.manifests import Manifest

TOKEN_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")
MASKED = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug")
READ_ONLY = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class UnknownPodError(Exception):
    """The chart asks for something that is not known here, so what ran would not be what it asks for."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a kubelet would know."""

    host: str
    port: int
    token_folder: Path
    hosts: Path
    """What the cluster's names are, as a file."""


def deployment_of(objects: Sequence[Manifest]) -> Manifest:
    """Returns the pod of the one Deployment."""
    (found,) = [item for item in objects if item["kind"] == "Deployment"]
    return dict(found["spec"]["template"]["spec"])


def configuration(pod: Manifest, image: Mapping[str, Any], around: Surroundings) -> dict[str, Any]:
    """Returns the runtime's configuration for the pod's one container.

    Raises UnknownPodError.
    """
    (container,) = pod["containers"]
    limits, who = container["securityContext"], pod["securityContext"]
    if limits["capabilities"] != {"drop": ["ALL"]}:
        raise UnknownPodError(f"capabilities {limits['capabilities']}")
    if not who["runAsNonRoot"] or not who["runAsUser"]:
        raise UnknownPodError("the pod may run as root")
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": who["runAsUser"], "gid": who["runAsGroup"]},
            "args": list(container.get("command") or image["Entrypoint"]),
            "cwd": image.get("WorkingDir") or "/",
            "env": _environment(container, image, around),
            "capabilities": {name: [] for name in SETS},
            "noNewPrivileges": not limits["allowPrivilegeEscalation"],
        },
        "root": {"path": "rootfs", "readonly": limits["readOnlyRootFilesystem"]},
        "hostname": "maestro-operator-0",
        "mounts": [*_usual_mounts(), *_volumes(pod, container), *_given(around)],
        "linux": {
            # The network is the one that this is started in.
            "namespaces": [{"type": name} for name in ("pid", "ipc", "uts", "mount")],
            "maskedPaths": list(MASKED),
            "readonlyPaths": list(READ_ONLY),
        },
    }


def _environment(container: Manifest, image: Mapping[str, Any], around: Surroundings) -> list[str]:
    told = {"KUBERNETES_SERVICE_HOST": around.host, "KUBERNETES_SERVICE_PORT": str(around.port)}
    told |= {item["name"]: item["value"] for item in container["env"]}
    return [*image["Env"], *(f"{name}={value}" for name, value in told.items())]


def _volumes(pod: Manifest, container: Manifest) -> list[Manifest]:
    volumes = {item["name"]: item for item in pod.get("volumes", ())}
    return [_volume(volumes[mount["name"]], at=mount["mountPath"]) for mount in container["volumeMounts"]]


def _volume(volume: Manifest, *, at: str) -> Manifest:
    kept = volume.get("emptyDir")
    if kept is None or kept["medium"] != "Memory":
        raise UnknownPodError(f"the volume {volume['name']}")
    size = str(kept["sizeLimit"]).removesuffix("Mi")
    return _mount(at, "tmpfs", "nosuid", "nodev", "mode=1777", f"size={size}m")


def _given(around: Surroundings) -> list[Manifest]:
    given = {TOKEN_FOLDER: around.token_folder, "/etc/hosts": around.hosts}
    return [
        {"destination": at, "type": "bind", "source": str(path), "options": ["bind", "ro"]}
        for at, path in given.items()
    ]


def _usual_mounts() -> list[Manifest]:
    return [
        _mount("/proc", "proc", "nosuid", "noexec", "nodev"),
        _mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),  # noqa: S108 - the container's own
        _mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"),
    ]


def _mount(at: str, kind: str, *options: str) -> Manifest:
    return {"destination": at, "type": kind, "source": kind, "options": list(options)}
