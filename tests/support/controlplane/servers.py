"""etcd and kube-apiserver as processes of this one, with everything they write in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.controlplane.certificates import Certificates, make_certificates
from support.controlplane.clock import await_condition
from support.controlplane.errors import CommandError, NotReadyError
from support.controlplane.etcd_health import is_healthy
from support.controlplane.process import Enter, Server, dying_with_parent

if TYPE_CHECKING:
    from collections.abc import Mapping

AUDIT_POLICY = Path(__file__).resolve().parent / "audit-policy.yaml"
_HERE = Path(__file__).resolve().parent

# Sockets in the folder: nobody without the folder's rights reaches the store, and no port can collide. The names look
# like host:port because etcd insists; they are relative because a socket's path may have only 107 letters.
_ETCD = "unix://etcd:0"
_ETCD_PEER = "unix://etcd-peer:0"
_SERVICE_RANGE = "10.96.0.0/16"
_ISSUER = "https://kubernetes.default.svc.cluster.local"

_READY_SECONDS = 60.0
_API_SERVER_GRACE_SECONDS = 4.0
_ETCD_GRACE_SECONDS = 4.0
_TOOL_LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class Binaries:
    """The programs of a control plane."""

    etcd: Path
    kube_apiserver: Path
    kubectl: Path
    etcdctl: Path | None
    """None where the user's own binaries come without it; then there are no snapshots."""
    etcdutl: Path | None


class Servers:
    """An etcd and a kube-apiserver in one folder; starting again in the same folder continues with its data."""

    def __init__(self, binaries: Binaries, *, directory: Path, address: str, port: int, enter: Enter | None) -> None:
        self.binaries = binaries
        self.directory = directory
        self.address = address
        self.certificates: Certificates = make_certificates(directory / "pki", addresses=[address])
        self.audit_log = directory / "audit.log"
        self._enter = enter
        self._etcd: Server | None = None
        self._api_server: Server | None = None
        self.port = port or int(self.run([sys.executable, str(_HERE / "free_port.py"), address]))

    @property
    def url(self) -> str:
        """Where the API server listens."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"https://{host}:{self.port}"

    @property
    def pids(self) -> dict[str, int]:
        """The numbers of the processes that run, by name."""
        return {server.name: server.pid for server in (self._etcd, self._api_server) if server and server.is_running()}

    def start(self) -> None:
        """Starts what does not run and waits until the API server is ready.

        Raises NotReadyError with the end of the log; what was started is ended then.
        """
        try:
            if self._etcd is None or not self._etcd.is_running():
                self._etcd = self._launch("etcd", self._etcd_command())
                self._await_store(self._etcd)
            if self._api_server is None or not self._api_server.is_running():
                self._api_server = self._launch("kube-apiserver", self._api_server_command())
            self._await_ready(self._api_server)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both servers and waits until they are gone."""
        self.stop_api_server()
        if self._etcd is not None:
            self._etcd.stop(grace_seconds=_ETCD_GRACE_SECONDS)
            self._etcd = None

    def stop_api_server(self) -> None:
        """Ends the API server as an upgrade would."""
        if self._api_server is not None:
            self._api_server.stop(grace_seconds=_API_SERVER_GRACE_SECONDS)
            self._api_server = None

    def kill_api_server(self) -> None:
        """Ends the API server as a power cut would."""
        if self._api_server is not None:
            self._api_server.kill()
            self._api_server = None

    def kill_etcd(self) -> None:
        """Ends the store as a power cut would; the API server stays."""
        if self._etcd is not None:
            self._etcd.kill()
            self._etcd = None

    def snapshot(self, path: Path) -> None:
        """Writes a copy of the store from one moment, while it runs."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.run([self._tool("etcdctl"), f"--endpoints={_ETCD}", "snapshot", "save", str(path.absolute())])

    def restore(self, path: Path, *, bump_revision: int) -> None:
        """Puts the store back to a snapshot, with both servers down meanwhile."""
        fresh = self.directory / "etcd.restored"
        shutil.rmtree(fresh, ignore_errors=True)
        # fmt: off
        command = [
            self._tool("etcdutl"), "snapshot", "restore", str(path.absolute()), f"--data-dir={fresh}", "--name=default",
            f"--initial-cluster=default={_ETCD_PEER}", f"--initial-advertise-peer-urls={_ETCD_PEER}",
        ]
        # fmt: on
        if bump_revision:
            command += [f"--bump-revision={bump_revision}", "--mark-compacted"]
        self.run(command)
        self.stop()
        data = self.directory / "etcd.data"
        shutil.rmtree(data)
        fresh.rename(data)
        self.start()

    def run(self, command: list[str], *, input_text: str = "", timeout_seconds: float = _TOOL_LIMIT_SECONDS) -> str:
        """Runs a program where the servers run and returns what it printed.

        Raises CommandError with what it said instead.
        """
        shown = " ".join(Path(word).name if word.startswith("/") else word for word in command)
        try:
            done = subprocess.run(
                self._enter(command) if self._enter else command,
                cwd=self.directory,
                env=self.environ(),
                input=input_text,
                capture_output=True,
                text=True,
                timeout=timeout_seconds,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise CommandError(
                f"{shown}: {error.stderr.strip() or error.stdout.strip() or error.returncode}"
            ) from error
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"{shown}: no end after {timeout_seconds:.0f} s") from error
        return done.stdout

    def environ(self) -> Mapping[str, str]:
        """Returns the environment of everything that runs here: all it writes goes into the folder."""
        own = str(self.directory)
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "LANG", "LC_ALL"}}
        return {**kept, "HOME": own, "TMPDIR": own, "KUBECACHEDIR": str(self.directory / "kubectl-cache")}

    def _launch(self, name: str, command: list[str]) -> Server:
        return Server.start(
            dying_with_parent(command, enter=self._enter), name=name, cwd=self.directory, env=self.environ()
        )

    def _await_store(self, etcd: Server) -> None:
        """Waits until the store serves; an API server that comes earlier loses a second by backing off."""

        def settled() -> bool:
            return not etcd.is_running() or is_healthy(self.directory / _ETCD.removeprefix("unix://"))

        if not await_condition(settled, within_seconds=_READY_SECONDS) or not etcd.is_running():
            raise NotReadyError(
                f"etcd is not ready{'' if etcd.is_running() else ', it has ended'}:\n{etcd.last_words()}"
            )

    def _await_ready(self, server: Server) -> None:
        made = self.certificates
        # fmt: off
        command = [
            sys.executable, str(_HERE / "await_ready.py"), self.address, str(self.port),
            str(made.ca), str(made.admin), str(made.admin_key), str(_READY_SECONDS), str(server.pid),
        ]
        # fmt: on
        try:
            self.run(command, timeout_seconds=_READY_SECONDS + 10.0)
        except CommandError as error:
            dead = [one for one in (self._etcd, server) if one and not one.is_running()]
            ended = f"; {dead[0].name} has ended" if dead else ""
            words = (dead[0] if dead else server).last_words()
            raise NotReadyError(f"the API server is not ready{ended}: {error}\n{words}") from error

    def _tool(self, name: str) -> str:
        path = {"etcdctl": self.binaries.etcdctl, "etcdutl": self.binaries.etcdutl}[name]
        if path is None:
            raise CommandError(f"{name} is not among the binaries in use, so the store cannot be copied")
        return str(path)

    def _etcd_command(self) -> list[str]:
        # fmt: off
        return [
            str(self.binaries.etcd), "--name=default", f"--data-dir={self.directory / 'etcd.data'}",
            f"--listen-client-urls={_ETCD}", f"--advertise-client-urls={_ETCD}",
            f"--listen-peer-urls={_ETCD_PEER}", f"--initial-advertise-peer-urls={_ETCD_PEER}",
            f"--initial-cluster=default={_ETCD_PEER}",
            # The only member elects itself: a second of waiting less.
            "--heartbeat-interval=20", "--election-timeout=200",
            # A killed process loses nothing of what the kernel has; this store need not survive the machine.
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        # fmt: on

    def _api_server_command(self) -> list[str]:
        made = self.certificates
        # fmt: off
        return [
            str(self.binaries.kube_apiserver), f"--etcd-servers={_ETCD}",
            f"--bind-address={self.address}", f"--secure-port={self.port}", f"--advertise-address={self.address}",
            f"--tls-cert-file={made.server}", f"--tls-private-key-file={made.server_key}",
            f"--cert-dir={self.directory / 'pki'}", f"--client-ca-file={made.ca}",
            "--authorization-mode=RBAC", "--anonymous-auth=false",
            f"--service-account-issuer={_ISSUER}", f"--api-audiences={_ISSUER}",
            f"--service-account-key-file={made.service_account_key}",
            f"--service-account-signing-key-file={made.service_account_key}",
            f"--service-cluster-ip-range={_SERVICE_RANGE}",
            # There is one server and no pod that looks for it; a loopback address could not be published anyway.
            "--endpoint-reconciler-type=none",
            # Nobody makes the default ServiceAccounts that this plugin wants every pod to have.
            "--disable-admission-plugins=ServiceAccount",
            f"--audit-policy-file={AUDIT_POLICY}", f"--audit-log-path={self.audit_log}", "--audit-log-mode=blocking",
            "--audit-log-maxsize=2000",
            "--profiling=false", "--v=1",
        ]
        # fmt: on
