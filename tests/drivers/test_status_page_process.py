"""The status page as the operator's own process serves it, over a real API server, in a real headless Chromium."""

import json
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from support.browser import Browser, browser
from support.controlplane import ControlPlane
from support.controlplane.clock import await_condition
from support.demo.cluster import OPERATOR, OPERATOR_NAMESPACE, serve_pairs
from support.demo.story import NAMESPACE
from support.manifests import Manifest, changed, example
from support.operator_environment import belonging, environment
from support.pair_api import PairApi
from support.report import BUILD

pytestmark = [pytest.mark.timeout(180)]

PICTURES = BUILD / "status-page"
KEY = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
PAIR = "lists"
START_SECONDS = 60
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
FAINT = (Path(__file__).parents[1] / "support" / "faint_texts.js").read_text()
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
BADGE = "document.querySelector('.pair .badge')?.textContent"


@dataclass
class Served:
    """One process of the operator, and where its page is."""

    process: subprocess.Popen[bytes]
    log: Path

    @property
    def port(self) -> int:
        """Returns the port that its log names; 0 before it does."""
        for line in self.log.read_text().split("\n")[:-1]:
            if (found := json.loads(line)).get("message", "").startswith("serves the status page"):
                return int(found["port"])
        return 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def board(self) -> Manifest:
        with urllib.request.urlopen(f"{self.url}pairs.json", timeout=10) as answer:
            return dict(json.load(answer))

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(START_SECONDS)


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with ControlPlane.start(tmp_path_factory.mktemp("status-page") / "plane", own_processes=True) as plane:
        key = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lists-ssh", "namespace": NAMESPACE}}
        serve_pairs(plane, secrets=[{**key, "stringData": {"ssh-privatekey": KEY}}])
        yield plane


@pytest.fixture(scope="module")
def pairs(plane: ControlPlane) -> PairApi:
    found = PairApi(plane.admin_kubeconfig, namespace=NAMESPACE)
    create(found, PAIR)
    return found


def create(pairs: PairApi, name: str) -> None:
    (pair,) = example("maestro-by-hand.yaml")
    for at, node in enumerate(("127.0.0.2", "127.0.0.3")):
        pair = changed(pair, f"spec.nodes.{at}.address", node)
        pair = changed(pair, f"spec.nodes.{at}.ssh.host", node)
        pair = changed(pair, f"spec.nodes.{at}.ssh.port", 1)  # nobody listens there
    answer = pairs.create(changed(changed(pair, "metadata.name", name), "metadata.namespace", NAMESPACE))
    assert answer.is_good, answer.message


def started(plane: ControlPlane, log: Path) -> Served:
    """Starts an operator as the chart's Deployment does, with the status page on."""
    kubeconfig = plane.kubeconfig_for_service_account(OPERATOR_NAMESPACE, OPERATOR)
    knobs = belonging(kubeconfig, watch=NAMESPACE, home=OPERATOR_NAMESPACE)
    knobs |= {"MAESTRO_STATUS_PAGE_PORT": "0", "MAESTRO_ALLOWED_ADDRESSES": "127.0.0.0/8"}
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "maestro_operator.main"],
            env=environment(knobs),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
        )
    one = Served(process, log)
    assert await_condition(lambda: one.port > 0, within_seconds=START_SECONDS), log.read_text()
    return one


@pytest.fixture(scope="module")
def served(plane: ControlPlane, pairs: PairApi, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The operator that leads."""
    del pairs
    one = started(plane, tmp_path_factory.mktemp("leader") / "log")
    yield one
    one.end()


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    with browser() as found:
        yield found


def opened(tab: Browser, served: Served, *, size: str = "desk", scheme: str = "light") -> None:
    # What the page before has asked for is over when another one is there.
    tab.open("about:blank", until="location.href === 'about:blank'")
    tab.complaints.clear()
    tab.requested.clear()
    tab.look_as(width=SIZES[size][0], height=SIZES[size][1], scheme=scheme)
    tab.open(served.url, until="document.querySelectorAll('.pair').length > 0")


def test_a_pair_is_shown_as_its_status_has_it_and_nothing_is_loaded_from_elsewhere(
    served: Served, pairs: PairApi, tab: Browser
) -> None:
    opened(tab, served)

    assert tab.value("document.querySelector('.pair h2').textContent") == f"{NAMESPACE}/{PAIR}"
    assert tab.value(BADGE) == pairs.read(PAIR).body["status"]["state"]
    assert tab.value("document.querySelector('.data').textContent") == "data not in sync: NotYetKnown"
    assert tab.complaints == []
    assert {url for url in tab.requested if not url.startswith(served.url)} == set()


def test_a_pair_that_somebody_applies_comes_by_itself_and_goes_with_it(
    served: Served, pairs: PairApi, tab: Browser
) -> None:
    opened(tab, served)

    create(pairs, "another")
    tab.wait_until("document.querySelectorAll('.pair').length === 2")
    assert pairs.delete("another").is_good
    tab.wait_until("document.querySelectorAll('.pair').length === 1")


def test_what_somebody_changes_in_the_cluster_is_drawn_without_a_key_pressed(
    served: Served, pairs: PairApi, tab: Browser
) -> None:
    opened(tab, served)
    before = tab.value(BADGE)

    assert pairs.patch(PAIR, {"spec": {"management": "Paused"}}).is_good
    tab.wait_until(f"{BADGE} === 'Paused'")
    assert pairs.patch(PAIR, {"spec": {"management": "Enforce"}}).is_good

    tab.wait_until(f"{BADGE} === {json.dumps(before)}")


def test_the_board_tells_who_leads_and_neither_hosts_nor_keys(served: Served) -> None:
    assert await_condition(lambda: served.board()["leads"] is True, within_seconds=START_SECONDS)
    assert await_condition(lambda: len(served.board()["pairs"]) == 1, within_seconds=START_SECONDS)

    board = served.board()

    assert board["pairs"][0]["name"] == PAIR
    assert "Connect call failed" in json.dumps(board)
    assert not re.search(r"127\.0\.0\.[23]|maestro@|ssh-ed25519", json.dumps(board)), board
    assert not any(line in json.dumps(board) for line in KEY.splitlines())


def test_the_page_is_walked_by_keyboard_alone(served: Served, tab: Browser) -> None:
    opened(tab, served)

    tab.press("Tab")
    assert tab.value("document.activeElement.textContent") == "Skip to the pairs"
    tab.press("Enter")

    assert tab.value("document.activeElement.id") == "pairs"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desk", "phone"])
def test_every_text_can_be_read_and_nothing_is_cut_off(served: Served, tab: Browser, size: str, scheme: str) -> None:
    opened(tab, served, size=size, scheme=scheme)
    PICTURES.mkdir(parents=True, exist_ok=True)
    tab.picture(PICTURES / f"process-{size}-{scheme}.png")

    assert tab.value(FAINT) == []
    assert tab.value(WIDE) <= 0


def test_a_name_that_a_strangers_page_brought_here_is_refused(served: Served) -> None:
    asked = urllib.request.Request(f"{served.url}pairs.json", headers={"Host": "evil.example"})

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(asked, timeout=10)


def test_a_spare_shows_the_pairs_too_and_when_it_ends_the_page_says_so(
    plane: ControlPlane, served: Served, tab: Browser, tmp_path: Path
) -> None:
    assert await_condition(lambda: served.board()["leads"] is True, within_seconds=START_SECONDS)
    spare = started(plane, tmp_path / "log")
    try:
        opened(tab, spare)
        assert spare.board()["leads"] is False
    finally:
        spare.end()

    tab.wait_until("!document.getElementById('trouble').hidden")
    assert tab.value("document.querySelectorAll('.pair').length") == 1
