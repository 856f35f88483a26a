"""The verb `report`: collect, redact, write one file, and say what is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_operator.cli.bundle import bundle_of
from maestro_operator.cli.change import CannotError, IncompleteError
from maestro_operator.cli.reading import pair_of
from maestro_operator.clock import SystemClock

if TYPE_CHECKING:
    import argparse

ONLY_MINE = 0o600


def report(given: argparse.Namespace) -> None:
    """Write a redacted bundle.

    Raises:
        CannotError: the file is there already.
        IncompleteError: something could not be had; the bundle says what.

    """
    pair = pair_of(given)
    moment = SystemClock().now()
    stamp = "".join(sign for sign in moment if sign.isdigit())[:14]
    path = Path(given.to or f"maestro-report-{pair.name}-{stamp}.tar.gz")
    made = bundle_of(pair, operator_namespace=given.operator_namespace)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_MINE)
    except FileExistsError as error:
        raise CannotError(f"{path} is there already; name another by --to") from error
    with os.fdopen(handle, "wb") as file:
        file.write(made.written(moment=moment))
    print(f"{path}: {len(made.members)} parts, {made.redact.taken_out} places redacted")
    print("Look through it before you send it: names, addresses and what people wrote are in it.")
    if made.missing:
        raise IncompleteError("; ".join(made.missing))
