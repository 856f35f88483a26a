"""The bundle of `kubectl maestro report`: redacted, whatever form a secret has and wherever it stands."""

from __future__ import annotations

import base64
import io
import tarfile
from pathlib import Path
from urllib.parse import quote

import pytest

from maestro_operator.cli.bundle import Bundle
from maestro_operator.cli.change import CannotError
from maestro_operator.cli.redacting import GONE, Redactor
from support.canaries import forms, leaks

PASSWORD = 'canary-"9f/2+c €-power'
KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAA\n"
    "QyNTUxOQAAACDcanary7\n-----END OPENSSH PRIVATE KEY-----\n"
)
SECRETS = ({"password": PASSWORD.encode(), "username": b"operator"}, {"ssh-privatekey": KEY.encode()})


@pytest.mark.parametrize("form", list(forms(PASSWORD.encode())))
def test_what_a_secret_of_the_pair_holds_is_found_in_every_form(form: str) -> None:
    shape = forms(PASSWORD.encode())[form].decode()
    redact = Redactor(SECRETS)

    text = redact(f"the device said {shape} and hung up")

    assert shape not in text
    assert "the device said " in text
    assert redact.taken_out == 1


def test_a_private_key_is_found_as_a_whole_and_by_its_lines() -> None:
    redact = Redactor(SECRETS)

    text = redact(f"first\n{KEY}last: {KEY.splitlines()[1]}, {base64.b64encode(KEY.encode()).decode()}")

    assert "first" in text
    assert not any(line in text for line in KEY.splitlines() if len(line) > 18)
    assert "b3Blbn" not in text


UNKNOWN = "canary-d41d8cd98f00b204"


@pytest.mark.parametrize(
    "text",
    [
        f"password: {UNKNOWN}",
        f'"bmcPassword": "{UNKNOWN}"',
        f'{{\\"token\\":\\"{UNKNOWN}\\"}}',
        f"FENCE_PASSWD={UNKNOWN}",
        f"fence_ipmilan --password={UNKNOWN} --ip=1",
        f"curl --token {UNKNOWN} -k",
        f"  - --api-key\n  - {UNKNOWN}",
        f'["--password", "{UNKNOWN}"]',
        f"http://operator:{UNKNOWN}@192.0.2.10/lui/",
        f"Authorization: Bearer {UNKNOWN}",
        f"authorization='Basic {UNKNOWN}'",
        f"said bearer {UNKNOWN}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{UNKNOWN}\n-----END RSA PRIVATE KEY-----",
        f"-----BEGIN PRIVATE KEY-----\n{UNKNOWN}, and the log ends",
    ],
)
def test_what_stands_where_secrets_stand_is_taken_out_though_nobody_knows_it(text: str) -> None:
    redacted = Redactor(())(text)

    assert UNKNOWN not in redacted
    assert GONE in redacted


@pytest.mark.parametrize(
    "text",
    [
        "tsigSecret:\n  name: lists-tsig",
        '"credentialsSecret": {"name": "lists-a-ssh"}',
        "secret: null",
        "SecretMissing: there is no Secret lists/a-ssh, or this operator may not read it",
        "hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh",
        "http://prometheus.example.net:9090/api",
        "reason: WrongCredentials",
        "user: operator",
    ],
)
def test_what_helps_and_is_no_secret_stays(text: str) -> None:
    assert Redactor(SECRETS)(text) == text


def unpacked(written: bytes, folder: Path) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(written)) as archive:
        archive.extractall(folder, filter="data")
    return {str(path.relative_to(folder / "maestro-report")): path.read_text() for path in folder.rglob("*.*")}


def test_every_member_is_redacted_and_what_is_missing_is_named(tmp_path: Path) -> None:
    made = Bundle(Redactor(SECRETS))

    def refused() -> str:
        raise CannotError(f"the server says 403 to {PASSWORD}")

    for number, shape in enumerate(forms(PASSWORD.encode()).values()):
        made.add(f"{number}.txt", lambda shape=shape: f"so {shape}")  # type: ignore[misc]
    made.add("key.yaml", lambda: KEY)
    made.add("url.txt", lambda: quote(PASSWORD, safe=""))
    made.add("logs.txt", refused)
    files = unpacked(made.written(moment="2026"), tmp_path)

    assert leaks(tmp_path, {"password": PASSWORD, "key": KEY}) == []
    assert made.missing == [f"logs.txt: the server says 403 to {GONE}"]
    assert f"missing: logs.txt: the server says 403 to {GONE}" in files["README.txt"]
    assert "in it: key.yaml" in files["README.txt"]


def test_a_net_with_a_hole_is_found(tmp_path: Path) -> None:
    """The search that finds nothing above finds something where nothing was taken out."""
    made = Bundle(Redactor(()))
    made.add("events.json", lambda: f"it said {PASSWORD}")
    unpacked(made.written(moment="2026"), tmp_path)

    assert [leak.secret for leak in leaks(tmp_path, {"password": PASSWORD})] == ["password"]
