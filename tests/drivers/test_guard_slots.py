"""What the guard makes of damaged state: it uses what is certainly the truth, and else fails closed."""

import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from maestro_operator.drivers.memory.guard_twin import NEVER, GuardState, Mark, Permit
from maestro_operator.drivers.ports import Order
from support.guard_pair import await_true
from support.guard_root import SLOT_BYTES, GuardRoot, Reply, slot, state_of

OWNER = GuardState(
    pair="p-1",
    node="a",
    term=3,
    promised=Mark(4, "a", "e1"),
    inforce=Mark(4, "a", "e1"),
    permit=Permit(4, "boot-1"),
    maxpermit=Permit(4, "boot-1"),
)
REVOKED = GuardState(
    pair="p-1", node="a", term=3, promised=OWNER.promised, inforce=OWNER.inforce, maxpermit=OWNER.permit
)
REVOKE = Order("revoke", "p-1", "a", 3, "e1")
WRITTEN = slot(OWNER, seq=7).index(b"\0")
OFFSETS = (0, 1, 5, 30, 100, WRITTEN // 2, WRITTEN - 66, WRITTEN - 64, WRITTEN - 2, WRITTEN - 1)


@pytest.fixture
def root(tmp_path: Path) -> GuardRoot:
    made = GuardRoot(tmp_path / "a")
    made.put(OWNER)
    return made


def put_slots(root: GuardRoot, first: bytes, second: bytes) -> None:
    (root.state / "slot0").write_bytes(first)
    (root.state / "slot1").write_bytes(second)


def standing(root: GuardRoot) -> tuple[str, str, str]:
    shown = root.run("show")
    return shown.lines["state"], shown.lines["torn"], shown.lines["may_run"]


@pytest.mark.parametrize("offset", OFFSETS)
@pytest.mark.parametrize("torn", ["slot0", "slot1"])
def test_a_write_that_tore_was_never_answered_so_the_other_slot_is_the_truth(
    root: GuardRoot, torn: str, offset: int
) -> None:
    old, new = slot(REVOKED, seq=7), slot(OWNER, seq=8)
    put_slots(root, old, old)

    (root.state / torn).write_bytes(new[:offset] + old[offset:])

    # Up to the sequence number both are the same bytes, so nothing is torn yet.
    assert standing(root) == ("valid", "1" if (new[:offset] + old[offset:]) != old else "0", "no")
    assert root.run("may-run").word == "NotPermittedThisBoot"


@pytest.mark.parametrize("offset", OFFSETS)
def test_damage_to_one_slot_never_brings_back_what_was_revoked(root: GuardRoot, offset: int) -> None:
    assert root.order(REVOKE).code == 0

    for name in ("slot0", "slot1"):
        intact = (root.state / name).read_bytes()
        offset = min(offset, intact.index(b"\0") - 1)
        (root.state / name).write_bytes(intact[:offset] + b"\xff" + intact[offset + 1 :])
        assert standing(root) == ("valid", "1", "no"), name
        (root.state / name).write_bytes(intact)


def test_after_a_torn_write_the_next_order_makes_both_slots_whole_again(root: GuardRoot) -> None:
    (root.state / "slot1").write_bytes(slot(OWNER, seq=8)[:100] + slot(OWNER, seq=7)[100:])

    assert root.order(REVOKE).code == 0

    assert root.stored() == REVOKED
    assert standing(root) == ("valid", "0", "no")


def test_a_crash_between_the_two_writes_leaves_the_newer_one(root: GuardRoot) -> None:
    put_slots(root, slot(OWNER, seq=7), slot(REVOKED, seq=8))
    assert standing(root) == ("valid", "1", "no")

    put_slots(root, slot(REVOKED, seq=8), slot(OWNER, seq=7))
    assert standing(root) == ("valid", "1", "no")


def damages(root: GuardRoot) -> Iterator[str]:
    """Does what no crash can do, one thing after the other, and names it."""
    good, torn = slot(OWNER, seq=7), slot(OWNER, seq=8)[:200] + slot(REVOKED, seq=7)[200:]
    for name in ("slot0", "slot1"):
        put_slots(root, good, good)
        (root.state / name).unlink()
        yield f"{name} is gone"
    put_slots(root, torn, torn)
    yield "both are torn"
    put_slots(root, b"", b"")
    yield "both are empty"
    put_slots(root, b"\0" * SLOT_BYTES, b"\0" * SLOT_BYTES)
    yield "both are zero"
    put_slots(root, slot(OWNER, seq=7), slot(REVOKED, seq=9))
    yield "one is two writes older: it came from a backup"
    put_slots(root, slot(OWNER, seq=7), slot(REVOKED, seq=7))
    yield "both claim the same write and differ"
    wrong = good.replace(b"sha256=", b"sha256=0", 1)[:SLOT_BYTES]
    put_slots(root, wrong, wrong)
    yield "the checksums are wrong"
    for field, value in (("node", "A;b"), ("permit_epoch", "4x"), ("term", "007"), ("term", "9" * 19)):
        rewritten = resealed(good, field, value)
        put_slots(root, rewritten, rewritten)
        yield f"{field}={value} is outside of its alphabet"
    rewritten = resealed(good, "promised_epoch", "3")
    put_slots(root, rewritten, rewritten)
    yield "the promised epoch is below the one in force"


def resealed(content: bytes, field: str, value: str) -> bytes:
    """Returns a slot with another value under a right checksum."""
    lines = content.split(b"sha256=")[0].decode().splitlines()
    changed = [f"{field}={value}" if line.startswith(f"{field}=") else line for line in lines]
    text = "".join(f"{line}\n" for line in changed).encode()
    return (text + b"sha256=" + sha256(text).hexdigest().encode() + b"\n").ljust(SLOT_BYTES, b"\0")


def test_what_no_crash_can_leave_is_lost_and_fails_closed(root: GuardRoot) -> None:
    seen = 0
    for damage in damages(root):
        seen += 1
        assert standing(root) == ("lost", "0", "no") or standing(root) == ("lost", "1", "no"), damage
        before = [path.read_bytes() for path in sorted(root.state.iterdir())]
        for words in (("may-run",), ("may-send",), ("may-receive", "--epoch", "4", "--counter", "1", "--source", "b")):
            assert (root.run(*words).code, root.run(*words).word) == (11, "StateLost"), (damage, words)
        assert root.order(REVOKE).word == "StateLost", damage
        assert root.order(Order("create", "p-1", "a", 3, "e1")).word == "StateExists", damage
        assert [path.read_bytes() for path in sorted(root.state.iterdir())] == before, damage
    assert seen >= 13


def test_lost_state_is_written_anew_only_when_that_is_what_was_ordered(root: GuardRoot) -> None:
    (root.state / "slot0").unlink()

    assert root.order(Order("create", "p-1", "a", 5, "e9", anew=True)).code == 0

    assert root.stored() == GuardState(pair="p-1", node="a", term=5)
    assert root.order(Order("create", "p-1", "a", 5, "e9", anew=True)).lines["changed"] == "no"


def test_without_a_state_folder_nothing_is_known_and_nothing_is_zero(tmp_path: Path) -> None:
    root = GuardRoot(tmp_path / "a")

    assert standing(root) == ("never", "0", "no")
    assert "inforce_epoch" not in root.run("show").lines
    assert root.run("may-run").word == "StateMissing"
    assert root.stored() == NEVER


def test_without_a_boot_id_nothing_is_permitted(root: GuardRoot) -> None:
    (root.path / "proc/sys/kernel/random/boot_id").unlink()

    assert root.run("may-run").word == "BootUnknown"
    assert root.order(Order("permit", "p-1", "a", 3, "e1", epoch=4)).word == "BootUnknown"


def race(root: GuardRoot, orders: list[Order]) -> list[Reply]:
    with ThreadPoolExecutor(len(orders)) as pool:
        return list(pool.map(root.order, orders))


def test_of_sixteen_callers_that_promise_one_epoch_to_others_one_wins(root: GuardRoot) -> None:
    orders = [Order("promise", "p-1", "a", 3, f"race-{n}", epoch=5, owner="ab"[n % 2]) for n in range(16)]

    replies = race(root, orders)

    assert sorted(reply.code for reply in replies) == [0] + [10] * 15
    winner = orders[[reply.code for reply in replies].index(0)]
    assert root.stored().promised == Mark(5, str(winner.owner), winner.episode)


def test_of_sixteen_leaders_no_term_is_lost_and_none_falls(root: GuardRoot) -> None:
    replies = race(root, [Order("lead", "p-1", "a", term, "e1") for term in range(4, 20)])

    assert root.stored().term == 19
    assert {reply.word for reply in replies} <= {"", "LowerTerm"}
    done = sum(reply.lines.get("changed") == "yes" for reply in replies)
    assert state_of((root.state / "slot0").read_bytes())[0] == 7 + done


def test_sixteen_callers_that_create_make_one_state(tmp_path: Path) -> None:
    root = GuardRoot(tmp_path / "a")

    replies = race(root, [Order("create", f"p-{n}", "a", 0, "e1") for n in range(16)])

    assert sorted(reply.word for reply in replies) == [""] + ["ForeignPair"] * 15
    assert root.stored().pair == f"p-{[reply.code for reply in replies].index(0)}"


def test_readers_see_only_states_that_were_stored_while_orders_are_under_way(root: GuardRoot) -> None:
    with ThreadPoolExecutor(4) as pool:
        reading = [pool.submit(lambda: [root.run("show").lines for _ in range(40)]) for _ in range(2)]
        for term in range(4, 24):
            assert root.order(Order("lead", "p-1", "a", term, "e1")).code == 0
        seen = [lines for future in reading for lines in future.result()]

    assert {lines["state"] for lines in seen} == {"valid"}
    assert {int(lines["term"]) for lines in seen} <= set(range(3, 24))


GARBLED = slot(OWNER, seq=8)[:200] + slot(REVOKED, seq=7)[200:]


@pytest.mark.parametrize("second", [GARBLED, slot(REVOKED, seq=7)], ids=["both slots", "the first slot"])
def test_what_a_write_in_flight_garbles_is_read_again_when_it_is_done(root: GuardRoot, second: bytes) -> None:
    lock = root.state / "lock"
    writer = subprocess.Popen(("flock", str(lock), "cat"), stdin=subprocess.PIPE)
    await_true(
        lambda: subprocess.run(("flock", "-n", str(lock), "true"), check=False).returncode != 0, what="the lock is held"
    )
    put_slots(root, GARBLED, second)
    reader = subprocess.Popen((str(root.script), "--root", str(root.path), "may-run"), stdout=subprocess.PIPE)
    waits = f":{lock.stat().st_ino} "
    await_true(
        lambda: (
            reader.poll() is not None
            or any("->" in line and waits in line for line in Path("/proc/locks").read_text().splitlines())
        ),
        what="the reader waits for the lock",
    )
    put_slots(root, slot(OWNER, seq=8), slot(OWNER, seq=8))
    writer.communicate()

    assert reader.communicate()[0] == b"may_run=yes\n"


def test_an_order_that_cannot_have_the_lock_changes_nothing(root: GuardRoot) -> None:
    script = root.path / "guard"
    script.write_text(root.script.read_text().replace("LOCK_SECONDS=10", "LOCK_SECONDS=0"))
    script.chmod(0o755)
    held = subprocess.Popen(("flock", str(root.state / "lock"), "cat"), stdin=subprocess.PIPE)
    try:
        await_true(
            lambda: subprocess.run(("flock", "-n", str(root.state / "lock"), "true"), check=False).returncode != 0,
            what="the lock is held",
        )
        reply = subprocess.run(
            (
                str(script),
                "--root",
                str(root.path),
                "revoke",
                "--pair",
                "p-1",
                "--node",
                "a",
                "--term",
                "3",
                "--episode",
                "e1",
            ),
            check=False,
            capture_output=True,
            text=True,
        )
    finally:
        held.communicate()

    assert (reply.returncode, reply.stdout.splitlines()[0]) == (12, "unstored=LockBusy")
    assert root.stored() == OWNER


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for little more than the guard's own files."""
    if shutil.which("mkfs.ext4") is None:
        pytest.fail("mkfs.ext4 is not installed")
    image, mounted = tmp_path / "image", tmp_path / "mounted"
    mounted.mkdir()
    with image.open("wb") as file:
        file.truncate(2 << 20)
    subprocess.run(("mkfs.ext4", "-q", "-O", "^has_journal", str(image)), check=True, capture_output=True)
    # In a mount namespace of the tests' own this would be tidier; a loop mount below tmp_path touches nothing else.
    subprocess.run(("mount", "-o", "loop", str(image), str(mounted)), check=True)
    try:
        yield mounted
    finally:
        subprocess.run(("umount", str(mounted)), check=True)


@pytest.mark.parametrize(
    "dd",
    ['/usr/bin/dd "$@"; exit 1', "cat >/dev/null", 'case $* in *slot1*) cat >/dev/null ;; *) /usr/bin/dd "$@" ;; esac'],
    ids=["the sync fails", "nothing is written", "one slot is not written"],
)
def test_an_order_is_not_done_before_both_slots_are_synced_and_read_back(root: GuardRoot, dd: str) -> None:
    root.program("dd", f"#!/bin/sh\n{dd}\n")

    assert root.order(Order("lead", "p-1", "a", 9, "e1")).word == "WriteFailed"


def write_without_end(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)


def fill(disk: Path) -> None:
    """Writes until there is no room for one more block."""
    for name in ("fill", "more"):
        with pytest.raises(OSError, match="No space"):
            write_without_end(disk / name)


@pytest.mark.root
def test_on_a_full_disk_a_revoke_is_stored_all_the_same(tiny_disk: Path) -> None:
    root = GuardRoot(tiny_disk / "a")
    root.put(OWNER)
    fill(tiny_disk)

    assert root.order(REVOKE).code == 0

    assert root.stored() == REVOKED
    assert root.run("may-run").word == "NotPermittedThisBoot"


@pytest.mark.root
def test_a_state_that_cannot_be_stored_is_said_so_and_what_takes_away_still_stops(tiny_disk: Path) -> None:
    root = GuardRoot(tiny_disk / "a")
    root.put(OWNER)
    root.configure(services="app.service")
    root.program("systemctl", f'#!/bin/sh\necho "$*" >>{tiny_disk.parent}/systemctl\necho ActiveState=inactive\n')
    subprocess.run(("mount", "-o", "remount,ro", str(tiny_disk)), check=True)

    promised = root.order(Order("promise", "p-1", "a", 3, "e2", epoch=5, owner="b"))
    revoked = root.order(REVOKE)

    assert promised.code == revoked.code == 12
    assert root.stored() == OWNER
    calls = (tiny_disk.parent / "systemctl").read_text()
    assert "stop -- app.service" in calls
