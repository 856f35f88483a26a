"""What is put on a node: the guard's programs, and a configuration that a shell may read line by line."""

import io
import tarfile

import pytest

from maestro_operator.drivers.nodes.configuration import configuration, node_files
from maestro_operator.drivers.nodes.ssh import known_hosts_line
from maestro_operator.drivers.nodes.watched import watched
from maestro_operator.drivers.ports import Equipment
from maestro_operator.model.errors import BadInput
from maestro_operator.model.pair import PairSpec, SecretReference, Ssh
from maestro_operator.transport.bundle import archive, program_files
from support.contracts.pair_world import pair_spec, spec_node

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP4WyIj3HMy83cyKt98iR7Nq9tC/oWVHhEAWcY+PP0Cd"
SPEC = pair_spec(
    nodes=(
        spec_node("a", address="10.77.0.11", host_key=KEY),
        spec_node("b", address="10.77.0.12", host_key=KEY),
    )
)


def lines(spec: PairSpec = SPEC) -> list[str]:
    return configuration(Equipment("uid-1", spec, "a")).splitlines()


def test_each_node_is_told_who_it_is_and_who_its_peer_is() -> None:
    assert {"pair=uid-1", "node=a", "address=10.77.0.11", "peer=b", "peer_host=10.77.0.12"} <= set(lines())


def test_services_stand_in_start_order_and_their_ports_beside_them() -> None:
    assert {"services=contract-db.service contract-app.service", "ports=80 5432"} <= set(lines())


def test_every_pinned_name_has_a_line() -> None:
    assert "pin=maestro.example.org" in lines()


def test_a_value_that_would_make_a_second_line_is_refused() -> None:
    evil = SPEC.nodes[0].model_copy(update={"address": "10.0.0.1\npair=other"})
    spec = SPEC.model_copy(update={"nodes": (evil, SPEC.nodes[1])})

    with pytest.raises(BadInput, match="address of node a"):
        lines(spec)


def test_two_paths_are_no_consistency_group() -> None:
    assert SPEC.replication.rsync is not None
    two = SPEC.replication.rsync.model_copy(update={"paths": ("/srv/one", "/srv/two")})
    spec = SPEC.model_copy(update={"replication": SPEC.replication.model_copy(update={"rsync": two})})

    with pytest.raises(BadInput, match="exactly one path"):
        watched(spec)


def test_the_replication_runs_at_the_pairs_own_interval() -> None:
    files = {file.path: file.content.decode() for file in node_files(Equipment("uid-1", SPEC, "a"))}

    assert "OnUnitInactiveSec=3600s" in files["etc/systemd/system/maestro-replica.timer.d/50-interval.conf"]


def test_programs_can_be_run_and_units_are_where_systemd_looks() -> None:
    modes = {file.path: file.mode for file in program_files()}

    assert modes["usr/local/lib/maestro-guard/maestro-guard"] == 0o755
    assert modes["usr/local/lib/maestro-guard/maestro-replica"] == 0o755
    assert modes["usr/local/lib/maestro-guard/gate.conf"] == 0o644
    assert "etc/systemd/system/maestro-guard.service" in modes
    assert "etc/systemd/system/maestro-replica.timer" in modes


def test_equal_files_make_an_equal_archive_that_is_roots() -> None:
    files = program_files()

    assert archive(files) == archive(files)
    with tarfile.open(fileobj=io.BytesIO(archive(files))) as tar:
        assert {(entry.name, entry.uid, entry.mode) for entry in tar} == {(file.path, 0, file.mode) for file in files}


@pytest.mark.parametrize(("port", "host"), [(22, "node-b.example.org"), (2222, "[node-b.example.org]:2222")])
def test_a_host_key_is_pinned_the_way_the_ssh_client_looks_it_up(port: int, host: str) -> None:
    ssh = Ssh(
        host="node-b.example.org", port=port, host_key=f"{KEY} a comment", credentials_secret=SecretReference(name="x")
    )

    assert known_hosts_line(ssh) == f"{host} {KEY}"
