"""The standby of two real nodes restores a kept backup beside everything else, has it checked and throws it away."""

from collections.abc import Iterator

import pytest

from e2e.test_restore import BACKUP, MAKE, TELL, TELLER, files
from support.bed import layout
from support.demo.stage import Stage
from support.demo.watcher import condition
from support.served import do, is_active, is_protected, main_pid, patch, reason, sides, until

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("tested") / "stage", say=print) as stage:
        stage.kubectl("apply", "-f", "-", input_text=stage.pair())
        yield stage


CHECK = "/usr/local/sbin/check-restored"
CHECKS = f"""
cat >{CHECK} <<'END'
#!/bin/sh
[ "$1 $2" = "check /srv/maestro" ] || exit 2
[ -n "$(find /srv/maestro/files -type f | head -n 1)" ] || exit 3
[ "$(ip -o link | wc -l)" = 1 ] || exit 4
systemctl is-active ssh.service && exit 5
[ ! -e /srv/.maestro-replica/backups ] || exit 6
touch /srv/maestro/files/mine || exit 7
touch /etc/mine 2>/dev/null && exit 8
sleep 7777 >/dev/null 2>&1 &
@EXIT@
END
chmod 755 {CHECK}
"""


def test_the_standby_tests_a_restore_out_of_reach_and_says_how_it_went(stage: Stage) -> None:
    until(stage, is_protected, what="the pair is protected")
    active, standby = sides(stage)
    for node in layout.NODE_ADDRESSES:
        do(stage, node, TELL)
        do(stage, node, CHECKS.replace("@EXIT@", "exit 0"))
    do(stage, active, MAKE)
    patch(stage, {"backup": {"command": {"program": TELLER}}})
    until(stage, lambda it: condition(it, "BackupFresh") == "True", what="the backup is on both nodes")
    kept = files(stage, standby, f"/srv/.maestro-replica/backups/{BACKUP}/data")
    served = main_pid(stage, active)

    patch(stage, {"backup": {"command": {"program": TELLER}, "restoreTest": {"program": CHECK}}})
    until(stage, lambda it: condition(it, "RestoreTested") == "True", what="a restore was tested")

    assert main_pid(stage, active) == served
    assert not is_active(stage, standby)
    assert files(stage, standby, f"/srv/.maestro-replica/backups/{BACKUP}/data") == kept
    assert (
        do(stage, standby, "ls -d /srv/.maestro-replica/rehearsal /etc/mine 2>/dev/null; pgrep -f '[s]leep 7777'; :")
        == ""
    )
    do(stage, standby, CHECKS.replace("@EXIT@", "exit 1"))
    do(stage, standby, "! /usr/local/lib/maestro-guard/maestro-replica test-restore")
    until(stage, lambda it: reason(it, "RestoreTested") == "RestoreTestFailed", what="a failed test is said")
    assert is_active(stage, active)
