"""Whether the Secrets that a spec names are there and usable, asked before anything is done with them.

The law of this file: what a Secret holds is in no message. A Secret that could not be read because
the API server did not answer is not a missing one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import asyncssh

from maestro_operator.admission.spec import device_field, host_field
from maestro_operator.drivers.fencing.device import given
from maestro_operator.drivers.traffic.keys import tsig_key
from maestro_operator.model.reasons import Reason
from maestro_operator.model.seen import Barred
from maestro_operator.transport.connect import PRIVATE_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from maestro_operator.model.checks import Tls
    from maestro_operator.model.pair import Check, FencingDevice, PairSpec
    from maestro_operator.transport.connect import ReadSecret

log = logging.getLogger(__name__)

Content = Mapping[str, bytes]
Judge = Callable[[Content], tuple[Reason, str] | None]
"""Says what is wrong with a Secret's content."""


async def refused_secrets(spec: PairSpec, *, secrets: ReadSecret, namespace: str) -> Barred | None:
    """Return the refusal of the first Secret that is missing or of no use, None where all are good."""
    for field, name, judge in named_secrets(spec):
        try:
            content = await secrets(namespace, name)
        except LookupError:
            text = f"there is no Secret {namespace}/{name}, or this operator may not read it"
            remedy = "create it, or add it to the chart's rbac.secrets"
            return Barred(Reason.SECRET_MISSING, f"{field}: {text}: {remedy}")
        except Exception as error:  # noqa: BLE001 - whatever the API server does, it says nothing about the Secret
            log.info("Secret %s/%s could not be asked for: %s", namespace, name, type(error).__name__)
            continue
        fault = judge(content)
        if fault is not None:
            return Barred(fault[0], f"{field}: Secret {namespace}/{name}: {fault[1]}")
    return None


def named_secrets(spec: PairSpec) -> Iterator[tuple[str, str, Judge]]:
    """Give each field that names a Secret, the name, and what judges its content."""
    for node in (item for item in spec.nodes if item.given_ssh is not None):
        yield f"spec.nodes[{node.name}].ssh.credentialsSecret", node.ssh.credentials_secret.name, _ssh
    for node in spec.nodes:
        for rung in node.fencing:
            for device in rung.devices:
                if device.secret is not None:
                    field = device_field(node, rung.name, device)
                    yield f"{field}.secret", device.secret.name, _of_device(device)
    for entry in spec.traffic:
        if entry.dns is not None:
            yield f"spec.traffic[{entry.name}].dns.tsigSecret", entry.dns.tsig_secret.name, _tsig
        if entry.host is not None:
            yield f"{host_field(entry)}.ssh.credentialsSecret", entry.host.credentials_secret.name, _ssh
    yield from _of_detection(spec)
    yield from _of_checks(spec)


def _of_detection(spec: PairSpec) -> Iterator[tuple[str, str, Judge]]:
    for point in spec.detection.vantage_points:
        field = f"spec.detection.vantagePoints[{point.name}]"
        if point.ssh is not None:
            yield f"{field}.ssh.credentialsSecret", point.ssh.credentials_secret.name, _ssh
        if point.prometheus is not None and point.prometheus.secret is not None:
            yield f"{field}.prometheus.secret", point.prometheus.secret.name, _of_prometheus
    for probe in spec.detection.probes:
        if probe.https is not None and probe.https.ca_secret is not None:
            yield "spec.detection.probes.https.caSecret", probe.https.ca_secret.name, _has("ca.crt")


def _of_prometheus(content: Content) -> tuple[Reason, str] | None:
    if "token" in content or "ca.crt" in content or {"username", "password"} <= content.keys():
        return None
    return Reason.SECRET_MISSING, "it has no token, no username and password, and no ca.crt: put what is needed there"


def _of_checks(spec: PairSpec) -> Iterator[tuple[str, str, Judge]]:
    for check in spec.verification:
        field, mailing = f"spec.verification[{check.name}]", check.mailing
        for word, tls in _tls_of(check):
            if tls is not None and tls.ca_secret is not None:
                yield f"{field}.{word}.tls.caSecret", tls.ca_secret.name, _has("ca.crt")
        if check.login is not None:
            yield f"{field}.login.secret", check.login.secret.name, _has("username", "password")
        if mailing is not None:
            yield f"{field}.mailing.mailbox.secret", mailing.mailbox.secret.name, _has("username", "password")
        if mailing is not None and mailing.trigger is not None:
            yield f"{field}.mailing.trigger.secret", mailing.trigger.secret.name, _has("token")


def _tls_of(check: Check) -> Iterator[tuple[str, Tls | None]]:
    """Return every place of a check where HTTPS may be asked for."""
    trigger = check.mailing.trigger if check.mailing is not None else None
    found = {"http": check.http, "login": check.login, "click": check.click, "mailing.trigger": trigger}
    yield from ((word, item.tls) for word, item in found.items() if item is not None)


def _ssh(content: Content) -> tuple[Reason, str] | None:
    if PRIVATE_KEY not in content:
        return Reason.SECRET_MISSING, f"it has no {PRIVATE_KEY}: put the operator's private key there"
    try:
        asyncssh.import_private_key(content[PRIVATE_KEY])
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError):
        # The library's own text may quote what it was given.
        return Reason.WRONG_CREDENTIALS, f"its {PRIVATE_KEY} is no private key without a passphrase: put one there"
    return None


def _tsig(content: Content) -> tuple[Reason, str] | None:
    try:
        tsig_key(content)
    except ValueError as error:
        return Reason.SECRET_MISSING, f"{error}: write name, secret (base64) and perhaps algorithm"
    return None


def _has(*keys: str) -> Judge:
    def judge(content: Content) -> tuple[Reason, str] | None:
        missing = [key for key in keys if not content.get(key)]
        return (Reason.SECRET_MISSING, f"it has no {missing[0]}: put it there") if missing else None

    return judge


def _of_device(device: FencingDevice) -> Judge:
    def judge(content: Content) -> tuple[Reason, str] | None:
        try:
            given(device, content)
        except ValueError as error:
            return Reason.INVALID_SPEC, str(error)
        return None

    return judge
