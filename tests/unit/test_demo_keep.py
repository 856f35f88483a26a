"""`KEEP=1 make demo`: what it says when everything runs on, and what it ends with."""

import os
import signal
import threading
from pathlib import Path
from typing import cast

import pytest

from support.controlplane import ControlPlane
from support.demo.__main__ import keep


class KeptPlane:
    """A control plane of which only the kubectl is asked for."""

    kubectl = Path("/cache/kubectl")


class KeptStage:
    """What is left running."""

    plane = cast("ControlPlane", KeptPlane())

    def outside_kubeconfig(self) -> Path:
        return Path("/demo/outside.kubeconfig")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "told to end"])
@pytest.mark.parametrize(("trouble", "code"), [(None, 0), ("the failover did not come", 1)], ids=["well", "stuck"])
def test_it_says_how_to_go_on_waits_and_ends_as_the_story_did(
    number: signal.Signals, trouble: str | None, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {item: signal.getsignal(item) for item in (signal.SIGINT, signal.SIGTERM)}
    moment = threading.Event()

    def end_once_it_is_heard() -> None:
        while signal.getsignal(number) is before[number]:
            moment.wait(0.01)
        os.kill(os.getpid(), number)

    ending = threading.Thread(target=end_once_it_is_heard)
    ending.start()

    ended = keep(KeptStage(), trouble=trouble)

    ending.join()
    for item, handler in before.items():
        signal.signal(item, handler)
    said = capsys.readouterr().out
    assert ended == code
    assert "export KUBECONFIG=/demo/outside.kubeconfig" in said
    assert "/cache/kubectl -n maestro get mp maestro" in said
    assert "is not judged" in said
    assert (str(trouble) in said) == (trouble is not None)
