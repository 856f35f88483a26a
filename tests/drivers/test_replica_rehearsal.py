"""Restore tests: the newest kept backup is restored beside everything else, checked out of reach, thrown away."""

import hashlib
import re
import subprocess

import pytest

from drivers.test_replica_backups import BACKUPS, RESTORER, backed_up, copy_of_live, run, told
from drivers.test_replica_links import both, configure, pair, volume
from drivers.test_replica_pair import LIVE, STORE, Node, Pair

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

SCRATCH = f"{STORE}/rehearsal"
LOOKS = """#!/bin/sh
[ "$1" = check ] && [ "$2" = @ROOT@/srv/maestro ] || exit 9
seen="restored=$(sha256sum <$2/db/table)"
note() { seen="$seen $1"; }
note "links=$(ip -o link | wc -l)"
ip -o link show lo | grep -q LOWER_UP && note lo=up
ip route get 192.0.2.1 >/dev/null 2>&1 && note route=there
[ -e /run/systemd ] && note run=seen
(echo x >@ROOT@/lib/written) 2>/dev/null && note lib=written
(echo mine >/proc/sys/kernel/hostname) 2>/dev/null && note sysctl=written
[ -e @ROOT@/srv/.maestro-replica/generations ] && note store=seen
[ "$(ls -d /proc/[0-9]* | wc -l)" -gt 12 ] && note processes=seen
ip link add dummy0 type dummy 2>/dev/null && note link=made
mount -t tmpfs tmpfs /mnt 2>/dev/null && note mount=done
mount -o remount,rw / 2>/dev/null && note root=writable
echo changed >$2/db/table || note data=readonly
umount $2 2>/dev/null && note live=uncovered
sleep 300 &
echo "$seen" >&2
exit @CODE@
"""
SEEN_WELL = "links=1 lo=up"
HANG = "#!/bin/sh\nsleep 300 &\nsleep 300\n"


def program(pair: Pair, text: str, *, code: int = 4) -> None:
    """Puts a program that checks what was restored on the standby."""
    path = pair.b.at("lib/check")
    path.write_text(text.replace("@ROOT@", str(pair.b.root)).replace("@CODE@", str(code)))
    path.chmod(0o755)
    configure(pair, test_program=f"{pair.b.root}/lib/check")


def results(node: Node) -> list[str]:
    """The backup and the result of the last test."""
    return [f"{line.split(':')[0]} {line.split(':')[2]}" for line in told(node, "tested")]


@pytest.fixture
def rehearsed(pair: Pair) -> Pair:
    """A backup that is a copy of the live data lies on both nodes, and the standby tests it weekly."""
    copy_of_live(pair)
    configure(pair, test_days="7", test_seconds="20")
    return pair


@both
def test_the_standby_restores_its_newest_backup_checks_it_and_throws_it_away(rehearsed: Pair) -> None:
    program(rehearsed, "#!/bin/sh\ntest -s $2/db/table && test -d $2/files\n")
    before = {node.name: node.tree("srv") for node in (rehearsed.a, rehearsed.b)}

    answer = rehearsed.b.replica("backup")

    assert answer.code == 0, answer
    assert results(rehearsed.b) == ["20261129 passed"]
    assert not rehearsed.b.at(SCRATCH).exists()
    after = rehearsed.b.tree("srv")
    changed = {name for name in before["b"].keys() | after if before["b"].get(name) != after.get(name)}
    assert {name for name in changed if "/meta" not in name} <= {".maestro-replica"}
    assert run(rehearsed).code == 0
    assert results(rehearsed.a) == []


def test_what_checks_reaches_nothing_but_the_restored_data(rehearsed: Pair) -> None:
    program(rehearsed, LOOKS)
    data = rehearsed.b.tree(f"{BACKUPS}/20261129")
    live = rehearsed.b.at(LIVE).exists()

    answer = rehearsed.b.replica("backup")

    said = answer.values["message"]
    restored = hashlib.sha256((rehearsed.a.at(LIVE) / "db/table").read_bytes()).hexdigest()
    assert said == f"restored={restored}  - {SEEN_WELL}"
    assert results(rehearsed.b) == ["20261129 CheckFailed"]
    assert rehearsed.b.tree(f"{BACKUPS}/20261129") == data
    assert rehearsed.b.at(LIVE).exists() is live
    assert not rehearsed.b.at("lib/written").exists()
    assert "sleep 300" not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("script", "line", "instead", "seen"),
    [
        ("maestro-isolated", '    [ ! -e "$one" ] || mount -o remount,bind,ro "$one"', ":", "lib=written"),
        ("maestro-isolated", 'mount -t tmpfs -o ro tmpfs "$store"', ":", "store=seen"),
        ("maestro-isolated", "-sys_admin,", "", "mount=done"),
        ("maestro-rehearsal", "--net --ipc", "--ipc", "links=[2-9]"),
    ],
)
def test_what_would_be_in_reach_is_seen_where_the_isolation_is_broken(
    rehearsed: Pair, script: str, line: str, instead: str, seen: str
) -> None:
    path = rehearsed.b.at(f"lib/{script}")
    assert line in path.read_text()
    path.write_text(path.read_text().replace(line, instead))
    program(rehearsed, LOOKS)

    assert re.search(seen, rehearsed.b.replica("backup").values["message"])


def test_a_check_that_hangs_is_ended_with_everything_it_started(rehearsed: Pair) -> None:
    program(rehearsed, HANG)
    configure(rehearsed, test_seconds="2")

    assert rehearsed.b.replica("backup").code == 0

    assert results(rehearsed.b) == ["20261129 TimedOut"]
    assert not rehearsed.b.at(SCRATCH).exists()
    assert "sleep 300" not in subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout


def test_a_damaged_backup_fails_and_nothing_of_it_is_restored(rehearsed: Pair) -> None:
    rehearsed.b.at(f"{BACKUPS}/20261129/data/db/table").write_bytes(b"bits rot")
    program(rehearsed, "#!/bin/sh\nexit 0\n")

    assert rehearsed.b.replica("backup").code == 0

    assert results(rehearsed.b) == ["20261129 BackupDamaged"]


def test_without_room_nothing_is_filled(rehearsed: Pair) -> None:
    about = rehearsed.b.at(f"{BACKUPS}/20261129/about")
    about.write_text(about.read_text().replace("bytes=", "bytes=9999999999"))

    assert rehearsed.b.replica("backup").code == 0

    assert results(rehearsed.b) == ["20261129 NoRoom"]


def test_what_a_test_that_was_cut_off_left_is_thrown_away_by_the_next_run(rehearsed: Pair) -> None:
    rehearsed.b.at(SCRATCH).mkdir()
    (rehearsed.b.at(SCRATCH) / "half").write_text("restored\n")
    configure(rehearsed, test_days="0")

    assert rehearsed.b.replica("backup").code == 0

    assert not rehearsed.b.at(SCRATCH).exists()
    assert results(rehearsed.b) == []


def test_it_is_made_once_in_its_time_and_after_a_failure_with_the_next_backup(rehearsed: Pair) -> None:
    program(rehearsed, f"#!/bin/sh\n[ -e {rehearsed.b.root}/lib/good ]\n")
    rehearsed.b.replica("backup")
    assert results(rehearsed.b) == ["20261129 CheckFailed"]

    rehearsed.b.at("lib/good").touch()
    rehearsed.b.replica("backup")
    assert results(rehearsed.b) == ["20261129 CheckFailed"]
    assert rehearsed.b.replica("test-restore").values["result"] == "passed"
    rehearsed.b.at("lib/good").unlink()
    rehearsed.b.replica("backup")
    assert results(rehearsed.b) == ["20261129 passed"]

    record = rehearsed.b.at(f"{STORE}/meta/tested")
    record.write_text("name=20261129\nat=1700000000\nresult=passed\nend=1\n")
    rehearsed.b.replica("backup")
    assert results(rehearsed.b) == ["20261129 CheckFailed"]


def test_a_node_that_may_send_tests_nothing_by_hand_either(rehearsed: Pair) -> None:
    answer = rehearsed.a.replica("test-restore")

    assert answer.values["refused"] == "NotBeside"
    assert not rehearsed.a.at(SCRATCH).exists()


def test_the_program_of_the_site_restores_out_of_reach_too(pair: Pair) -> None:
    configure(pair, backup_reports="/opt/hub/logs", backup_path="/opt/hub", test_days="7")
    configure(pair, backup_path="/opt/lui")
    backed_up(pair)
    assert run(pair).code == 0
    path = pair.b.at("lib/restorer")
    path.write_text(RESTORER + "[ ! -e /run/systemd ] || exit 1\n")
    path.chmod(0o755)
    configure(pair, backup_restore=f"{pair.b.root}/lib/restorer")
    program(pair, '#!/bin/sh\n[ "$(cat $2/db/table)" = "hub rows" ]\n')

    assert pair.b.replica("backup").code == 0

    assert results(pair.b) == ["20261129 passed"]
    path.write_text("#!/bin/sh\nexit 1\n")
    assert pair.b.replica("test-restore").values["result"] == "RestoreFailed"
