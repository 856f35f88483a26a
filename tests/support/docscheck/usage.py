"""The verbs of `kubectl maestro` and the options of each, as JSON: what a page may name.

python -m support.docscheck.usage
"""

from __future__ import annotations

import argparse
import json

from maestro_operator.cli.words import parser


def usage() -> dict[str, list[str]]:
    """Returns the options by verb."""
    (verbs,) = [action for action in parser()._actions if isinstance(action, argparse._SubParsersAction)]  # noqa: SLF001 - argparse has no other way to ask
    return {
        name: [option for action in found._actions for option in action.option_strings]  # noqa: SLF001 - as above
        for name, found in verbs.choices.items()
    }


if __name__ == "__main__":
    print(json.dumps(usage()))
