"""An order as the guard's own command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maestro_operator.drivers.ports import Order


def order_words(order: Order) -> tuple[str, ...]:
    """Return the words that give an order to a guard."""
    words = [order.verb, "--pair", order.pair_uid, "--node", order.node]
    words += ["--term", str(order.term), "--episode", order.episode]
    if order.epoch is not None:
        words += ["--epoch", str(order.epoch)]
    if order.owner is not None:
        words += ["--owner", order.owner]
    if order.source is not None:
        words += ["--source", order.source]
    if order.kind is not None:
        words += ["--kind", order.kind]
    if order.anew:
        words.append("--anew")
    return tuple(words)
