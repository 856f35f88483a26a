"""A way to the API server that can fail in every way a network and a server can, and a record of what passed.

It ends the operator's TLS with the server's own certificate and speaks to the server with a connection of its own, so
that it can answer in the server's place, hold half an answer back, or hand a request on when nobody waits any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from support.bed.clock import monotonic_nanoseconds
from support.flaky.faults import Asked, Fault, How

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

HELD_SECONDS = 3600.0
"""For ever, as far as an operator is concerned."""
UPSTREAM_SECONDS = 60.0
END_SECONDS, LOOK_SECONDS = 5.0, 0.01
"""What its connections to the server get to end."""
DROPPED_HEADERS = {"host", "content-length", "transfer-encoding", "connection", "content-encoding", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the way to the server needs of its keys."""

    certificate: Path
    key: Path
    authority: Path


class FlakyApi:
    """One operator's way to the API server; everything here runs in one event loop."""

    def __init__(self, name: str, *, server: str, certificates: Certificates, record: list[dict[str, Any]]) -> None:
        self.name = name
        self.fault: Fault | None = None
        self.url = ""
        self._server = server
        self._certificates = certificates
        self._record = record
        self._runner: web.ServerRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._late: set[asyncio.Task[None]] = set()
        self._watches: set[asyncio.Task[Any]] = set()
        self._sockets: set[socket.socket] = set()

    async def open(self) -> None:
        """Begins to listen, on a port of its own choice."""
        trust = ssl.create_default_context(cafile=str(self._certificates.authority))
        connector = aiohttp.TCPConnector(ssl=trust, force_close=True, socket_factory=self._socket)
        self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificates.certificate, self._certificates.key)
        self._runner = web.ServerRunner(web.Server(self._serve), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context)
        await site.start()
        port = self._runner.addresses[0][1]
        self.url = f"https://127.0.0.1:{port}"

    async def close(self) -> None:
        """Ends everything at once.

        Raises:
            TimeoutError: a connection to the server has not ended in 5 seconds.

        """
        tasks = (*self._late, *self._watches)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        await self._end_connections()

    def _socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """Makes a socket for a connection to the server, and remembers it until it is closed."""
        self._sockets = {known for known in self._sockets if known.fileno() >= 0}
        family, kind, protocol, _, _ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    async def _end_connections(self) -> None:
        """Ends what still says farewell: the session does not wait for those it had given up before."""
        for known in self._sockets:
            with contextlib.suppress(OSError):
                known.shutdown(socket.SHUT_RDWR)
        for _ in range(round(END_SECONDS / LOOK_SECONDS)):
            if all(known.fileno() < 0 for known in self._sockets):
                return
            await asyncio.sleep(LOOK_SECONDS)
        raise TimeoutError("a connection to the server has not ended")

    def cut_watches(self) -> None:
        """Ends every watch under way without a word."""
        for task in list(self._watches):
            task.cancel()

    # ------------------------------------------------------------ one request

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        asked = Asked(request.method, request.path, is_watch=request.query.get("watch") in ("true", "1"))
        fault = self.fault if self.fault is not None and self.fault.is_for(asked) else None
        line = self._line(asked, body, fault)
        try:
            return await self._fare(request, body, asked=asked, fault=fault, line=line)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            line["trouble"] = type(error).__name__
            _abort(request)
            raise web.HTTPBadGateway from error
        finally:
            line.setdefault("ended_ns", monotonic_nanoseconds())

    def _line(self, asked: Asked, body: bytes, fault: Fault | None) -> dict[str, Any]:
        line: dict[str, Any] = {
            "operator": self.name,
            "method": asked.method,
            "path": asked.path,
            "watch": asked.is_watch,
            "asked_ns": monotonic_nanoseconds(),
            "fault": fault.how.value if fault else None,
        }
        if asked.method in ("PUT", "POST") and (asked.is_lease or asked.path.endswith("/status")):
            with contextlib.suppress(ValueError):
                line["body"] = json.loads(body)
        self._record.append(line)
        return line

    async def _fare(
        self, request: web.BaseRequest, body: bytes, *, asked: Asked, fault: Fault | None, line: dict[str, Any]
    ) -> web.StreamResponse:
        how = fault.how if fault is not None else None
        if fault is None or how in (How.BOOKMARKS, How.NO_DELETED):
            return await self._pass(request, body, asked=asked, line=line, keep=_kept_by(how))
        if how is How.SLOW:
            await asyncio.sleep(fault.delay_seconds)
            return await self._pass(request, body, asked=asked, line=line)
        if how is How.LATE:
            self._later(request, body, line=line, delay_seconds=fault.delay_seconds)
            await asyncio.sleep(HELD_SECONDS)
        if how is How.STATUS:
            line["status"] = fault.status
            return _status(fault.status)
        if how is How.GONE:
            return await _streamed(request, _gone())
        if how in (How.SILENT, How.CUT):
            return await self._silent(request, is_cut=how is How.CUT)
        if how in (How.LOSE, How.HALF):
            return await self._spoilt(request, body, line=line, is_half=how is How.HALF)
        if how is How.HANG:
            await asyncio.sleep(HELD_SECONDS)
        _abort(request)
        raise web.HTTPBadGateway

    async def _upstream(self, request: web.BaseRequest, body: bytes, line: dict[str, Any]) -> aiohttp.ClientResponse:
        assert self._session is not None
        line["handed_on_ns"] = monotonic_nanoseconds()
        answer = await self._session.request(
            request.method,
            self._server + request.raw_path,
            data=body or None,
            headers=_kept(request.headers),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=UPSTREAM_SECONDS),
            allow_redirects=False,
        )
        line["status"], line["carried_out_ns"] = answer.status, monotonic_nanoseconds()
        return answer

    async def _pass(
        self,
        request: web.BaseRequest,
        body: bytes,
        *,
        asked: Asked,
        line: dict[str, Any],
        keep: frozenset[str] | None = None,
    ) -> web.StreamResponse:
        answer = await self._upstream(request, body, line)
        if asked.is_watch and answer.status == web.HTTPOk.status_code:
            return await self._watched(request, answer, keep)
        content = await answer.read()
        line["ended_ns"] = monotonic_nanoseconds()
        return web.Response(status=answer.status, body=content, headers=_kept(answer.headers))

    async def _watched(
        self, request: web.BaseRequest, answer: aiohttp.ClientResponse, keep: frozenset[str] | None
    ) -> web.StreamResponse:
        out = web.StreamResponse(status=answer.status, headers=_kept(answer.headers))
        await out.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            async for chunk in _lines(answer):
                if keep is None or json.loads(chunk)["type"] in keep:
                    await out.write(chunk)
        except asyncio.CancelledError:
            _abort(request)
            raise
        finally:
            self._watches.discard(task)
            answer.close()
        return out

    async def _silent(self, request: web.BaseRequest, *, is_cut: bool) -> web.StreamResponse:
        out = web.StreamResponse(headers={"Content-Type": "application/json"})
        await out.prepare(request)
        task = asyncio.current_task()
        assert task is not None
        self._watches.add(task)
        try:
            await asyncio.sleep(0.2 if is_cut else HELD_SECONDS)
        finally:
            self._watches.discard(task)
            _abort(request)
        return out

    async def _spoilt(
        self, request: web.BaseRequest, body: bytes, *, line: dict[str, Any], is_half: bool
    ) -> web.StreamResponse:
        answer = await self._upstream(request, body, line)
        if is_half:
            content = await answer.read()
            headers = {**_kept(answer.headers), "Content-Length": str(len(content))}
            out = web.StreamResponse(status=answer.status, headers=headers)
            await out.prepare(request)
            await out.write(content[: len(content) // 2])
            await asyncio.sleep(HELD_SECONDS)
        answer.close()
        _abort(request)
        raise web.HTTPBadGateway

    def _later(self, request: web.BaseRequest, body: bytes, *, line: dict[str, Any], delay_seconds: float) -> None:
        async def arrive() -> None:
            await asyncio.sleep(delay_seconds)
            with contextlib.suppress(aiohttp.ClientError, OSError):
                (await self._upstream(request, body, line)).close()

        task = asyncio.create_task(arrive())
        self._late.add(task)
        task.add_done_callback(self._late.discard)


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in DROPPED_HEADERS}


def _kept_by(how: How | None) -> frozenset[str] | None:
    """Returns the types of events that a watch still brings; None for all."""
    if how is How.BOOKMARKS:
        return frozenset({"BOOKMARK"})
    if how is How.NO_DELETED:
        return frozenset({"ADDED", "MODIFIED", "BOOKMARK", "ERROR"})
    return None


def _status(status: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": status, "message": "made up by the test"}
    headers = {"Retry-After": "1"} if status == web.HTTPTooManyRequests.status_code else {}
    return web.json_response(body, status=status, headers=headers)


def _gone() -> bytes:
    error = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Expired", "code": 410}
    return json.dumps({"type": "ERROR", "object": error}).encode() + b"\n"


async def _streamed(request: web.BaseRequest, content: bytes) -> web.StreamResponse:
    out = web.StreamResponse(headers={"Content-Type": "application/json"})
    await out.prepare(request)
    await out.write(content)
    return out


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Yields whole events: one JSON object a line, of any length."""
    left = b""
    async for chunk in answer.content.iter_any():
        left += chunk
        *whole, left = left.split(b"\n")
        for line in whole:
            yield line + b"\n"


def _abort(request: web.BaseRequest) -> None:
    """Ends the connection without a word."""
    if request.transport is not None:
        request.transport.abort()
