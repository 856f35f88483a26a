"""Copies of one moment by frozen services on real nodes: switched, failed over by power cut, and back again."""

import json
from collections.abc import Iterator

import pytest
import yaml

from support.demo.stage import Stage
from support.manifests import Manifest
from support.served import do, is_active, is_protected, order, sides, status, until

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(600)]

STORE = "/srv/.maestro-replica"
NEWEST = f"ls {STORE}/generations | sort -t. -k1,1n -k2,2n | tail -n 1"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("frozen") / "stage", say=print) as stage:
        pair = yaml.safe_load(stage.pair())
        pair["spec"]["replication"]["rsync"]["consistency"] = {"freeze": {"maxSeconds": 20}}
        stage.kubectl("apply", "-f", "-", input_text=json.dumps(pair))
        yield stage


def moment(stage: Stage, node: str) -> str:
    """Returns how the newest generation on a node was made."""
    return do(stage, node, f"sed -n 's/^moment=//p' {STORE}/meta/$({NEWEST})").strip()


def serves(node: str, told: Manifest) -> bool:
    return told.get("activeNode") == node and is_protected(told)


def test_frozen_services_are_copied_switched_and_failed_over(stage: Stage) -> None:
    until(stage, is_protected, what="the pair is protected by frozen copies")
    active, standby = sides(stage)
    assert moment(stage, standby) == "frozen"
    do(stage, active, "test ! -e /run/maestro-guard/frozen && echo thawed >/srv/maestro/files/mark")

    order(stage, standby)
    until(stage, lambda it: serves(standby, it), what="the other node serves and is protected")
    assert do(stage, standby, "cat /srv/maestro/files/mark").strip() == "thawed"
    assert is_active(stage, standby)

    # Now the new owner's frozen copies are what a power cut leaves.
    assert moment(stage, active) in ("frozen", "stopped")
    stage.bed.nodes[standby].power_cut()
    until(stage, lambda it: it.get("activeNode") == active and not it.get("episode"), what="the survivor serves")
    assert is_active(stage, active)
    assert status(stage)["history"][0]["kind"] == "Failover"

    stage.bed.nodes[standby].power_on()
    until(stage, lambda it: serves(active, it), what="the old owner rejoined")
    assert do(stage, standby, f"ls {STORE}/quarantine").strip()
