"""A certificate that ends when it is told to, and the authority that signed it."""

from __future__ import annotations

import datetime as dt
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

LASTS = dt.timedelta(days=365)


class Authority:
    """Signs certificates of servers; one that is over and one that is not are of the same."""

    def __init__(self, *, now: str) -> None:
        self._key, self._name = new_key(), _name("pages")
        ends = dt.datetime.fromisoformat(now) + LASTS
        made = _builder(self._name, issuer=self._name, key=self._key, ends=ends).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.certificate = made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def signed(self, address: str, *, now: str, ends_in_days: int) -> bytes:
        """Returns a server's certificate and its key in one PEM text."""
        key = new_key()
        ends = dt.datetime.fromisoformat(now) + dt.timedelta(days=ends_in_days)
        made = _builder(_name("page"), issuer=self._name, key=key, ends=ends).add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return made.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM) + private


def new_key() -> ec.EllipticCurvePrivateKey:
    """Returns a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def _name(word: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, word)])


def _builder(
    subject: x509.Name, *, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, ends: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(ends - LASTS)
        .not_valid_after(ends)
    )
