"""TLS over any connection, so that a certificate can be looked at through a witness, too."""

from __future__ import annotations

import ssl
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.probes.streams import Reads, Writes

T = TypeVar("T")
EXPIRED, NOT_YET_VALID = 10, 9
"""OpenSSL's words for a certificate whose time is over or has not come."""
CHUNK_BYTES = 65536


class Tls:
    """A TLS client over a reader and a writer."""

    def __init__(self, reader: Reads, writer: Writes, *, context: ssl.SSLContext, server_name: str | None) -> None:
        """Keep the connection; nothing is sent yet."""
        self._reader = reader
        self._writer = writer
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_name)

    async def handshake(self) -> None:
        """Agree on keys, and look at the certificate as the context says.

        Raises:
            ssl.SSLError: it is not to be trusted, or no TLS is spoken there.

        """
        await self._until(self._tls.do_handshake)

    async def exchange(self, send: bytes, *, limit: int) -> bytes:
        """Send, and return what comes until the other end closes, or so many bytes."""
        await self._until(lambda: self._tls.write(send))
        collected = bytearray()
        while len(collected) < limit:
            try:
                chunk = await self._until(lambda: self._tls.read(CHUNK_BYTES))
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                break
            if not chunk:
                break
            collected += chunk
        return bytes(collected[:limit])

    async def _until(self, step: Callable[[], T]) -> T:
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                await self._flush()
                chunk = await self._reader.read(CHUNK_BYTES)
                if chunk:
                    self._incoming.write(chunk)
                else:
                    self._incoming.write_eof()
            else:
                await self._flush()
                return result

    async def _flush(self) -> None:
        waiting = self._outgoing.read()
        if waiting:
            self._writer.write(waiting)
            await self._writer.drain()


def context_of(authority: bytes | None) -> ssl.SSLContext:
    """Return a context that trusts the system's authorities, or the one given alone; nobody may change it.

    Reading the system's authorities takes tens of milliseconds: a context is kept until what it was read from changes.

    Raises:
        ValueError: what is given is no certificate.

    """
    return _context_of(authority, None if authority else _system_authorities_as_of())


@lru_cache(maxsize=64)
def _context_of(authority: bytes | None, _as_of: tuple[int, ...] | None) -> ssl.SSLContext:
    try:
        found = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    except (ssl.SSLError, UnicodeDecodeError):
        raise ValueError("ca.crt is no certificate in PEM form") from None
    return found


def _system_authorities_as_of() -> tuple[int, ...]:
    """Return when the system's authorities were changed last: an update of them needs no restart."""
    paths = ssl.get_default_verify_paths()
    return tuple(Path(path).stat().st_mtime_ns for path in (paths.cafile, paths.capath) if path and Path(path).exists())


def trusting_nobody() -> ssl.SSLContext:
    """Return a context that looks at no certificate: what it shows was refused before, and is said."""
    found = ssl.create_default_context()
    found.check_hostname, found.verify_mode = False, ssl.CERT_NONE
    return found


def reason_of(error: ssl.SSLCertVerificationError) -> Reason:
    """Return what is wrong with a certificate."""
    is_over = error.verify_code in (EXPIRED, NOT_YET_VALID)
    return Reason.CERTIFICATE_EXPIRED if is_over else Reason.CERTIFICATE_UNTRUSTED
