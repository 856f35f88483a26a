"""Generations as folders that share files: sent stopped, copied frozen or by a program, or plain and not whole."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.test_replica_cuts import change
from drivers.test_replica_pair import LIVE, STORE, Pair, Volume, fill, give_epoch_one, make_node, until

pytestmark = [pytest.mark.root, pytest.mark.timeout(120)]

CUTS = int(os.environ.get("MAESTRO_TEST_CUTS", "24"))
"""At how many points of its data a run is cut; `make cuts` asks for a hundred."""

PROGRAM = """#!/bin/sh
# A data base's own copy: live, target, the copy before.
echo "$1 $2 $3 $4" >>@HERE@/called
[ ! -e @HERE@/fails ] || exit 3
cp -a "$2/." "$3/"
"""


@pytest.fixture(scope="module", params=["ext4"])
def volume(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Volume]:
    """One whose files cannot share their blocks; for what tells the two apart, also one whose files can."""
    with Volume(tmp_path_factory.mktemp("links"), make=(f"mkfs.{request.param}", "-q")) as made:
        yield made


both = pytest.mark.parametrize("volume", ["ext4", "btrfs"], indirect=True)


@pytest.fixture
def pair(volume: Volume, request: pytest.FixtureRequest) -> Pair:
    """Like the pair of snapshots, on plain folders."""
    top = volume.path / hashlib.sha256(request.node.name.encode()).hexdigest()[:12]
    made = Pair(make_node(volume, top, name="a", peer="b"), make_node(volume, top, name="b", peer="a"))
    give_epoch_one(made)
    made.a.at(LIVE).mkdir()
    fill(made.a.at(LIVE))
    configure(made, moment="plain")
    return made


def configure(pair: Pair, **entries: str) -> None:
    """Adds lines to both configurations."""
    for node in (pair.a, pair.b):
        with node.at("etc/maestro-guard/config").open("a") as file:
            file.writelines(f"{key}={value}\n" for key, value in entries.items())


def program(pair: Pair) -> Path:
    """Puts the data base's own copying program onto `a`."""
    path = pair.a.at("lib/copy-program")
    path.write_text(PROGRAM.replace("@HERE@", f"{pair.a.root}/wire"))
    path.chmod(0o755)
    configure(pair, moment="command", moment_program=f"{pair.a.root}/lib/copy-program", moment_seconds="20")
    return path


def inode(path: Path) -> int:
    return path.lstat().st_ino


def test_stopped_data_is_one_moment_and_what_did_not_change_is_shared(pair: Pair) -> None:
    assert pair.send() == "1.1"
    change(pair.a, 1)
    assert pair.send() == "1.2"

    assert pair.b.tree(f"{STORE}/generations/1.2") == pair.a.tree()
    seen = pair.b.observe()
    assert (seen["generation"], seen["whole"]) == ("1.2", "yes")
    first, second = (pair.b.at(f"{STORE}/generations/1.{number}") for number in (1, 2))
    assert inode(first / "files/deep") != inode(second / "files/deep")
    odd = "files/deep/a name with\ttab, 'quote' and \n newline"
    assert inode(first / odd) == inode(second / odd)
    assert inode(first / "db/table") != inode(second / "db/table")
    assert inode(second / "files/one") == inode(second / "files/twin")


def test_a_copy_of_running_data_is_never_whole_and_the_last_whole_one_stays(pair: Pair) -> None:
    pair.send()
    whole = pair.b.tree(f"{STORE}/generations/1.1")

    for number in range(5):
        change(pair.a, number)
        answer = pair.a.replica("run")
        assert answer.code == 0, answer
        assert answer.values["moment"] == "none"

    seen = pair.b.observe()
    assert (seen["generation"], seen["whole"], seen["torn"]) == ("1.1", "yes", "1.6")
    assert pair.b.tree(f"{STORE}/generations/1.1") == whole
    assert pair.b.generations == {"1.1", "1.4", "1.5", "1.6"}
    pair.order(pair.b, "sever")
    assert pair.b.replica("promote", "--episode", "ep-2", "--generation", "1.6").values["refused"] == "NotWhole"
    assert pair.b.replica("promote", "--episode", "ep-2").values["promoted"] == "1.1"
    assert pair.b.tree() == whole


def test_data_that_is_touched_while_it_is_sent_stopped_is_not_committed(pair: Pair) -> None:
    pair.send()
    pair.a.plan("data", "touch", str(pair.a.root / LIVE / "files/one"))

    answer = pair.a.replica("final")

    assert answer.code == 1
    assert "touched" in answer.values["message"]
    assert pair.b.observe()["generation"] == "1.1"


def test_a_change_that_keeps_size_and_time_stamp_arrives(pair: Pair) -> None:
    table = pair.a.at(f"{LIVE}/db/table")
    os.utime(table, ns=(0, 1_700_000_000_000_000_000))
    pair.send()
    with table.open("r+b") as file:
        file.write(b"other bytes, same size")
    os.utime(table, ns=(0, 1_700_000_000_000_000_000))

    pair.send()

    assert pair.b.tree(f"{STORE}/generations/1.2") == pair.a.tree()


def test_other_attributes_of_a_file_leave_the_generation_before_as_it_was(pair: Pair) -> None:
    pair.send()
    before = pair.b.tree(f"{STORE}/generations/1.1")
    pair.a.at(f"{LIVE}/files/one").chmod(0o600)
    change(pair.a, 1)
    pair.a.plan("commit", "before")
    assert pair.a.replica("final").code != 0
    pair.a.heal()
    pair.a.at(f"{LIVE}/files/one").chmod(0o640)

    pair.send()

    assert pair.b.tree(f"{STORE}/generations/1.1") == before
    assert pair.b.tree(f"{STORE}/generations/{pair.b.observe()['generation']}") == pair.a.tree()


def test_a_hard_link_that_was_taken_apart_arrives_as_two_files(pair: Pair) -> None:
    pair.send()
    twin = pair.a.at(f"{LIVE}/files/twin")
    stat = twin.stat()
    twin.unlink()
    twin.write_text("one\n")
    os.utime(twin, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    answers = [pair.a.replica("final") for _ in range(2)]

    newest = answers[-1].values["generation"]
    copy = pair.b.at(f"{STORE}/generations/{newest}/files")
    assert answers[-1].code == 0, answers
    assert inode(copy / "one") != inode(copy / "twin")


def bytes_of_a_run(pair: Pair) -> int:
    count = pair.a.at("wire/bytes")
    count.write_bytes(b"")
    pair.a.plan("data", "count")
    pair.send()
    pair.a.heal()
    return count.stat().st_size


def test_a_run_cut_anywhere_leaves_the_last_whole_generation(pair: Pair) -> None:
    pair.send()
    change(pair.a, 0)
    total = bytes_of_a_run(pair)
    last = pair.b.observe()["generation"]
    whole = pair.b.tree(f"{STORE}/generations/{last}")
    faults = [("data", "bytes", str(total * point // CUTS)) for point in range(CUTS)]
    faults += [("announce", "before", ""), ("announce", "after", ""), ("commit", "before", "")]

    for number, (step, fault, amount) in enumerate(faults, start=1):
        change(pair.a, number)
        pair.a.plan(step, fault, amount)
        answer = pair.a.replica("final")
        pair.a.heal()

        assert answer.code != 0, (step, fault, amount, answer)
        seen = pair.b.observe()
        assert (seen["generation"], seen["whole"]) == (last, "yes"), (step, fault, amount)
        assert pair.b.tree(f"{STORE}/generations/{last}") == whole, (step, fault, amount)
        if number % 8 == 0:
            last = pair.send()
            whole = pair.b.tree(f"{STORE}/generations/{last}")
            assert whole == pair.a.tree(), (step, fault, amount)
    assert pair.b.tree(f"{STORE}/generations/{pair.send()}") == pair.a.tree()


def test_what_came_before_a_reboot_is_no_pattern(pair: Pair) -> None:
    pair.send()
    (pair.a.at(LIVE) / "files/new").write_text("good\n")
    pair.a.plan("commit", "before")
    assert pair.a.replica("final").code != 0
    pair.a.heal()
    # The disk lost what the cut run had written, and kept its size and time stamp.
    lost = pair.b.at(f"{STORE}/incoming/files/new")
    stat = lost.stat()
    lost.write_text("\0\0\0\0\0")
    os.utime(lost, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    pair.b.at("proc/sys/kernel/random/boot_id").write_text("99999999-1111-1111-1111-111111111111\n")

    newest = pair.send()

    assert pair.b.tree(f"{STORE}/generations/{newest}") == pair.a.tree()


@both
def test_what_is_promoted_can_change_no_generation_that_can_be_promoted(pair: Pair) -> None:
    pair.send()
    change(pair.a, 1)
    pair.send()
    expected = pair.a.tree()
    pair.let_send_after(pair.b, epoch=2, source=pair.a)

    assert pair.b.replica("promote", "--episode", "ep-2").values["promoted"] == "1.2"
    again = pair.b.replica("promote", "--episode", "ep-2")

    assert again.values == {"promoted": "1.2", "again": "yes"}
    assert pair.b.tree() == expected
    with pair.b.at(f"{LIVE}/files/deep/a name with\ttab, 'quote' and \n newline").open("r+") as file:
        file.write("changed in place")
    for name in pair.b.generations:
        tree = pair.b.tree(f"{STORE}/generations/{name}")
        counted = pair.b.observe()["generation"] == name
        assert not counted or "changed" not in str(tree)
        kept = pair.b.at(f"{STORE}/generations/{name}/files/deep/a name with\ttab, 'quote' and \n newline")
        assert not pair.b.at(f"{STORE}/meta/{name}").exists() or kept.read_text() == "odd\n"


@both
def test_a_planned_switch_there_and_back_loses_nothing(pair: Pair) -> None:
    newest = pair.send()
    expected = pair.a.tree()
    pair.let_send_after(pair.b, epoch=2, source=pair.a)
    assert pair.b.replica("promote", "--episode", "ep-2", "--generation", newest).code == 0
    assert pair.a.replica("reverse", "--episode", "ep-2", "--generation", newest).values["reversed"] == newest
    assert pair.a.observe()["live"] == "absent"
    assert pair.a.observe()["generation"] == newest
    pair.let_receive(pair.a, epoch=2, source=pair.b)
    assert pair.b.tree() == expected
    change(pair.b, 1)

    back = pair.send(pair.b)

    assert back == "2.1"
    assert pair.a.tree(f"{STORE}/generations/2.1") == pair.b.tree()


def test_data_touched_after_it_was_sent_is_not_reversed(pair: Pair) -> None:
    newest = pair.send()
    pair.a.at(f"{LIVE}/files/one").write_text("two\n")

    answer = pair.a.replica("reverse", "--episode", "ep-2", "--generation", newest)

    assert answer.values["refused"] == "NotEqual"
    assert pair.a.at(LIVE).exists()


@both
def test_what_an_old_owner_wrote_last_is_kept_aside_and_never_changed_by_what_comes(pair: Pair) -> None:
    pair.send()
    pair.let_send_after(pair.b, epoch=2, source=pair.a)
    pair.b.replica("promote", "--episode", "ep-2")
    (pair.a.at(LIVE) / "files/last").write_text("written last\n")
    expected = pair.a.tree()
    assert pair.a.replica("quarantine", "--episode", "ep-3").values["quarantined"] == "ep-3"
    pair.let_receive(pair.a, epoch=2, source=pair.b)

    newest = pair.send(pair.b)

    assert pair.a.tree(f"{STORE}/quarantine/ep-3") == expected
    assert pair.a.tree(f"{STORE}/generations/{newest}") == pair.b.tree()


def test_a_program_of_the_site_makes_the_copy_and_what_it_fails_at_is_not_sent(pair: Pair) -> None:
    program(pair)
    pair.send()
    change(pair.a, 1)

    answer = pair.a.replica("run")

    assert answer.code == 0, answer
    assert answer.values["moment"] == "backup"
    assert pair.b.tree(f"{STORE}/generations/1.2") == pair.a.tree()
    called = pair.a.at("wire/called").read_text().splitlines()
    assert called[-1].split()[0] == "copy"

    pair.a.at("wire/fails").touch()
    failed = pair.a.replica("run")

    assert failed.values["failed"] == "ProgramFailed"
    assert pair.b.observe()["generation"] == "1.2"
    assert [path.name for path in pair.a.at(f"{STORE}/sent").iterdir()] == ["1.2"]


def test_a_request_to_write_in_place_is_refused_where_files_are_shared(pair: Pair) -> None:
    pair.send()
    pair.a.replica("run")
    words = ("receive", "data", "1", "9", "a", "--server", "-lHogDtpAXre.iLsfxCIvu", "--inplace", ".", "incoming/")

    answer = pair.b.replica(*words)

    assert answer.values["refused"] == "BadRequest"
    assert "shared" in answer.values["message"]


def test_a_limit_holds_for_the_timer_and_not_for_what_ends_a_downtime(pair: Pair) -> None:
    configure(pair, bandwidth_kib="400", nice="7")
    (pair.a.at(LIVE) / "files/large").write_bytes(os.urandom(1 << 20))

    limited, free = pair.a.replica("run"), pair.a.replica("final")

    assert float(limited.values["seconds"]) > 2
    assert float(free.values["seconds"]) < float(limited.values["seconds"])
    asked = [line for line in pair.a.at("wire/asked").read_text().splitlines() if "receive data" in line]
    assert "--bwlimit=400" in asked[0]
    assert "--bwlimit" not in asked[-1]


def test_a_way_that_is_not_known_is_no_plain_copy(pair: Pair) -> None:
    configure(pair, moment="wishful")

    assert pair.a.replica("run").values["unknown"] == "BadConfig"


def test_data_on_a_mount_of_its_own_is_refused(pair: Pair) -> None:
    live = str(pair.a.root / LIVE)
    pair.a.volume.run("mount", "--bind", live, live)
    try:
        assert pair.a.replica("run").values["refused"] == "MountInside"
    finally:
        pair.a.volume.run("umount", live)


class Service:
    """A control group with a process that writes, and a systemd that knows where it is."""

    def __init__(self, pair: Pair, script: str) -> None:
        """Starts the process and names its unit in the configuration."""
        top = next(
            Path(t) for t in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if Path(t, "cgroup.controllers").exists()
        )
        name = f"maestro-test-{os.getpid()}-{pair.a.root.parent.name}"
        self.group = top / name
        self.group.mkdir()
        systemctl = pair.a.at("lib/bin/systemctl")
        systemctl.parent.mkdir()
        systemctl.write_text(f"#!/bin/sh\necho /{name}\n")
        systemctl.chmod(0o755)
        self.env = {"PATH": f"{pair.a.root}/lib/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        configure(pair, moment="freeze", services="app.service", moment_seconds="20")
        place = f"cd {pair.a.root}/{LIVE} && echo $$ >{self.group}/cgroup.procs && exec {script}"
        self.process = subprocess.Popen(pair.a.volume.command("sh", "-c", place), start_new_session=True)

    def end(self) -> None:
        """Lets the group go and ends its process."""
        (self.group / "cgroup.freeze").write_text("0")
        (self.group / "cgroup.kill").write_text("1")
        self.process.wait(timeout=10)
        until(lambda: "populated 0" in (self.group / "cgroup.events").read_text())
        self.group.rmdir()

    @property
    def is_frozen(self) -> bool:
        """Tells whether it stands still."""
        return "frozen 1" in (self.group / "cgroup.events").read_text()


# Two files that must always say the same, written one after the other without a pause.
WRITER = """sh -c 'n=0; while :; do n=$((n+1)); echo $n >files/left.new; mv files/left.new files/left;
echo $n >files/right.new; mv files/right.new files/right; done'"""


@pytest.fixture
def service(pair: Pair) -> Iterator[Service]:
    """Writes all the time."""
    made = Service(pair, WRITER)
    yield made
    made.end()


def test_frozen_services_give_one_moment_while_they_write(pair: Pair, service: Service) -> None:
    for _ in range(3):
        answer = pair.a.replica("run", env=service.env)

        assert answer.code == 0, answer
        assert answer.values["moment"] == "frozen"
        assert not service.is_frozen
        copy = pair.b.at(f"{STORE}/generations/{answer.values['generation']}/files")
        left, right = (int((copy / name).read_text()) for name in ("left", "right"))
        assert left in (right, right + 1)
    assert pair.b.observe()["whole"] == "yes"


def test_a_copy_that_takes_longer_than_services_may_stand_is_none(pair: Pair, service: Service) -> None:
    configure(pair, moment_seconds="0")

    answer = pair.a.replica("run", env=service.env)

    assert answer.code == 1, answer
    assert not service.is_frozen
    assert pair.b.observe()["whole"] == "no"


def test_a_stranger_that_has_the_data_open_is_no_frozen_service(pair: Pair, service: Service) -> None:
    with pair.a.at(f"{LIVE}/db/table").open("rb"):
        answer = pair.a.replica("run", env=service.env)

    assert answer.values["refused"] == "HoldersNotFrozen"
    assert not service.is_frozen


def test_what_a_killed_run_froze_is_let_go_at_its_units_end(pair: Pair, service: Service) -> None:
    # The file says what was frozen; the run that wrote it is gone.
    pair.a.at("run/maestro-guard/frozen").write_text(f"{service.group}\n")
    (service.group / "cgroup.freeze").write_text("1")

    assert pair.a.replica("let-go", env=service.env).code == 0

    assert not service.is_frozen
    assert not pair.a.at("run/maestro-guard/frozen").exists()
