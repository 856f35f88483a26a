"""The two worlds that a life is played in, each behind the operator's own ports.

The law of this file: both sides are asked by the same verbs with the same words, and give raw values. What of them
must be equal is for the judge.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from maestro_operator.drivers.ports import Drivers, Equipment, Order, Way
from maestro_operator.model.outcome import Done
from maestro_operator.model.pair import Dns, FencingRung, SecretReference, Traffic
from maestro_operator.model.seen import NodeSeen, Unknown
from maestro_operator.model.status import FrozenNode, Generation
from support.conform.deeds import NEWEST, SENT
from support.contracts.pair_world import PUBLIC_NAME, pair_spec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.model.outcome import Outcome
    from maestro_operator.model.pair import FencingDevice, Node, PairSpec
    from support.conform.deeds import Deed

NODES = ("a", "b")
RUNG = "bmc"
PUBLIC_PORT, DATABASE_PORT = 80, 5432


class Side(Protocol):
    """One world with a pair in it."""

    async def begin(self) -> None:
        """Makes everything as if nothing had ever been installed, with live data on a."""

    async def do(self, deed: Deed, *, generation: Generation | None, patience_seconds: float) -> Any:  # noqa: ANN401
        """Does a deed and returns how it ended, as plain values; None for what ends in no word."""

    async def look(self, *, at_devices: bool) -> dict[str, Any]:
        """Looks through the operator's ports and returns all that was seen, as plain values."""


def spec_of(nodes: tuple[Node, Node], devices: Mapping[str, FencingDevice], server: str) -> PairSpec:
    """Returns the spec of the pair on either side."""
    rungs = ("graceful", RUNG, "human")
    fenced = tuple(
        node.model_copy(
            update={
                "fencing": tuple(
                    FencingRung(name=rung, devices=(devices[node.name],) if rung == RUNG else ()) for rung in rungs
                )
            }
        )
        for node in nodes
    )
    dns = Dns(
        servers=(server,),
        zone="example.org",
        names=(PUBLIC_NAME,),
        ttl_seconds=5,
        tsig_secret=SecretReference(name="tsig"),
    )
    spec = pair_spec(nodes=(fenced[0], fenced[1]))
    return spec.model_copy(update={"traffic": (Traffic(name="names", dns=dns),)})


@dataclass
class Ports:
    """The drivers of one side with the spec they serve."""

    drivers: Drivers
    spec: PairSpec
    public_keys: dict[str, str]
    """By node: what equipping it gave."""

    def node(self, name: str) -> FrozenNode:
        """Returns a node as an episode freezes it."""
        node = self.spec.node(name)
        return FrozenNode(name=node.name, address=node.address, ssh=node.ssh, fencing=node.fencing)

    async def act(self, words: Mapping[str, Any], *, generation: Generation | None, deadline_seconds: float) -> Outcome:
        """Calls one verb as the operator did."""
        port, verb = getattr(self.drivers, words["port"]), words["verb"]
        first, options = self._told(words, generation)
        outcome: Outcome = await getattr(port, verb)(*first, **options, deadline_seconds=deadline_seconds)
        if verb == "equip" and isinstance(outcome, Done):
            self.public_keys[words["node"]] = outcome.facts["public_key"]
        return outcome

    def _told(self, words: Mapping[str, Any], generation: Generation | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
        verb, spec = words["verb"], self.spec
        if verb in ("lower", "move"):
            return (spec.traffic[0], *((self._way(words),) if verb == "move" else ())), {}
        if verb in ("final_sync", "sync"):
            return (self.node(words["source"]), self.node(words["target"])), {}
        node = self.node(words["node"])
        match verb:
            case "equip":
                return (node, Equipment(words["pair_uid"], spec, node.name)), {}
            case "introduce":
                peer = words["peer"]
                return (node,), {"peer": self.node(peer), "peer_public_key": self.public_keys.get(peer, "")}
            case "order":
                return (node, Order(**words["order"])), {}
            case "start" | "stop":
                return (node, spec.services), {}
            case "pin":
                return (node, words["names"]), {}
            case _:
                pass
        options = {name: words[name] for name in ("episode", "item", "rung", "pair_uid", "is_owner") if name in words}
        return (node,), {**options, **({"generation": generation} if "generation" in words else {})}

    def _way(self, words: Mapping[str, Any]) -> Way:
        return Way(
            self.node(words["target"]),
            self.node(words["source"]),
            tuple(words["former"]),
            source_is_off=words["is_off"],
            keeps_owner=words["keeps_owner"],
            is_planned=words["is_planned"],
        )

    async def seen(self, name: str) -> NodeSeen | Unknown:
        """Reads a node."""
        return await self.drivers.nodes.read(self.node(name))


def generation_meant(words: Mapping[str, Any], seen: NodeSeen | Unknown) -> Generation | None:
    """Returns the generation that an act names, by what its node showed in memory."""
    said = words.get("generation")
    if said is None or not isinstance(seen, NodeSeen):
        return None
    if said in (NEWEST, SENT):
        return seen.replica.newest if said == NEWEST else seen.replica.sent
    epoch, _, counter = said.partition(".")
    return Generation(epoch=int(epoch), counter=int(counter))


def plain(value: Any) -> Any:  # noqa: ANN401
    """Returns a value as JSON has it, with the name of the class of what was seen or how something ended."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if is_dataclass(value) and not isinstance(value, type):
        named = {item.name: plain(getattr(value, item.name)) for item in fields(value)}
        return {"is": type(value).__name__, **named}
    if isinstance(value, dict) or hasattr(value, "items"):
        return {str(key): plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, tuple | list | frozenset | set) else value
