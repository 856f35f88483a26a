"""One attempt to store one record: resolve, connect, send, read the answer, all anew."""

import http.client
import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.inet
import dns.resolver

from support.client import clock

TIMEOUT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Target:
    """Where records go: a URL with a public name, and the server that resolves it."""

    url: str
    dns_server: str
    dns_port: int = 53

    @property
    def host(self) -> str:
        """Return the public name."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Return the port of the application."""
        return urlsplit(self.url).port or 80

    @property
    def path(self) -> str:
        """Return the path that takes records."""
        return urlsplit(self.url).path


class AttemptFailedError(Exception):
    """An attempt came to nothing; `stage` says how far it got."""

    def __init__(self, stage: str, problem: object, *, address: str | None = None) -> None:
        """Keep the stage (`resolve`, `connect`, `answer`), the problem and the address that was tried."""
        super().__init__(f"{stage}: {problem}")
        self.stage = stage
        self.problem = str(problem) or type(problem).__name__
        self.address = address


def payload(client: str, number: int) -> str:
    """Return what a client writes under a number: the same at every retry, different from all others."""
    return f"{client} writes {number}"


def resolve(target: Target) -> str:
    """Return the address the name has now, from the server itself, never from a cache; an address is its own."""
    if dns.inet.is_address(target.host):
        return target.host
    try:
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = [target.dns_server]
        resolver.port = target.dns_port
        answer = resolver.resolve(f"{target.host}.", "A", lifetime=TIMEOUT_SECONDS, search=False)
    except (dns.exception.DNSException, OSError) as problem:
        raise AttemptFailedError("resolve", problem) from problem
    return str(answer[0].address)


def send(target: Target, *, client: str, number: int) -> dict[str, Any]:
    """Store one record and return the line of evidence for its acknowledgement."""
    body = json.dumps({"client": client, "number": number, "payload": payload(client, number)})
    address = resolve(target)
    connection = http.client.HTTPConnection(address, target.port, timeout=TIMEOUT_SECONDS)
    stage = "connect"
    sent_ns = clock.monotonic_nanoseconds()
    try:
        connection.connect()
        stage = "answer"
        sent_ns = clock.monotonic_nanoseconds()
        connection.request("POST", target.path, body, {"Host": target.host, "Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        received_ns = clock.monotonic_nanoseconds()
        if response.status != HTTPStatus.OK:
            problem = f"{response.status} {text[:200].decode(errors='replace').strip()}"
            raise AttemptFailedError(stage, problem, address=address)
        answer = json.loads(text)
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise AttemptFailedError(stage, problem, address=address) from problem
    finally:
        connection.close()
    return {
        "kind": "ack",
        "client": client,
        "number": number,
        "payload": payload(client, number),
        "address": address,
        "sent_ns": sent_ns,
        "received_ns": received_ns,
        "answer": answer,
    }
