"""The certificates and keys of one control plane: made once a folder, by an authority that nobody else has."""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from support.controlplane.clock import utc_now

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIFETIME = timedelta(days=30)
# A folder may be moved to a machine whose clock is a little behind.
_CLOCK_SLACK = timedelta(hours=1)
_SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
)
# The first address of the service range is the server's own.
_SERVER_ADDRESSES = ("127.0.0.1", "::1", "10.96.0.1")


@dataclass(frozen=True)
class Certificates:
    """Where a control plane's certificates and keys lie."""

    ca: Path
    server: Path
    server_key: Path
    admin: Path
    admin_key: Path
    service_account_key: Path
    """Signs ServiceAccount tokens, and verifies them."""


def make_certificates(folder: Path, *, addresses: Iterable[str]) -> Certificates:
    """Makes what is missing in the folder; the server's certificate is always made anew, for these addresses."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_path, ca_key_path = folder / "ca.crt", folder / "ca.key"
    service_account_key = folder / "service-account.key"
    if not (ca_path.exists() and ca_key_path.exists()):
        ca_key = _new_key(ca_key_path)
        _write(ca_path, _self_signed(ca_key).public_bytes(serialization.Encoding.PEM))
    if not service_account_key.exists():
        _new_key(service_account_key)
    ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
    loaded = serialization.load_pem_private_key(ca_key_path.read_bytes(), password=None)
    assert isinstance(loaded, ec.EllipticCurvePrivateKey)
    made = Certificates(
        ca=ca_path,
        server=folder / "server.crt",
        server_key=folder / "server.key",
        admin=folder / "admin.crt",
        admin_key=folder / "admin.key",
        service_account_key=service_account_key,
    )
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in _SERVER_NAMES]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in dict.fromkeys((*_SERVER_ADDRESSES, *addresses))]
    server = _leaf(_name("kube-apiserver"), key=_new_key(made.server_key), usage=ExtendedKeyUsageOID.SERVER_AUTH)
    server = server.add_extension(x509.SubjectAlternativeName(names), critical=False)
    _issue(server, made.server, ca=ca, ca_key=loaded)
    subject = _name("maestro-pair-admin", organization="system:masters")
    _issue(
        _leaf(subject, key=_new_key(made.admin_key), usage=ExtendedKeyUsageOID.CLIENT_AUTH),
        made.admin,
        ca=ca,
        ca_key=loaded,
    )
    return made


def _name(common_name: str, *, organization: str | None = None) -> x509.Name:
    """Returns a subject; for Kubernetes the common name is the user and the organization a group."""
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def _builder(subject: x509.Name, *, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = utc_now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SLACK)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _self_signed(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    """Returns the authority's own certificate."""
    subject = _name("maestro-pair-test-authority")
    return (
        _builder(subject, key=key)
        .issuer_name(subject)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf(
    subject: x509.Name, *, key: ec.EllipticCurvePrivateKey, usage: x509.ObjectIdentifier
) -> x509.CertificateBuilder:
    """Returns the start of a server's or a client's certificate."""
    return (
        _builder(subject, key=key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    )


def _issue(
    builder: x509.CertificateBuilder,
    path: Path,
    *,
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
) -> None:
    """Signs with the authority's key and writes the certificate."""
    authority = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    certificate = (
        builder.issuer_name(ca.subject)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    _write(path, certificate.public_bytes(serialization.Encoding.PEM))


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Makes a key and writes it, in the form the API server takes for signing tokens too, for its owner's eyes only."""
    key = ec.generate_private_key(ec.SECP256R1())
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    _write(path, encoded)
    return key


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
        file.write(content)
