"""What is sent to a node that is no Linux, verb by verb, and what is made of its answers; written down once.

python -m support.transcripts      writes tests/unit/transcripts anew
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import shlex
import tarfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.clock import SystemClock
from maestro_operator.drivers.nodes.everywhere import Nodes
from maestro_operator.drivers.ports import Equipment, Order
from maestro_operator.model.outcome import Done, Failed, Refused
from maestro_operator.model.pair import Platform
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.model.status import FrozenNode
from maestro_operator.transport.completed import Completed
from support.contracts.pair_world import PAIR_UID, pair_spec, spec_node
from support.manifests import ROOT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence
    from pathlib import Path

    from maestro_operator.model.pair import PairSpec

FOLDER = ROOT / "tests" / "unit" / "transcripts"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtQUDZWhs8k/cZcykMkaUX7ZajXkbFTSgZ3pNDYYJnI"
STATE = """version=1
format=1
state=valid
torn=0
boot_id=472845912cea9e2e80ce9fa37beac4f1
seq=4
pair=6f1f4b52-5b1e-4f6e-9a53-b2d6f6a1c0de
node=a
term=1
promised_epoch=1
promised_owner=a
promised_episode=e1
inforce_epoch=1
inforce_owner=a
inforce_episode=e1
permit_epoch=1
permit_boot=472845912cea9e2e80ce9fa37beac4f1
maxpermit_epoch=1
maxpermit_boot=472845912cea9e2e80ce9fa37beac4f1
final=0
grant_epoch=0
grant_source=
quarantined=0
may_run=yes
machine_id=0a1b2c3d4e5f60718293a4b5c6d7e8f9
uptime_seconds=100
replica.live=present
replica.generation=none
replica.receivers=0
unit.contract-db={one}/x/disabled/0
unit.contract-app={other}/x/disabled/0
holders=
listeners=
pins=
"""


@dataclass
class Recorder:
    """Sessions that write down what is sent, and answer what they were told to."""

    answer: Completed = field(default_factory=lambda: Completed(0, "", ""))
    lines: list[str] = field(default_factory=list)

    async def run(
        self,
        node: FrozenNode,
        argv: Sequence[str],
        *,
        deadline_seconds: float,
        stdin: bytes = b"",
        needs_root: bool = True,
        ends_itself: bool = False,
    ) -> Completed:
        """Write a command down."""
        del node, deadline_seconds
        front = "" if ends_itself else "sudo -n timeout ... " if needs_root else "timeout ... "
        self.lines.append(f"$ {front}{shlex.join(_short(word) for word in argv)}")
        self.lines += [f"< {line}" for line in _given(stdin)]
        self.lines += [f"> {line}" for line in self.answer.stdout.splitlines()[:4]]
        return self.answer


def _short(word: str) -> str:
    """A script by its first line, the command line's own by what it says."""
    if "\n" in word:
        return f"[{word.splitlines()[0]}]"
    return f"[{base64.b64decode(word).decode('utf-16-le')[:60]} ...]" if len(word) > 200 else word


def _shown(value: object) -> str:
    """What came of it, without what only the reading of a Linux has more of."""
    match value:
        case NodeSeen():
            units = ", ".join(f"{unit.name} {unit.active}" for unit in value.units)
            return f"read: {value.guard.state}, may run: {value.guard.may_run}, {units}"
        case Done():
            return f"Done {dict(value.facts)}"
        case Unknown() | Failed():
            return f"{type(value).__name__} {value.reason}: {value.message}"
        case Refused():
            return f"Refused {value.reason} {value.remote_reason or '-'}: {value.message}"
        case _:
            return repr(value)


def _given(stdin: bytes) -> list[str]:
    if not stdin:
        return []
    if stdin[:1] != b"{":
        with tarfile.open(fileobj=io.BytesIO(stdin)) as tar:
            return [f"{item.mode:o} {item.name}" for item in tar.getmembers()]
    given = json.loads(stdin)
    given["script"] = given["script"].splitlines()[0]
    given["files"] = [item["name"] for item in given["files"]]
    return [json.dumps(given)]


def spec_of(platform: Platform) -> PairSpec:
    """A pair of which both nodes are of one platform."""
    spec = pair_spec(
        nodes=(spec_node("a", address="192.0.2.1", host_key=KEY), spec_node("b", address="192.0.2.2", host_key=KEY))
    )
    services = tuple(item.model_copy(update={"readiness": ()}) for item in spec.services)
    nodes = tuple(node.model_copy(update={"platform": platform}) for node in spec.nodes)
    return spec.model_copy(update={"nodes": nodes, "services": services})


async def transcript(platform: Platform) -> str:
    """Every verb of the node port, as it is sent and as its answer is taken."""
    spec, sessions = spec_of(platform), Recorder()
    nodes = Nodes(sessions, spec=lambda: spec, clock=SystemClock())  # type: ignore[arg-type]
    a, b = (FrozenNode(name=item.name, address=item.address, ssh=item.ssh) for item in spec.nodes)

    async def told(title: str, asked: Awaitable[object], answer: Completed) -> None:
        sessions.answer = answer
        sessions.lines.append(f"## {title}")
        sessions.lines += [f"= {_shown(await asked)}", ""]

    def order(verb: str, **words: object) -> Awaitable[object]:
        given = Order(verb, PAIR_UID, "a", 1, "e1", **words)  # type: ignore[arg-type]
        return nodes.order(a, given, deadline_seconds=30)

    running, stopped = STATE.format(one="active", other="active"), STATE.format(one="inactive", other="inactive")
    await told("read", nodes.read(a), Completed(0, running, ""))
    await told("read: not understood", nodes.read(a), Completed(0, "hello\n", ""))
    equipped = nodes.equip(a, Equipment(PAIR_UID, spec, "a"), deadline_seconds=30)
    await told("equip", equipped, Completed(0, "gates=installed\n", ""))
    for verb, words in ORDERS.items():
        await told(verb, order(verb, **words), Completed(0, f"done={verb}\nchanged=yes\n", ""))
    refusal = Completed(10, "refused=LowerTerm\nmessage=term 1 is below 2\n", "")
    await told("an order that is refused", order("permit", epoch=1), refusal)
    await told("an order without a guard", order("lead"), Completed(13, "absent=yes\n", ""))
    lost = Completed(11, "unknown=StateLost\nmessage=the guard state cannot be read\n", "")
    await told("an order to a guard that lost its state", order("lead"), lost)
    await told("start", nodes.start(a, spec.services, deadline_seconds=30), Completed(0, "started=x\n", ""))
    await told("stop", nodes.stop(a, spec.services, deadline_seconds=30), Completed(0, stopped, ""))
    await told("stop: not stopped", nodes.stop(a, spec.services, deadline_seconds=30), Completed(0, running, ""))
    nothing = Completed(0, "", "")
    await told("introduce", nodes.introduce(a, peer=b, peer_public_key=KEY, deadline_seconds=30), nothing)
    await told("release", nodes.release(a, pair_uid=PAIR_UID, is_owner=False, deadline_seconds=30), nothing)
    await told("pin", nodes.pin(a, {"x": "192.0.2.1"}, deadline_seconds=30), nothing)
    await told("settle", nodes.settle(a, (), peer=b, deadline_seconds=30), nothing)
    await told("peer_vote", nodes.peer_vote(b, a, ()), nothing)
    await told("drbd_vote", nodes.drbd_vote(b, a, "r0"), nothing)
    return "\n".join(sessions.lines).rstrip() + "\n"


ORDERS: dict[str, dict[str, object]] = {
    "create": {},
    "lead": {},
    "promise": {"epoch": 1, "owner": "a"},
    "promote": {"epoch": 1},
    "permit": {"epoch": 1},
    "quiesce": {"epoch": 1},
    "demote": {"epoch": 2, "owner": "b"},
    "renew": {"epoch": 2},
    "quarantined": {"epoch": 2},
    "grant": {"epoch": 2, "source": "b"},
    "sever": {},
    "revoke": {},
    "receipt": {"epoch": 2, "kind": "Fenced"},
}


def golden(platform: Platform) -> Path:
    """Where a platform's transcript is kept."""
    return FOLDER / f"{platform.value.lower()}.txt"


def main() -> None:
    """Write both anew."""
    FOLDER.mkdir(exist_ok=True)
    for platform in (Platform.WINDOWS, Platform.SOLARIS):
        golden(platform).write_text(asyncio.run(transcript(platform)))


if __name__ == "__main__":
    main()
