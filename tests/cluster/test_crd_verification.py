"""What people may write of files that differ by node and of checks: every rule tried with good and bad objects."""

import pytest

from support.manifests import Manifest, changed, example, rules
from support.pair_api import PairApi

PATHS = (
    "spec.localise[].properties",
    "spec.localise[].siteConfiguration",
    "spec.verification",
    "spec.verification[].mailing",
)
MAILBOX = {"host": "mail.example.org", "secret": {"name": "mailbox"}}
MAILING = {
    "name": "mail",
    "mailing": {"subject": "Verification", "trigger": {"secret": {"name": "trigger"}}, "mailbox": MAILBOX},
}
CLICK = {"name": "click", "click": {"of": "mail"}}
BOUNCE = {"name": "bounce", "bounce": {"of": "mail", "file": "/srv/x.changelog", "pattern": "nobody@"}}
LOGIN = {
    "path": "/lui/login",
    "userField": "user",
    "passwordField": "password",
    "secret": {"name": "login"},
    "page": "/lui/",
    "pattern": "Mail Jobs",
}


def localised(kind: str, *, file: str = "/srv/maestro/lui.ini", key: str = "HOST", value: str = "x") -> Manifest:
    (pair,) = example("maestro-linux.yaml")
    return changed(pair, "spec.localise", [{"name": "file", kind: {"file": file, "set": {key: value}}}])


def verified(*checks: Manifest) -> Manifest:
    (pair,) = example("maestro-linux.yaml")
    return changed(pair, "spec.verification", list(checks))


def one(kind: str, **fields: object) -> Manifest:
    return verified({"name": "one", kind: fields})


def without(item: Manifest, name: str, part: str) -> Manifest:
    inner = {key: value for key, value in item[name].items() if key != part}
    return {**item, name: inner}


BOTH = ("properties", "siteConfiguration")
BAD = {
    **{f"{kind}: {words}": (localised(kind, file=file), words) for kind in BOTH for file, words in (
        ("/srv/../etc/passwd", "plain absolute path"),
        ("/srv//x", "plain absolute path"),
        ("/srv/x/..", "plain absolute path"),
        ("lui.ini", "file"),
        ("/srv/$(x)", "file"),
    )},
    "a key with a blank": (localised("properties", key="a b"), "set has a key that has blanks"),
    "a name in small letters": (localised("siteConfiguration", key="node"), "is no name of a variable"),
    **{f"{kind}: {value}": (localised(kind, value=value), "double braces") for kind in BOTH for value in (
        "{{ node.uptime }}",
        "{{node.address}}",
        "x {{ node.name",
        "{{ node.{{ node.name }} }}",
    )},
    "a line end in a value": (localised("properties", value="a\nb"), "control character"),
    **{f"a shell reads {value}": (localised("siteConfiguration", value=value), "that a shell would read") for value in (
        "$(reboot)",
        "`id`",
        'a"b',
        "a\\b",
        "a;b",
    )},
    "of names no mailing": (verified(CLICK), "of must name a check of kind mailing"),
    "of names another kind": (verified({"name": "mail", "http": {}}, BOUNCE), "of must name a check of kind mailing"),
    "no way to send": (verified(without(MAILING, "mailing", "trigger")), "exactly one way to be sent"),
    "a login without a pattern": (verified(without({"name": "l", "login": LOGIN}, "login", "pattern")), "pattern"),
    "a command without words": (one("command", argv=[]), "argv"),
    "a port that is none": (one("oldAddress", ports=[0]), "ports"),
    "a database of a kind that is not known": (one("database", protocol="Oracle", port=1521), "protocol"),
    "a vantage point with a blank": (
        one("names", names=["a.b"], resolvers=["192.0.2.53"], vantagePoints=["the office"]), "vantagePoints",
    ),
    "a file outside": (one("addressAudit", files=["/etc/`x`"]), "files"),
    "a path to elsewhere": (one("login", **{**LOGIN, "path": "//evil.example.org/"}), "path"),
}  # fmt: skip
GOOD = {
    "properties": localised("properties", key="a.b-c", value="C:\\\\L-Soft {{ node.address }}:{{ peer.name }} é"),
    "site": localised("siteConfiguration", key="SMTP_FORWARD_1", value="5*{{ peer.address }}"),
    "mail": verified(MAILING, CLICK, BOUNCE),
    "smtp": verified(
        {
            "name": "mail",
            "mailing": {
                "subject": "Verification",
                "smtp": {"sender": "a@example.org", "recipient": "b@example.org"},
                "mailbox": {**MAILBOX, "security": "Plain", "port": 143},
            },
        }
    ),
    "fixed click": one("click", path="/trk/click?ref=z4bx39x&", host="lists.example.org"),
    "login": verified({"name": "login", "login": LOGIN}),
    "login by https": one("login", **LOGIN, port=443, tls={"caSecret": {"name": "authority"}}),
    "page by https": one("http", port=443, tls={}),
    "link of https": verified(MAILING, changed(CLICK, "click.tls", {})),
    "trigger by https": verified(changed(changed(MAILING, "mailing.trigger.tls", {}), "mailing.trigger.port", 8443)),
    "listserv": one("tcpgui"),
    "a port": one("tcp", port=3306),
    "database": one("database", protocol="MySQL", port=3306),
    "names": one("names", names=["lists.example.org"], resolvers=["192.0.2.53", "2001:db8::53"]),
    "names from given places": one(
        "names", names=["lists.example.org"], resolvers=["192.0.2.53"], vantagePoints=["node", "office"]
    ),
    "old address": one("oldAddress", ports=[80, 25]),
    "command": one("command", argv=["/usr/bin/mysqlcheck", "--all-databases"]),
    "audit": one("addressAudit", files=["/srv/maestro/lui/lui.ini"]),
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_wrong_is_refused_with_words_that_help(pairs: PairApi, what: str) -> None:
    pair, words = BAD[what]

    refused = pairs.create(pair, dry_run=True)

    assert refused.status in (400, 422)
    assert words in refused.message


@pytest.mark.parametrize("what", GOOD)
def test_what_is_right_is_taken(pairs: PairApi, what: str) -> None:
    taken = pairs.create(GOOD[what], dry_run=True)

    assert (taken.status, taken.message) == (201, "")


def test_every_rule_here_was_seen_to_refuse() -> None:
    words = [word for _, word in BAD.values()]

    untried = [rule for rule in rules() if rule.path in PATHS and not any(word in rule.message for word in words)]

    assert untried == []
