"""The guard's rules once more, as a pure function over a frozen state.

The law of this file: it says what `transport/node/maestro-guard` does, order for order and word for
word, and the tests hold the two together. What is missing or lost is refused; no epoch and no term
ever falls; the promised epoch is never below the one in force; an epoch has one owner.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from maestro_operator.drivers.ports import Order


_T = TypeVar("_T")


class Standing(Enum):
    """Whether there is a state at all."""

    VALID = "valid"
    NEVER = "never"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Mark:
    """An epoch with the owner it was made for and the episode that made it."""

    epoch: int
    owner: str
    episode: str


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to run services: of one epoch, in one boot."""

    epoch: int
    boot: str


@dataclass(frozen=True, slots=True)
class Grant:
    """The right of a source to send its generations of one epoch to this node."""

    epoch: int
    source: str


@dataclass(frozen=True, slots=True)
class GuardState:
    """All that a guard keeps. None stands for the guard's 0: no such epoch, no such right."""

    pair: str = ""
    node: str = ""
    term: int = 0
    promised: Mark | None = None
    inforce: Mark | None = None
    permit: Permit | None = None
    maxpermit: Permit | None = None
    final: int | None = None
    grant: Grant | None = None
    quarantined: int | None = None
    standing: Standing = Standing.VALID

    @property
    def promised_epoch(self) -> int:
        """Return the epoch promised, 0 for none."""
        return self.promised.epoch if self.promised else 0

    @property
    def inforce_epoch(self) -> int:
        """Return the epoch in force, 0 for none."""
        return self.inforce.epoch if self.inforce else 0

    def owns(self, epoch: int) -> bool:
        """Tell whether exactly this epoch is in force and this node owns it."""
        return self.inforce is not None and (self.inforce.epoch, self.inforce.owner) == (epoch, self.node)

    def may_run(self, boot: str) -> bool:
        """Tell whether services may run in this boot."""
        permit = self.permit
        return permit is not None and self.owns(permit.epoch) and permit.boot == boot

    def may_send(self, boot: str) -> bool:
        """Tell whether this node may send its data: by its permit, or by the final right of a quiesced owner."""
        return self.may_run(boot) or (self.final is not None and self.owns(self.final))

    def needs_confirmation(self, boot: str) -> bool:
        """Tell whether a reboot is all that keeps the services from running, so that the peer may vouch."""
        permit = self.permit
        return (
            permit is not None
            and permit.boot != boot
            and self.owns(permit.epoch)
            and self.promised_epoch == permit.epoch
        )

    def may_return(self, boot: str) -> bool:
        """Tell whether this node could run again while the other one takes over; a yield ends that."""
        if self.promised is not None and self.promised.owner == self.node:
            return True
        if self.inforce is None or not self.owns(self.inforce.epoch):
            return False
        holds = self.permit is not None and self.permit.epoch == self.inforce.epoch
        return holds or self.maxpermit == Permit(self.inforce.epoch, boot)

    def vouches_for(self, asker: str, *, pair: str) -> str:
        """Return `yes`, or `no:<Reason>`: whether this guard confirms that the asker may run again."""
        if self.standing is not Standing.VALID:
            return "no:StateUnknown"
        if pair != self.pair:
            return "no:ForeignPair"
        if asker == self.node:
            return "no:OtherNode"
        if self.inforce is None or self.inforce.owner != asker:
            return "no:NotOwner"
        if self.promised_epoch != self.inforce.epoch:
            return "no:PromisedAway"
        return "no:HoldsPermit" if self.permit else "yes"


NEVER: Final = GuardState(standing=Standing.NEVER)
LOST: Final = GuardState(standing=Standing.LOST)


@dataclass(frozen=True, slots=True)
class Answer:
    """How the guard answered: its exit code, its word for it, and the sentence beside that word."""

    code: int
    word: str
    """Empty where it is done; a Reason (10), StateMissing or StateLost (11)."""
    message: str = ""
    is_changed: bool = False
    """Whether anything was stored; an order that is repeated changes nothing."""

    @property
    def is_done(self) -> bool:
        """Tell whether the order is carried out."""
        return self.code == 0


class Refusal(Exception):
    """The guard refuses, and nothing was changed."""

    def __init__(self, word: str, message: str, *, code: int = 10) -> None:
        """Carry the guard's exit code, its word and its sentence."""
        super().__init__(message)
        self.word, self.message, self.code = word, message, code


def apply(state: GuardState, order: Order, *, boot: str) -> tuple[GuardState, Answer]:
    """Return the state after an order and the guard's answer to it; `boot` is the boot the node is in."""
    try:
        _check_form(order)
        new = _create(state, order) if order.verb == "create" else _obey(state, order, boot)
    except Refusal as refusal:
        return state, Answer(refusal.code, refusal.word, refusal.message)
    return new, Answer(0, "", is_changed=new != state)


def confirmed(state: GuardState, *, boot: str) -> GuardState:
    """Return the state after the peer has vouched for a permit of an earlier boot.

    Raises:
        ValueError: there is nothing the peer could vouch for.

    """
    if not state.needs_confirmation(boot):
        raise ValueError("nothing to be confirmed")
    permit = Permit(state.inforce_epoch, boot)
    return replace(state, permit=permit, maxpermit=permit, final=None)


def yielded(state: GuardState, *, boot: str, peer: str) -> GuardState:
    """Return the state after root gave all back by which this node could run again; the next epoch is the peer's."""
    highest = replace(state.maxpermit, boot="") if state.maxpermit else None
    promised = state.promised
    if promised is not None and promised.owner == state.node:
        promised = Mark(promised.epoch + 1, peer, f"yield-{boot}-{promised.epoch + 1}")
    return replace(state, promised=promised, permit=None, final=None, maxpermit=highest)


def taken(state: GuardState, *, boot: str, peer_promised: int) -> GuardState:
    """Return the state after root took the next epoch here; `peer_promised` is 0 where the peer is off."""
    epoch = 1 + max(state.promised_epoch, peer_promised)
    mark, permit = Mark(epoch, state.node, f"take-{boot}-{epoch}"), Permit(epoch, boot)
    return replace(state, promised=mark, inforce=mark, permit=permit, maxpermit=permit, final=None, grant=None)


def _check_form(order: Order) -> None:
    """Refuse, as a wrong use of the command, what names the node itself where it has to name the other one."""
    named = {"demote": order.owner, "grant": order.source}.get(order.verb)
    if named == order.node:
        raise Refusal("", "", code=2)


def _create(state: GuardState, order: Order) -> GuardState:
    match state.standing:
        case Standing.VALID:
            _check_address(state, order)
            return replace(state, term=order.term)
        case Standing.NEVER if order.anew:
            raise Refusal("StateExists", "there is nothing to write anew: this node never had state")
        case Standing.LOST if not order.anew:
            raise Refusal("StateExists", "the state here is lost; only create --anew writes it again")
        case Standing.NEVER | Standing.LOST:
            return GuardState(pair=order.pair_uid, node=order.node, term=order.term)


def _obey(state: GuardState, order: Order, boot: str) -> GuardState:
    if state.standing is Standing.NEVER:
        raise Refusal("StateMissing", "this node has no guard state", code=11)
    if state.standing is Standing.LOST:
        raise Refusal("StateLost", "the guard state cannot be read", code=11)
    _check_address(state, order)
    return replace(_VERBS[order.verb](state, order, boot), term=order.term)


def _check_address(state: GuardState, order: Order) -> None:
    if order.pair_uid != state.pair:
        raise Refusal("ForeignPair", f"this node belongs to pair {state.pair}")
    if order.node != state.node:
        raise Refusal("OtherNode", f"this node is {state.node}")
    if order.term < state.term:
        raise Refusal("LowerTerm", f"term {order.term} is below {state.term}")


def _lead(state: GuardState, order: Order, boot: str) -> GuardState:
    del order, boot
    return state


def _promise(state: GuardState, order: Order, boot: str) -> GuardState:
    del boot
    mark = _mark(order, _needed(order.owner))
    _check_not_lower(state, mark)
    if state.promised and state.promised.epoch == mark.epoch and state.promised.episode != mark.episode:
        raise Refusal("OtherEpisode", f"epoch {mark.epoch} is promised to episode {state.promised.episode}")
    return replace(state, promised=mark)


def _promote(state: GuardState, order: Order, boot: str) -> GuardState:
    mark = _mark(order, state.node)
    if state.owns(mark.epoch):
        return state
    if state.promised != mark:
        raise Refusal("NotPromised", f"epoch {mark.epoch} is not promised to {state.node} in episode {mark.episode}")
    if state.permit and state.permit.boot == boot:
        raise Refusal("HoldsPermit", f"this node holds a permit of epoch {state.permit.epoch}")
    if state.final:
        raise Refusal("HoldsPermit", f"this node holds the final right of epoch {state.final}")
    return replace(state, inforce=mark, permit=None, final=None, grant=None)


def _permit(state: GuardState, order: Order, boot: str) -> GuardState:
    mark = _mark(order, state.node)
    _check_owned(state, mark.epoch)
    if state.promised and state.promised.epoch != mark.epoch:
        raise Refusal("PromisedAway", f"epoch {state.promised.epoch} is promised to {state.promised.owner}")
    if state.inforce and state.inforce.episode != mark.episode:
        raise Refusal("OtherEpisode", f"epoch {mark.epoch} is of episode {state.inforce.episode}")
    permit = Permit(mark.epoch, boot)
    return replace(state, permit=permit, maxpermit=permit, final=None)


def _quiesce(state: GuardState, order: Order, boot: str) -> GuardState:
    del boot
    epoch = _needed(order.epoch)
    _check_owned(state, epoch)
    return replace(state, permit=None, final=epoch)


def _demote(state: GuardState, order: Order, boot: str) -> GuardState:
    del boot
    mark = _mark(order, _needed(order.owner))
    _check_not_lower(state, mark)
    if state.inforce == mark:
        return state
    return replace(state, inforce=mark, promised=mark, permit=None, final=None, grant=None, quarantined=None)


def _renew(state: GuardState, order: Order, boot: str) -> GuardState:
    mark = _mark(order, state.node)
    if state.inforce is None or state.inforce.owner != state.node:
        raise Refusal("NotOwner", f"the epoch in force, {state.inforce_epoch}, is not owned by {state.node}")
    if state.inforce == mark and state.promised_epoch == mark.epoch and state.may_run(boot):
        return state
    if mark.epoch <= state.inforce_epoch:
        raise Refusal("LowerEpoch", f"epoch {mark.epoch} is not above {state.inforce_epoch} in force")
    _check_not_lower(state, mark)
    if state.maxpermit != Permit(state.inforce_epoch, boot):
        raise Refusal("NotPermittedThisBoot", f"epoch {state.inforce_epoch} was not permitted in this boot")
    permit = Permit(mark.epoch, boot)
    return replace(state, inforce=mark, promised=mark, permit=permit, maxpermit=permit, final=None)


def _quarantined(state: GuardState, order: Order, boot: str) -> GuardState:
    del boot
    epoch = _needed(order.epoch)
    if state.inforce is None or state.inforce.epoch != epoch or state.inforce.owner == state.node:
        raise Refusal("NotInForce", f"epoch {epoch} of the other node is not in force")
    return replace(state, quarantined=epoch)


def _grant(state: GuardState, order: Order, boot: str) -> GuardState:
    del boot
    epoch, source = _needed(order.epoch), _needed(order.source)
    if state.inforce is None or (state.inforce.epoch, state.inforce.owner) != (epoch, source):
        raise Refusal("NotInForce", f"epoch {epoch} of {source} is not in force")
    if state.promised and state.promised.epoch != epoch:
        raise Refusal("PromisedAway", f"epoch {state.promised.epoch} is promised to {state.promised.owner}")
    if state.quarantined != epoch:
        raise Refusal("NotQuarantined", f"nothing was quarantined for epoch {epoch}")
    if state.permit:
        raise Refusal("HoldsPermit", f"this node holds a permit of epoch {state.permit.epoch}")
    return replace(state, grant=Grant(epoch, source))


def _sever(state: GuardState, order: Order, boot: str) -> GuardState:
    del order, boot
    return replace(state, grant=None)


def _revoke(state: GuardState, order: Order, boot: str) -> GuardState:
    del order, boot
    return replace(state, permit=None, final=None)


def usable(state: GuardState, *, kind: str, epoch: int, boot: str) -> str:
    """Return why a receipt of this boot is not good for what is in force now, nothing where it is; it serves once."""
    if not state.owns(epoch):
        return "NotInForce"
    if state.promised_epoch != epoch:
        return "PromisedAway"
    return "NotPermittedThisBoot" if kind == "StandbyLost" and not state.may_run(boot) else ""


def _receipt(state: GuardState, order: Order, boot: str) -> GuardState:
    epoch = _needed(order.epoch)
    why = usable(state, kind=_needed(order.kind), epoch=epoch, boot=boot)
    if why:
        promised = state.promised
        texts = {
            "NotInForce": f"epoch {epoch} of {state.node} is not in force",
            "PromisedAway": f"epoch {state.promised_epoch} is promised to {promised.owner if promised else ''}",
        }
        raise Refusal(why, texts.get(why, f"epoch {epoch} has no permit in this boot"))
    return state


def _mark(order: Order, owner: str) -> Mark:
    return Mark(_needed(order.epoch), owner, order.episode)


def _check_not_lower(state: GuardState, mark: Mark) -> None:
    """Refuse an epoch below the promised one, or an equal one of another owner."""
    if mark.epoch < state.promised_epoch:
        raise Refusal("LowerEpoch", f"epoch {mark.epoch} is below the promised {state.promised_epoch}")
    if state.promised and state.promised.epoch == mark.epoch and state.promised.owner != mark.owner:
        raise Refusal("OtherOwner", f"epoch {mark.epoch} is promised to {state.promised.owner}")


def _check_owned(state: GuardState, epoch: int) -> None:
    if not state.owns(epoch):
        raise Refusal("NotInForce", f"epoch {epoch} of {state.node} is not in force")


def _needed(value: _T | None) -> _T:
    if value is None:
        raise Refusal("", "an option is missing", code=2)
    return value


_VERBS: Final[dict[str, Callable[[GuardState, Order, str], GuardState]]] = {
    "lead": _lead,
    "promise": _promise,
    "promote": _promote,
    "permit": _permit,
    "quiesce": _quiesce,
    "demote": _demote,
    "renew": _renew,
    "quarantined": _quarantined,
    "grant": _grant,
    "sever": _sever,
    "revoke": _revoke,
    "receipt": _receipt,
}
