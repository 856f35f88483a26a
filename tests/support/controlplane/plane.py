"""The control plane as tests and the demo see it: a server's address, identities, kubectl, and ways to hurt it.

A control plane has no controllers: nobody makes a namespace's `default` ServiceAccount (`ensure_namespace` does),
nobody finishes deleting a namespace (it stays Terminating: use a fresh name), nobody runs a Deployment's pods, nobody
collects what an owner left behind. What the API server itself does is all there: RBAC, CEL, admission, tokens,
watches, audit.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import signal
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, assert_never

from support.controlplane.errors import CommandError, ControlPlaneError, NotOursError
from support.controlplane.kind_cluster import KindCluster
from support.controlplane.kubeconfig import Cluster, user_with_certificate, user_with_token, write_kubeconfig
from support.controlplane.process import Enter
from support.controlplane.programs import obtain_programs, print_progress
from support.controlplane.servers import Binaries, Servers
from support.controlplane.source import Assets, Built, Given, Kind, choose_source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from support.controlplane.cache import Report
    from support.controlplane.certificates import Certificates

_KUBECTL_LIMIT_SECONDS = 30.0


class ControlPlane:
    """A running API server. `start` makes one; leaving the `with` block ends what was started for it."""

    def __init__(
        self, directory: Path, *, kubectl: Path, servers: Servers | None, given: Path | None, audit_log: Path | None
    ) -> None:
        """Takes what `start` found or made; use `start`."""
        self.directory = directory
        self.kubectl = kubectl
        """The kubectl that fits the server."""
        self.audit_log = audit_log
        """One JSON entry a line, policy in audit-policy.yaml; None where the cluster is somebody else's."""
        self._servers = servers
        self._on_stop = ExitStack()
        self.admin_kubeconfig = given or directory / "admin.kubeconfig"
        """Every right there is; the operator never gets it."""
        if servers is not None:
            self._cluster = Cluster(server=servers.url, ca=servers.certificates.ca.read_bytes())
            self.kubeconfig_through(servers.url, name="admin")
        else:
            self._cluster = self._read_cluster()
        self.ca = directory / "ca.crt"
        """The authority that the server's certificate is from, PEM."""
        self.ca.write_bytes(self._cluster.ca)

    @classmethod
    def start(
        cls,
        directory: Path,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        enter: Enter | None = None,
        own_processes: bool = False,
        report: Report = print_progress,
    ) -> ControlPlane:
        """Starts a control plane whose files are all in the folder, and waits until it is ready.

        Started again in a folder that was used before, it goes on with the data, keys and certificates there.
        `enter` wraps every command so that it runs inside a network namespace (it must exec, not fork). With `enter`,
        or with own_processes, the servers are always children of this process and die with it, however it ends; else a
        cluster that the environment names, or kind, comes before the cached build. `port` 0 takes a free one.

        Raises BuildError, NotReadyError, or ControlPlaneError for a folder in use or a named source that is missing.
        """
        directory = directory.absolute()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        source = choose_source(os.environ, own_processes=own_processes or enter is not None)
        with ExitStack() as undo:
            undo.enter_context(_only_user(directory))
            match source:
                case Assets() | Built():
                    servers = Servers(
                        _binaries(source, report=report), directory=directory, address=address, port=port, enter=enter
                    )
                    undo.callback(servers.stop)
                    servers.start()
                    plane = cls(
                        directory,
                        kubectl=servers.binaries.kubectl,
                        servers=servers,
                        given=None,
                        audit_log=servers.audit_log,
                    )
                case Kind():
                    kind = KindCluster(obtain_programs("kind", report=report)["kind"], directory=directory)
                    undo.callback(kind.delete)
                    kind.create()
                    plane = cls(
                        directory,
                        kubectl=obtain_programs("kubectl", report=report)["kubectl"],
                        servers=None,
                        given=kind.kubeconfig,
                        audit_log=kind.audit_log,
                    )
                case Given(kubeconfig):
                    kubectl = obtain_programs("kubectl", report=report)["kubectl"]
                    plane = cls(directory, kubectl=kubectl, servers=None, given=kubeconfig, audit_log=None)
                case _:
                    assert_never(source)
            plane._on_stop = undo.pop_all()
        return plane

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends what was started, and waits until it is gone; the folder keeps its data. A second call does nothing."""
        self._on_stop.close()

    @property
    def server(self) -> str:
        """The server's URL, as seen from where it runs."""
        return self._cluster.server

    @property
    def pids(self) -> dict[str, int]:
        """The servers that run as children of this process, by name."""
        return self._servers.pids if self._servers else {}

    # ------------------------------------------------------------ identities

    def ensure_namespace(self, namespace: str) -> None:
        """Makes the namespace and its `default` ServiceAccount where they are missing."""
        self._ensure("namespace", namespace)
        self._ensure("serviceaccount", "default", namespace=namespace)

    def token_for_service_account(self, namespace: str, name: str, *, lifetime_seconds: int = 86400) -> str:
        """Returns a fresh token from the server's TokenRequest; makes the ServiceAccount where it is missing."""
        self.ensure_namespace(namespace)
        self._ensure("serviceaccount", name, namespace=namespace)
        # fmt: off
        return self.run_kubectl(
            "create", "token", name, "--namespace", namespace, f"--duration={lifetime_seconds}s",
        ).strip()
        # fmt: on

    def kubeconfig_for_service_account(self, namespace: str, name: str) -> Path:
        """Returns a kubeconfig that acts as the ServiceAccount, which has only the rights somebody bound to it."""
        token = self.token_for_service_account(namespace, name)
        path = self.directory / "kubeconfigs" / f"{namespace}.{name}.kubeconfig"
        return write_kubeconfig(path, cluster=self._cluster, user=user_with_token(token), namespace=namespace)

    def kubeconfig_for_token(self, token: str, *, name: str) -> Path:
        """Returns a kubeconfig that shows this token; the name is the file's."""
        path = self.directory / "kubeconfigs" / f"{name}.kubeconfig"
        return write_kubeconfig(path, cluster=self._cluster, user=user_with_token(token))

    def kubeconfig_through(self, server: str, *, name: str) -> Path:
        """Returns an admin kubeconfig for another way to the server, such as a forward from outside its namespace.

        The server's certificate is good for its own address, 127.0.0.1, ::1 and localhost.
        """
        made = self._own_servers().certificates
        return write_kubeconfig(
            self.directory / f"{name}.kubeconfig",
            cluster=Cluster(server=server, ca=made.ca.read_bytes()),
            user=user_with_certificate(certificate=made.admin, key=made.admin_key),
        )

    # ------------------------------------------------------------ use

    def run_kubectl(
        self,
        *words: str,
        kubeconfig: Path | None = None,
        input_text: str = "",
        timeout_seconds: float = _KUBECTL_LIMIT_SECONDS,
    ) -> str:
        """Runs kubectl where the server is, as admin unless another kubeconfig is given; returns what it printed.

        Raises CommandError with what it said instead.
        """
        command = [str(self.kubectl), f"--kubeconfig={kubeconfig or self.admin_kubeconfig}", *words]
        if self._servers is not None:
            return self._servers.run(command, input_text=input_text, timeout_seconds=timeout_seconds)
        try:
            # The user's own kubeconfig may need the user's environment (exec plug-ins).
            done = subprocess.run(
                command, input=input_text, capture_output=True, text=True, timeout=timeout_seconds, check=True
            )
        except subprocess.CalledProcessError as error:
            raise CommandError(f"kubectl {' '.join(words)}: {error.stderr.strip() or error.stdout.strip()}") from error
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"kubectl {' '.join(words)}: no end after {timeout_seconds:.0f} s") from error
        return done.stdout

    # ------------------------------------------------------------ ways to hurt it

    def kill_apiserver(self) -> None:
        """Ends the API server by SIGKILL; `restart_apiserver` brings it back.

        Raises NotOursError, as everything below does, where the server is no child of this process.
        """
        self._own_servers().kill_api_server()

    def restart_apiserver(self) -> None:
        """Ends the API server, if it runs, and waits until a new one is ready on the same port."""
        servers = self._own_servers()
        servers.stop_api_server()
        servers.start()

    def kill_etcd(self) -> None:
        """Ends the store by SIGKILL and leaves the API server alone with that; `resume` brings it back."""
        self._own_servers().kill_etcd()

    def resume(self) -> None:
        """Starts what was killed, on the same port, and waits until the API server is ready."""
        self._own_servers().start()

    def freeze(self, name: str) -> None:
        """Stops a server (`etcd` or `kube-apiserver`) where it is: connections stay, nothing is answered."""
        os.kill(self._own_servers().pids[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Lets a frozen server go on."""
        os.kill(self._own_servers().pids[name], signal.SIGCONT)

    @property
    def server_certificates(self) -> Certificates:
        """The server's own certificates and keys, for who stands in for it on the way."""
        return self._own_servers().certificates

    def snapshot(self, path: Path) -> None:
        """Writes the store as it is at one moment to the file."""
        self._own_servers().snapshot(path)

    def restore(self, path: Path, *, bump_revision: int = 0) -> None:
        """Puts the store back to a snapshot and starts again; every later write is gone.

        With bump_revision 0 resourceVersions are given out a second time, as after a careless restore; a careful one
        bumps them (etcd's advice: 1000000000), so that watches and caches start over.
        """
        self._own_servers().restore(path, bump_revision=bump_revision)

    def _own_servers(self) -> Servers:
        if self._servers is None:
            raise NotOursError(f"{self.server} is not a control plane of this process; start one with own_processes")
        return self._servers

    def _ensure(self, resource: str, name: str, *, namespace: str = "default") -> None:
        """Makes an object where it is missing."""
        found = self.run_kubectl("get", resource, name, "--namespace", namespace, "--ignore-not-found", "-o", "name")
        if not found.strip():
            self.run_kubectl("create", resource, name, "--namespace", namespace)

    def _read_cluster(self) -> Cluster:
        """Reads the server's address and authority out of a kubeconfig of any form."""
        view = json.loads(self.run_kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json"))
        cluster = view["clusters"][0]["cluster"]
        return Cluster(server=cluster["server"], ca=base64.b64decode(cluster.get("certificate-authority-data", "")))


@contextmanager
def _only_user(directory: Path) -> Iterator[None]:
    """Holds the folder for this process; the kernel gives it back when the process ends."""
    with (directory / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ControlPlaneError(f"another control plane runs in {directory}") from None
        yield


def _binaries(source: Assets | Built, *, report: Report) -> Binaries:
    """Returns the programs of a source whose servers are processes of ours."""
    if isinstance(source, Assets):
        folder = source.folder
        etcdctl, etcdutl = folder / "etcdctl", folder / "etcdutl"
        return Binaries(
            etcd=folder / "etcd",
            kube_apiserver=folder / "kube-apiserver",
            kubectl=folder / "kubectl",
            etcdctl=etcdctl if etcdctl.exists() else None,
            etcdutl=etcdutl if etcdutl.exists() else None,
        )
    programs = obtain_programs("control-plane", report=report)
    return Binaries(
        etcd=programs["etcd"],
        kube_apiserver=programs["kube-apiserver"],
        kubectl=programs["kubectl"],
        etcdctl=programs["etcdctl"],
        etcdutl=programs["etcdutl"],
    )
