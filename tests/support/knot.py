"""Knot in the bed: a second make of name server for the same zone, with the same key."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import dns.exception
import dns.message
import dns.query

from support.bed import Bed, clock, layout

ADDRESS = layout.BED_ADDRESS
CONFIGURATION = """
server:
    rundir: "{folder}"
    listen: [ "{address}@53" ]
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
database:
    storage: "{folder}"
log:
  - target: stderr
    any: info
key:
  - id: {key_name}
    algorithm: {algorithm}
    secret: {secret}
acl:
  - id: updates
    key: {key_name}
    action: [ update ]
    update-type: [ A, AAAA, CNAME, SRV ]
    update-owner: name
    update-owner-match: sub-or-equal
    update-owner-name: [ {public_name}. ]
zone:
  - domain: {zone}
    storage: "{folder}"
    file: "knot.zone"
    zonefile-sync: -1
    journal-content: changes
    acl: updates
"""
ZONE = """$TTL 5
{zone}. IN SOA ns.{zone}. hostmaster.{zone}. 1 3600 600 86400 5
{zone}. IN NS ns.{zone}.
ns.{zone}. IN A {address}
"""


@contextlib.contextmanager
def knot(bed: Bed, folder: Path) -> Iterator[str]:
    """Runs Knot for the length of a block; gives its address."""
    key = bed.dns.key
    text = CONFIGURATION.format(
        folder=folder,
        address=ADDRESS,
        key_name=key.name.rstrip("."),
        algorithm=key.algorithm,
        secret=key.secret,
        public_name=layout.PUBLIC_NAME,
        zone=layout.ZONE,
    )
    (folder / "knot.conf").write_text(text)
    (folder / "knot.zone").write_text(ZONE.format(zone=layout.ZONE, address=ADDRESS))
    server = bed.spawn(("knotd", "-c", str(folder / "knot.conf")), log=folder / "knot.log")
    try:
        clock.wait_until(lambda: _answers(bed), timeout_seconds=15, what="Knot to answer")
        yield ADDRESS
    finally:
        server.stop()


def _answers(bed: Bed) -> bool:
    query = dns.message.make_query(f"{layout.ZONE}.", "SOA")
    with bed.network(), contextlib.suppress(OSError, dns.exception.DNSException):
        return bool(dns.query.udp(query, ADDRESS, timeout=0.5).answer)
    return False
