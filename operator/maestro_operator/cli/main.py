"""The program `kubectl-maestro`, and what its exit codes mean."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import requests

from maestro_operator.cli.change import CannotError, IncompleteError
from maestro_operator.cli.words import parser

if TYPE_CHECKING:
    from collections.abc import Sequence

DONE = 0
"""Done, or nothing was left to do."""
NOT_DONE = 1
"""Not done, and nothing was changed; the message says why. Wrong usage is 2, as argparse has it."""
INCOMPLETE = 3
"""The change was made, and what it asks for is not reached; the message says what is missing."""
STOPPED = 130
"""The person pressed Ctrl-C; a change that was made stays made."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    given = parser().parse_args(argv)
    try:
        given.verb(given)
    except CannotError as error:
        return _said(NOT_DONE, str(error))
    except IncompleteError as error:
        return _said(INCOMPLETE, str(error))
    except (requests.RequestException, OSError) as error:
        return _said(NOT_DONE, f"the API server cannot be asked: {error}")
    except KeyboardInterrupt:
        return STOPPED
    return DONE


def _said(code: int, why: str) -> int:
    print(f"kubectl maestro: {why}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
