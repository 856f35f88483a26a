"""Plays the pages: each has a pair of its own to be tried on, in the scene that it is about."""

from __future__ import annotations

import re
import tomllib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import yaml

from support.controlplane import CommandError
from support.docscheck.fragments import UnknownFragmentError, made_whole
from support.docscheck.on_nodes import REPOSITORY
from support.docscheck.pages import ROOT
from support.docscheck.record import Tried
from support.docscheck.scenes import NAMESPACE, is_protected, pair_name, pair_of, scene_of
from support.manifests import RenderError, rendered

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from support.docscheck.memory_desk import MemoryDesk
    from support.docscheck.pages import Block, Page
    from support.docscheck.record import Record

SKIPS = ROOT / "tests" / "support" / "docscheck" / "skips.toml"
WATCH = re.compile(r"^(kubectl .*) -w$", re.MULTILINE)
GONE = re.compile(r"kubectl (?:delete mp|maestro release|patch mp PAIR --type=merge -p '\{\"metadata\")")
NAMES_A_PAIR = re.compile(r"\b(?:PAIR|NAME)\b")
AT_ONCE = 3
SECRETS = """ssh-keygen -q -t ed25519 -N '' -f any_key
printf x > any_password
printf c2VjcmV0 > any_secret
kubectl create secret generic node-ssh --from-file=ssh-privatekey=any_key
kubectl create secret generic a-bmc --from-file=password=any_password
kubectl create secret generic b-bmc --from-file=password=any_password
kubectl create secret generic dns-tsig --from-literal=name=any --from-literal=algorithm=hmac-sha256 \\
  --from-file=secret=any_secret
"""
"""The Secrets that the pages' pairs name."""


def skips() -> list[dict[str, str]]:
    """Returns what is not run, with its reasons."""
    return list(tomllib.loads(SKIPS.read_text()).get("skip", ()))


def without_skipped(block: Block, left_out: Sequence[Mapping[str, str]]) -> tuple[str, list[Mapping[str, str]]]:
    """Returns a block's commands but for those that are skipped, and the skips that were found in it."""
    kept, found = [], []
    for line in block.text.replace("\\\n", "").splitlines():
        skip = next((one for one in left_out if one["page"] == block.page and line.startswith(one["begins"])), None)
        if skip is None:
            kept.append(line)
        else:
            found.append(skip)
    return "\n".join(kept), found


def pairs_wanted(page: Page) -> list[str]:
    """Returns the names of the pairs that a page's commands are tried on: a new one after one was taken away."""
    blocks = [block for block in page.blocks if is_at_desk(block) and NAMES_A_PAIR.search(block.text)]
    taken = sum(bool(GONE.search(block.text)) for block in blocks)
    return [pair_name(page.name, number=number) for number in range(max(taken, int(bool(blocks))))]


def is_at_desk(block: Block) -> bool:
    """Tells whether a block is what a reader types at the desk."""
    return block.language == "sh" and not block.title


class Player:
    """Plays pages at a desk and notes what came of it."""

    def __init__(self, desk: MemoryDesk, record: Record) -> None:
        """Keep where to play and where to note."""
        self._desk = desk
        self._record = record
        self._skips = skips()

    def prepare(self, pages: Sequence[Page]) -> None:
        """Applies every page's pairs, waits until they are whole, and lets happen what the pages are about."""
        names = [(page.name, number) for page in pages for number, _ in enumerate(pairs_wanted(page))]
        if names:
            self._desk.run(SECRETS)
            self._desk.apply(*(pair_of(page, number=number) for page, number in names))
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for told in pool.map(lambda item: self._set(item[0], number=item[1]), names):
                for one in told:
                    self._record.note(one)

    def _set(self, page: str, *, number: int) -> list[Tried]:
        scene, name = scene_of(page), pair_name(page, number=number)
        told = [_outcome(page, "its pair is protected", came=self._desk.comes(name, is_protected))]
        self._desk.befalls(name, scene.accident)
        if scene.order:
            self._desk.run(f'kubectl patch mp {name} --type=merge -p \'{{"spec":{{"activeNode":"{scene.order}"}}}}\'')
        told.append(_outcome(page, "what it is about has happened", came=self._desk.comes(name, scene.befallen)))
        self._desk.befalls(name, scene.repair)
        told.append(_outcome(page, "what is mended is mended", came=self._desk.comes(name, scene.mended)))
        return told

    def play(self, page: Page) -> None:
        """Runs the page's commands in their order and judges its manifests."""
        number = 0
        for block in page.blocks:
            if is_at_desk(block):
                self._run(block, pair_name(page.name, number=number))
                number += bool(GONE.search(block.text) and NAMES_A_PAIR.search(block.text))
            elif block.language == "sh" and block.title == REPOSITORY:
                self._run_in_repository(block)
            elif block.language == "yaml":
                self._judge(block)
        scene = scene_of(page.name)
        if scene.outcome:
            name = pair_name(page.name, number=max(0, number - 1))
            self._record.note(_outcome(page.name, scene.outcome, came=self._desk.comes(name, scene.afterwards)))

    def _run(self, block: Block, pair: str) -> None:
        text = self._to_run(block)
        if not text:
            return
        status = self._desk.status(pair) if NAMES_A_PAIR.search(text) else {}
        filled = filled_in(
            WATCH.sub(r"timeout --signal=INT --preserve-status 5 \1 -w || test $? = 130", text), pair, status
        )
        code, said = self._desk.run(filled)
        self._record.note(Tried("command", block.page, block.line, filled, code, said))

    def _run_in_repository(self, block: Block) -> None:
        """Runs what needs the whole repository; of make it is asked whether it would know what to do."""
        text = self._to_run(block)
        if text:
            asked = re.sub(r"^make ", "make --dry-run ", text, flags=re.MULTILINE)
            code, said = self._desk.run(f"cd {ROOT}\n{asked}")
            self._record.note(Tried("command", block.page, block.line, asked, code, said))

    def _to_run(self, block: Block) -> str:
        text, skipped = without_skipped(block, self._skips)
        for skip in skipped:
            self._record.note(Tried("skip", block.page, block.line, skip["begins"], 0, skip["why"]))
        return text.strip()

    def _judge(self, block: Block) -> None:
        code, said = 0, ""
        try:
            whole = made_whole(block)
            if whole.values is not None:
                rendered(values=whole.values)
            else:
                self._desk.plane.run_kubectl(
                    *("apply", "--dry-run=server", "--validate=strict", "-f", "-"),
                    input_text=yaml.safe_dump_all(whole.documents),
                )
        except (CommandError, RenderError, UnknownFragmentError, yaml.YAMLError) as error:
            code, said = 1, str(error)
        self._record.note(Tried("manifest", block.page, block.line, block.text, code, said))


def _outcome(page: str, text: str, *, came: bool) -> Tried:
    return Tried("outcome", page, 0, text, int(not came), "" if came else "it did not come")


def filled_in(text: str, pair: str, status: Mapping[str, Any]) -> str:
    """Returns commands with the reader's own words in the place of those in capitals."""
    history = status.get("history") or []
    past = [one for one in history if one["kind"] == "Failover"] or [*history, {}]
    episode: Mapping[str, Any] = status.get("episode") or past[0]
    words = {
        "PAIR": pair,
        "OPERATOR_NAMESPACE": "maestro-system",
        "NAMESPACE": "maestro-system"
        if "operator" in text and "NAME" not in text.replace("NAMESPACE", "")
        else NAMESPACE,
        "NAME": pair,
        "NODE": "b",
        "OTHER": "b",
        "EPISODE": str(episode.get("id", "none")),
        "ID": str(episode.get("id", "none")),
        "YOU": "a-reader",
        "WHY": "seen-to",
    }
    return re.sub(rf"\b(?:{'|'.join(words)})\b", lambda found: words[found[0]], text)
