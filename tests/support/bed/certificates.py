"""An authority of the bed's own, and a server certificate under it, made for each run."""

import dataclasses
import subprocess
from pathlib import Path

VALID_DAYS = 30


@dataclasses.dataclass(frozen=True)
class ServerCertificate:
    """The files a TLS server needs, and the one its clients need."""

    authority: Path
    certificate: Path
    key: Path


def make(folder: Path, *, address: str) -> ServerCertificate:
    """Makes an authority and a certificate that it signed for `address`."""
    authority, authority_key = folder / "ca.pem", folder / "ca.key"
    made = ServerCertificate(authority=authority, certificate=folder / "server.pem", key=folder / "server.key")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", str(VALID_DAYS))
    _openssl(
        *("req", "-x509", *curve, "-subj", "/CN=bed authority"),
        *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
        *("-keyout", str(authority_key), "-out", str(authority)),
    )
    _openssl(
        *("req", "-x509", *curve, "-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-CA", str(authority), "-CAkey", str(authority_key)),
        *("-keyout", str(made.key), "-out", str(made.certificate)),
    )
    return made


def _openssl(*arguments: str) -> None:
    subprocess.run(("openssl", *arguments), check=True, capture_output=True, timeout=30)
