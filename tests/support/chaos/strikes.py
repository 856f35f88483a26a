"""One function a fault: what is done, for how long, and in which phase it really fell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Protocol

from support.bed import clock
from support.bed.description import DIRECTIONS
from support.chaos.people import other_than
from support.chaos.phases import Fault, Phase
from support.demo.story import NAMESPACE, PAIR

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.chaos.hands import Hands
    from support.chaos.plan import Strike
    from support.chaos.stage import ChaosStage
    from support.chaos.watch import Watch

BMC_MODES = ("denying", "hanging", "null", "offline", "lying", "slow")
DEVICE = "/spec/nodes/{index}/fencing/1/devices/0/parameters/ipport"
STOPPED_SECONDS = (2.0, 20.0)
DOWN_SECONDS = (1.0, 3.0, 8.0)
AWAY_SECONDS = (3.0, 9.0)
HOLD_SECONDS = 20.0


class Pen(Protocol):
    """Who writes down where a strike fell, and gives orders."""

    def struck(self, strike: Strike, phase: Phase, *, detail: str) -> None:
        """Write a strike down."""

    def order(self, node: str) -> None:
        """Order a node active."""

    def patch(self, merge: str) -> None:
        """Patch the pair."""


class Striker:
    """Does what a strike names."""

    def __init__(self, stage: ChaosStage, hands: Hands, *, watch: Watch, pen: Pen) -> None:
        """Take the stage and who writes."""
        self._stage = stage
        self._hands = hands
        self._watch = watch
        self._pen = pen
        self._by_fault: dict[Fault, Callable[[Strike, str], None]] = {
            Fault.OPERATOR_KILLED: self._kill_operator,
            Fault.OPERATOR_STOPPED: self._stop_operator,
            Fault.TWO_OPERATORS: self._two_operators,
            Fault.API_KILLED: self._kill_api,
            Fault.API_STOPPED: self._stop_api,
            Fault.POWER_CUT: self._cut_power,
            Fault.REBOOT: self._reboot,
            Fault.FROZEN: self._freeze,
            Fault.CUT: self._cut,
            Fault.PARTED: self._part,
            Fault.BMC: self._spoil_bmc,
            Fault.DNS_FROZEN: self._freeze_dns,
            Fault.SERVICE_KILLED: self._kill_service,
            Fault.DISK_FULL: self._fill_disk,
            Fault.BOTH_OFF: self._switch_both_off,
            Fault.BOTH_REBOOT: self._reboot_both,
            Fault.MAINTENANCE: self._maintain,
            Fault.SPEC_EDIT: self._edit_spec,
            Fault.SECRET_EDIT: self._edit_secret,
            Fault.DELETED: self._delete,
            Fault.ORDER_BACK: self._order_back,
            Fault.PAUSED: self._pause,
            Fault.GIT: self._git,
        }
        self._source = "a"

    def strike(self, strike: Strike, *, source: str, target: str) -> None:
        """Do it; what has a node, has the source's or the target's."""
        self._source = source
        self._by_fault[strike.fault](strike, source if strike.victim == "source" else target)

    def _fell(self, strike: Strike, detail: str) -> None:
        self._pen.struck(strike, self._watch.phase(), detail=detail)

    # ------------------------------------------------------------ operator and API server

    def _kill_operator(self, strike: Strike, _node: str) -> None:
        self._hands.kill_operators()
        seconds = DOWN_SECONDS[strike.dice % 3]
        self._fell(strike, f"down for {seconds} s")
        clock.pause(seconds)
        self._hands.start_operator()

    def _stop_operator(self, strike: Strike, _node: str) -> None:
        self._hands.stop_operators()
        seconds = STOPPED_SECONDS[strike.dice % 2]
        self._fell(strike, f"stopped for {seconds} s")
        if strike.dice % 3 == 0:
            # Somebody takes over meanwhile, and the stopped one wakes up as a former leader.
            self._hands.start_operator()
        clock.pause(seconds)
        self._hands.continue_operators()

    def _two_operators(self, strike: Strike, _node: str) -> None:
        with self._hands.operator_held():
            self._fell(strike, "the first is killed once the second runs" if strike.dice % 2 else "both run")
            self._hands.start_operator()
        clock.pause(2.0)
        if strike.dice % 2 and len(self._hands.operators) > 1:
            self._hands.operators.pop(0).kill()

    def _kill_api(self, strike: Strike, _node: str) -> None:
        self._hands.kill_api()
        seconds = DOWN_SECONDS[strike.dice % 3]
        self._fell(strike, f"down for {seconds} s")
        clock.pause(seconds)
        self._hands.start_api()

    def _stop_api(self, strike: Strike, _node: str) -> None:
        seconds = STOPPED_SECONDS[strike.dice % 2]
        with self._hands.api_stopped():
            self._fell(strike, f"stopped for {seconds} s")
            clock.pause(seconds)

    # ------------------------------------------------------------ nodes and network

    def _cut_power(self, strike: Strike, node: str) -> None:
        with self._hands.operator_held():
            self._fell(strike, f"node {node}")
            self._hands.node(node).power_cut()
        self._away(strike)
        if strike.phase is not Phase.REST:
            self._hands.node(node).power_on()

    def _reboot(self, strike: Strike, node: str) -> None:
        with self._hands.operator_held():
            self._fell(strike, f"node {node}")
            self._hands.node(node).reboot()

    def _freeze(self, strike: Strike, node: str) -> None:
        with self._hands.operator_held():
            self._fell(strike, f"node {node}")
            self._hands.node(node).freeze()
        self._away(strike)
        if self._hands.node(node).is_on():
            self._hands.node(node).thaw()

    def _cut(self, strike: Strike, node: str) -> None:
        direction = DIRECTIONS[strike.dice % 3]
        with self._hands.operator_held():
            self._fell(strike, f"node {node}, {direction}")
            self._hands.node(node).cut(direction)
        self._away(strike)
        self._hands.node(node).heal()

    def _part(self, strike: Strike, _node: str) -> None:
        with self._hands.operator_held():
            ways = self._hands.part(strike.dice)
            self._fell(strike, ways)
        self._away(strike)
        self._stage.bed.join()

    def _switch_both_off(self, strike: Strike, node: str) -> None:
        """Take one node, then the other while the first is away; give the power back in either order."""
        others = [node, other_than(node)]
        with self._hands.operator_held():
            self._fell(strike, f"{others[0]}, then {others[1]}")
            self._hands.node(others[0]).power_cut()
        self._away(strike)
        self._hands.node(others[1]).power_cut()
        clock.pause(AWAY_SECONDS[0])
        for name in others if strike.dice % 2 else reversed(others):
            self._hands.node(name).power_on()
            clock.pause(AWAY_SECONDS[0])

    def _reboot_both(self, strike: Strike, _node: str) -> None:
        """Let both nodes lose their power at once, or reboot in order, while no operator is there to vouch."""
        nodes = [self._hands.node(name) for name in ("a", "b")]
        self._hands.kill_operators()
        self._fell(strike, "power of both at once" if strike.dice % 2 else "one after the other, in order")
        if strike.dice % 2:
            for node in nodes:
                node.power_cut()
            for node in nodes:
                node.power_on()
        else:
            for node in nodes:
                node.reboot()
        clock.pause(DOWN_SECONDS[2])
        self._hands.start_operator()

    def _maintain(self, strike: Strike, _node: str) -> None:
        """Reboot the active node on purpose, within a maintenance that `kubectl maestro` said."""
        self._stage.kubectl_maestro("maintenance", PAIR, "--minutes", "15")
        try:
            with self._hands.operator_held():
                self._fell(strike, f"node {self._source}")
                self._hands.node(self._source).reboot()
            clock.pause(DOWN_SECONDS[2])
        finally:
            self._stage.kubectl_maestro("maintenance", PAIR, "--end")

    def _away(self, strike: Strike) -> None:
        clock.pause(self._away_seconds(strike))

    def _away_seconds(self, strike: Strike) -> float:
        """Return how long the fault lasts: below or above what concludes an outage; a power cut at rest is one."""
        is_outage = strike.phase is Phase.REST and strike.fault is Fault.POWER_CUT and strike.victim == "source"
        return 20.0 if is_outage else AWAY_SECONDS[(strike.dice >> 4) % 2]

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        """End a fault beside what strikes next: the episode does not wait for it."""
        self._hands.endings.later(seconds, action)

    # ------------------------------------------------------------ what the nodes need

    def _spoil_bmc(self, strike: Strike, _node: str) -> None:
        """Spoil the BMC of the node that is being fenced, which is truly off: a lie about power is then none."""
        mode = BMC_MODES[strike.dice % len(BMC_MODES)]
        with self._hands.operator_held():
            self._stage.bed.bmcs[self._source].set_mode(mode, slow_seconds=6)  # type: ignore[arg-type]
            self._fell(strike, f"bmc of {self._source} {mode}")
        clock.pause(12.0)
        self._stage.bed.bmcs[self._source].set_mode("honest")

    def _freeze_dns(self, strike: Strike, _node: str) -> None:
        with self._hands.operator_held():
            self._stage.bed.dns.freeze()
            self._fell(strike, "the zone is told as it was")
        self._later(AWAY_SECONDS[strike.dice % 2], self._stage.bed.dns.thaw)

    def _kill_service(self, strike: Strike, _node: str) -> None:
        """Kill a service where services run: on the active node, or on the one where they are being started."""
        chosen = self._source if strike.phase is Phase.REST else other_than(self._source)
        with self._hands.operator_held():
            unit = self._hands.kill_service(chosen, strike.dice)
            self._fell(strike, f"{unit} on {chosen}")

    def _fill_disk(self, strike: Strike, node: str) -> None:
        with self._hands.operator_held():
            self._fell(strike, f"node {node}")
            self._hands.fill_disk(node)
        self._later(12.0, lambda: self._hands.empty_disk(node))

    # ------------------------------------------------------------ what people do

    def _edit_spec(self, strike: Strike, _node: str) -> None:
        """Edit a fence device, or what the standby may lose, under a running episode; and put it back."""
        index, accepted = 0 if self._source == "a" else 1, self._stage.accepted_loss_seconds
        with self._hands.operator_held():
            if strike.dice % 2:
                other = "8442" if index == 0 else "8441"
                self._json_patch(DEVICE.format(index=index), other)
                detail = f"the fence device of {self._source} is the other node's"
            else:
                self._json_patch("/spec/failover/maxDataLossSeconds", accepted + 48)
                detail = "maxDataLossSeconds"
            self._fell(strike, detail)

        def put_back() -> None:
            self._json_patch(DEVICE.format(index=index), ("8441", "8442")[index])
            self._json_patch("/spec/failover/maxDataLossSeconds", accepted)

        self._later(5.0, put_back)

    def _edit_secret(self, strike: Strike, _node: str) -> None:
        """Change the password of the node that is being fenced under the episode; and put it back."""
        name = f"{self._source}-bmc"
        with self._hands.operator_held():
            self._stage.apply_secret(name, password="no-longer-the-password")
            self._fell(strike, f"Secret {name}")
        self._later(5.0, lambda: self._stage.apply_secret(name))

    def _delete(self, strike: Strike, _node: str) -> None:
        """Delete the pair; at rest it goes at once, else at the end of its episode. The person creates it again."""
        with self._hands.operator_held():
            self._fell(strike, "the pair")
            self._stage.kubectl("delete", "mp", PAIR, "-n", NAMESPACE, "--wait=false")
        if strike.phase is Phase.REST:
            self._watch.until_gone(seconds=HOLD_SECONDS)

    def _order_back(self, strike: Strike, _node: str) -> None:
        with self._hands.operator_held():
            self._pen.order(self._source)
            self._fell(strike, f"{self._source} is ordered again")

    def _pause(self, strike: Strike, _node: str) -> None:
        management = ("Paused", "Observe")[strike.dice % 2]
        with self._hands.operator_held():
            self._pen.patch(json.dumps({"spec": {"management": management}}))
            self._fell(strike, management)
        self._later(5.0, lambda: self._pen.patch(json.dumps({"spec": {"management": "Enforce"}})))

    def _git(self, strike: Strike, _node: str) -> None:
        """Order by patch while the sync loop holds the old value: the loop takes the order back within seconds."""
        patch = json.dumps({"spec": {"activeNode": "b" if self._source == "a" else "a"}})
        self._fell(strike, "patched against the repository")
        self._pen.patch(patch)
        clock.pause(8.0)

    def _json_patch(self, path: str, value: object) -> None:
        patch = json.dumps([{"op": "replace", "path": path, "value": value}])
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=json", "-p", patch)
