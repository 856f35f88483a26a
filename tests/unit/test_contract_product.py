"""The contract's product outlives an owner that ends in the middle of an answer, as its real ones do."""

import socket
import threading

import pytest

from support.contracts import product


@pytest.mark.parametrize("said", [b"", b"contract-1", b"contract-1 1"])
def test_an_owner_that_goes_before_it_has_answered_is_one_that_is_not_reached(
    monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(product, "PORT", server.getsockname()[1])

        def answer() -> None:
            there, _ = server.accept()
            with there:
                there.recv(100)
                there.sendall(said)

        owner = threading.Thread(target=answer)
        owner.start()
        with pytest.raises(OSError, match="went before it had answered"):
            product.pull("127.0.0.1", 0)
        owner.join(timeout=5)
