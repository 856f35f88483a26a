"""What is kept aside can be taken away as an archive, and goes when it is given up; no room stops no service."""

import io
import subprocess
import tarfile

import pytest

from drivers.test_replica_links import both, pair, volume
from drivers.test_replica_pair import LIVE, STORE, Pair

__all__ = ["pair", "volume"]

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]


def keep_aside(pair: Pair) -> dict[str, tuple[object, ...]]:
    """Lets `a` become an old owner whose data is kept aside as `ep-3`."""
    expected = pair.a.tree()
    assert pair.a.replica("quarantine", "--episode", "ep-3").values["quarantined"] == "ep-3"
    return expected


@both
def test_what_is_given_up_is_gone_and_a_repeat_says_so(pair: Pair) -> None:
    keep_aside(pair)
    name, _, _, moment = pair.a.observe()["quarantine"].split(":")
    assert (name, moment.isdigit()) == ("ep-3", True)

    assert pair.a.replica("prune", "--item", "ep-3").values == {"pruned": "ep-3"}
    assert pair.a.replica("prune", "--item", "ep-3").values == {"pruned": "ep-3", "again": "yes"}

    assert "quarantine" not in pair.a.observe()
    assert list(pair.a.at(f"{STORE}/quarantine").iterdir()) == []


def test_what_a_cut_deletion_left_goes_with_the_next(pair: Pair) -> None:
    keep_aside(pair)
    quarantine = pair.a.at(f"{STORE}/quarantine")
    (quarantine / "ep-3").rename(quarantine / ".ep-3.gone")
    assert "quarantine" not in pair.a.observe()

    assert pair.a.replica("prune", "--item", "ep-3").code == 0

    assert list(quarantine.iterdir()) == []


def test_it_is_exported_whole(pair: Pair) -> None:
    expected = keep_aside(pair)
    words = (pair.a.root / "lib/maestro-replica", "--root", pair.a.root, "export", "--item", "ep-3")

    done = subprocess.run(pair.a.volume.command(*words), capture_output=True, check=True, timeout=60)

    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        names = {member.name for member in archive.getmembers()}
        table = archive.extractfile("ep-3/db/table")
        assert table is not None
        assert len(table.read()) == 1 << 20
    assert names == {f"ep-3/{path}" if path != "." else "ep-3" for path in expected}
    assert pair.a.tree(f"{STORE}/quarantine/ep-3") == expected


@pytest.mark.parametrize("item", ["../../etc", "ep-9"])
def test_what_is_not_kept_aside_is_neither_exported_nor_deleted(pair: Pair, item: str) -> None:
    before = pair.a.tree()

    assert pair.a.replica("export", "--item", item).code in (2, 10)
    assert pair.a.replica("prune", "--item", item).code in (0, 2)

    assert pair.a.tree() == before


def test_no_room_ends_a_run_badly_and_leaves_data_and_last_copy_as_they_are(pair: Pair) -> None:
    pair.send()
    whole = pair.b.tree(f"{STORE}/generations/1.1")
    (pair.a.at(LIVE) / "files/new").write_bytes(b"x" * 100_000)
    filler = pair.a.root.parent / "filler"
    pair.a.volume.run("sh", "-c", f"dd if=/dev/zero of={filler} bs=1M status=none; cat /dev/zero >>{filler}; true")
    try:
        expected = pair.a.tree()
        assert pair.a.replica("run").code != 0
        assert pair.a.tree() == expected
        assert pair.b.tree(f"{STORE}/generations/1.1") == whole
    finally:
        pair.a.volume.run("rm", filler)
    assert pair.b.tree(f"{STORE}/generations/{pair.send()}") == pair.a.tree()
