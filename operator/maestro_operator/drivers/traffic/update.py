"""One signed update of a zone, and what the server's answer to it means.

The law of this file: the message holds only while every record is exactly what was read of it. What a server says
of an update is not believed; what every server answers afterwards is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dns.asyncquery
import dns.exception
import dns.name
import dns.rcode
import dns.rrset
import dns.tsig
import dns.update

from maestro_operator.model.outcome import Done, Failed, Outcome, Refused
from maestro_operator.model.reasons import Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from maestro_operator.drivers.traffic.kept import Kept
    from maestro_operator.drivers.traffic.records import Held

UPDATE_SECONDS = 3.0
_CHANGED_MEANWHILE = frozenset({dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN})
_TRANSIENT = frozenset({dns.rcode.SERVFAIL})


def update_message(
    zone: str,
    held: Mapping[Kept, Held],
    wanted: Mapping[Kept, tuple[str, ...]],
    *,
    ttl_seconds: int,
    key: dns.tsig.Key,
) -> dns.update.UpdateMessage:
    """Return one message for all records, which holds only while each is what was read."""
    update = dns.update.UpdateMessage(zone, keyring=key)
    for kept, found in held.items():
        owner = dns.name.from_text(kept.name)
        if found.values:
            # RFC 2136, 2.4.2: a prerequisite with values has a TTL of 0.
            update.present(owner, dns.rrset.from_text(owner, 0, "IN", kept.rdtype, *found.values))
        else:
            update.absent(owner, kept.rdtype)
    for kept, values in wanted.items():
        owner = dns.name.from_text(kept.name)
        if values:
            update.replace(owner, ttl_seconds, kept.rdtype, *values)
        elif held[kept].values:
            update.delete(owner, kept.rdtype)
    return update


async def sent(update: dns.update.UpdateMessage, server: str, *, port: int, key_name: str) -> Outcome:
    """Send an update and return what the server made of it."""
    try:
        answer = await dns.asyncquery.tcp(update, server, timeout=UPDATE_SECONDS, port=port)
    except ValueError as error:
        return Refused(Reason.INVALID_SPEC, f"{server}: {error}")
    except dns.tsig.PeerBadTime:
        return Failed(Reason.TRAFFIC_UNPROVEN, f"{server} and this operator disagree about the time")
    except dns.tsig.PeerError as error:
        return Refused(Reason.WRONG_CREDENTIALS, f"{server} refuses the key {key_name}: {_words(error)}")
    except (dns.exception.DNSException, OSError, EOFError) as error:
        return Failed(Reason.TRAFFIC_UNPROVEN, f"{server}: {_words(error)}")
    rcode = dns.rcode.to_text(answer.rcode())
    if answer.rcode() in _CHANGED_MEANWHILE:
        text = f"{server} ({rcode}): the names are not what it says of them; nothing was changed"
        return Failed(Reason.TRAFFIC_UNPROVEN, text)
    if answer.rcode() in _TRANSIENT:
        return Failed(Reason.TRAFFIC_UNPROVEN, f"{server} says {rcode}")
    if answer.rcode() != dns.rcode.NOERROR:
        return Refused(Reason.STEP_REFUSED, f"{server} refuses the update", remote_reason=rcode)
    return Done()


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__
