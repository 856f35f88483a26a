"""What a reader has to know of his own servers: the words in place of the page's examples, and what the pair needs.

`kubectl maestro init` marks what only its reader knows with CHANGE, and what it took to be so with assumed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from support.bed import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from support.bed import Bed
    from support.bed.description import Account
    from support.manifests import Manifest

CHANGE = re.compile(r"#\s*CHANGE")
LUI_LOG = "/srv/maestro/files/lui/logs/LUI-{yyyymmdd}.LOG"
GIVEN = frozenset({"spec.nodes.0.address", "spec.nodes.0.ssh.host", "spec.nodes.1.address", "spec.nodes.1.ssh.host"})
"""What is marked, and was said on init's own command line."""


def words_of(bed: Bed) -> dict[str, str]:
    """Returns the reader's own words by those of the tutorial."""
    key = bed.dns.key
    signed = f"name={key.name} --from-literal=algorithm={key.algorithm}"
    return {
        "lists.example.org": layout.PUBLIC_NAME,
        "192.0.2.10": bed.nodes["a"].address,
        "192.0.2.20": bed.nodes["b"].address,
        "the password of the first controller": bed.bmcs["a"].account.password,
        "the password of the second controller": bed.bmcs["b"].account.password,
        "c2VjcmV0IG9mIHRoZSBuYW1lIHNlcnZlcg==": key.secret,
        "name=maestro --from-literal=algorithm=hmac-sha256": signed,
    }


def asked_to_change(manifest: str) -> set[str]:
    """Returns the paths of all values whose line is marked CHANGE."""
    marked = {number for number, line in enumerate(manifest.splitlines()) if CHANGE.search(line.partition("  ")[2])}
    return {path for path, number in _places(yaml.compose(manifest), "") if number in marked}


def _places(node: yaml.Node | None, path: str) -> Iterator[tuple[str, int]]:
    match node:
        case yaml.MappingNode():
            for key, value in node.value:
                yield from _places(value, f"{path}.{key.value}".lstrip("."))
        case yaml.SequenceNode():
            for number, value in enumerate(node.value):
                yield from _places(value, f"{path}.{number}")
        case yaml.ScalarNode():
            yield path, node.start_mark.line
        case _:
            pass


def unanswered(before: str, after: Manifest) -> list[str]:
    """Returns what was marked CHANGE, is still as it was, and was not said on the command line either."""
    first = yaml.safe_load(before)
    return sorted(path for path in asked_to_change(before) - GIVEN if value_at(first, path) == value_at(after, path))


def value_at(manifest: Manifest, path: str) -> object:
    """Returns the value at a path; None where there is none."""
    place: Any = manifest
    for word in path.split("."):
        try:
            place = place[int(word)] if isinstance(place, list) else place[word]
        except (KeyError, IndexError, TypeError):
            return None
    return place


def gone_through(manifest: Manifest, bed: Bed, *, host_key_of: Callable[[str], str]) -> Manifest:
    """Returns the pair after a reader has gone through the lines that are marked CHANGE or assumed."""
    spec = manifest["spec"]
    for node in spec["nodes"]:
        node["ssh"]["hostKey"] = host_key_of(node["ssh"]["host"])
        rung = next(item for item in node["fencing"] if "devices" in item)
        rung["devices"] = [_device(bed.bmcs[node["name"]].account, secret=rung["devices"][0]["secret"])]
    by_name = {item["name"]: item for item in spec["services"]}
    database = by_name["database"] | {"unit": "maestro-db.service", "readiness": [{"tcp": {"port": 5432}}]}
    # LISTSERV is a part of the application here, not a service beside it.
    spec["services"] = [database, by_name["maestro"]]
    for entry in spec["traffic"]:
        entry["dns"]["servers"] = [layout.NAMESERVER_ADDRESS]
    for check in spec["verification"]:
        match check:
            case {"database": dict() as asked}:
                asked |= {"protocol": "PostgreSQL", "port": 5432}
            case {"log": dict() as asked}:
                asked["path"] = LUI_LOG
            case {"names": dict() as asked}:
                asked["resolvers"] = [layout.NAMESERVER_ADDRESS]
            case _:
                pass
    return manifest


def _device(account: Account, *, secret: Mapping[str, str]) -> Manifest:
    return {
        "agent": "fence_redfish",
        "identity": account.uuid,
        "parameters": {
            "ip": account.host,
            "ipport": str(account.port),
            "username": account.username,
            "systems_uri": account.systems_uri,
            # The controllers' authority is the bed's own.
            "ssl_insecure": "1",
        },
        "secret": dict(secret),
    }
