"""Plays the parts on two machines: orders by the operator's own drivers, accidents and people by the harness.

What came of it is judged afterwards, from the evidence alone.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from typing import TYPE_CHECKING

from maestro_operator.model.outcome import Done, Refused
from support.bed import Bed, clock
from support.bed.evidence import Journal
from support.mirror.clients import Clients
from support.mirror.pair import FREEZE_SECONDS, REPLICA, MirrorPair

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.seen import Mirror, NodeSeen

BOOT_SECONDS = 240.0
UNSYNCED = "/srv/maestro/unsynced"
BIG = "/srv/maestro/big"
RECEIPT = "/run/maestro-guard/receipt-Fenced"
QUARANTINE = "/var/lib/maestro-replica/quarantine"
SLOW = "drbdadm disk-options --resync-rate=250k --c-plan-ahead=0 r0"
FAST = "drbdadm disk-options --resync-rate=100M --c-plan-ahead=0 r0"
CHANGED_BLOCKS = 3
CHANGE_BELOW = f"dd if=/dev/urandom of=/dev/ubdb bs=4k count={CHANGED_BLOCKS} seek=20000 conv=notrunc,fsync status=none"
RISKS = ("net-options --after-sb-1pri=discard-secondary", "disk-options --fencing=dont-care")


class PartFailedError(Exception):
    """Something did not come that the rest of a part stands on."""


class Player:
    """The story on its bed; `owner` and `standby` say where the pair rests."""

    def __init__(self, bed: Bed, *, pair: MirrorPair, clients: Clients, folder: Path, fault: str) -> None:
        """Take the stage."""
        self._bed, self._pair, self._clients, self._folder, self._fault = bed, pair, clients, folder, fault
        self._journal = Journal(folder / "told.jsonl")
        self.owner, self.standby, self._epoch = "a", "b", 1

    async def play(self, name: str) -> None:
        """Play one part; both kernels' logs say where it begins and ends."""
        self._note("begin", part=name, owner=self.owner, standby=self.standby)
        await self._mark(f"{name} begin")
        await getattr(self, "_" + name.replace("-", "_"))(name)
        await self._clients.more(self.owner)
        await self._mark(f"{name} end")
        self._note("end", part=name, owner=self.owner, standby=self.standby)

    def _note(self, event: str, **fields: object) -> None:
        self._journal.write(event=event, **fields)

    async def _mark(self, text: str) -> None:
        for name, node in self._bed.nodes.items():
            if node.is_on():
                await self._pair.do(name, f"echo '<5>mirror-part: {text}' >/dev/kmsg")

    # ------------------------------------------------------------ the parts

    async def _switchover(self, part: str) -> None:
        await self._clients.more(self.owner)
        self._epoch += 1
        self._note("switch", to=self.standby)
        await self._pair.switch_over(self.owner, self.standby, episode=f"{part}-{self._epoch}", epoch=self._epoch)
        self._turn()

    async def _frozen(self, _part: str) -> None:
        await self._clients.more(self.owner)
        self._cut()
        await self._is(self.owner, lambda seen: _mirror(seen).is_frozen)
        self._note("frozen")
        self._heal()
        await self._together()

    async def _alone(self, _part: str) -> None:
        await self._go_alone()
        self._heal()
        await self._together()

    async def _receipt(self, part: str) -> None:
        await self._go_alone(receipt=f"{part}-{self._epoch}")
        self._heal()
        await self._together()

    async def _go_alone(self, *, receipt: str = "") -> None:
        await self._clients.more(self.owner)
        self._cut()
        await self._is(self.owner, lambda seen: _mirror(seen).is_frozen)
        self._note("frozen")
        if receipt:
            await self._pair.order(self.owner, "receipt", episode=receipt, epoch=self._epoch, kind="StandbyLost")
            self._note("receipt")
        await self._clients.more(self.owner)
        text = await self._pair.do(self.owner, "cat /var/lib/maestro-replica/alone")
        self._note("alone", node=self.owner, written=text, freeze_seconds=FREEZE_SECONDS)

    async def _power_cut(self, part: str) -> None:
        dead, survivor, episode = self.owner, self.standby, f"{part}-{self._epoch + 1}"
        await self._clients.more(dead)
        await self._pair.do(dead, f"head -c 65536 /dev/zero | tr '\\0' u >{UNSYNCED}")
        self._note("power-cut", node=dead)
        self._bed.nodes[dead].power_cut()
        await self._take_over(survivor, episode=episode)
        await self._clients.more(survivor)
        await self._return(dead)

    async def _take_over(self, survivor: str, *, episode: str) -> None:
        self._epoch += 1
        await self._pair.order(survivor, "promise", episode=episode, epoch=self._epoch, owner=survivor)
        await self._pair.order(survivor, "sever", episode=episode)
        copy = (await self._pair.read(survivor)).replica.newest
        await self._pair.order(survivor, "promote", episode=episode, epoch=self._epoch)
        if self._fault == "force":
            await self._pair.do(survivor, "drbdadm primary --force r0")
        bare = await self._pair.promote(survivor, episode=episode, generation=copy)
        self._note("tried", node=survivor, receipt="none", outcome=_word(bare))
        await self._pair.order(survivor, "receipt", episode=episode, epoch=self._epoch, kind="Fenced")
        # As a receipt of an earlier boot would lie there, had its folder outlived one.
        await self._pair.do(survivor, f"sed -i 's/^boot=.*/boot=00000000-0000-0000-0000-000000000000/' {RECEIPT}")
        stale = await self._pair.promote(survivor, episode=episode, generation=copy)
        self._note("tried", node=survivor, receipt="stale", outcome=_word(stale))
        await self._pair.order(survivor, "receipt", episode=episode, epoch=self._epoch, kind="Fenced")
        fresh = await self._pair.promote(survivor, episode=episode, generation=copy)
        self._note("tried", node=survivor, receipt="fresh", outcome=_word(fresh))
        _need(fresh)
        await self._pair.start(survivor, episode=episode, epoch=self._epoch)
        self._turn()

    async def _return(self, name: str) -> None:
        """Let a node that owned come back, stay apart, be kept aside, and join."""
        node = self._bed.nodes[name]
        if not node.is_on():
            node.power_on()
            await asyncio.to_thread(node.ssh_ready, timeout_seconds=BOOT_SECONDS)
        # The node's own timer attaches the disk; nothing else was told to.
        await self._pair.do(name, "timeout 60 sh -c 'until grep -q \"ro:\" /proc/drbd; do sleep 1; done'; true")
        await self._pair.do(name, "echo '<5>mirror-part: rejoin' >/dev/kmsg")
        await self._pair.rejoin(name, owner=self.owner, episode=f"rejoin-{self._epoch}", epoch=self._epoch)
        if self._fault == "no-image":
            await self._pair.do(name, f"rm -f {QUARANTINE}/*")
        await self._keep_image(name)
        await self._together()

    async def _resync(self, part: str) -> None:
        behind, ahead = self.standby, self.owner
        await self._go_alone(receipt=f"{part}-{self._epoch}")
        await self._pair.do(ahead, f"dd if=/dev/urandom of={BIG} bs=1M count=24 conv=fsync status=none; {SLOW}")
        await self._pair.do(behind, SLOW)
        self._heal()
        await self._is(behind, lambda seen: _mirror(seen).disk == "Inconsistent")
        self._cut()
        await self._is(behind, lambda seen: _mirror(seen).peer_role == "Unknown")
        await self._is(ahead, lambda seen: _mirror(seen).peer_role == "Unknown")
        self._note("cut-in-resync", node=behind)
        # What a person would try, told that the other one is gone.
        tried = await self._pair.do(behind, "drbdadm primary r0 2>&1; echo code=$?")
        self._note("tried", node=behind, receipt="by-hand", outcome=tried.replace("\n", " ")[-300:])
        await self._promote_what_is_behind(behind, part=part)
        self._heal()
        await self._give_back(ahead, behind=behind, part=part)
        for name in (ahead, behind):
            await self._pair.do(name, FAST)
        await self._together()
        await self._pair.do(ahead, f"rm {BIG}; sync -f /srv/maestro")

    async def _promote_what_is_behind(self, behind: str, *, part: str) -> None:
        """Order what a failover orders, epoch in force and fresh receipt included: only the disk is left to refuse."""
        self._epoch += 1
        episode = f"{part}-{self._epoch}"
        await self._pair.order(behind, "promise", episode=episode, epoch=self._epoch, owner=behind)
        await self._pair.order(behind, "sever", episode=episode)
        await self._pair.order(behind, "promote", episode=episode, epoch=self._epoch)
        await self._pair.order(behind, "receipt", episode=episode, epoch=self._epoch, kind="Fenced")
        refused = await self._pair.promote(behind, episode=episode, generation=None)
        self._note("tried", node=behind, receipt="fresh", outcome=_word(refused))

    async def _give_back(self, owner: str, *, behind: str, part: str) -> None:
        """Renew the owner, which runs, above the epoch that the standby was given in vain."""
        self._epoch += 1
        episode = f"{part}-{self._epoch}"
        await self._pair.order(owner, "renew", episode=episode, epoch=self._epoch)
        await self._pair.rejoin(behind, owner=owner, episode=episode, epoch=self._epoch)

    async def _split(self, part: str) -> None:
        """Let a false proof promote the standby while the owner lives: the worst that a lying device does."""
        old, new, episode = self.owner, self.standby, f"{part}-{self._epoch + 1}"
        await self._go_alone(receipt=f"{part}-{self._epoch}")
        self._epoch += 1
        await self._pair.order(new, "promise", episode=episode, epoch=self._epoch, owner=new)
        await self._pair.order(new, "sever", episode=episode)
        await self._pair.order(new, "promote", episode=episode, epoch=self._epoch)
        await self._pair.order(new, "receipt", episode=episode, epoch=self._epoch, kind="Fenced")
        _need(await self._pair.promote(new, episode=episode, generation=None))
        await self._pair.start(new, episode=episode, epoch=self._epoch)
        await self._clients.more(new)
        await self._clients.more(old)
        self._note("both-wrote", old=old, new=new)
        self._turn()
        await self._stop_and_join(old, episode=episode)
        split = {name: await self._pair.do(name, "cat /proc/drbd") for name in (old, new)}
        self._note("split", connections=split)
        await self._keep_image(old)
        # A person read the hold and decides.
        said = await self._pair.do(old, f"{REPLICA} discard --episode {episode}")
        joined = await self._pair.do(new, f"{REPLICA} connect")
        self._note("discard", node=old, said=said, joined=joined)
        await self._together()

    async def _stop_and_join(self, old: str, *, episode: str) -> None:
        stopped = await self._pair.nodes.stop(
            self._pair.frozen(old), self._pair.spec.services, deadline_seconds=BOOT_SECONDS
        )
        _need(stopped)
        self._heal()
        await self._pair.rejoin(old, owner=self.owner, episode=episode, epoch=self._epoch)
        await self._is(old, lambda seen: _mirror(seen).connection == "StandAlone")
        await self._is(self.owner, lambda seen: _mirror(seen).connection == "StandAlone")

    async def _verify(self, _part: str) -> None:
        await self._pair.do(self.standby, CHANGE_BELOW)
        self._note("changed", node=self.standby, blocks=CHANGED_BLOCKS)
        begun = await self._pair.do(self.owner, f"{REPLICA} verify")
        found = await self._is(self.owner, lambda seen: _mirror(seen).out_of_sync_bytes > 0)
        self._note("found", said=begun, bytes=_mirror(found).out_of_sync_bytes)
        await self._is(self.owner, lambda seen: _mirror(seen).connection == "Connected")
        # What a person does next: the good side's blocks are written again.
        await self._pair.do(self.standby, "drbdadm disconnect r0; drbdadm connect r0")
        await self._is(self.owner, lambda seen: _mirror(seen).is_in_sync)
        await self._together()

    async def _unsafe(self, _part: str) -> None:
        for risk in RISKS:
            await self._pair.do(self.standby, f"drbdadm {risk} r0")
        named = _mirror(await self._pair.read(self.standby)).unsafe
        self._note("named", node=self.standby, unsafe=list(named))
        await self._pair.do(self.standby, "drbdadm adjust r0")
        await self._is(self.standby, lambda seen: not _mirror(seen).unsafe)

    # ------------------------------------------------------------ what parts share

    def _turn(self) -> None:
        self.owner, self.standby = self.standby, self.owner

    def _cut(self) -> None:
        one, other = (node.address for node in self._bed.nodes.values())
        self._bed.part(one, other)
        self._bed.part(other, one)
        self._note("cut")

    def _heal(self) -> None:
        self._bed.join()
        self._note("healed")

    async def _is(self, name: str, holds: Callable[[NodeSeen], bool]) -> NodeSeen:
        return await self._pair.await_node(name, lambda seen: seen.replica.mirror is not None and holds(seen))

    async def _together(self) -> None:
        await self._pair.contact(self.standby)
        await self._is(self.owner, lambda seen: _mirror(seen).is_in_sync and _mirror(seen).alone_epoch is None)
        self._note("together")

    async def _keep_image(self, name: str) -> None:
        """Keep what lies aside on a node, whole, for the judge."""
        node = self._bed.nodes[name]
        image = f"$(ls -t {QUARANTINE}/*.img | head -n 1)"
        ran = await asyncio.to_thread(node.run, f"gzip -1 <{image}", timeout_seconds=BOOT_SECONDS)
        number = len(list(self._folder.glob("aside-*.img.gz")))
        if ran.return_code == 0:
            (self._folder / f"aside-{number}-{name}.img.gz").write_bytes(ran.stdout)
        self._note("kept-aside", node=name, number=number, code=ran.return_code)


def _mirror(seen: NodeSeen) -> Mirror:
    assert seen.replica.mirror is not None
    return seen.replica.mirror


def _word(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return "done"
        case Refused():
            return f"refused: {outcome.remote_reason or outcome.reason.value}"
        case _:
            return f"{type(outcome).__name__}: {outcome}"[:200]


def _need(outcome: Outcome) -> None:
    if not isinstance(outcome, Done):
        raise PartFailedError(str(outcome)[:500])


def keep(bed: Bed, folder: Path) -> None:
    """Cut the power of both nodes and keep their disks and consoles."""
    for name, node in bed.nodes.items():
        node.power_cut()
        target = folder / f"disk-{name}.img"
        image = bed.plan.node(name).image
        subprocess.run(("cp", "--sparse=always", str(image), str(target)), check=True, timeout=60)
    for path in bed.evidence.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)


async def tell(bed: Bed, names: tuple[str, ...], *, folder: Path, fault: str, say: Callable[[str], None]) -> None:
    """Make the mirror, play the parts, keep the evidence."""
    began = clock.monotonic_seconds()
    async with MirrorPair(bed) as pair, Clients(bed, Journal(folder / "acks.jsonl")) as clients:
        player = Player(bed, pair=pair, clients=clients, folder=folder, fault=fault)
        await pair.prepare(is_early=fault == "early-ack")
        say(f"the mirror is made ({clock.monotonic_seconds() - began:.0f} s)")
        for name in names:
            began = clock.monotonic_seconds()
            await player.play(name)
            say(f"{name}: {clock.monotonic_seconds() - began:.0f} s; {player.owner} owns")
