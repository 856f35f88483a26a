"""A node changes under a running pair: another host key, address or machine, a reboot, a take-over by root."""

import json
from collections.abc import Iterator

import pytest

from support.bed import clock, layout
from support.demo.stage import Stage
from support.demo.story import NAMESPACE, PAIR, PUBLIC_NAME
from support.demo.watcher import condition
from support.manifests import Manifest
from support.served import (
    GUARD,
    SECONDS,
    do,
    edit,
    is_active,
    is_protected,
    maestro,
    main_pid,
    manifest,
    moves,
    reason,
    sides,
    spec,
    status,
    until,
)

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(600)]
OURS = (
    "find /etc /usr/local /root /var/lib /run -xdev -name '*maestro-guard*' -o -name '*maestro-replica*'; "
    "grep -rl maestro-guard /root/.ssh /etc/systemd || true"
)
NEW_HOST_KEY = """
rm -f /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
cut -d' ' -f1,2 /etc/ssh/ssh_host_ed25519_key.pub
"""
EMPTY = """
systemctl stop maestro-guard maestro-replica.timer maestro-replica
systemctl disable maestro-guard maestro-replica.timer
cd /etc/systemd/system && rm -rf maestro-guard.service maestro-replica* ./*.d/50-maestro* && cd /
rm -rf /var/lib/maestro-guard /etc/maestro-guard /usr/local/lib/maestro-guard /root/.ssh/authorized_keys
sed -i '/maestro-guard: begin/,/maestro-guard: end/d' /etc/hosts
for folder in /srv/maestro /srv/.maestro-replica/incoming /srv/.maestro-replica/*/*; do
    [ ! -e "$folder" ] || btrfs subvolume delete "$folder" || rm -rf "$folder"
done
rm -rf /srv/.maestro-replica
rm -f /etc/machine-id && systemd-machine-id-setup
"""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("nodes-change") / "stage", say=print) as stage:
        stage.kubectl("apply", "-f", "-", input_text=stage.pair())
        yield stage


@pytest.fixture
def pair(stage: Stage) -> Stage:
    """The pair, protected, whoever is active."""
    until(stage, is_protected, what="the pair is protected")
    return stage


def reading(stage: Stage, node: str) -> Manifest:
    return next((item for item in status(stage).get("nodes", []) if item["name"] == node), {})


def await_reason(stage: Stage, node: str, reason: str) -> None:
    until(stage, lambda _: reading(stage, node).get("reason") == reason, what=f"{node} is {reason}")


def reboot(stage: Stage, node: str) -> None:
    stage.bed.nodes[node].power_cut()
    stage.bed.nodes[node].power_on()


def test_a_rotated_host_key_is_refused_until_the_spec_has_it(pair: Stage) -> None:
    active, standby = sides(pair)
    process = main_pid(pair, active)

    key = do(pair, standby, NEW_HOST_KEY).strip()
    reboot(pair, standby)
    await_reason(pair, standby, "WrongHostKey")
    assert condition(status(pair), "Stalled") == "True"
    edit(pair, standby, lambda node: node["ssh"].update(hostKey=key))
    until(pair, is_protected, what="the pair is protected under the new key")

    assert do(pair, active, f"{GUARD} ask-peer epoch")
    assert main_pid(pair, active) == process


def test_an_empty_machine_in_the_standbys_place_becomes_the_standby(pair: Stage) -> None:
    active, standby = sides(pair)
    process = main_pid(pair, active)

    do(pair, standby, EMPTY)
    key = do(pair, standby, NEW_HOST_KEY).strip()
    machine = do(pair, standby, "cat /etc/machine-id").strip()
    reboot(pair, standby)
    await_reason(pair, standby, "WrongHostKey")
    edit(pair, standby, lambda node: node["ssh"].update(hostKey=key))
    until(
        pair,
        lambda it: is_protected(it) and reading(pair, standby).get("machineId") == machine,
        what="the new machine is the standby",
    )

    assert sides(pair) == (active, standby)
    assert main_pid(pair, active) == process


def test_a_changed_address_of_the_active_node_is_followed_by_names_pins_and_guards(pair: Stage) -> None:
    active, standby = sides(pair)
    address = f"10.77.0.{20 + (active == 'b')}"
    do(pair, active, f"ip address add {address}/24 dev host0")

    edit(pair, active, lambda node: node.update(address=address))
    clock.wait_until(lambda: pair.lookup(PUBLIC_NAME) == [address], timeout_seconds=SECONDS, what="the name follows")
    until(pair, is_protected, what="it is protected at the new address")

    config = {name: do(pair, name, "cat /etc/maestro-guard/config") for name in (active, standby)}
    pinned = do(pair, active, f"getent ahostsv4 {PUBLIC_NAME}").split()[0]
    # As it was: the bed gives this address to no reboot.
    edit(pair, active, lambda node: node.update(address=layout.NODE_ADDRESSES[active]))
    former = [layout.NODE_ADDRESSES[active]]
    clock.wait_until(lambda: pair.lookup(PUBLIC_NAME) == former, timeout_seconds=SECONDS, what="the name comes back")

    assert pinned == address
    assert f"address={address}\n" in config[active]
    assert f"peer_address={address}\n" in config[standby]


def test_a_planned_reboot_in_a_maintenance_is_no_outage(pair: Stage) -> None:
    active, standby = sides(pair)
    before = status(pair)

    maestro(pair, "maintenance", PAIR, "--minutes", "15")
    until(
        pair,
        lambda it: reason(it, "AutomaticFailoverAllowed") == "Maintenance",
        what="nothing fails over by itself",
    )
    pair.bed.nodes[active].power_cut()
    # Three times as long as an outage has to last to be one.
    clock.pause(3 * float(spec(pair)["detection"]["downForSeconds"]))
    pair.bed.nodes[active].power_on()
    until(pair, is_protected, what="the owner is back")
    maestro(pair, "maintenance", PAIR, "--end")

    after = status(pair)
    assert sides(pair) == (active, standby)
    assert after["epoch"]["inForce"] == before["epoch"]["inForce"]
    assert moves(after) == moves(before)


def test_both_nodes_that_lose_their_power_with_the_operator_gone_come_up_as_they_were(pair: Stage) -> None:
    active, standby = sides(pair)
    epoch = status(pair)["epoch"]["inForce"]
    pair.operator.stop()

    for name in (active, standby):
        pair.bed.nodes[name].power_cut()
    for name in (standby, active):
        pair.bed.nodes[name].power_on()
    clock.wait_until(
        lambda: is_active(pair, active), timeout_seconds=SECONDS, what="the owner serves, as its peer vouches"
    )
    standby_runs = is_active(pair, standby)
    pair.operator = pair.start_operator(log="operator-both.log")
    until(pair, is_protected, what="the operator finds everything as it was")

    assert not standby_runs
    assert sides(pair) == (active, standby)
    assert status(pair)["epoch"]["inForce"] == epoch


def test_what_root_took_while_the_operator_was_gone_is_adopted_by_it(pair: Stage) -> None:
    active, standby = sides(pair)
    epoch = int(status(pair)["epoch"]["inForce"]["number"])
    pair.operator.stop()
    for name in (active, standby):
        pair.bed.nodes[name].power_cut()
    pair.bed.nodes[standby].power_on()
    pair.bed.nodes[standby].ssh_ready()

    taken = do(pair, standby, f"{GUARD} take --reason 'the other room burns' --peer-is-off")
    serves_alone = is_active(pair, standby)
    pair.bed.nodes[active].power_on()
    pair.operator = pair.start_operator(log="operator-take.log")
    until(pair, lambda it: condition(it, "Ready") == "False", what="the operator finds that another one leads")
    order = json.dumps({"spec": {"activeNode": standby}})
    pair.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", order)
    until(pair, lambda it: is_protected(it) and it["activeNode"] == standby, what="the new owner is adopted")

    assert f"taken={epoch + 1}" in taken
    assert serves_alone
    assert int(status(pair)["epoch"]["inForce"]["number"]) > epoch
    assert is_active(pair, standby)
    assert not is_active(pair, active)


def test_a_released_pair_leaves_nothing_behind_and_created_anew_it_adopts_what_runs(pair: Stage) -> None:
    active, standby = sides(pair)
    process = main_pid(pair, active)
    found = manifest(pair)
    anew = {
        **{key: found[key] for key in ("apiVersion", "kind")},
        "metadata": {"name": PAIR, "namespace": NAMESPACE},
        "spec": {**found["spec"], "activeNode": active, "answers": []},
    }

    maestro(pair, "release", PAIR)
    until(pair, lambda it: it.get("state") == "Released", what="the nodes are released")
    left = {name: do(pair, name, OURS) for name in (active, standby)}
    pinned = do(pair, active, "cat /etc/hosts")
    pair.kubectl("delete", "mp", PAIR, "-n", NAMESPACE)
    runs = (is_active(pair, active), is_active(pair, standby))
    pair.kubectl("apply", "-f", "-", input_text=json.dumps(anew))
    until(pair, is_protected, what="the pair is protected anew")

    assert left == {active: "", standby: ""}
    assert PUBLIC_NAME not in pinned
    assert runs == (True, False)
    assert sides(pair) == (active, standby)
    assert main_pid(pair, active) == process
