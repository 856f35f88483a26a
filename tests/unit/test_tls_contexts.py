"""What is trusted is read once, and anew once it changed: each look would block the loop for tens of milliseconds."""

from __future__ import annotations

import datetime as dt
import os
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from maestro_operator.drivers.probes.tls import context_of

if TYPE_CHECKING:
    from pathlib import Path

LATER = 2_000_000_000
FROM, UNTIL = dt.datetime(2020, 1, 1, tzinfo=dt.UTC), dt.datetime(2060, 1, 1, tzinfo=dt.UTC)


def authority(common: str) -> bytes:
    """Makes the certificate of an authority."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(FROM)
        .not_valid_after(UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


AUTHORITIES = [authority("first"), authority("second")]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes a system whose authorities are one file with one certificate."""
    file = tmp_path / "authorities.pem"
    file.write_bytes(AUTHORITIES[0])
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    return file


def test_the_systems_authorities_are_read_once(system: Path) -> None:
    assert system.exists()
    assert context_of(None) is context_of(None)


def test_an_update_of_the_system_needs_no_restart(system: Path) -> None:
    before = context_of(None)
    system.write_bytes(b"".join(AUTHORITIES))
    os.utime(system, (LATER, LATER))
    assert (len(before.get_ca_certs()), len(context_of(None).get_ca_certs())) == (1, 2)


def test_another_authority_is_trusted_alone() -> None:
    one, other = (context_of(authority) for authority in AUTHORITIES)
    assert one.get_ca_certs() != other.get_ca_certs()
    assert len(one.get_ca_certs()) == len(other.get_ca_certs()) == 1


def test_what_is_no_certificate_is_said_each_time() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match=r"ca\.crt is no certificate"):
            context_of(b"none")
