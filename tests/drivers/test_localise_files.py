"""Files that differ by node, edited on a real shell reached by SSH, and the port's twin in memory."""

import os
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.localise.files import BACKUP_SUFFIX, LIMIT_BYTES
from maestro_operator.drivers.memory.ports import MemoryNodes
from maestro_operator.drivers.memory.world import MemoryClock, MemoryWorld
from maestro_operator.drivers.nodes.ssh import SshNodes
from maestro_operator.drivers.ports import NodePort
from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.pair import Localise, PairSpec, SecretReference, Ssh, ValuesFile
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.session import Sessions
from support.loopback_ssh import loopback_ssh

pytestmark = pytest.mark.timeout(30)

LUI = b"# made by hand\r\nHost = 192.0.2.99\r\nName=\\\r\n   old\r\nDbPassword=s3cret\r\n"


def no_spec() -> PairSpec:
    """Stand for the spec, which editing files does not ask for."""
    raise AssertionError


class Files:
    """A folder that stands for a node's, and the port over it."""

    def __init__(self, port: NodePort, node: FrozenNode, folder: Path) -> None:
        self.port = port
        self.node = node
        self.folder = folder
        self.peer = node.model_copy(update={"name": "b", "address": "192.0.2.2"})

    async def settle(self, *items: Localise) -> Done | Failed | Refused:
        outcome = await self.port.settle(self.node, items, peer=self.peer, deadline_seconds=10)
        assert isinstance(outcome, Done | Failed | Refused)
        return outcome

    def properties(self, name: str = "lui.ini", **values: str) -> Localise:
        return Localise(name="lui", properties=ValuesFile(file=str(self.folder / name), set=values))

    def site(self, **values: str) -> Localise:
        return Localise(name="site", site_configuration=ValuesFile(file=str(self.folder / "go.user"), set=values))


@pytest.fixture
async def files(tmp_path: Path) -> AsyncIterator[Files]:
    folder = tmp_path / "node"
    folder.mkdir()
    async with loopback_ssh(tmp_path / "bin") as server:
        sessions = Sessions(secrets=server.secrets, namespace="pairs", clock=SystemClock())
        ssh = Ssh(
            host="127.0.0.1",
            port=server.port,
            host_key=server.host_key,
            credentials_secret=SecretReference(name="node-ssh"),
        )
        nodes = SshNodes(sessions, spec=no_spec, clock=SystemClock())
        yield Files(nodes, FrozenNode(name="a", address="192.0.2.1", ssh=ssh), folder)
        await sessions.close()


@pytest.fixture
def in_memory(tmp_path: Path) -> Files:
    world = MemoryWorld(nodes=[("a", "192.0.2.1"), ("b", "192.0.2.2")], units=("x",), clock=MemoryClock())
    ssh = Ssh(host="192.0.2.1", host_key="ssh-ed25519 AAAA", credentials_secret=SecretReference(name="x"))
    world.nodes["a"].files[str(tmp_path / "lui.ini")] = LUI
    return Files(MemoryNodes(world), FrozenNode(name="a", address="192.0.2.1", ssh=ssh), tmp_path)


@pytest.fixture(params=["memory", "shell"])
def both(request: pytest.FixtureRequest) -> Files:
    if request.param == "memory":
        in_memory: Files = request.getfixturevalue("in_memory")
        return in_memory
    files: Files = request.getfixturevalue("files")
    (files.folder / "lui.ini").write_bytes(LUI)
    return files


# ---------------------------------------------------------------- both


async def test_a_file_is_settled_once_and_then_is_as_it_should_be(both: Files) -> None:
    item = both.properties(Host="{{ node.address }}")
    first, second = await both.settle(item), await both.settle(item)
    assert isinstance(first, Done)
    assert first.facts[str(both.folder / "lui.ini")] == "Host: '192.0.2.99' -> '192.0.2.1'"
    assert isinstance(second, Done)
    assert second.facts[str(both.folder / "lui.ini")] == "is as it should be"


async def test_a_file_that_is_not_there_fails(both: Files) -> None:
    outcome = await both.settle(both.properties("none.ini", Host="x"))
    assert isinstance(outcome, Failed)
    assert "no such file" in outcome.message


async def test_a_name_that_is_none_of_the_four_is_refused(both: Files) -> None:
    for value in ("{{ node.uptime }}", "{{node.address", "{{ {{ node.name }} }}"):
        assert isinstance(await both.settle(both.properties(Host=value)), Refused)


async def test_nothing_to_settle_is_done(both: Files) -> None:
    assert await both.settle(Localise(name="none")) == Done({})


# ---------------------------------------------------------------- on the node


async def test_every_other_byte_stays_and_the_old_file_is_kept_beside_it(files: Files) -> None:
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    await files.settle(files.properties(Host="{{ node.address }}", Name="{{ node.name }} of {{ peer.name }}"))
    assert path.read_bytes() == LUI.replace(b"192.0.2.99", b"192.0.2.1").replace(b"   old", b"   a of b")
    assert path.with_name(f"lui.ini{BACKUP_SUFFIX}").read_bytes() == LUI


@pytest.mark.root
async def test_mode_and_owner_stay(files: Files) -> None:
    # An owner that is not root has to get there.
    files.folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    files.folder.chmod(0o755)
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    os.chown(files.folder, 4242, 4243)
    os.chown(path, 4242, 4243)
    path.chmod(0o640)
    assert isinstance(await files.settle(files.properties(Host="x")), Done)
    for name in ("lui.ini", f"lui.ini{BACKUP_SUFFIX}"):
        found = (files.folder / name).stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (4242, 4243, 0o640)
    shutil.rmtree(files.folder)


@pytest.mark.root
async def test_root_is_not_led_astray_by_who_owns_the_folder(files: Files) -> None:
    """A file of root's in a folder of somebody else could be exchanged for a link at any moment."""
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    os.chown(files.folder, 4242, 4243)
    assert isinstance(await files.settle(files.properties(Host="x")), Refused)
    assert path.read_bytes() == LUI


async def test_a_link_stays_a_link(files: Files) -> None:
    (files.folder / "real.ini").write_bytes(LUI)
    (files.folder / "lui.ini").symlink_to("real.ini")
    await files.settle(files.properties(Host="x"))
    assert (files.folder / "lui.ini").is_symlink()
    assert b"Host = x\r\n" in (files.folder / "real.ini").read_bytes()


async def test_nothing_is_left_in_the_folder_but_file_and_backup(files: Files) -> None:
    (files.folder / "lui.ini").write_bytes(LUI)
    await files.settle(files.properties(Host="x"))
    assert sorted(item.name for item in files.folder.iterdir()) == ["lui.ini", f"lui.ini{BACKUP_SUFFIX}"]


async def test_a_value_is_a_value_whatever_a_shell_would_make_of_it(files: Files) -> None:
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    await files.settle(files.properties(Host="$(touch marker) `id` '; reboot"))
    assert b"Host = $(touch marker) `id` '; reboot\r\n" in path.read_bytes()
    assert not (files.folder / "marker").exists()


@pytest.mark.parametrize("name", ["$(touch marker)", "x; touch marker", "a b.ini", "-n", "x'y"])
async def test_a_path_is_a_path_whatever_stands_in_it(files: Files, name: str) -> None:
    (files.folder / name).write_bytes(LUI)
    assert isinstance(await files.settle(files.properties(name, Host="x")), Done)
    assert b"Host = x\r\n" in (files.folder / name).read_bytes()
    assert not (files.folder / "marker").exists()


async def test_what_somebody_changed_meanwhile_is_not_overwritten(files: Files) -> None:
    """The file is read, and changed by hand before it is written."""
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    sessions = files.port._sessions  # type: ignore[attr-defined]
    run = sessions.run

    async def run_late(node, words, **rest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202
        if "write-file" in words:
            path.write_bytes(LUI + b"More=1\r\n")
        return await run(node, words, **rest)

    sessions.run = run_late
    outcome = await files.settle(files.properties(Host="x"))
    assert isinstance(outcome, Failed)
    assert "meanwhile" in outcome.message
    assert path.read_bytes() == LUI + b"More=1\r\n"


async def test_what_arrives_short_is_not_put_in_place(files: Files) -> None:
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    sessions = files.port._sessions  # type: ignore[attr-defined]
    run = sessions.run

    async def run_cut(node, words, *, stdin=b"", **rest):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN003, ANN202
        return await run(node, words, stdin=stdin[:-3], **rest)

    sessions.run = run_cut
    assert isinstance(await files.settle(files.properties(Host="x")), Failed)
    assert path.read_bytes() == LUI
    assert [item.name for item in files.folder.iterdir()] == ["lui.ini"]


async def test_what_is_too_long_or_no_file_is_not_read(files: Files) -> None:
    (files.folder / "long.ini").write_bytes(b"#" * (LIMIT_BYTES + 1))
    (files.folder / "folder").mkdir()
    for name in ("long.ini", "folder"):
        assert isinstance(await files.settle(files.properties(name, Host="x")), Failed)


async def test_a_password_is_written_and_not_shown(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    path = files.folder / "lui.ini"
    path.write_bytes(LUI)
    with caplog.at_level("INFO"):
        outcome = await files.settle(files.properties(DbPassword="n3w"))
    assert isinstance(outcome, Done)
    assert b"DbPassword=n3w" in path.read_bytes()
    shown = f"{outcome.facts} {caplog.text}"
    assert "n3w" not in shown
    assert "s3cret" not in shown


async def test_a_site_configuration_is_settled(files: Files) -> None:
    path = files.folder / "go.user"
    path.write_bytes(b'NODE="lists.example.org"\nexport NODE\nTCPGUI_IPADDR="192.0.2.99" # own\nexport TCPGUI_IPADDR\n')
    assert isinstance(await files.settle(files.site(TCPGUI_IPADDR="{{ node.address }}")), Done)
    assert b'TCPGUI_IPADDR="192.0.2.1" # own\n' in path.read_bytes()


async def test_a_site_configuration_that_only_a_shell_can_follow_is_refused(files: Files) -> None:
    (files.folder / "go.user").write_bytes(b"TCPGUI_IPADDR=$(hostname -i)\n")
    outcome = await files.settle(files.site(TCPGUI_IPADDR="{{ node.address }}"))
    assert isinstance(outcome, Refused)
    assert "shell" in outcome.message
