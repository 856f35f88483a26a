"""What a real Prometheus knows of a page, by a real blackbox exporter: it answers, it does not, nothing is known."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest
import yaml

from maestro_operator.drivers.probes.network import NetworkProbes
from maestro_operator.drivers.probes.prometheus import fresh, values_of
from maestro_operator.model.detection import PrometheusQuery
from maestro_operator.model.pair import SecretReference
from maestro_operator.model.reasons import Reason
from maestro_operator.model.resource import Ssh
from maestro_operator.model.seen import Unknown, Vote, VoteSeen
from maestro_operator.model.status import FrozenNode

pytestmark = pytest.mark.timeout(180)

HERE = "127.0.0.1"
SECONDS = 60.0
MODULES = {"modules": {"page": {"prober": "http", "timeout": "1s"}, "port": {"prober": "tcp", "timeout": "1s"}}}
Found = VoteSeen | Unknown


def free_port() -> int:
    with socket.socket() as found:
        found.bind((HERE, 0))
        return int(found.getsockname()[1])


def a() -> FrozenNode:
    ssh = Ssh(host=HERE, host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="ssh"))
    return FrozenNode(name="a", address=HERE, ssh=ssh)


class Monitoring:
    """A page and a port that are watched, an exporter and a Prometheus."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.page_port, self.machine_port, self.exporter_port, self.port = (free_port() for _ in range(4))
        self.processes: dict[str, asyncio.subprocess.Process] = {}
        self.servers: dict[int, asyncio.Server] = {}

    async def serve(self, port: int) -> None:
        """Answer every request at a port."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
            writer.close()

        self.servers[port] = await asyncio.start_server(answer, HERE, port)

    def stop(self, port: int) -> None:
        """Answer no more."""
        self.servers.pop(port).close()

    async def start(self) -> None:
        """Start everything."""
        await self.serve(self.page_port)
        await self.serve(self.machine_port)
        (self.folder / "blackbox.yml").write_text(yaml.safe_dump(MODULES))
        (self.folder / "prometheus.yml").write_text(self._scraped())
        await self._run(
            "exporter",
            *("prometheus-blackbox-exporter", f"--config.file={self.folder / 'blackbox.yml'}"),
            f"--web.listen-address={HERE}:{self.exporter_port}",
        )
        await self._run(
            "prometheus",
            *("prometheus", f"--config.file={self.folder / 'prometheus.yml'}"),
            *(f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address={HERE}:{self.port}"),
        )

    def _scraped(self) -> str:
        jobs = [
            {
                "job_name": job,
                "metrics_path": "/probe",
                "params": {"module": [job]},
                "static_configs": [{"targets": [target], "labels": {"address": HERE}}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"target_label": "__address__", "replacement": f"{HERE}:{self.exporter_port}"},
                ],
            }
            for job, target in (("page", f"http://{HERE}:{self.page_port}/"), ("port", f"{HERE}:{self.machine_port}"))
        ]
        return yaml.safe_dump({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": jobs})

    async def _run(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)

    async def kill(self, name: str) -> None:
        """Kill one of the programs."""
        process = self.processes.pop(name)
        process.kill()
        await process.wait()

    async def close(self) -> None:
        """End everything."""
        for name in tuple(self.processes):
            await self.kill(name)
        for port in tuple(self.servers):
            self.stop(port)

    def query(self, **changes: object) -> PrometheusQuery:
        """Return the query about the page."""
        words: dict[str, object] = {
            "name": "metrics",
            "url": f"http://{HERE}:{self.port}",
            "query": 'probe_success{job="page",address="{{ node.address }}"}',
            "max_age_seconds": 5,
        }
        return PrometheusQuery.model_validate({**words, **changes})

    async def ask(self, **changes: object) -> Found:
        """Ask once."""
        return await NetworkProbes().prometheus_vote(self.query(**changes), a(), timeout_seconds=2)

    async def until(self, wanted: Callable[[Found], bool], **changes: object) -> Found:
        """Ask until the answer is the wanted one."""
        async with asyncio.timeout(SECONDS):
            while not wanted(found := await self.ask(**changes)):  # noqa: ASYNC110 - what another process knows
                await asyncio.sleep(0.2)
        return found


@pytest.fixture
async def monitoring(tmp_path: Path) -> AsyncIterator[Monitoring]:
    made = Monitoring(tmp_path)
    await made.start()
    yield made
    await made.close()


def says(vote: Vote) -> Callable[[Found], bool]:
    return lambda found: isinstance(found, VoteSeen) and found.vote is vote


def knows_nothing(reason: Reason) -> Callable[[Found], bool]:
    return lambda found: isinstance(found, Unknown) and found.reason is reason


async def test_prometheus_tells_an_answer_from_silence_and_both_from_knowing_nothing(monitoring: Monitoring) -> None:
    machine = 'probe_success{job="port",address="{{ node.address }}"}'
    await monitoring.until(says(Vote.ALIVE))

    monitoring.stop(monitoring.page_port)
    dead = await monitoring.until(says(Vote.DEAD))
    sick = await monitoring.until(says(Vote.SICK), machine_query=machine)
    monitoring.stop(monitoring.machine_port)
    await monitoring.until(says(Vote.DEAD), machine_query=machine)

    assert isinstance(dead, VoteSeen)
    assert isinstance(sick, VoteSeen)
    assert (dead.reason, sick.reason) == (Reason.PROBE_FAILED, Reason.PROBE_FAILED)
    assert knows_nothing(Reason.INVALID_SPEC)(await monitoring.ask(query="probe_success{"))
    assert knows_nothing(Reason.NO_SAMPLE)(await monitoring.ask(query="probe_success{job='nobody'}"))

    await monitoring.kill("exporter")
    await monitoring.until(knows_nothing(Reason.NO_SAMPLE))
    await monitoring.kill("prometheus")
    assert knows_nothing(Reason.CONNECTION_REFUSED)(await monitoring.ask())


# ---------------------------------------------------------------- without a server


def test_a_query_asks_for_young_samples_of_the_node_alone() -> None:
    asked = fresh('up{node="{{ node.name }}",at="{{ node.address }}"}', a(), 60)

    plain = 'up{node="a",at="127.0.0.1"}'
    assert asked == f"({plain}) unless (time() - timestamp({plain}) > 60)"


@pytest.mark.parametrize(
    ("status", "body", "found"),
    [
        (200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}', (1.0,)),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"0"]}]}}', (0.0,)),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[]}}', Reason.NO_SAMPLE),
        (200, b'{"status":"success","data":{"resultType":"vector","result":[{"value":[1,"NaN"]}]}}', Reason.BAD_ANSWER),
        (401, b"who are you", Reason.WRONG_CREDENTIALS),
        (400, b'{"status":"error","error":"parse error"}', Reason.INVALID_SPEC),
        (200, b"<html>", Reason.BAD_ANSWER),
    ],
)
def test_an_answer_is_read_strictly(status: int, body: bytes, found: tuple[float, ...] | Reason) -> None:
    read = values_of("metrics", status, body)

    assert (read.reason if isinstance(read, Unknown) else read) == found


async def test_a_token_that_is_missing_says_nothing_and_is_named_by_its_secret() -> None:
    async def secrets(namespace: str, name: str) -> Mapping[str, bytes]:
        raise LookupError(name)

    reads: Callable[[str, str], Awaitable[Mapping[str, bytes]]] = secrets
    query = PrometheusQuery(name="m", url="http://127.0.0.1:1", query="up", secret=SecretReference(name="token"))

    found = await NetworkProbes(secrets=reads, namespace="pairs").prometheus_vote(query, a(), timeout_seconds=1)

    assert isinstance(found, Unknown)
    assert (found.reason, "token" in found.message) == (Reason.SECRET_MISSING, True)
