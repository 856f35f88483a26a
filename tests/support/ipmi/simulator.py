"""Starts and stops `ipmi_sim` inside a bed, on the bed's own address and a port of the node's."""

import dataclasses
import json
import os
import secrets
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from support.bed import Bed, clock, layout

PROGRAM = Path("/usr/bin/ipmi_sim")
PORTS = {"a": 9623, "b": 9624}
STOP_SECONDS = 10.0
READY_SECONDS = 10.0

IpmiMode = Literal["honest", "lying", "denying", "hanging"]
"""What the controller does. `lying` starts from the truth, then follows orders in words only; `denying` refuses
them; `hanging` is stopped and answers nothing."""


@dataclasses.dataclass(frozen=True)
class IpmiAccount:
    """How a caller reaches the controller, and the GUID it has for its machine."""

    host: str
    port: int
    username: str
    password: str
    guid: str

    def parameters(self) -> dict[str, str]:
        """Returns what a resource would say, without the password."""
        return {
            "ip": self.host,
            "ipport": str(self.port),
            "username": self.username,
            "lanplus": "1",
            "cipher": "3",
        }


class IpmiBmc:
    """One node's IPMI controller; as a context manager it ends with the block."""

    def __init__(self, bed: Bed, name: str, *, folder: Path) -> None:
        self._bed = bed
        self._name = name
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self.audit = folder / "ipmi.jsonl"
        self.account = IpmiAccount(
            host=layout.BED_ADDRESS,
            port=PORTS[name],
            username="operator",
            # No longer than what the protocol has room for.
            password=secrets.token_hex(8),
            guid=str(uuid.uuid4()),
        )

    def __enter__(self) -> Self:
        self._configure()
        with self._bed.network(), (self._folder / "ipmi_sim.log").open("wb") as log:
            self._process = subprocess.Popen(
                (
                    *(str(PROGRAM), "-n", "-c", str(self._folder / "lan.conf"), "-f", str(self._folder / "emulator")),
                    *("-s", str(self._folder / "state")),
                ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
                start_new_session=True,
            )
            try:
                what = f"the IPMI controller of {self._name}"
                clock.wait_until(self._answers, timeout_seconds=READY_SECONDS, what=what)
            except BaseException:
                self.__exit__(None, None, None)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(timeout=STOP_SECONDS)

    def set_mode(self, mode: IpmiMode) -> None:
        """Changes what the controller does from its next request on."""
        assert self._process is not None
        (self._folder / "pretended").write_text(str(int(self._bed.nodes[self._name].is_on())))
        (self._folder / "mode").write_text(mode)
        self._process.send_signal(signal.SIGSTOP if mode == "hanging" else signal.SIGCONT)

    def _answers(self) -> bool:
        asked = subprocess.run(
            (
                *("ipmitool", "-I", "lanplus", "-C", "3", "-H", self.account.host, "-p", str(self.account.port)),
                *("-U", self.account.username, "-E", "-N", "1", "-R", "1", "mc", "guid"),
            ),
            env={**os.environ, "IPMI_PASSWORD": self.account.password},
            capture_output=True,
            timeout=READY_SECONDS,
            check=False,
        )
        return asked.returncode == 0

    def _configure(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "state").mkdir(exist_ok=True)
        told = {"node": self._name, "control": str(self._bed.plan.control)}
        (self._folder / "bed.json").write_text(json.dumps(told))
        (self._folder / "mode").write_text("honest")
        (self._folder / "pretended").write_text("1")
        starter = self._folder / "chassis"
        starter.write_text(f'#!/bin/sh\nexec {sys.executable} -m support.ipmi.chassis {self._folder} "$@"\n')
        starter.chmod(0o700)
        guid = uuid.UUID(self.account.guid).hex
        lan = self._folder / "lan.conf"
        lan.touch(mode=0o600)
        lan.write_text(
            f"""name "node-{self._name}"
set_working_mc 0x20
  startlan 1
    addr {self.account.host} {self.account.port}
    priv_limit admin
    allowed_auths_admin md5 straight
    guid {guid}
  endlan
  chassis_control "{starter} 0x20"
  user 2 true "{self.account.username}" "{self.account.password}" admin 10 md5 straight
"""
        )
        (self._folder / "emulator").write_text(
            "mc_setbmc 0x20\n"
            "mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02\n"
            f"mc_set_guid 0x20 {guid}\n"
            "mc_enable 0x20\n"
        )
