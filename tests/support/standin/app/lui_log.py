"""LUI-yyyymmdd.LOG: what the product says about its start-up and its tables."""

import os
from pathlib import Path

from support.standin.app import clock


class LuiLog:
    """Appends lines to the log of the node's local date, each on disk before the call returns."""

    def __init__(self, folder: Path) -> None:
        """Write to files in this folder."""
        self._folder = folder

    def info(self, text: str) -> None:
        """Write a line of ordinary operation."""
        self._write("INFO  ", text)

    def warning(self, text: str) -> None:
        """Write a line about something the application put right by itself."""
        self._write("WARN  ", text)

    def severe(self, text: str) -> None:
        """Write a line that a person must read: data is damaged or the start failed."""
        self._write("SEVERE", text)

    def _write(self, level: str, text: str) -> None:
        now = clock.local_now()
        path = self._folder / f"LUI-{now:%Y%m%d}.LOG"
        line = f"{now:%Y-%m-%d %H:%M:%S},{now.microsecond // 1000:03d} {level} [LUI] {text}\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, line.encode())
            os.fsync(handle)
        finally:
            os.close(handle)
