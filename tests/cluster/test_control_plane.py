"""The control plane without a container engine: what the other tests, the demo and its judge rely on."""

import base64
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.controlplane import CommandError, ControlPlane, ControlPlaneError, NotOursError
from support.controlplane.clock import await_condition
from support.controlplane.process import dying_with_parent, spawn
from support.controlplane.programs import obtain_programs
from support.controlplane.toolset import KUBERNETES_VERSION
from support.pair_api import await_served

READER = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: rights}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: rights}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: reader, namespace: rights}]
"""

# Not the project's own schema: the audit policy goes by the group alone.
SOME_PAIRS = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: maestropairs.maestropair.dev}
spec:
  group: maestropair.dev
  scope: Namespaced
  names: {plural: maestropairs, singular: maestropair, kind: MaestroPair}
  versions:
    - name: v1alpha1
      served: true
      storage: true
      subresources: {status: {}}
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
A_PAIR = "{apiVersion: maestropair.dev/v1alpha1, kind: MaestroPair, metadata: {name: audited}}"


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("plane"), own_processes=True) as started:
        yield started


def is_alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


# ---------------------------------------------------------------- the server


def test_server_and_kubectl_are_one_known_version(plane: ControlPlane) -> None:
    versions = json.loads(plane.run_kubectl("version", "-o", "json"))

    found = {versions[side]["gitVersion"] for side in ("clientVersion", "serverVersion")}
    assert found == ({KUBERNETES_VERSION} if "KUBEBUILDER_ASSETS" not in os.environ else found)


def test_a_strangers_token_is_refused(plane: ControlPlane) -> None:
    stranger = plane.kubeconfig_for_token("never.issued.here", name="stranger")

    with pytest.raises(CommandError, match="must be logged in to the server"):
        plane.run_kubectl("get", "configmaps", kubeconfig=stranger)


def test_a_service_account_may_do_what_its_role_says_and_nothing_else(plane: ControlPlane) -> None:
    reader = plane.kubeconfig_for_service_account("rights", "reader")
    with pytest.raises(CommandError, match="forbidden"):
        plane.run_kubectl("get", "configmaps", kubeconfig=reader)

    plane.run_kubectl("apply", "-f", "-", input_text=READER)

    assert plane.run_kubectl("auth", "can-i", "list", "configmaps", kubeconfig=reader).strip() == "yes"
    assert plane.run_kubectl("get", "configmaps", "-o", "name", kubeconfig=reader) == ""
    with pytest.raises(CommandError, match="no"):
        plane.run_kubectl("auth", "can-i", "list", "secrets", kubeconfig=reader)
    with pytest.raises(CommandError, match="forbidden"):
        plane.run_kubectl("get", "secrets", kubeconfig=reader)


def test_a_namespace_gets_the_service_account_that_a_controller_would_make(plane: ControlPlane) -> None:
    plane.ensure_namespace("fresh")
    plane.ensure_namespace("fresh")

    assert plane.run_kubectl("get", "serviceaccounts", "-n", "fresh", "-o", "name") == "serviceaccount/default\n"


def test_the_audit_log_has_every_write_to_a_pair_in_order(plane: ControlPlane) -> None:
    plane.run_kubectl("apply", "-f", "-", input_text=SOME_PAIRS)
    await_served(plane)
    plane.run_kubectl("create", "-f", "-", input_text=A_PAIR)
    for epoch in (1, 2):
        patch = json.dumps({"status": {"epoch": epoch}})
        plane.run_kubectl("patch", "maestropair/audited", "--subresource=status", "--type=merge", "-p", patch)

    assert plane.audit_log is not None
    entries = [json.loads(line) for line in plane.audit_log.read_text().splitlines()]
    writes = [one for one in entries if one["objectRef"].get("name") == "audited" and one["verb"] == "patch"]
    assert [one["requestObject"] for one in writes] == [{"status": {"epoch": 1}}, {"status": {"epoch": 2}}]
    assert {one["objectRef"]["subresource"] for one in writes} == {"status"}
    versions = [int(one["responseObject"]["metadata"]["resourceVersion"]) for one in writes]
    moments = [one["stageTimestamp"] for one in writes]
    assert versions == sorted(versions)
    assert moments == sorted(moments)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", moment) for moment in moments)


def test_the_audit_log_holds_no_secret(plane: ControlPlane) -> None:
    password = "never-to-be-logged"
    plane.run_kubectl("create", "secret", "generic", "password", f"--from-literal=password={password}")
    token = plane.token_for_service_account("default", "spy")

    assert plane.audit_log is not None
    log = plane.audit_log.read_text()
    assert "/secrets?" in log
    assert password not in log
    assert base64.b64encode(password.encode()).decode() not in log
    assert token not in log


def test_a_folder_has_one_control_plane_at_a_time(plane: ControlPlane) -> None:
    with pytest.raises(ControlPlaneError, match="another control plane runs in"):
        ControlPlane.start(plane.directory, own_processes=True)


def test_a_given_cluster_is_used_and_never_hurt(
    plane: ControlPlane, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAESTRO_KUBECONFIG", str(plane.admin_kubeconfig))

    with ControlPlane.start(tmp_path) as given:
        token_user = given.kubeconfig_for_service_account("given", "visitor")
        assert given.server == plane.server
        assert given.ca.read_bytes() == plane.ca.read_bytes()
        with pytest.raises(CommandError, match="forbidden"):
            given.run_kubectl("get", "secrets", kubeconfig=token_user)
        with pytest.raises(NotOursError):
            given.kill_apiserver()

    assert plane.run_kubectl("get", "--raw", "/readyz") == "ok"


# ---------------------------------------------------------------- hurt, and ended


def test_data_tokens_and_address_outlive_a_killed_api_server(plane: ControlPlane) -> None:
    kubeconfig = plane.kubeconfig_for_service_account("kept", "someone")
    plane.run_kubectl("create", "configmap", "kept", "-n", "kept", "--from-literal=k=v")
    before = (plane.server, plane.pids)

    plane.kill_apiserver()
    assert set(plane.pids) == {"etcd"}
    with pytest.raises(CommandError):
        plane.run_kubectl("get", "configmaps", "-n", "kept")
    plane.restart_apiserver()

    assert plane.server == before[0]
    assert plane.pids["etcd"] == before[1]["etcd"]
    assert plane.pids["kube-apiserver"] != before[1]["kube-apiserver"]
    assert plane.run_kubectl("get", "configmap", "kept", "-n", "kept", "-o", "jsonpath={.data.k}") == "v"
    with pytest.raises(CommandError, match="forbidden"):  # known still, and without rights still
        plane.run_kubectl("get", "configmaps", kubeconfig=kubeconfig)


def test_a_restored_store_has_forgotten_what_came_after_the_snapshot(plane: ControlPlane, tmp_path: Path) -> None:
    plane.run_kubectl("create", "configmap", "before-snapshot")
    plane.snapshot(tmp_path / "store.db")
    plane.run_kubectl("create", "configmap", "after-snapshot")

    plane.restore(tmp_path / "store.db")

    names = plane.run_kubectl("get", "configmaps", "-o", "name").split()
    assert "configmap/before-snapshot" in names
    assert "configmap/after-snapshot" not in names


def test_the_users_own_binaries_are_used_stop_leaves_no_process_and_a_second_start_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assets = tmp_path / "assets"
    assets.mkdir()
    for name in ("etcd", "kube-apiserver", "kubectl"):
        (assets / name).symlink_to(obtain_programs("control-plane")[name])
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(assets))

    with ControlPlane.start(tmp_path / "plane", own_processes=True) as first:
        pids = first.pids
        assert {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0] for pid in pids.values()} == {
            os.fsencode(assets / "etcd"),
            os.fsencode(assets / "kube-apiserver"),
        }
        with pytest.raises(CommandError, match="etcdctl is not among the binaries"):
            first.snapshot(tmp_path / "store.db")
        first.run_kubectl("create", "configmap", "kept")
    assert set(pids) == {"etcd", "kube-apiserver"}
    assert not any(is_alive(pid) for pid in pids.values())

    with ControlPlane.start(tmp_path / "plane", own_processes=True) as second:
        assert second.run_kubectl("get", "configmaps", "-o", "name").split() == ["configmap/kept"]


def test_a_killed_owner_takes_the_servers_with_it(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib, threading; from support.controlplane import ControlPlane\n"
        "plane = ControlPlane.start(pathlib.Path(sys.argv[1]), own_processes=True)\n"
        "print(*plane.pids.values(), flush=True); threading.Event().wait(60)"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, env=with_own_path()
    )
    assert owner.stdout is not None
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    assert all(is_alive(pid) for pid in pids)

    owner.send_signal(signal.SIGKILL)
    owner.communicate()

    assert await_condition(lambda: not any(is_alive(pid) for pid in pids), within_seconds=5)


def test_a_server_started_by_a_worker_thread_outlives_the_worker(tmp_path: Path) -> None:
    started: list[subprocess.Popen[bytes]] = []
    command = dying_with_parent(["sleep", "60"])

    def work() -> None:
        started.append(
            spawn(command, cwd=tmp_path, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )
        assert await_condition(lambda: name_of(started[0].pid) == "sleep", within_seconds=5)

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()

    with pytest.raises(subprocess.TimeoutExpired):
        started[0].wait(timeout=0.3)
    started[0].kill()
    started[0].wait()


def name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def with_own_path() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}


def test_the_command_line_starts_shows_and_stops(tmp_path: Path) -> None:
    def control(command: str) -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-m", "support.controlplane", command, f"--directory={tmp_path}"]
        environ = {name: value for name, value in with_own_path().items() if name != "MAESTRO_KUBECONFIG"}
        return subprocess.run(words, env=environ, capture_output=True, text=True, timeout=90, check=False)

    up = control("up")
    assert up.returncode == 0, up.stderr
    state = json.loads((tmp_path / "state.json").read_text())
    pids = [state["pid"], *state["pids"].values()]
    assert all(is_alive(pid) for pid in pids)
    again = control("up")
    shown = control("status")
    down = control("down")

    assert state["server"] in shown.stdout
    assert again.stdout == shown.stdout == up.stdout
    assert (down.returncode, down.stdout) == (0, "stopped\n")
    assert await_condition(lambda: not any(is_alive(pid) for pid in pids), within_seconds=5)
    assert control("status").returncode == 3


# ---------------------------------------------------------------- somewhere else


@pytest.mark.root
def test_it_runs_inside_a_network_namespace_and_nowhere_else(tmp_path: Path) -> None:
    # A cat that waits for its input holds the namespace open, and lets go when this process is gone.
    holder = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"up\n"

    def enter(command: list[str]) -> list[str]:
        return ["nsenter", f"--net=/proc/{holder.pid}/ns/net", "--", *command]

    try:
        with ControlPlane.start(tmp_path, enter=enter) as inside:
            own, other = (
                Path(f"/proc/{pid}/ns/net").readlink() for pid in (inside.pids["kube-apiserver"], os.getpid())
            )
            assert own != other
            assert own == Path(f"/proc/{holder.pid}/ns/net").readlink()
            assert inside.run_kubectl("get", "--raw", "/readyz") == "ok"
            outside = [str(inside.kubectl), f"--kubeconfig={inside.admin_kubeconfig}", "get", "--raw", "/readyz"]
            with pytest.raises(subprocess.CalledProcessError):
                subprocess.run(outside, check=True, capture_output=True, timeout=30)
            pids = inside.pids
        assert not any(is_alive(pid) for pid in pids.values())
    finally:
        holder.communicate(timeout=10)
