"""The one question before every turn: may this resource have an effect at all.

What forbids contact is asked always, in the middle of an episode too: nobody is contacted for it.
The rest is asked at rest, and the Secrets before the first effect alone; later a missing Secret is
one thing less that works, and the pair is looked at all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maestro_operator.admission.claims import ClaimBook
from maestro_operator.admission.secrets import refused_secrets
from maestro_operator.admission.spec import refused_address, refused_spec
from maestro_operator.model.claims import claims_of, machine_claim
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Barred, NodeSeen, Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from maestro_operator.model.addresses import AddressPolicy
    from maestro_operator.model.pair import PairKey, PairSpec
    from maestro_operator.model.seen import TrafficSeen
    from maestro_operator.model.status import PairStatus
    from maestro_operator.transport.connect import ReadSecret

UNFIT_KEY = (Reason.WRONG_CREDENTIALS, Reason.SECRET_MISSING, Reason.TRAFFIC_UNPROVEN)
"""Why traffic could not be moved although its servers answer."""


@dataclass(slots=True)
class Gate:
    """Judges one resource by all that this operator knows."""

    policy: AddressPolicy
    claims: ClaimBook
    secrets: ReadSecret
    has_agent: Callable[[str], bool]
    _fine: tuple[PairSpec, Mapping[str, str]] | None = field(default=None, init=False)
    """The last spec in which no fault was found, and its claims: what follows from it alone is not asked again."""

    async def before(self, key: PairKey, spec: PairSpec, status: PairStatus) -> Barred | None:
        """Return why nothing may be done for a pair, from its resource and its Secrets alone."""
        is_fine = self._fine is not None and self._fine[0] is spec
        barred = None if is_fine else refused_address(spec, self.policy)
        if barred is not None or status.episode is not None:
            return barred
        barred = self._refused(spec) or self.claims.conflict(key.uid, self._fine[1] if self._fine else {})
        if barred is not None or status.active_node is not None:
            return barred
        return await refused_secrets(spec, secrets=self.secrets, namespace=key.namespace)

    def _refused(self, spec: PairSpec) -> Barred | None:
        """Return the fault of a spec; one that has a fault is asked anew, because an agent may come to be there."""
        if self._fine is not None and self._fine[0] is spec:
            return None
        barred = refused_spec(spec, has_agent=self.has_agent)
        self._fine = (spec, claims_of(spec)) if barred is None else None
        return barred

    def after(
        self,
        key: PairKey,
        status: PairStatus,
        *,
        nodes: Mapping[str, NodeSeen | Unknown],
        traffic: Sequence[TrafficSeen | Unknown],
    ) -> Barred | None:
        """Return why nothing may be done for a pair, from what its nodes and name servers said."""
        if status.episode is not None:
            return None
        machines = {name: node.machine_id for name, node in nodes.items() if isinstance(node, NodeSeen)}
        if len(machines) > len(set(machines.values())):
            (machine_id,) = set(machines.values())
            names = " and ".join(sorted(machines))
            text = f"spec.nodes: {names} both show the machine-id {machine_id}, so they cannot be told apart"
            remedy = "make a new one on the copy (rm /etc/machine-id; systemd-machine-id-setup; reboot)"
            return Barred(Reason.NODES_INDISTINCT, f"{text}: {remedy}")
        wanted = {machine_claim(item): f"spec.nodes[{name}].ssh.host" for name, item in machines.items()}
        barred = self.claims.conflict(key.uid, wanted)
        if barred is not None or status.active_node is not None:
            return barred
        unfit = (item for item in traffic if isinstance(item, Unknown) and item.reason in UNFIT_KEY)
        return next((Barred(item.reason, item.message) for item in unfit), None)
