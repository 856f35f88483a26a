"""The kernel of a User Mode Linux machine runs on this host's processor, whatever that one can do."""

import contextlib
import hashlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from support.bed import umlroot

pytestmark = pytest.mark.timeout(120)
INIT = """#!/bin/sh
PATH={path}
mount -t tmpfs none /dev/shm
for each in one two; do sha256sum {data} >{folder}/$each & done
wait
touch {folder}/done
"""


def test_two_processes_of_a_machine_keep_their_registers_apart(tmp_path: Path) -> None:
    data, init, log = tmp_path / "data", tmp_path / "init", tmp_path / "console"
    data.write_bytes(os.urandom(2_000_000))
    init.write_text(INIT.format(path=umlroot.PATH, data=data, folder=tmp_path))
    init.chmod(0o755)
    words = (
        *(*umlroot.kernel(), "mem=128M", "umid=registers", f"uml_dir={tmp_path}/uml", "root=/dev/root", "rw"),
        *("rootfstype=hostfs", "rootflags=/", f"init={init}", "con0=null,fd:1", "con=null", "ssl=null", "selinux=0"),
    )

    # The first process ends, and the kernel with it.
    with (
        log.open("wb") as console,
        subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=console, start_new_session=True) as kernel,
    ):
        try:
            kernel.wait(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(kernel.pid, signal.SIGKILL)

    assert (tmp_path / "done").exists(), log.read_text(errors="replace")[-2000:]
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    assert [(tmp_path / each).read_text().split()[0] for each in ("one", "two")] == [digest, digest]
