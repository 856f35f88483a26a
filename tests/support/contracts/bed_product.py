"""The contract's world on two real nodes whose product replicates itself."""

from pathlib import Path

from typing_extensions import override

from maestro_operator.drivers.replication.command import CommandReplication
from maestro_operator.model.commanding import Command, DemoteProgram, LagProgram, PromoteProgram, StatusProgram
from maestro_operator.model.pair import Replication
from support.bed import Bed
from support.contracts import product
from support.contracts.bed_pair import UNIT, BedPair
from support.contracts.pair_world import PORTS, UNITS

PROGRAM = "/usr/local/lib/contract/product"
STANDBY_UNIT = "contract-standby.service"
SERVE = f"""[Unit]
Description=The owner's side of the contract's product
[Service]
ExecStart={PROGRAM} serve
[Install]
WantedBy=multi-user.target
"""
FOLLOW = f"""[Unit]
Description=The standby's side of the contract's product
[Service]
ExecStart={PROGRAM} follow
"""
NEW_DATA = "mkdir -p /srv/maestro/files && touch /srv/maestro/files/records && echo contract-1 >/srv/maestro/system"
PRODUCT = Command(
    data="/srv/maestro",
    standby_unit=STANDBY_UNIT,
    interval_seconds=3600,
    status=StatusProgram(program=PROGRAM, arguments=("status",)),
    lag=LagProgram(program=PROGRAM, arguments=("lag",)),
    promote=PromoteProgram(program=PROGRAM, arguments=("promote",)),
    demote=DemoteProgram(program=PROGRAM, arguments=("demote",)),
)


class BedProduct(BedPair):
    """The bed's nodes, with a product in the place of the first service."""

    follows = True
    new_data = NEW_DATA

    def __init__(self, bed: Bed) -> None:
        super().__init__(bed)
        self.spec = self.spec.model_copy(update={"replication": Replication(command=PRODUCT)})
        self.replication = CommandReplication(self.sessions)

    @override
    async def _clean(self, name: str) -> None:
        if self._bed.nodes[name].is_on():
            await self.do(name, f"systemctl stop {STANDBY_UNIT}; rm -f /run/contract-product.pid")
        await super()._clean(name)
        source = Path(product.__file__).read_text()
        script = f"cat >{PROGRAM} <<'END-OF-PROGRAM'\n#!/usr/bin/python3\n{source}END-OF-PROGRAM\n"
        await self.do(name, f"mkdir -p {Path(PROGRAM).parent}\n{script}chmod 0755 {PROGRAM}")

    @override
    def unit_files(self) -> dict[str, str]:
        _, app = UNITS
        texts = super().unit_files()
        del texts[app]
        return {UNITS[0]: SERVE, app: UNIT.format(port=PORTS[1]), STANDBY_UNIT: FOLLOW}
