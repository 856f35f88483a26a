"""The status page without a browser: what it shows of a pair, what it never shows, and what it answers to whom."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from maestro_operator.model.pair import FencingDevice, FencingRung, PairKey
from maestro_operator.statuspage.board import Board
from maestro_operator.statuspage.discreet import words_of
from maestro_operator.statuspage.server import StatusPage, is_own
from support.boards import PAST, board_of_every_world, lively_board, shown_in
from support.looks import seen
from support.worlds import pair_spec

LIMIT_SECONDS = 5


@contextmanager
def served(board: Board) -> Iterator[StatusPage]:
    page = StatusPage(board, address="127.0.0.1", port=0)
    try:
        yield page
    finally:
        page.close()


def ask(page: StatusPage, path: str = "/", *, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{page.port}{path}",
        method=method,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    try:
        with urllib.request.urlopen(request, timeout=LIMIT_SECONDS) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_a_pair_is_shown_with_its_nodes_its_arrows_and_its_episodes() -> None:
    lists, moving = json.loads(lively_board().page())["pairs"]

    assert (lists["name"], lists["active"], lists["episode"]) == ("lists", "a", None)
    assert [(node["name"], node["role"]) for node in lists["nodes"]] == [("a", "active"), ("b", "standby")]
    assert lists["history"][0]["steps"][1]["message"] == "b-bmc: no answer"
    assert [step["name"] for step in moving["episode"]["steps"]][-1] == "Demote"
    assert moving["episode"]["steps"][-1]["seconds"] is None


def test_nothing_is_shown_of_hosts_users_keys_and_devices() -> None:
    spec = seen().spec
    page = board_of_every_world().page().decode() + lively_board().page().decode()

    assert spec.nodes[0].ssh.host_key not in page
    assert all(word not in page for word in ("hostKey", "credentials", "parameters", "secret", "machineId"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a: ssh maestro@10.0.0.1:22: [Errno 111] Connect call failed ('10.0.0.1', 22)",
         "a: ssh a: [Errno 111] Connect call failed ('a', 22)"),
        ("10.0.0.2 did not answer in 2 s", "b did not answer in 2 s"),
        ("fence_redfish serial-a at bmc-a.example.org: off", "fence_redfish its device at its device: off"),
        ("192.0.2.53 refused the update; root@192.0.2.7:2222 too", "an address refused the update; an address too"),
        ("answer FailOver for a; PostgreSQL 15.3 on b", "answer FailOver for a; PostgreSQL 15.3 on b"),
    ],
)  # fmt: skip
def test_a_sentence_names_nodes_and_no_hosts(said: str, shown: str) -> None:
    device = FencingDevice(agent="fence_redfish", identity="serial-a", parameters={"ip": "bmc-a.example.org"})
    spec = pair_spec()
    first, second = (
        node.model_copy(
            update={
                "address": address,
                "ssh": node.ssh.model_copy(update={"host": address, "port": 22, "user": "maestro"}),
                "fencing": (FencingRung(name="bmc", devices=(device,)),),
            }
        )
        for node, address in zip(spec.nodes, ("10.0.0.1", "10.0.0.2"), strict=True)
    )

    assert words_of(spec.model_copy(update={"nodes": (first, second)}))(said) == shown


def test_every_sentence_on_the_board_is_made_discreet() -> None:
    board, address = Board(), seen().spec.nodes[1].address
    step = {"name": "Fence", "state": "Failed", "seconds": 4.1, "message": f"{address}: no answer"}

    shown_in(board, "lists", plan=f"ask {address}", history=[PAST | {"steps": [step]}])

    (pair,) = json.loads(board.page())["pairs"]
    assert address not in json.dumps(pair)
    assert (pair["plan"], pair["history"][0]["steps"][0]["message"]) == ("ask b", "b: no answer")


def test_a_pair_that_is_gone_is_off_the_board() -> None:
    board = Board()
    shown_in(board, "lists")

    board.forget(PairKey(namespace="maestro", name="lists", uid="lists"))

    assert json.loads(board.page()) == {"leads": False, "pairs": []}


@pytest.mark.parametrize("path", ["/", "/page.css", "/page.js", "/icon.svg", "/pairs.json"])
def test_every_answer_lets_a_browser_load_from_here_alone(path: str) -> None:
    with served(Board()) as page:
        status, headers, body = ask(page, path)

    assert (status, bool(body)) == (200, True)
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'; script-src 'self'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert (headers["X-Content-Type-Options"], headers["Referrer-Policy"]) == ("nosniff", "no-referrer")
    assert b"://" not in body.replace(b"http://www.w3.org/2000/svg", b"")


def test_what_did_not_change_is_not_sent_again() -> None:
    with served(lively_board()) as page:
        mark = ask(page, "/pairs.json")[1]["ETag"]
        status, _, body = ask(page, "/pairs.json", If_None_Match=mark)

    assert (status, body) == (304, b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_ordered(method: str) -> None:
    with served(Board()) as page:
        assert ask(page, "/pairs.json", method=method)[0] == 501


@pytest.mark.parametrize("path", ["/../settings.py", "/site/index.html", "/metrics", "/pairs.json?x=1"])
def test_there_is_nothing_else(path: str) -> None:
    with served(Board()) as page:
        assert ask(page, path)[0] == 404


@pytest.mark.parametrize(("name", "status"), [("evil.example.org", 403), ("localhost:8081", 200), ("[::1]", 200)])
def test_a_name_that_a_strangers_page_brought_here_is_refused(name: str, status: int) -> None:
    with served(Board()) as page:
        assert ask(page, "/pairs.json", Host=name)[0] == status


def test_head_is_answered_without_content() -> None:
    with served(Board()) as page:
        status, headers, body = ask(page, method="HEAD")

    assert (status, body) == (200, b"")
    assert int(headers["Content-Length"]) > 0


def test_which_addresses_are_the_machines_own() -> None:
    assert [is_own(address) for address in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "10.0.0.1")] == [
        *(True, True, True),
        *(False, False),
    ]
