"""The TSIG key that signs updates, out of its Secret, and whether a server takes it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.tsig

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_ALGORITHM = b"hmac-sha256"
ASK_SECONDS = 1.0
ALGORITHMS = frozenset({"hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"})


def tsig_key(secret: Mapping[str, bytes]) -> dns.tsig.Key:
    """Return the key of a Secret with `name`, `secret` (base64) and optional `algorithm`.

    Raises:
        ValueError: there is no usable key in it; the message holds nothing of the key.

    """
    missing = [item for item in ("name", "secret") if not secret.get(item, b"").strip()]
    if missing:
        raise ValueError(f"it has no {missing[0]}")
    try:
        algorithm = secret.get("algorithm", DEFAULT_ALGORITHM).decode().strip().rstrip(".").lower()
        if algorithm not in ALGORITHMS:
            raise ValueError(f"its algorithm is none of {', '.join(sorted(ALGORITHMS))}")
        name = dns.name.from_text(secret["name"].decode().strip())
    except (UnicodeDecodeError, dns.exception.DNSException):
        raise ValueError("its name or algorithm cannot be read") from None
    try:
        return dns.tsig.Key(name, base64.b64decode(secret["secret"].strip(), validate=True), algorithm)
    except ValueError:
        # The library's own words may quote what they were given.
        raise ValueError("its secret is not base64") from None


async def is_refused(key: dns.tsig.Key, server: str, *, zone: str, port: int) -> bool | None:
    """Tell whether a server refuses what is signed with the key, None where it does not answer.

    A question is asked twice: a datagram may be lost.
    """
    first = await _is_refused(key, server, zone=zone, port=port)
    return await _is_refused(key, server, zone=zone, port=port) if first is None else first


async def _is_refused(key: dns.tsig.Key, server: str, *, zone: str, port: int) -> bool | None:
    query = dns.message.make_query(zone, "SOA")
    query.use_tsig(key)
    try:
        await dns.asyncquery.udp(query, server, timeout=ASK_SECONDS, port=port, ignore_unexpected=True)
    except (dns.tsig.PeerBadKey, dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
        return True
    except (dns.exception.Timeout, OSError, EOFError):
        return None
    except (dns.exception.DNSException, ValueError):
        return False
    return False
