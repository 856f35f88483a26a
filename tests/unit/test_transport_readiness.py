"""What counts as an HTTP answer of a service that is ready."""

import pytest

from maestro_operator.drivers.services.readiness import http_fault, http_request
from maestro_operator.model.pair import HttpProbe

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Maestro Tracker</title>"


def test_the_expected_status_is_enough_without_a_pattern() -> None:
    assert http_fault(HttpProbe(), OK) is None


def test_a_pattern_is_looked_for_in_the_body_alone() -> None:
    assert http_fault(HttpProbe(pattern="Maestro T.+r"), OK) is None
    assert http_fault(HttpProbe(pattern="text/html"), OK) == "http 80/: the body does not match"


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/2 200\r\n", b"HTTP/1.1 2000 OK\r\n"])
def test_something_else_than_http_is_not_ready(answer: bytes) -> None:
    assert http_fault(HttpProbe(), answer) == "http 80/: no HTTP answer"


def test_another_status_is_named() -> None:
    answer = b"HTTP/1.0 503 Service Unavailable\r\n\r\n"

    assert http_fault(HttpProbe(port=8080, path="/hub/"), answer) == "http 8080/hub/: status 503, not 200"


def test_the_request_asks_for_one_piece_and_names_the_host() -> None:
    request = http_request(HttpProbe(path="/lui/", host="maestro.example.org"), "10.0.0.1")

    assert request.startswith(b"GET /lui/ HTTP/1.0\r\nHost: maestro.example.org\r\n")
    assert request.endswith(b"\r\n\r\n")
