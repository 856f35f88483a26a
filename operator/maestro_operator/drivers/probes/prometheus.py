"""What a Prometheus server knows of a node: one instant query, and perhaps one about the machine.

The law of this file: no sample, an old one or a server that does not answer says nothing of the node.
A metric that is 0 says that something did not answer and never why, so the vote is Dead only where
nothing says that the machine lives.
"""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp

from maestro_operator.drivers.probes.tls import context_of
from maestro_operator.model.printable import printable
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.transport.failures import unknown_from
from maestro_operator.transport.resolution import resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.detection import PrometheusQuery
    from maestro_operator.model.status import FrozenNode
    from maestro_operator.transport.connect import ReadSecret

ANSWER_LIMIT_BYTES = 256 * 1024
SAID_CHARACTERS = 160
PLAIN_PORT, TLS_PORT = 80, 443
UNAUTHORISED = (401, 403)
_DEFAULT_PORT = {"http": PLAIN_PORT, "https": TLS_PORT}


@dataclass(frozen=True, slots=True)
class Prometheus:
    """Asks Prometheus servers on behalf of one pair."""

    secrets: ReadSecret | None
    namespace: str
    policy: AddressPolicy | None

    async def vote(self, query: PrometheusQuery, node: FrozenNode, *, timeout_seconds: float) -> VoteSeen | Unknown:
        """Return what the server knows of the node."""
        try:
            async with asyncio.timeout(timeout_seconds):
                service = await self._values(query, fresh(query.query, node, query.max_age_seconds))
                if isinstance(service, Unknown):
                    return service
                machine: tuple[float, ...] | Unknown = ()
                if query.machine_query is not None and not any(service):
                    machine = await self._values(query, fresh(query.machine_query, node, query.max_age_seconds))
        except TimeoutError:
            return Unknown(Reason.TIMED_OUT, f"{query.name} did not answer in {timeout_seconds:.0f} s")
        if isinstance(machine, Unknown):
            return machine
        vote, reason, message = judged(service, machine)
        return VoteSeen(query.name, node.name, vote, reason, f"{query.name}: {message}", 0.0)

    async def _values(self, query: PrometheusQuery, expression: str) -> tuple[float, ...] | Unknown:
        split = urlsplit(query.url)
        host = split.hostname or ""
        port = split.port or _DEFAULT_PORT[split.scheme]
        content = await self._secret(query)
        if isinstance(content, Unknown):
            return content
        # Resolved here and judged, and what it resolves to is used: nobody resolves it again.
        addresses = await resolved(host, port, policy=self.policy, what=query.name)
        if isinstance(addresses, Unknown):
            return addresses
        shown = f"[{addresses[0]}]" if ":" in addresses[0] else addresses[0]
        url = f"{split.scheme}://{shown}:{port}{split.path.rstrip('/')}/api/v1/query"
        try:
            context = context_of(content.get("ca.crt"))
            async with (
                aiohttp.ClientSession() as session,
                session.post(
                    url,
                    data={"query": expression},
                    headers={"Host": split.netloc, **_credentials(content)},
                    allow_redirects=False,
                    ssl=context,
                    server_hostname=host if split.scheme == "https" else None,
                ) as answer,
            ):
                return values_of(query.name, answer.status, await answer.content.read(ANSWER_LIMIT_BYTES))
        except OSError as error:
            return unknown_from(error, what=query.name)
        except (aiohttp.ClientError, ValueError) as error:
            return Unknown(Reason.BAD_ANSWER, f"{query.name}: {printable(str(error), longest=SAID_CHARACTERS)}")

    async def _secret(self, query: PrometheusQuery) -> Mapping[str, bytes] | Unknown:
        if query.secret is None:
            return {}
        try:
            return await self.secrets(self.namespace, query.secret.name) if self.secrets is not None else {}
        except LookupError:
            return Unknown(Reason.SECRET_MISSING, f"{query.name}: there is no Secret {query.secret.name}")
        except Exception as error:  # noqa: BLE001 - whatever the store raises, it is one fact: there is no token now
            text = f"{query.name}: Secret {query.secret.name} could not be read ({type(error).__name__})"
            return Unknown(Reason.SECRET_MISSING, text)


def fresh(query: str, node: FrozenNode, max_age_seconds: int) -> str:
    """Return the query about a node, from which samples are gone that are too old."""
    filled = query.replace("{{ node.address }}", node.address).replace("{{ node.name }}", node.name)
    return f"({filled}) unless (time() - timestamp({filled}) > {max_age_seconds})"


def values_of(name: str, status: int, body: bytes) -> tuple[float, ...] | Unknown:
    """Return the values of the samples in an answer of the query API."""
    if status in UNAUTHORISED:
        return Unknown(Reason.WRONG_CREDENTIALS, f"{name} refuses the credentials: mend the Secret")
    try:
        answer = json.loads(body)
        if answer["status"] != "success":
            said = printable(str(answer.get("error", "")), longest=SAID_CHARACTERS)
            return Unknown(Reason.INVALID_SPEC, f"{name} refuses the query: {said}")
        data = answer["data"]
        pairs = [data["result"]] if data["resultType"] == "scalar" else [item["value"] for item in data["result"]]
        found = tuple(float(value) for _, value in pairs)
    except (ValueError, KeyError, TypeError):
        return Unknown(Reason.BAD_ANSWER, f"{name} answers {status}, and not as Prometheus does")
    if not found:
        return Unknown(Reason.NO_SAMPLE, f"{name} has no fresh sample")
    if any(math.isnan(value) for value in found):
        return Unknown(Reason.BAD_ANSWER, f"{name} has a sample that is no number")
    return found


def judged(service: tuple[float, ...], machine: tuple[float, ...]) -> tuple[Vote, Reason, str]:
    """Return what samples mean: 0 is No, everything else Yes; some of each are of something half alive."""
    if all(service):
        return Vote.ALIVE, Reason.ANSWERS, "it answers"
    if any(service):
        return Vote.SICK, Reason.PROBE_FAILED, "some of its probes fail"
    if any(machine):
        return Vote.SICK, Reason.PROBE_FAILED, "the machine answers and the service does not"
    return Vote.DEAD, Reason.PROBE_FAILED, "it does not answer"


def _credentials(content: Mapping[str, bytes]) -> dict[str, str]:
    if "token" in content:
        return {"Authorization": f"Bearer {content['token'].decode().strip()}"}
    if "username" in content and "password" in content:
        words = content["username"].decode().strip(), content["password"].decode().strip()
        return {"Authorization": aiohttp.BasicAuth(*words).encode()}
    return {}
