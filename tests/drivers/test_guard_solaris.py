"""The Solaris guard under a real ksh93: the same answers to the same orders as the Linux one, and SMF in its words.

SMF's own programs are small stand-ins here; no Solaris was there to try it on (PlatformUnverified).
"""

from __future__ import annotations

import concurrent.futures
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from maestro_operator.drivers.ports import Order
from maestro_operator.model.pair import Platform
from maestro_operator.transport.bundle import archive
from maestro_operator.transport.platforms import guard_files, spoken
from support.guard_root import GuardRoot, Reply
from support.solaris_root import SolarisRoot

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.timeout(120)]
DB, APP = "site/db:default", "site/app:default"
BOOTS = ("boot_id", "permit_boot", "maxpermit_boot", "version")


@pytest.fixture
def node(tmp_path: Path) -> SolarisRoot:
    assert shutil.which("ksh93"), "make doctor says what to install"
    made = SolarisRoot(tmp_path / "solaris")
    made.configure(pair="p-1", node="a", peer="b", services=f"{DB} {APP}", ports="80", live="/srv/maestro")
    made.service(DB, "disabled -")
    made.service(APP, "disabled -")
    return made


def told(verb: str, *, epoch: int | None = None, term: int = 1, episode: str = "e1", **more: object) -> Order:
    return Order(verb, "p-1", "a", term, episode, epoch=epoch, **more)  # type: ignore[arg-type]


STORY = (
    told("lead"),
    told("create"),
    told("create", anew=True),
    told("promote", epoch=1),
    told("promise", epoch=1, owner="a"),
    told("promise", epoch=1, owner="b"),
    told("promise", epoch=1, owner="a", episode="e2"),
    told("permit", epoch=1),
    told("promote", epoch=1, episode="e2"),
    told("promote", epoch=1),
    told("permit", epoch=2),
    told("permit", epoch=1, episode="e2"),
    told("permit", epoch=1),
    told("promise", epoch=1, owner="a", term=0),
    Order("lead", "p-2", "a", 1, "e1"),
    Order("lead", "p-1", "b", 1, "e1"),
    told("renew", epoch=1, episode="e3"),
    told("renew", epoch=2, episode="e3"),
    told("quiesce", epoch=1),
    told("quiesce", epoch=2),
    told("promote", epoch=2, episode="e4"),
    told("renew", epoch=3, episode="e4"),
    told("promise", epoch=4, owner="b", episode="e5", term=2),
    told("permit", epoch=3, episode="e4", term=2),
    told("demote", epoch=2, owner="b", episode="e5", term=2),
    told("demote", epoch=4, owner="b", episode="e5", term=2),
    told("quarantined", epoch=4, episode="e5", term=2),
    told("sever", episode="e5", term=3),
    told("revoke", episode="e5", term=3),
    told("lead", term=2),
)


def answered(reply: Reply) -> tuple[int, dict[str, str]]:
    """What was answered, without the words that name a boot or what is on the node."""
    aside = (*BOOTS, "stopped", "still", "receivers")
    return reply.code, {key: value for key, value in reply.lines.items() if key not in aside}


def test_every_order_is_answered_as_on_linux(node: SolarisRoot, tmp_path: Path) -> None:
    linux = GuardRoot(tmp_path / "linux")
    linux.program("systemctl", "#!/bin/sh\nexit 0\n")

    for order in STORY:
        assert answered(node.order(order)) == answered(linux.order(order)), order
        assert answered(node.run("show")) == answered(linux.run("show")), order


def run_up_to_a_permit(node: SolarisRoot) -> None:
    for order in (
        told("create"), told("promise", epoch=1, owner="a"), told("promote", epoch=1), told("permit", epoch=1)
    ):  # fmt: skip
        assert node.order(order).code == 0


def test_services_start_under_a_permit_alone_and_for_this_boot_alone(node: SolarisRoot) -> None:
    node.order(told("create"))
    refused = node.run("start")
    assert (refused.code, refused.word, node.asked) == (10, "NotInForce", [])
    node.order(told("promise", epoch=1, owner="a"))
    node.order(told("promote", epoch=1))
    node.order(told("permit", epoch=1))

    started = node.run("start")

    assert started.lines["started"] == f"{DB} {APP}"
    assert [line for line in node.asked if line.startswith("svcadm")] == [
        f"svcadm enable -t {DB}",
        f"svcadm enable -t {APP}",
    ]
    node.reboot("1764539200")
    assert node.run("may-run").word == "NotPermittedThisBoot"


def test_what_is_taken_away_is_stopped_in_reverse_order_and_read_back(node: SolarisRoot) -> None:
    run_up_to_a_permit(node)
    node.run("start")

    revoked = node.order(told("revoke"))

    assert revoked.lines["stopped"] == f"{APP} {DB}"
    assert [line for line in node.asked if line.startswith("svcadm disable")] == [
        f"svcadm disable -s -t {APP}",
        f"svcadm disable -s -t {DB}",
    ]


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        ("online -", "active/online"),
        ("online* disabled", "deactivating/online"),
        ("offline* online", "activating/offline"),
        ("offline -", "activating/offline"),
        ("maintenance -", "failed/maintenance"),
        ("disabled -", "inactive/disabled"),
        ("degraded -", "active/degraded"),
    ],
)
def test_smf_is_read_in_systemds_words(node: SolarisRoot, state: str, shown: str) -> None:
    node.service(APP, state)

    found = node.run("observe")

    assert found.lines[f"unit.{APP}"].startswith(f"{shown}/disabled/")


def test_a_service_that_smf_says_nothing_of_counts_as_running(node: SolarisRoot) -> None:
    run_up_to_a_permit(node)
    node.program("svcs", "#!/bin/sh\necho 'svcs: cannot connect to repository' >&2\nexit 1\n")

    revoked = node.order(told("revoke"))

    assert (revoked.code, revoked.word) == (1, "StillRunning")


def test_what_cannot_be_known_is_refused(node: SolarisRoot) -> None:
    node.order(told("create"))
    node.program("kstat", "#!/bin/sh\nexit 1\n")

    assert node.run("start").word == "BootUnknown"


def test_nothing_is_received_and_no_mirror_is_believed(node: SolarisRoot) -> None:
    node.order(told("create"))
    node.order(told("demote", epoch=1, owner="b"))
    node.order(told("quarantined", epoch=1))

    granted = node.order(told("grant", epoch=1, source="b"))
    receipt = node.order(told("receipt", epoch=1, kind="Fenced"))

    assert (granted.word, receipt.word) == ("NotOnThisPlatform", "NotOnThisPlatform")


def test_orders_at_once_are_carried_out_one_after_the_other(node: SolarisRoot) -> None:
    node.order(told("create"))
    orders = [told("promise", epoch=number, owner="a", episode=f"e{number}") for number in range(1, 9)]

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(node.order, orders))

    done = [reply for reply in replies if reply.code == 0]
    assert {reply.word for reply in replies if reply.code} <= {"LowerEpoch"}
    assert node.run("show").lines["seq"] == str(1 + len(done))
    assert node.stored().promised is not None
    assert node.stored().promised.epoch == 8  # type: ignore[union-attr]


def test_a_lock_ends_with_its_holder_however_that_ends(node: SolarisRoot) -> None:
    node.order(told("create"))
    node.program("dd", '#!/bin/sh\nkill -9 "$PPID"\n')
    node.order(told("promise", epoch=1, owner="a"))
    (node.path / "bin" / "dd").unlink()

    assert node.order(told("promise", epoch=2, owner="a", episode="e2")).code == 0


def scripted(node: SolarisRoot, script: str, *words: str, content: bytes = b"") -> Reply:
    """Run one of the operator's own scripts there, below the node's folder."""
    said = spoken(Platform.SOLARIS, script, words, seconds=30).argv
    done = subprocess.run(
        ("ksh93", "-c", said[2], said[3], str(node.path), *words),
        input=content,
        capture_output=True,
        check=False,
        timeout=60,
    )
    text = done.stdout.decode()
    lines = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Reply(done.returncode, lines, text + done.stderr.decode())


def test_the_guard_is_installed_and_read_by_the_scripts_that_are_sent(node: SolarisRoot) -> None:
    node.program("sh", '#!/bin/sh\nexec ksh93 "$@"\n')
    node.program("svccfg", '#!/bin/sh\necho "svccfg $*" >>"${0%/*}/../smf.log"\n')
    units = (DB, APP)
    before = scripted(node, "observe", "/srv/maestro", "", "", "", *units)
    content = archive(guard_files(Platform.SOLARIS, f"pair=p-1\nnode=a\nservices={DB} {APP}\n"))

    equipped = scripted(node, "equip", *units, content=content)
    ordered = scripted(node, "order", "create", "--pair", "p-1", "--node", "a", "--term", "1", "--episode", "e1")
    after = scripted(node, "observe", "/srv/maestro", "", "", "", *units)

    assert (before.code, before.lines["state"], before.lines[f"unit.{DB}"]) == (0, "absent", "inactive/disabled//")
    assert (equipped.code, equipped.lines["gates"]) == (0, "installed"), equipped
    assert equipped.lines["public_key"].startswith("ssh-ed25519 ")
    assert f"svcadm disable {DB}" in node.asked
    assert ordered.lines["done"] == "create"
    assert (after.lines["state"], len(after.lines["bundle"])) == ("valid", 64)
    assert after.lines["boot_id"] == before.lines["boot_id"]
    assert after.lines["machine_id"] == before.lines["machine_id"]


def test_a_service_that_is_not_there_is_refused_by_name(node: SolarisRoot) -> None:
    refused = scripted(node, "equip", "site/typo", content=b"")

    assert (refused.code, refused.word) == (10, "UnitNotFound")
