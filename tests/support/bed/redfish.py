"""A baseboard management controller for each node: Redfish over TLS with basic authentication.

Its power actions are the node's own power supply, and its faults are settable while it runs. Every request goes to
an audit log together with the node's true power before and after, so that a judge need not believe the answers.
"""

import base64
import contextlib
import dataclasses
import hmac
import http.server
import json
import ssl
import threading
from typing import ClassVar

from typing_extensions import override

from support.bed import clock, layout
from support.bed.certificates import ServerCertificate
from support.bed.description import Account, Mode
from support.bed.evidence import Journal
from support.bed.machine import Machine

SLOW_SECONDS = 20.0
HANG_SECONDS = 600.0
REQUEST_SECONDS = 60.0
RESET_TYPES = ("On", "ForceOn", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "PowerCycle")
ROOT_PATH = "/redfish/v1"
SYSTEM_PATH = f"{ROOT_PATH}/Systems/System.Embedded.1"
TWIN_PATH = f"{ROOT_PATH}/Systems/System.Embedded.2"
RESET_PATH = f"{SYSTEM_PATH}/Actions/ComputerSystem.Reset"
TWIN_RESET_PATH = f"{TWIN_PATH}/Actions/ComputerSystem.Reset"
STRANGER_UUID = "5eed0000-0000-4000-8000-000000000bad"
STRANGER_SERIAL = "BED-STRANGER"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the BMC says to one request."""

    status: int
    body: dict[str, object] | None


class Bmc:
    """One node's BMC; its server is closed while the mode is `offline`."""

    def __init__(self, *, machine: Machine, account: Account, certificate: ServerCertificate, audit: Journal) -> None:
        self.machine = machine
        self.account = account
        self.audit = audit
        self.mode: Mode = "honest"
        self.twin: Bmc | None = None
        """Whose machine is the second member in mode `twins`."""
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate.certificate, certificate.key)
        self._pretended = "Off"
        self._slow_off: threading.Timer | None = None
        self._slow_seconds = SLOW_SECONDS
        self._mode_changed = threading.Event()
        self._server: _Server | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Listens on the BMC's own address and port."""
        self._server = _Server((self.account.host, self.account.port), self, self._context)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def set_mode(self, mode: Mode, *, slow_seconds: float) -> None:
        """Changes what the BMC does from the next request on; a hanging one lets its callers go."""
        with self._lock:
            self.audit.write(bmc=self.machine.name, event="mode", mode=mode, true_power=self.true_power())
            self._pretended = self.true_power()
            self._slow_seconds = slow_seconds
            self.mode = mode
            self._mode_changed.set()
            self._mode_changed = threading.Event()
            if mode == "offline" and self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None
            if mode != "offline" and self._server is None:
                self.start()

    def true_power(self) -> str:
        """Returns what the node's supply really does, in Redfish's words."""
        return "On" if self.machine.is_on() else "Off"

    def hang(self) -> None:
        """Keeps a caller waiting until the mode changes."""
        self._mode_changed.wait(timeout=HANG_SECONDS)

    def answer(self, method: str, path: str, body: dict[str, object]) -> Answer:
        """Does what was asked, in the way of the current mode."""
        match method, path.rstrip("/"):
            case "GET", "/redfish/v1":
                return Answer(200, _service_root())
            case "GET", "/redfish/v1/Systems":
                paths = [SYSTEM_PATH, TWIN_PATH] if self._visible_twin() else [SYSTEM_PATH]
                return Answer(
                    200, {"Members": [{"@odata.id": item} for item in paths], "Members@odata.count": len(paths)}
                )
            case "GET", wanted if wanted == SYSTEM_PATH:
                return Answer(200, self.system())
            case "POST", wanted if wanted == RESET_PATH:
                return self.reset(body.get("ResetType"))
            case "GET", wanted if wanted == TWIN_PATH and (twin := self._visible_twin()) is not None:
                return Answer(200, twin.system(TWIN_PATH, TWIN_RESET_PATH))
            case "POST", wanted if wanted == TWIN_RESET_PATH and (twin := self._visible_twin()) is not None:
                return twin.reset(body.get("ResetType"))
            case _:
                return Answer(404, _error("no such resource"))

    def _visible_twin(self) -> "Bmc | None":
        return self.twin if self.mode == "twins" else None

    def system(self, path: str = SYSTEM_PATH, reset_path: str = RESET_PATH) -> dict[str, object]:
        """Returns the System, at the path under which it is asked for."""
        is_stranger = self.mode == "stranger"
        return {
            "@odata.id": path,
            "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
            "Id": "System.Embedded.1",
            "Name": f"node-{self.machine.name}",
            "UUID": STRANGER_UUID if is_stranger else self.account.uuid,
            "SerialNumber": STRANGER_SERIAL if is_stranger else self.account.serial,
            "PowerState": self._told_power(),
            "Status": {"State": "Enabled", "Health": "OK"},
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": reset_path,
                    "ResetType@Redfish.AllowableValues": list(RESET_TYPES),
                }
            },
        }

    def _told_power(self) -> str | None:
        if self.mode == "lying":
            return self._pretended
        if self.mode == "null":
            return None
        if self._slow_off is not None and self._slow_off.is_alive():
            return "PoweringOff"
        return self.true_power()

    def reset(self, wanted: object) -> Answer:
        """Does a power action in the way of the current mode."""
        if wanted not in RESET_TYPES:
            return Answer(400, _error("unsupported ResetType"))
        if self.mode == "denying":
            return Answer(403, _error("insufficient privileges"))
        if self.mode == "lying":
            self._pretended = "Off" if wanted in ("ForceOff", "GracefulShutdown") else "On"
        elif self.mode == "slow" and wanted == "ForceOff":
            self._slow_off = threading.Timer(self._slow_seconds, self.machine.power_cut, ("bmc",))
            self._slow_off.daemon = True
            self._slow_off.start()
        else:
            self._obey(str(wanted))
        return Answer(204, None)

    def _obey(self, wanted: str) -> None:
        match wanted:
            case "On" | "ForceOn":
                self.machine.power_on("bmc")
            case "ForceOff":
                self.machine.power_cut("bmc")
            case "GracefulShutdown":
                self.machine.soft_off("bmc")
            case "GracefulRestart":
                self.machine.reboot("bmc")
            case _:
                self.machine.power_cut("bmc")
                self.machine.power_on("bmc")


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], bmc: Bmc, context: ssl.SSLContext) -> None:
        self.bmc = bmc
        super().__init__(address, _Handler)
        # The handshake happens at the first read, in the request's own thread: a silent caller blocks nobody.
        self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @override
    def handle_error(self, request: object, client_address: object) -> None:
        """Ignores callers that broke off; what was asked is in the audit log."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout: ClassVar[float] = REQUEST_SECONDS

    def do_GET(self) -> None:
        """Serves a resource."""
        self._serve("GET", b"")

    def do_POST(self) -> None:
        """Serves an action."""
        length = min(int(self.headers.get("content-length") or 0), 65536)
        self._serve("POST", self.rfile.read(length))

    def _serve(self, method: str, payload: bytes) -> None:
        bmc = self.server.bmc
        received = clock.monotonic_nanoseconds()
        before, mode = bmc.true_power(), bmc.mode
        if mode == "hanging":
            bmc.audit.write(bmc=bmc.machine.name, event="hang", method=method, path=self.path, true_power=before)
            bmc.hang()
        body, answer = _parsed(payload), Answer(401, _error("authentication required"))
        if mode == "hanging":
            answer = Answer(503, _error("busy"))
        elif self._is_authorised():
            try:
                answer = bmc.answer(method, self.path, body)
            except Exception as error:  # noqa: BLE001 - a BMC answers 500, whatever broke
                answer = Answer(500, _error(repr(error)))
        bmc.audit.write(
            bmc=bmc.machine.name,
            event="request",
            received_monotonic_ns=received,
            client=self.client_address[0],
            mode=mode,
            method=method,
            path=self.path,
            request=body,
            status=answer.status,
            answer=answer.body,
            true_power_before=before,
            true_power_after=bmc.true_power(),
        )
        with contextlib.suppress(OSError):
            self._send(answer)

    def _is_authorised(self) -> bool:
        account = self.server.bmc.account
        expected = base64.b64encode(f"{account.username}:{account.password}".encode()).decode()
        return hmac.compare_digest(self.headers.get("authorization") or "", f"Basic {expected}")

    def _send(self, answer: Answer) -> None:
        content = b"" if answer.body is None else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        if answer.status == 401:
            self.send_header("WWW-Authenticate", 'Basic realm="bmc"')
        if answer.body is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
        self.send_header("OData-Version", "4.0")
        self.end_headers()
        self.wfile.write(content)

    @override
    def log_message(self, format: str, *args: object) -> None:
        """Stays silent: the audit log has it all."""


def _parsed(payload: bytes) -> dict[str, object]:
    try:
        body = json.loads(payload or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _service_root() -> dict[str, object]:
    return {
        "@odata.id": ROOT_PATH,
        "@odata.type": "#ServiceRoot.v1_15_0.ServiceRoot",
        "Id": "RootService",
        "RedfishVersion": "1.15.0",
        "Systems": {"@odata.id": f"{ROOT_PATH}/Systems"},
    }


def _error(message: str) -> dict[str, object]:
    return {"error": {"code": "Base.1.8.GeneralError", "message": message}}


def account_for(node: str, *, password: str, uuid: str, authority: str) -> Account:
    """Returns the account of a node's BMC at its fixed address."""
    return Account(
        host=layout.BED_ADDRESS,
        port=layout.BMC_PORTS[node],
        username="operator",
        password=password,
        uuid=uuid,
        serial=f"BED-{uuid[:8].upper()}",
        systems_uri=SYSTEM_PATH,
        authority=authority,
    )
