"""The stage of the comparison: one bed with both nodes, their fence devices, and the operator beside its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typing_extensions import override

from support.demo.stage import Stage
from support.peers.own import adapted
from support.peers.root import ADDITION
from support.peers.service import COPY_SECONDS, OPERATOR, done, install

if TYPE_CHECKING:
    from support.manifests import Manifest


class PeerStage(Stage):
    """Bed, control plane and operator; the peers are in the nodes' root and do nothing until they are begun."""

    addition = ADDITION
    interval_seconds = COPY_SECONDS
    down_for_seconds = 3

    @override
    def install_application(self) -> None:
        self._say("the service of the comparison on both nodes")
        for node in self.bed.nodes.values():
            install(node)

    @override
    def make_data(self) -> None:
        # A little of what an application keeps beside its records.
        done(
            self.bed.nodes["a"],
            f"cd /srv && mkdir -p {OPERATOR.folder} && head -c 1000000 /dev/urandom >{OPERATOR.folder}/data",
        )

    @override
    def manifest(self) -> Manifest:
        return adapted(super().manifest(), down_for_seconds=self.down_for_seconds)
