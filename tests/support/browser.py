"""A headless Chromium, told what to do over a pair of pipes: opened pages, keys, sizes, colours, pictures.

The DevTools protocol as JSON, each message ended by a zero byte; nothing listens on any port.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from typing import TYPE_CHECKING, Any

from support.controlplane.clock import await_condition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

END_SECONDS = 10.0
LOAD_SECONDS = 30.0
QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--hide-scrollbars",
)
KEYS = {"Tab": 9, "Enter": 13, " ": 32}


class BrowserError(Exception):
    """The browser refused, or a page's script failed; the message is what it said."""


class Browser:
    """One tab of a browser."""

    def __init__(self, to: int, back: int) -> None:
        """Take the two ends of the pipes, and open a tab."""
        self._to, self._back = os.fdopen(to, "wb"), os.fdopen(back, "rb")
        self._count = 0
        self._session = ""
        self.complaints: list[str] = []
        """What the page's script, its policy or a failed request complained of."""
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        self.requested: list[str] = []
        """Every address that was asked for."""

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._count += 1
        message: dict[str, object] = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            found = self._next()
            if found.get("id") == self._count:
                if "error" in found:
                    raise BrowserError(f"{method}: {found['error']}")
                return dict(found["result"])
            self._note(found)

    def _next(self) -> dict[str, Any]:
        read = bytearray()
        while (byte := self._back.read(1)) != b"\0":
            if not byte:
                raise BrowserError("the browser has ended")
            read += byte
        return dict(json.loads(read))

    def _note(self, event: dict[str, Any]) -> None:
        parameters = event.get("params", {})
        match event.get("method"):
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(parameters["exceptionDetails"])[:500])
            case "Log.entryAdded" if parameters["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requested.append(parameters["request"]["url"])
            case _:
                pass

    def close(self) -> None:
        """Let the pipes go; the browser ends by itself then, or is ended."""
        for end in (self._to, self._back):
            end.close()

    # ------------------------------------------------------------ what a person does

    def open(self, url: str, *, until: str) -> None:
        """Opens a page and waits until an expression holds there."""
        self._ask("Page.navigate", url=url)
        self.wait_until(until)

    def wait_until(self, expression: str) -> None:
        """Waits until an expression holds. Raises BrowserError where it does not come to."""
        if not await_condition(lambda: bool(self.value(expression)), within_seconds=LOAD_SECONDS):
            raise BrowserError(f"it did not come to {expression}; complaints: {self.complaints}")

    def value(self, expression: str) -> Any:  # noqa: ANN401 - whatever the expression gives
        """Returns what an expression gives in the page. Raises BrowserError where it throws."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise BrowserError(json.dumps(found["exceptionDetails"])[:1000])
        return found["result"].get("value")

    def press(self, key: str, *, shift: bool = False) -> None:
        """Presses a key and lets it go."""
        common = {"key": key, "windowsVirtualKeyCode": KEYS[key], "modifiers": 8 if shift else 0}
        text = {"text": {"Enter": "\r", " ": " "}[key]} if key in ("Enter", " ") else {}
        self._ask("Input.dispatchKeyEvent", type="keyDown", **common, **text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", **common)

    def look_as(self, *, width: int, height: int, scheme: str) -> None:
        """Sets the window's size and whether the person likes it dark or light."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> None:
        """Takes a picture of the whole page."""
        found = self._ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(found["data"]))


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Gives a browser with a profile of its own, gone afterwards."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        raise BrowserError("there is no chromium: make install-system")
    to_theirs, to_ours = os.pipe()
    back_ours, back_theirs = os.pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        # The browser reads from 3 and writes to 4; a shell puts them there, whatever their numbers are here.
        script = f'exec "$0" "$@" 3<&{to_theirs} 4>&{back_theirs}'
        process = subprocess.Popen(
            ["bash", "-c", script, program, *QUIET, "--remote-debugging-pipe", f"--user-data-dir={profile}"],
            pass_fds=(to_theirs, back_theirs),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": profile},
            start_new_session=True,
        )
        os.close(to_theirs)
        os.close(back_theirs)
        tab = Browser(to_ours, back_ours)
        try:
            yield tab
        finally:
            tab.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait(END_SECONDS)
