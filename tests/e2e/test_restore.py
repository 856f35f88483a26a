"""A backup is kept on both real nodes, and a person has it brought up again after the data was damaged."""

import json
from collections.abc import Iterator

import pytest

from support.bed import layout
from support.demo.stage import Stage
from support.demo.watcher import condition
from support.manifests import Manifest
from support.served import SECONDS, do, is_active, is_protected, patch, reason, sides, spec, status, until

pytestmark = [pytest.mark.root, pytest.mark.long, pytest.mark.timeout(600)]

TELLER = "/usr/local/sbin/newest-backup"
BACKUP = "nightly-1"
TELL = f"""
cat >{TELLER} <<'END'
#!/bin/sh
[ -e /srv/{BACKUP} ] || {{ echo id=none-yet; echo result=running; exit 0; }}
echo id={BACKUP}
echo result=success
echo finished=$(stat -c %Z /srv/{BACKUP}.done)
echo path=/srv/{BACKUP}
END
chmod 755 {TELLER}
"""
MAKE = f"btrfs subvolume snapshot -r /srv/maestro /srv/{BACKUP} && touch /srv/{BACKUP}.done"
DAMAGE = "find /srv/maestro/files -type f | head -n 3 | xargs rm -f; echo damaged >/srv/maestro/files/damaged"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Stage(tmp_path_factory.mktemp("restore") / "stage", say=print) as stage:
        stage.kubectl("apply", "-f", "-", input_text=stage.pair())
        yield stage


def entry(told: Manifest, kind: str) -> Manifest:
    return next((item for item in told.get("history", []) if item["kind"] == kind), {})


def files(stage: Stage, node: str, folder: str) -> str:
    return do(stage, node, f"cd {folder} && find files -type f | sort | xargs sha256sum")


def test_a_backup_is_kept_on_both_nodes_and_brought_up_when_a_person_says_so(stage: Stage) -> None:
    until(stage, is_protected, what="the pair is protected")
    active, standby = sides(stage)
    for node in layout.NODE_ADDRESSES:
        do(stage, node, TELL)
    patch(stage, {"backup": {"command": {"program": TELLER}}})
    until(stage, lambda it: reason(it, "BackupFresh") == "BackupAbsent", what="no backup is there yet")

    do(stage, active, MAKE)
    until(stage, lambda it: condition(it, "BackupFresh") == "True", what="the backup is on both nodes")
    assert files(stage, standby, f"/srv/.maestro-replica/backups/{BACKUP}/data") == files(
        stage, active, f"/srv/{BACKUP}"
    )

    do(stage, active, DAMAGE)
    last = status(stage)["history"][0]["id"]
    patch(stage, {"answers": [{"episode": last, "say": "Restore", "of": BACKUP}]})
    until(stage, lambda it: reason(it, "Stalled") == "CopyOverBudget", what="the loss is said")
    assert is_active(stage, active)
    waiting = status(stage)["episode"]["id"]
    patch(stage, {"answers": [*spec(stage)["answers"], {"episode": waiting, "say": "AcceptLoss", "of": "3600"}]})
    until(stage, lambda it: bool(entry(it, "Restore")) and is_protected(it), what="the backup is up and copied again")

    told = entry(status(stage), "Restore")
    assert (told["result"], told["restored"]) == ("Done", BACKUP)
    assert 0 < told["declaredLossSeconds"] <= 3600
    assert told["downtimeSeconds"] < SECONDS
    assert sides(stage) == (active, standby)
    kept = do(stage, active, f"cd /srv/{BACKUP} && find files -type f -newermt @0 | sort")
    for name in kept.split():
        assert do(stage, active, f"test -e /srv/maestro/{name} && echo there").strip() == "there"
    assert do(stage, active, "test ! -e /srv/maestro/files/damaged && echo gone").strip() == "gone"
    aside = f"/srv/.maestro-replica/quarantine/{told['id']}-replaced"
    assert do(stage, active, f"cat {aside}/files/damaged").strip() == "damaged"
    assert json.dumps(status(stage)["quarantine"]).count(f"{told['id']}-replaced") == 1
