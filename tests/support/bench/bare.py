"""An operator that does nothing: kopf watches the pairs and hands each event to an empty handler.

The measure of what watching alone costs: `python -m support.bench.bare NAMESPACE`, with KUBECONFIG set. It imports
nothing else, so that its memory is kopf's own.
"""

from __future__ import annotations

import sys

import kopf


@kopf.on.event("maestropair.dev", "v1alpha1", "maestropairs")
def seen(**_: object) -> None:
    """Let every event pass."""


if __name__ == "__main__":
    kopf.configure(quiet=True)
    kopf.run(standalone=True, namespaces=[sys.argv[1]])
