"""Cuts one run after the other, each at another point, and writes down what lies on both nodes then.

Evidence, one JSON object a line: what was live when a run began (`announced`), and after each cut every generation that
could be promoted, by the digest of its whole tree (`after`).
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from drivers.test_replica_cuts import change
from drivers.test_replica_pair import LIVE, STORE, Node, Pair, Volume, fill, give_epoch_one, make_node

WAYS = ("snapshots", "links")
WHOLE_EVERY = 7
"""After so many cuts a run is let through, so that a newer generation is the last whole one."""
CARELESS = (
    ('    [ "$flags" = 1 ] && [ "$end" = 11 ]', '    true || [ "$flags" = 1 ]'),
    ('    if [ "$digest" != "$1" ]; then', "    if false; then"),
)
"""The planted fault: a receiver that commits whatever arrived."""
HASTY = ('    if [ "$code" != 0 ]; then\n        drop_sent', "    if false; then\n        drop_sent")
"""And its sender, which does not mind that its rsync failed."""


@dataclass(frozen=True)
class Cut:
    """Where one run ends."""

    step: str
    fault: str
    amount: str = ""


def play(way: str, folder: Path, *, cuts: int, careless: bool) -> None:
    """Plays all cuts of one way and writes the evidence below the folder."""
    folder.mkdir(parents=True)
    with _pair(way, folder) as pair, (folder / "evidence.jsonl").open("w") as out:
        if careless:
            _plant(pair)

        def write(**fields: object) -> None:
            out.write(json.dumps(fields) + "\n")

        _play(pair, write, cuts=cuts)


def _play(pair: Pair, write: Callable[..., None], *, cuts: int) -> None:
    write(event="announced", generation=_run(pair), digest=_digest(pair.a, LIVE))
    change(pair.a, 0)
    total = _bytes_of_a_run(pair, write)
    for number, cut in enumerate(_cuts(total, cuts), start=1):
        change(pair.a, number)
        live = _digest(pair.a, LIVE)
        pair.a.plan(cut.step, cut.fault, cut.amount)
        answer = pair.a.replica("final")
        pair.a.heal()
        write(event="announced", generation=_asked(pair), digest=live)
        write(
            event="after", cut=number, at=f"{cut.step} {cut.fault} {cut.amount}", code=answer.code, kept=_kept(pair.b)
        )
        if number % WHOLE_EVERY == 0:
            live = _digest(pair.a, LIVE)
            write(event="announced", generation=_run(pair), digest=live)
            write(event="through", generation=pair.b.observe()["generation"], kept=_kept(pair.b))


def _cuts(total: int, count: int) -> Iterator[Cut]:
    """Gives the points: nearly all of them in the data, from its first byte to its last."""
    yield from (Cut("announce", "before"), Cut("announce", "after"), Cut("commit", "before"), Cut("commit", "after"))
    left = count - 4
    yield from (Cut("data", "bytes", str(total * point // left)) for point in range(left))


def _run(pair: Pair) -> str:
    answer = pair.a.replica("final")
    if answer.code != 0:
        # A receiver that was cut off refuses one run and has the next one written anew.
        answer = pair.a.replica("final")
    return answer.values.get("generation", "none")


def _asked(pair: Pair) -> str:
    """Returns the generation that the sender announced last."""
    words = [line.split() for line in pair.a.at("wire/asked").read_text().splitlines() if " announce " in line]
    return f"{words[-1][2]}.{words[-1][3]}"


def _bytes_of_a_run(pair: Pair, write: Callable[..., None]) -> int:
    count = pair.a.at("wire/bytes")
    count.write_bytes(b"")
    live = _digest(pair.a, LIVE)
    pair.a.plan("data", "count")
    write(event="announced", generation=_run(pair), digest=live)
    pair.a.heal()
    return count.stat().st_size


def _kept(node: Node) -> dict[str, str]:
    """Returns every generation that can be promoted, with the digest of its tree."""
    names = [path.name for path in node.at(f"{STORE}/meta").iterdir() if path.name.replace(".", "").isdigit()]
    there = [name for name in names if node.at(f"{STORE}/generations/{name}").is_dir()]
    return {name: _digest(node, f"{STORE}/generations/{name}") for name in there}


def _digest(node: Node, path: str) -> str:
    return hashlib.sha256(json.dumps(node.tree(path), sort_keys=True, default=str).encode()).hexdigest()


@contextlib.contextmanager
def _pair(way: str, folder: Path) -> Iterator[Pair]:
    with Volume(folder, make=("mkfs.btrfs" if way == "snapshots" else "mkfs.ext4", "-q")) as volume:
        top = volume.path / "pair"
        pair = Pair(make_node(volume, top, name="a", peer="b"), make_node(volume, top, name="b", peer="a"))
        give_epoch_one(pair)
        if way == "snapshots":
            volume.run("btrfs", "-q", "subvolume", "create", pair.a.root / LIVE)
        else:
            pair.a.at(LIVE).mkdir()
            for node in (pair.a, pair.b):
                with node.at("etc/maestro-guard/config").open("a") as file:
                    file.write("moment=plain\n")
        fill(pair.a.at(LIVE))
        yield pair


def _plant(pair: Pair) -> None:
    for node, faults in ((pair.b, CARELESS), (pair.a, (HASTY,))):
        script = node.at("lib/maestro-replica")
        text = script.read_text()
        for sound, broken in faults:
            if sound not in text:
                raise ValueError(f"the fault finds no place: {sound}")
            text = text.replace(sound, broken, 1)
        script.write_text(text)
