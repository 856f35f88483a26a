"""What the pages have people type on a server, typed there: each block as it stands, and what comes of it."""

import re
from pathlib import Path

import pytest

from maestro_operator.model.backing import Backup, BackupReports
from support.contracts.adopted import APP, DB, adopted, main_pids
from support.contracts.bed_pair import BedPair
from support.docscheck.on_nodes import PAGES, block_of

pytestmark = [pytest.mark.root, pytest.mark.timeout(180)]
OBSERVE = "/usr/local/lib/maestro-guard/maestro-guard observe"
LEFT = "find /etc /usr/local /root /var/lib /run -xdev -name '*maestro-guard*' -o -name '*maestro-replica*'"
ENDED = re.compile(r"^ended=(\d+)$", re.MULTILINE)


async def typed(pair: BedPair, node: str, block: str) -> str:
    """Types a block into root's shell on a node; fails where its last command does."""
    said = await pair.do(node, f"bash 2>&1 <<'BLOCK'\n{block}\nBLOCK\necho ended=$?")
    assert ENDED.findall(said) == ["0"], said
    return said


async def test_the_servers_are_prepared_as_the_page_says(pair: BedPair) -> None:
    page = "docs/how-to/prepare-two-servers.md"
    await pair.do("a", "mv /home/maestro /home/kept; mv /etc/sudoers.d/maestro /root/sudoers; userdel --force maestro")
    try:
        await typed(pair, "a", block_of(page))
        who = await pair.do("a", "runuser -u maestro -- sudo --non-interactive id -un; stat -c '%a %U' ~maestro/.ssh")
    finally:
        await pair.do("a", "cp -a /home/kept/. /home/maestro/ && chown -R maestro: /home/maestro && rm -rf /home/kept")
        await pair.do("a", "mv /root/sudoers /etc/sudoers.d/maestro")

    assert who.split() == ["root", "700", "maestro"]


async def test_units_are_switched_off_at_boot_and_run_on(pair: BedPair) -> None:
    block = block_of("docs/how-to/from-scripts-or-pacemaker.md")
    own = block.replace("maestro-db.service", DB).replace("maestro.service", APP)
    await pair.do("a", f"systemctl start {DB} {APP}")
    running = await main_pids(pair)

    said = await typed(pair, "a", own)

    assert said.split().count("disabled") == 2
    assert await main_pids(pair) == running


async def test_root_takes_over_where_both_rebooted_and_the_peer_stays_off(pair: BedPair) -> None:
    await adopted(pair)
    await pair.power_cut("b")
    await pair.power_cut("a")
    await pair.power_on("a")

    await typed(pair, "a", block_of("docs/how-to/change-a-node.md"))

    observed = (await pair.do("a", OBSERVE)).split()
    assert {"inforce_owner=a", "inforce_epoch=2"} <= set(observed), observed


async def test_a_pair_is_released_by_hand_and_what_serves_serves_on(pair: BedPair) -> None:
    running = await adopted(pair)
    block = block_of("docs/how-to/remove-a-pair.md")

    await typed(pair, "b", block)
    await typed(pair, "a", block.replace("standby", "owner"))

    assert [await pair.do(name, LEFT) for name in ("a", "b")] == ["", ""]
    assert await main_pids(pair) == running


async def test_the_active_node_says_what_it_knows_of_its_backup(pair: BedPair) -> None:
    before = pair.spec
    reports = BackupReports(folder="/opt/hub/logs", paths=("/opt/hub",))
    pair.spec = before.model_copy(update={"backup": Backup(reports=reports)})
    try:
        await adopted(pair)
        said = await typed(pair, "a", block_of("docs/runbooks/MaestroPairBackupFailed.md"))
    finally:
        pair.spec = before

    assert re.search("^backup", said, re.MULTILINE), said


async def test_a_node_says_when_it_booted(pair: BedPair) -> None:
    said = await typed(pair, "a", block_of("docs/runbooks/MaestroPairNodeFlapping.md"))

    assert "reboot" in said, said


def test_every_page_that_is_said_to_be_tried_here_is() -> None:
    text = Path(__file__).read_text()

    assert [page for page in PAGES if f'"{page}"' not in text] == []
