"""Plays the rounds: an opening, strikes at the wanted phases, healing, rest, and the audit."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import yaml

from support.bed import clock
from support.bed.wire import HolderFailedError
from support.chaos import people
from support.chaos.audit import audit
from support.chaos.phases import ORDER, Opening, Phase
from support.chaos.plan import OUTAGE_FAULTS, Round, Strike, next_round
from support.chaos.strikes import Striker
from support.controlplane.errors import ControlPlaneError
from support.demo.story import NAMESPACE, PAIR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.chaos.chronicle import Chronicle
    from support.chaos.hands import Hands
    from support.chaos.lookout import Lookout
    from support.chaos.phases import Cell
    from support.chaos.repository import Repository
    from support.chaos.stage import ChaosStage
    from support.chaos.watch import Watch

ACTIVE_SECONDS = 90.0
REST_SECONDS = 240.0
LAST_RESORT_SECONDS = 120.0
STRIKE_SECONDS = 90.0
QUIET_SECONDS = 30.0
"""How long a wait for a phase goes on while nothing is under way: an outage takes this long to be concluded."""
HOLD_SECONDS = 20.0
PATIENCE_SECONDS = 4.0
"""How long a hold stands before the person acts on it: most end by themselves."""
SHORT_PATIENCE_SECONDS = 2.0
"""The same while a strike waits: a word that is needed for the episode to go on is said soon."""
STABLE_SECONDS = 3.0
"""How long rest has to last to be believed: status says nothing new while nobody can look."""


class StuckError(Exception):
    """The pair did not come to rest, whatever was done."""


class Game:
    """The nemesis and the person on one stage."""

    def __init__(
        self,
        stage: ChaosStage,
        watch: Watch,
        hands: Hands,
        *,
        chronicle: Chronicle,
        repository: Repository,
        lookout: Lookout,
        listed: Sequence[Cell],
    ) -> None:
        """Take the parts, and the cells that are to be struck."""
        self._stage = stage
        self._watch = watch
        self._hands = hands
        self._chronicle = chronicle
        self._repository = repository
        self._lookout = lookout
        self._listed = listed
        self._striker = Striker(stage, hands, watch=watch, pen=self)
        self._audited: str | None = None
        self._since = 0
        """How many changes of phase there were when this part of the round began."""
        self.moves_audited = 0
        self.longest_rest_seconds = 0.0

    def begin(self) -> None:
        """Apply the pair, wait until it is active, and let the clients write.

        Raises:
            StuckError: it did not become active.

        """
        self._stage.kubectl("apply", "-f", "-", input_text=self._stage.pair())
        if not self._watch.until(lambda status: status.get("state") == "Active", seconds=ACTIVE_SECONDS):
            raise StuckError(f"the activation did not come: {self._last_words()}")
        self._stage.start_clients()
        self.come_to_rest()

    # ------------------------------------------------------------ one round

    def play(self, seed: int, number: int) -> None:
        """Play one round to rest."""
        self._chronicle.number = number
        drawn = next_round(seed, number, self._chronicle.counts, missed=self._chronicle.missed, listed=self._listed)
        shown = " ".join(f"{strike.phase}/{strike.fault}/{strike.victim}" for strike in drawn.strikes)
        self._chronicle.note("round", opening=str(drawn.opening), outage=drawn.outage, git=drawn.by_git, strikes=shown)
        active = str(self._watch.status()["activeNode"])
        if drawn.by_git:
            self._repository.order(active)
            self._repository.start()
        self._since = len(self._watch.phases)
        self._open(drawn, active)
        is_healed = False
        for strike in drawn.strikes:
            if drawn.opening is Opening.OUTAGE and strike.phase in (Phase.REJOIN, Phase.RESYNC) and not is_healed:
                self._await_failover(active)
                self._since = len(self._watch.phases)
                self._hands.heal()
                is_healed = True
            self._strike(strike, active, among=ORDER[drawn.opening])
        self._hands.endings.wait()
        self._repository.stop()
        self.come_to_rest()

    def _open(self, drawn: Round, active: str) -> None:
        standby = people.other_than(active)
        match drawn.opening:
            case Opening.SWITCH:
                self.order(standby)
            case Opening.OUTAGE:
                self._hands.take_away(active, drawn.outage)
                self._chronicle.struck(self._watch.phase(), OUTAGE_FAULTS[drawn.outage], wanted=Phase.REST, on=active)
                if drawn.outage == "frozen":
                    # Its kernel still answers, so it is alive to all who ask: only a person gives it up.
                    self._watch.until(lambda status: people.hold_of(status) is not None, seconds=HOLD_SECONDS)
                    self.order(standby)
            case Opening.STILL:
                pass

    def _await_failover(self, active: str) -> None:
        """Give a failover the time it needs before its old side may come back."""
        self._watch.until(
            lambda status: status.get("activeNode") != active and not status.get("episode"), seconds=STRIKE_SECONDS
        )

    def _strike(self, strike: Strike, active: str, *, among: Sequence[Phase]) -> None:
        if not self._await_phase(strike.phase, among=among):
            self._chronicle.miss(strike.phase, strike.fault)
            return
        try:
            self._striker.strike(strike, source=active, target=people.other_than(active))
        except (HolderFailedError, ControlPlaneError, clock.TimedOutError) as problem:
            self._chronicle.note("strike-failed", fault=str(strike.fault), problem=str(problem)[:200])

    def _await_phase(self, phase: Phase, *, among: Sequence[Phase]) -> bool:
        """Wait for a phase, or find it under way; False where it was passed by, or where only a person could go on."""
        later = among[among.index(phase) + 1 :]
        ends = clock.monotonic_seconds() + STRIKE_SECONDS
        quiet = since_wanted = clock.monotonic_seconds()
        before, since = None, len(self._watch.phases) - 1
        while (now := clock.monotonic_seconds()) < min(ends, quiet + QUIET_SECONDS):
            if self._watch.until_phase(phase, since=since, seconds=0.25):
                return True
            is_passed = self._watch.phase() in (Phase.REST, *later)
            if is_passed and any(seen in later for seen in self._watch.phases[self._since :]):
                return False
            spec, status = self._newest()
            wanted = people.remedy(spec, status, dice=0)
            if wanted != before:
                before, since_wanted = wanted, now
            elif isinstance(wanted, people.Answer) and now - since_wanted > SHORT_PATIENCE_SECONDS:
                self._do(wanted)
                quiet = now
            elif status.get("episode") and wanted is None:
                quiet = now
        return False

    def struck(self, strike: Strike, phase: Phase, *, detail: str) -> None:
        """Write a strike down under the phase in which it fell."""
        self._chronicle.struck(
            phase, strike.fault, wanted=strike.phase, detail=detail, episode=(self._episode() or {}).get("id")
        )

    def _episode(self) -> dict[str, Any] | None:
        return self._watch.status().get("episode")

    # ------------------------------------------------------------ rest

    def come_to_rest(self) -> None:
        """Heal everything and wait, with the person at hand, until the pair is at rest; audit what moved.

        Raises:
            StuckError: it did not come to rest, not even with a new operator.

        """
        began = clock.monotonic_seconds()
        self._hands.heal()
        self._hands.one_operator()
        if not self._settle(REST_SECONDS):
            self._chronicle.finding("NoRest", self._last_words(), episode=(self._episode() or {}).get("id"))
            self._hands.kill_operators()
            self._hands.start_operator()
            if not self._settle(LAST_RESORT_SECONDS):
                raise StuckError(self._last_words())
        seconds = clock.monotonic_seconds() - began
        self.longest_rest_seconds = max(self.longest_rest_seconds, seconds)
        self._chronicle.note("rest", seconds=round(seconds, 1), active=self._watch.status().get("activeNode"))
        self._audit()

    def _settle(self, seconds: float) -> bool:
        ends = clock.monotonic_seconds() + seconds
        held, since, rest_since = None, 0.0, None
        while clock.monotonic_seconds() < ends:
            if self._watch.is_gone:
                self._create()
            spec, status = self._newest()
            if not people.is_at_rest(spec, status):
                rest_since = None
            elif rest_since is None:
                rest_since = clock.monotonic_seconds()
            elif clock.monotonic_seconds() - rest_since > STABLE_SECONDS:
                return True
            wanted = people.remedy(spec, status, dice=self._chronicle.number)
            if wanted != held:
                held, since = wanted, clock.monotonic_seconds()
            elif wanted is not None and clock.monotonic_seconds() - since > PATIENCE_SECONDS:
                self._do(wanted)
                held = None
            clock.pause(0.5)
        return False

    def _newest(self) -> tuple[dict[str, Any], dict[str, Any]]:
        pair = self._watch.newest()
        return pair.get("spec") or {}, pair.get("status") or {}

    def _do(self, wanted: people.Remedy) -> None:
        hold = people.hold_of(self._watch.status())
        self._chronicle.note("person", does=repr(wanted), hold=hold[0] if hold else None)
        try:
            match wanted:
                case people.Answer():
                    self.patch(people.answers_with(self._newest()[0], wanted))
                case people.Order(node):
                    self.order(node)
                case people.StartServices(node):
                    self._hands.start_services(node)
                case people.StopServices(node):
                    self._hands.node(node).run("systemctl stop maestro.service maestro-db.service", timeout_seconds=60)
                case people.SwitchOn(node):
                    self._hands.node(node).power_on()
                case people.CutAndConfirm(answer, node):
                    self._hands.node(node).power_cut()
                    self.patch(people.answers_with(self._newest()[0], answer))
                    self._watch.until(lambda status: status.get("activeNode") != node, seconds=60)
                    self._hands.heal()
                case people.Enforce():
                    self.patch(json.dumps({"spec": {"management": "Enforce"}}))
        except (ControlPlaneError, HolderFailedError, clock.TimedOutError) as problem:
            self._chronicle.note("person-failed", problem=str(problem)[:300])

    def _create(self) -> None:
        """Apply the pair anew after somebody deleted it, with the node that was active as its order."""
        pair = yaml.safe_load(self._stage.pair())
        pair["spec"]["activeNode"] = self._watch.status()["activeNode"]
        self._chronicle.note("person", does="creates the pair again", hold=None)
        with contextlib.suppress(ControlPlaneError):
            self._stage.kubectl("apply", "-f", "-", input_text=yaml.safe_dump(pair))
        self._watch.until_back(seconds=HOLD_SECONDS)

    def order(self, node: str) -> None:
        """Order a node active, the way orders are given in this round."""
        if self._repository.is_syncing:
            self._repository.order(node)
        else:
            self.patch(json.dumps({"spec": {"activeNode": node}}))

    def patch(self, merge: str) -> None:
        """Patch the pair as a person does."""
        self._stage.kubectl("patch", "mp", PAIR, "-n", NAMESPACE, "--type=merge", "-p", merge)

    def _audit(self) -> None:
        status = self._watch.status()
        move = people.last_move(status)
        seen, wrong = audit(self._stage, self._lookout, status)
        self._chronicle.note("audit", wrong=wrong, **seen)
        if move is not None and move["id"] != self._audited:
            self._audited = move["id"]
            self.moves_audited += 1
        for text in wrong:
            self._chronicle.finding("Audit", text, episode=move["id"] if move else None)

    def _last_words(self) -> str:
        status = self._watch.status()
        episode = status.get("episode") or {}
        bad = [
            f"{item['type']}={item['status']} {item['reason']}"
            for item in status.get("conditions", [])
            if item["type"] in ("Ready", "Protected", "PeerReady", "Stalled")
        ]
        return (
            f"state {status.get('state')}, {episode.get('kind')} at {episode.get('step')}, "
            f"hold {people.hold_of(status)}, {'; '.join(bad)}"
        )
