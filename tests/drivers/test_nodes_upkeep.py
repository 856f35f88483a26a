"""What is installed on real nodes: replaced in place, refused where a newer guard wrote the state, taken off whole."""

import pytest

from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Refused
from maestro_operator.model.pair import Version
from maestro_operator.model.seen import GuardState, NodeSeen
from support.contracts.adopted import adopted, equip, main_pids, order
from support.contracts.bed_pair import BedPair
from support.contracts.pair_world import PAIR_UID, UNITS, frozen

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]
DB, APP = UNITS
LIBRARY = "/usr/local/lib/maestro-guard"
OURS = "find /etc /usr/local /root /var/lib /run -xdev -name '*maestro-guard*' -o -name '*maestro-replica*'"
NEWER = """
import hashlib
for slot in ("slot0", "slot1"):
    path = "/var/lib/maestro-guard/" + slot
    text = open(path).read().partition("sha256=")[0].rstrip("\\n") + "\\nformat=2\\nnewer=yes"
    whole = text + "\\nsha256=" + hashlib.sha256((text + "\\n").encode()).hexdigest() + "\\n"
    open(path, "wb").write(whole.encode().ljust(4096, b"\\0"))
"""


async def read(pair: BedPair, name: str) -> NodeSeen:
    seen = await pair.nodes.read(frozen(pair, name))
    assert isinstance(seen, NodeSeen), seen
    return seen


async def release(pair: BedPair, name: str, *, is_owner: bool, uid: str = PAIR_UID) -> Done | Refused:
    outcome = await pair.nodes.release(frozen(pair, name), pair_uid=uid, is_owner=is_owner, deadline_seconds=60)
    assert isinstance(outcome, (Done, Refused)), outcome
    return outcome


async def test_a_release_leaves_nothing_behind_and_the_owners_services_as_they_were_found(pair: BedPair) -> None:
    await pair.do("a", "cp /etc/hosts /tmp/hosts; printf 'ssh-ed25519 AAAA anna\n' >>/root/.ssh/authorized_keys")
    await pair.do("b", "cp /etc/hosts /tmp/hosts")
    await pair.do("a", "mkdir -p /srv/.maestro-replica/generations/7.1")
    running = await adopted(pair)
    foreign = await release(pair, "a", is_owner=True, uid="another-pair")

    standby = await release(pair, "b", is_owner=False)
    owner = await release(pair, "a", is_owner=True)

    assert isinstance(foreign, Refused)
    assert (foreign.remote_reason, isinstance(standby, Done)) == ("ForeignPair", True)
    assert isinstance(owner, Done)
    assert owner.facts["enabled"] == f"{DB} {APP}"
    assert owner.facts["left"].startswith("/srv/.maestro-replica.released-")
    assert await pair.do("a", f"ls -d {owner.facts['left']}/generations/7.1 && [ ! -e /srv/.maestro-replica ]")
    assert await main_pids(pair) == running
    for name in ("a", "b"):
        assert await pair.do(name, OURS) == "", name
        assert await pair.do(name, "grep -r maestro-guard /root/.ssh /etc/systemd") == ""
        assert await pair.do(name, "diff /etc/hosts /tmp/hosts") == ""
        assert await pair.do(name, "systemctl list-unit-files --no-legend 'maestro-*'") == ""
        seen = await read(pair, name)
        assert seen.guard.state is GuardState.ABSENT
    assert await pair.do("a", "cat /root/.ssh/authorized_keys") == "ssh-ed25519 AAAA anna\n"
    assert [unit.enabled for unit in (await read(pair, "a")).units] == ["enabled", "enabled"]
    assert [unit.enabled for unit in (await read(pair, "b")).units] == ["disabled", "disabled"]
    assert (await read(pair, "b")).is_stopped
    # What was released is released: saying it again changes nothing.
    assert isinstance(await release(pair, "a", is_owner=True), Done)
    assert await main_pids(pair) == running


@pytest.mark.long
async def test_a_release_that_was_cut_off_is_finished_by_the_next_one(pair: BedPair) -> None:
    running = await adopted(pair)
    await pair.do("a", f"systemctl stop maestro-guard; rm -rf /var/lib/maestro-guard; rm -f {LIBRARY}/gate")

    owner = await release(pair, "a", is_owner=True)

    assert isinstance(owner, Done)
    assert owner.facts["enabled"] == f"{DB} {APP}"
    assert await pair.do("a", OURS) == ""
    assert await main_pids(pair) == running


@pytest.mark.long
async def test_a_standby_that_runs_something_keeps_its_guard(pair: BedPair) -> None:
    await equip(pair, "a")
    await pair.do("a", f"rm -rf /etc/systemd/system/{APP}.d; systemctl daemon-reload; systemctl start {APP}")

    refused = await release(pair, "a", is_owner=False)

    assert isinstance(refused, Refused)
    assert refused.remote_reason == "StillRunning"
    assert (await read(pair, "a")).guard.state is not GuardState.ABSENT


@pytest.mark.parametrize("version", ["0", "2"])
async def test_an_older_or_newer_version_is_noticed_and_replaced_in_place(pair: BedPair, version: str) -> None:
    running = await adopted(pair)
    before = await read(pair, "a")
    await pair.do(
        "a", f"sed -i 's/^VERSION=.*/VERSION={version}/' {LIBRARY}/maestro-guard; echo another >{LIBRARY}/bundle"
    )
    state = await pair.do("a", "sha256sum /var/lib/maestro-guard/slot?")

    other = await read(pair, "a")
    await equip(pair, "a")
    after = await read(pair, "a")

    assert (before.guard.is_current, other.guard.is_current, after.guard.is_current) == (True, False, True)
    assert (before.guard.version, other.guard.version, after.guard.version) == ("1", version, "1")
    assert await pair.do("a", "sha256sum /var/lib/maestro-guard/slot?") == state
    assert await main_pids(pair) == running
    assert (after.guard.may_run, after.runs(UNITS)) == (True, True)


@pytest.mark.long
async def test_a_changed_address_is_noticed_on_both_nodes(pair: BedPair) -> None:
    await adopted(pair)
    one, other = pair.spec.nodes
    pair.spec = pair.spec.model_copy(update={"nodes": (one.model_copy(update={"address": "10.77.0.111"}), other)})

    assert [(await read(pair, name)).guard.is_current for name in ("a", "b")] == [False, False]


async def test_the_state_of_a_newer_guard_is_not_taken_over_by_an_older_one(pair: BedPair) -> None:
    await equip(pair, "a")
    await order(pair, "a", "create")
    await pair.do("a", f"python3 - <<'END'\n{NEWER}\nEND")
    state = await pair.do("a", "sha256sum /var/lib/maestro-guard/slot?")

    seen = await read(pair, "a")
    refused = await pair.nodes.equip(frozen(pair, "a"), Equipment(PAIR_UID, pair.spec, "a"), deadline_seconds=30)
    anew = Order(verb="create", pair_uid=PAIR_UID, node="a", term=1, episode="ep-2", anew=True)
    written = await pair.nodes.order(frozen(pair, "a"), anew, deadline_seconds=30)

    assert seen.guard.state is GuardState.NEWER
    assert isinstance(refused, Refused)
    assert refused.remote_reason == "StateNewer"
    assert not isinstance(written, Done)
    assert await pair.do("a", "sha256sum /var/lib/maestro-guard/slot?") == state


async def test_versions_are_read_from_packages_and_files_that_anybody_may_read(pair: BedPair) -> None:
    wanted = {
        "shell": Version(name="shell", package="dash"),
        "system": Version(name="system", file="/etc/debian_version"),
        "absent": Version(name="absent", package="no-such-package"),
        "secret": Version(name="secret", file="/root/version"),
        "long": Version(name="long", file="/etc/long-version"),
    }
    await pair.do("a", "echo 1.2 >/root/version; chmod 600 /root/version; echo 'a;b' >/etc/long-version")
    pair.spec = pair.spec.model_copy(update={"versions": tuple(wanted.values())})
    package = (await pair.do("a", "dpkg-query -W -f='${Version}' dash")).strip()
    system = (await pair.do("a", "cat /etc/debian_version")).strip()

    first = await read(pair, "a")
    await pair.do("a", "echo 99 >/etc/debian_version")
    second = await read(pair, "a")
    await pair.do("a", f"echo {system} >/etc/debian_version")

    assert dict(first.versions) == {"shell": package, "system": system}
    assert second.versions == first.versions
