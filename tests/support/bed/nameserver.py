"""BIND for the bed: one zone, updates by a key made for each run, and a fault in which it confirms and forgets.

Signed messages reach the view `live`, unsigned questions the view `public`, which shares the live zone. Frozen, the
public view serves a copy from the moment of freezing: updates are acknowledged and nobody sees them.
"""

import base64
import secrets
import socket
import subprocess
from pathlib import Path

from support.bed import clock, layout
from support.bed.description import TsigKey

WORKING_FOLDER = Path("/var/cache/bind")
"""Where AppArmor lets named write; in the bed's mount namespace this is the bed's own folder."""
ALGORITHM = "hmac-sha256"
KEY_NAME = "maestro-operator."
CONFIGURATION = """
key "{key_name}" {{ algorithm {algorithm}; secret "{secret}"; }};
key "control." {{ algorithm {algorithm}; secret "{control_secret}"; }};
controls {{ inet {address} port 953 allow {{ any; }} keys {{ "control."; }}; }};
options {{
  directory "{folder}";
  pid-file none;
  session-keyfile "{folder}/session.key";
  listen-on port 53 {{ {address}; }};
  listen-on-v6 {{ none; }};
  recursion no;
  dnssec-validation no;
  notify no;
  empty-zones-enable no;
  minimal-responses yes;
  querylog yes;
}};
logging {{
  channel queries {{ file "{folder}/queries.log"; print-time iso8601-utc; print-category yes; severity info; }};
  channel updates {{ file "{folder}/updates.log"; print-time iso8601-utc; print-category yes; severity debug 1; }};
  channel everything {{ file "{folder}/named.log"; print-time iso8601-utc; print-category yes; severity info; }};
  category queries {{ queries; }};
  category update {{ updates; }};
  category update-security {{ updates; }};
  category default {{ everything; }};
}};
view "live" {{
  match-clients {{ key "{key_name}"; }};
  zone "{zone}" {{
    type primary;
    file "live.zone";
    update-policy {{ grant "{key_name}" subdomain {public_name}. A AAAA CNAME SRV TXT; }};
  }};
}};
view "public" {{
  match-clients {{ any; }};
  zone "{zone}" {{ {public_zone} }};
}};
"""
CONTROL = """
key "control." {{ algorithm {algorithm}; secret "{control_secret}"; }};
options {{ default-server {address}; default-port 953; default-key "control."; }};
"""
ZONE_FILE = """$TTL {ttl}
@ IN SOA ns hostmaster 1 3600 600 86400 {ttl}
@ IN NS ns
ns IN A {address}
node-a IN A {node_a}
node-b IN A {node_b}
"""
LOGS = ("queries.log", "updates.log", "named.log")


class Nameserver:
    """The running server and its fault."""

    def __init__(self, plan: layout.Layout) -> None:
        self.key = TsigKey(name=KEY_NAME, algorithm=ALGORITHM, secret=_secret())
        self._control_secret = _secret()
        self._folder = plan.dns
        self._evidence = plan.evidence
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts named and wait until it answers."""
        self._folder.mkdir()
        subprocess.run(("mount", "--bind", str(self._folder), str(WORKING_FOLDER)), check=True, timeout=10)
        for name in LOGS:
            (self._evidence / f"dns-{name}").touch()
            # One file under two names: the one that named may write by its AppArmor profile, and the evidence.
            (self._folder / name).hardlink_to(self._evidence / f"dns-{name}")
        zone = ZONE_FILE.format(
            ttl=layout.TTL_SECONDS,
            address=layout.NAMESERVER_ADDRESS,
            node_a=layout.NODE_ADDRESSES["a"],
            node_b=layout.NODE_ADDRESSES["b"],
        )
        (self._folder / "live.zone").write_text(zone)
        control = CONTROL.format(
            algorithm=ALGORITHM, control_secret=self._control_secret, address=layout.NAMESERVER_ADDRESS
        )
        (self._folder / "rndc.conf").write_text(control)
        self._configure(frozen=False)
        with (self._evidence / "dns-console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ("named", "-f", "-4", "-n", "2", "-c", str(WORKING_FOLDER / "named.conf")),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        clock.wait_until(self._listens, timeout_seconds=15, what="named to answer")

    def freeze(self) -> None:
        """Serves everyone what the zone says now, whatever is updated from now on."""
        # From file and journal, which holds every confirmed update; `rndc sync` returns before the file is written.
        files = (str(self._folder / "frozen.zone"), layout.ZONE, str(self._folder / "live.zone"))
        compile_zone = ("named-compilezone", "-j", "-o", *files)
        subprocess.run(compile_zone, check=True, capture_output=True, timeout=15)
        self._configure(frozen=True)
        self._rndc("reconfig")

    def thaw(self) -> None:
        """Serves the live zone again, with all updates confirmed meanwhile."""
        self._configure(frozen=False)
        self._rndc("reconfig")

    def stop(self) -> None:
        """Ends named; what it logged stays."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=5)

    def _configure(self, *, frozen: bool) -> None:
        text = CONFIGURATION.format(
            key_name=KEY_NAME,
            algorithm=ALGORITHM,
            secret=self.key.secret,
            control_secret=self._control_secret,
            address=layout.NAMESERVER_ADDRESS,
            folder=WORKING_FOLDER,
            zone=layout.ZONE,
            public_name=layout.PUBLIC_NAME,
            public_zone='type primary; file "frozen.zone";' if frozen else "in-view live;",
        )
        (self._folder / "named.conf").write_text(text)

    def _rndc(self, *command: str) -> None:
        control = ("rndc", "-c", str(WORKING_FOLDER / "rndc.conf"))
        subprocess.run((*control, *command), check=True, capture_output=True, timeout=15)

    def _listens(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            message = f"named ended with {self._process.returncode}; see dns-console.log"
            raise RuntimeError(message)
        try:
            socket.create_connection((layout.NAMESERVER_ADDRESS, 53), timeout=0.5).close()
        except OSError:
            return False
        return True


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
