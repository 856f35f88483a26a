"""Where the control plane comes from, and the cache of what is built for it: never rebuilt in a test, always healed."""

import os
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.controlplane import BuildError, ControlPlaneError
from support.controlplane.cache import Unusable, inspect, obtain
from support.controlplane.source import Assets, Built, Given, Kind, choose_source
from support.controlplane.toolset import Tool, Toolset

# ---------------------------------------------------------------- where it comes from


def fake_docker(folder: Path, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_the_first_source_that_the_machine_offers_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("etcd", "kube-apiserver", "kubectl", "kubeconfig"):
        (tmp_path / name).touch()
    everything = {"MAESTRO_KUBECONFIG": str(tmp_path / "kubeconfig"), "KUBEBUILDER_ASSETS": str(tmp_path)}
    assets = {"KUBEBUILDER_ASSETS": str(tmp_path)}
    fake_docker(tmp_path, "echo 28.0.0")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    assert choose_source(everything, own_processes=False) == Given(tmp_path / "kubeconfig")
    assert choose_source(everything, own_processes=True) == Assets(tmp_path)
    assert choose_source(assets, own_processes=False) == Assets(tmp_path)
    assert choose_source({}, own_processes=False) == Kind()
    assert choose_source({}, own_processes=True) == Built()

    # A docker command without its engine is no engine, whatever it prints.
    fake_docker(tmp_path, "echo 'Client: 28.0.0'; exit 1")
    assert choose_source({}, own_processes=False) == Built()


@pytest.mark.parametrize("name", ["MAESTRO_KUBECONFIG", "KUBEBUILDER_ASSETS"])
def test_a_source_that_is_named_and_missing_is_an_error_and_not_a_reason_to_take_another(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(ControlPlaneError, match=name):
        choose_source({name: str(tmp_path / "nothing")}, own_processes=False)


# ---------------------------------------------------------------- the cache


class FakeBuilder:
    """Writes small scripts in place of the compiler's programs, and counts how often."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.builds = 0
        self._fails_after = fails_after

    def __call__(self, toolset: Toolset, folder: Path) -> None:
        self.builds += 1
        for number, tool in enumerate(toolset.tools):
            if number == self._fails_after:
                raise BuildError("out of disk")
            (folder / tool.name).write_text(f"#!/bin/sh\necho {tool.name}\n")
            (folder / tool.name).chmod(0o755)


@pytest.fixture
def toolset(tmp_path: Path) -> Toolset:
    module = tmp_path / "module"
    module.mkdir()
    (module / "go.mod").write_text("module example.invalid/tools\n")
    (module / "go.sum").write_text("")
    return Toolset(name="fake", version="v1", module=module, tools=(Tool("one", "a/one"), Tool("two", "a/two")))


def outputs(toolset: Toolset, root: Path, builder: FakeBuilder) -> list[str]:
    programs = obtain(toolset, root=root, build=builder, report=lambda _: None)
    return [
        subprocess.run([program], capture_output=True, text=True, check=True).stdout for program in programs.values()
    ]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a program is missing": lambda folder: (folder / "two").unlink(),
    "a program is truncated": lambda folder: os.truncate(folder / "two", 5),
    "a program has other content of the same size": lambda folder: (folder / "two").write_bytes(
        (folder / "two").read_bytes().replace(b"two", b"owt")
    ),
    "a program is not executable": lambda folder: (folder / "two").chmod(0o644),
    "a program is a folder": lambda folder: (folder / "two").rename(folder / "three").with_name("two").mkdir(),
    "the manifest is missing": lambda folder: (folder / "manifest.json").unlink(),
    "the manifest is torn": lambda folder: os.truncate(folder / "manifest.json", 20),
    "the manifest is something else": lambda folder: (folder / "manifest.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_broken_cache_heals(damage: Callable[[Path], object], toolset: Toolset, tmp_path: Path) -> None:
    builder = FakeBuilder()
    assert outputs(toolset, tmp_path, builder) == ["one\n", "two\n"]
    assert outputs(toolset, tmp_path, builder) == ["one\n", "two\n"]
    assert builder.builds == 1

    damage(tmp_path / "tools" / toolset.key())

    assert outputs(toolset, tmp_path, builder) == ["one\n", "two\n"]
    assert builder.builds == 2
    assert {one.name for one in (tmp_path / "tools").iterdir()} == {toolset.key(), ".lock-fake"}


def test_another_pin_is_another_build(toolset: Toolset, tmp_path: Path) -> None:
    builder = FakeBuilder()
    outputs(toolset, tmp_path, builder)

    (toolset.module / "go.sum").write_text("example.invalid/newer v2 h1:\n")
    outputs(toolset, tmp_path, builder)

    assert builder.builds == 2


def test_a_failed_build_leaves_nothing_behind(toolset: Toolset, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="out of disk"):
        outputs(toolset, tmp_path, FakeBuilder(fails_after=1))

    assert isinstance(inspect(toolset, root=tmp_path), Unusable)
    assert {one.name for one in (tmp_path / "tools").iterdir()} == {".lock-fake"}


def test_what_a_killed_builder_left_is_swept_up(toolset: Toolset, tmp_path: Path) -> None:
    leftover = tmp_path / "tools" / ".building-fake-abc"
    leftover.mkdir(parents=True)
    (leftover / "one").write_text("half")

    outputs(toolset, tmp_path, FakeBuilder())

    assert not leftover.exists()


def test_builders_wait_for_each_other_and_one_builds(toolset: Toolset, tmp_path: Path) -> None:
    builder = FakeBuilder()

    with ThreadPoolExecutor(max_workers=4) as pool:
        results = list(pool.map(lambda _: outputs(toolset, tmp_path, builder), range(4)))

    assert results == [["one\n", "two\n"]] * 4
    assert builder.builds == 1
