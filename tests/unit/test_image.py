"""The image's recipe and what is made of it, and the judge of the image, held to planted evidence."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from support.image import dockerfile, recipe
from support.image.archive import Image, Layer
from support.image.judge import Found, judge
from support.image.pod import Surroundings, UnknownPodError, configuration
from support.report import ROOT

STATUS = "Name:\tmaestro-operator\nUid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\n" + "".join(
    f"{name}:\t0000000000000000\n" for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
)
DPKG = "Package: python3\nStatus: install ok installed\nArchitecture: amd64\nVersion: 3.11\n"
PAGE = "It is 11 MB to pull and 31 MB on disk"
FILE = """FROM x AS build
RUN a --no-install-recommends python3-venv
FROM x
RUN a --no-install-recommends python3 \\
 && b
COPY --from=build /opt/maestro /opt/maestro
ENV PATH=/opt/maestro/bin
USER 65532:65532
ENTRYPOINT ["maestro-operator"]
"""


def look(code: int, said: str = "") -> dict[str, Any]:
    return {"code": code, "said": said}


def found(**changes: Any) -> Found:  # noqa: ANN401
    distributions = {
        f"opt/maestro/lib/python3.11/site-packages/{name}.dist-info/METADATA": f"Name: {name}\nVersion: {version}\n\n"
        for name, version in (("kopf", "1.45"), ("maestro-operator", "0.1.0"))
    }
    layers = (
        Layer(10_000_000, 30_000_000, frozenset({"usr/bin/python3"}), {"var/lib/dpkg/status": DPKG}),
        Layer(1_000_000, 1_000_000, frozenset({"opt/maestro/bin/maestro-operator"}), distributions),
    )
    config = {"User": "65532:65532", "Env": ["PATH=/opt/maestro/bin"], "Entrypoint": ["maestro-operator"]}
    inside = {
        "status": look(0, f"{STATUS}NoNewPrivs:\t1\n"),
        "mounts": look(0, "1 0 8:1 / / ro,relatime - overlay overlay rw\n"),
        "write /": look(1),
        "write /etc": look(1),
        "write /tmp": look(0),
        "set-id files": look(1, "find: '/root': Permission denied\n"),
        "agent fence_redfish": look(0, '<resource-agent name="fence_redfish">'),
        **{name: look(0) for name in ("ipmitool", "ssh", "snmpget")},
    }
    names = (("python3", "3.11"), ("kopf", "1.45"), ("maestro-operator", "0.1.0"))
    components = [{"name": name, "version": version, "purl": f"pkg:x/{name}@{version}"} for name, version in names]
    whole = Found(
        image=Image(config, layers, ()),
        digests=("sha256:1", "sha256:1"),
        log=('{"level": "INFO"}',),
        inside=inside,
        bill={"bomFormat": "CycloneDX", "components": components},
        dockerfile=FILE,
        lock="kopf==1.45 \\\n    --hash=sha256:0\n",
        fencing_page="| `fence_redfish` | yes | UUID | |\n| `fence_sbd` | no | | |\n",
        image_page=PAGE,
    )
    return replace(whole, **changes)


def failed(judged: Found) -> set[str]:
    return {claim.id for claim in judge(judged) if not claim.ok}


def test_an_image_that_is_as_it_should_be_has_nothing_against_it() -> None:
    assert failed(found()) == set()


@pytest.mark.parametrize(
    ("about", "seen", "claim"),
    [
        ("status", look(0, STATUS.replace("65532", "0") + "NoNewPrivs:\t1\n"), "runs-as-nobody-with-no-rights"),
        ("status", look(0, f"{STATUS}NoNewPrivs:\t0\n"), "runs-as-nobody-with-no-rights"),
        ("status", look(1, ""), "runs-as-nobody-with-no-rights"),
        ("write /etc", look(0), "root-is-read-only"),
        ("write /tmp", look(1), "root-is-read-only"),
        ("mounts", look(0, "1 0 8:1 / / rw - overlay overlay rw\n"), "root-is-read-only"),
        ("set-id files", look(0, "/usr/bin/su\n"), "nothing-makes-anybody-root"),
        ("agent fence_redfish", look(127), "agents-inside"),
        ("ssh", look(255, "No user exists for uid 65532"), "tools-inside"),
    ],
)
def test_whatever_is_wrong_in_a_container_is_found(about: str, seen: dict[str, Any], claim: str) -> None:
    assert claim in failed(found(inside={**found().inside, about: seen}))


@pytest.mark.parametrize(
    ("spoilt", "claim"),
    [
        (found(fencing_page=""), "agents-inside"),
        (found(digests=("sha256:1", "sha256:2")), "same-each-time"),
        (found(digests=("sha256:1",)), "same-each-time"),
        (found(log=('{"level": "ERROR"}',)), "its-log-has-no-error"),
        (found(log=()), "its-log-has-no-error"),
        (found(lock="kopf==1.46 \\\n"), "the-lock-and-nothing-else"),
        (found(lock=""), "the-lock-and-nothing-else"),
        (found(bill={"bomFormat": "CycloneDX", "components": []}), "bill-of-materials-is-whole"),
        (found(image_page="It is 11 MB to pull and 60 MB on disk"), "size-is-said"),
        (found(image_page=""), "size-is-said"),
        (found(dockerfile=FILE.replace("USER 65532:65532", "USER 0:0")), "dockerfile-is-in-step"),
        (found(dockerfile=FILE.replace("python3 \\", "python3 fence-agents \\")), "dockerfile-is-in-step"),
        (found(dockerfile=FILE.replace('"maestro-operator"', '"sh"')), "dockerfile-is-in-step"),
        (found(dockerfile=FILE.replace("/opt/maestro /opt/maestro", "/srv /srv")), "dockerfile-is-in-step"),
        (found(image=replace(found().image, faults=("sha256:1 is sha256:2",))), "oci-image"),
        (found(image=replace(found().image, config={**found().image.config, "User": ""})), "user-is-not-root"),
    ],
)
def test_whatever_is_wrong_with_an_image_is_found(spoilt: Found, claim: str) -> None:
    assert claim in failed(spoilt)


def test_the_dockerfile_is_made_from_the_recipe() -> None:
    assert recipe.DOCKERFILE.read_text() == dockerfile.text(recipe.read()), "run python -m support.image sync"


def test_the_image_and_the_chart_have_the_same_user_and_the_same_command() -> None:
    template = (ROOT / "charts" / "maestro-operator" / "templates" / "deployment.yaml").read_text()
    wanted = recipe.read()
    assert f"runAsUser: {wanted.user_id}" in template
    assert f"command: [{', '.join(wanted.command)}]" in template


def test_a_tag_in_the_docs_is_the_version_that_the_chart_asks_for() -> None:
    chart = yaml.safe_load((ROOT / "charts" / "maestro-operator" / "Chart.yaml").read_text())
    assert f"maestro-operator:{chart['appVersion']}" in (ROOT / "docs" / "reference" / "image.md").read_text()


def pod(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    limits = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    mounts = [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108 - the container's own
    container = {"env": [{"name": "A", "value": "1"}], "securityContext": limits, "volumeMounts": mounts}
    volume = {"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "64Mi"}}
    whole = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532},
        "containers": [container],
        "volumes": [volume],
    }
    return json.loads(json.dumps({**whole, **changes}))  # type: ignore[no-any-return]


AROUND = Surroundings(host="127.0.0.1", port=6443, token_folder=ROOT, hosts=ROOT)
IMAGE = {"Env": ["PATH=/bin"], "Entrypoint": ["maestro-operator"]}


def test_the_pod_of_the_chart_is_run_with_what_it_asks_for_and_no_more() -> None:
    made = configuration(pod(), IMAGE, AROUND)

    assert made["process"]["user"] == {"uid": 65532, "gid": 65532}
    assert made["process"]["args"] == ["maestro-operator"]
    assert made["process"]["env"] == [
        "PATH=/bin", "KUBERNETES_SERVICE_HOST=127.0.0.1", "KUBERNETES_SERVICE_PORT=6443", "A=1",
    ]  # fmt: skip
    assert made["process"]["noNewPrivileges"] is True
    assert set(map(tuple, made["process"]["capabilities"].values())) == {()}
    assert made["root"] == {"path": "rootfs", "readonly": True}


@pytest.mark.parametrize(
    "asked",
    [
        {"volumes": [{"name": "tmp", "hostPath": {"path": "/"}}]},
        {"securityContext": {"runAsNonRoot": False, "runAsUser": 0, "runAsGroup": 0}},
    ],
)
def test_a_pod_that_asks_for_something_unknown_is_not_run_without_it(asked: dict[str, Any]) -> None:
    with pytest.raises(UnknownPodError):
        configuration(pod(**asked), IMAGE, AROUND)
