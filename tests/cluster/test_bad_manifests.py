"""Every manifest of examples/bad is refused in its own words, and the command that checks it can fail."""

from pathlib import Path

import pytest

from support.badmanifests.__main__ import LEAST, played
from support.badmanifests.judge import split
from support.badmanifests.manifest import BAD, HeaderError, read, read_all

MUST_BE_THERE = {
    # What the project promises to refuse, whatever else is added.
    *("active-node-unknown", "one-node", "three-nodes", "addresses-equal", "ssh-host-moves-with-the-name"),
    *("nodes-cloned", "secret-missing", "secret-in-another-namespace", "host-key-wrong", "dns-key-wrong"),
    *("fence-device-of-the-survivor", "automatic-without-a-budget", "host-of-another-pair"),
}


def test_there_are_enough_and_the_promised_ones_are_among_them() -> None:
    names = {one.name for one in read_all()}

    assert len(names) >= LEAST
    assert names >= MUST_BE_THERE
    assert len(list(BAD.iterdir())) == len(names)


def test_a_file_that_does_not_say_what_it_is_for_is_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "odd.yaml"
    path.write_text("# wrong: something\n# colour: blue\nkind: MaestroPair\n")

    with pytest.raises(HeaderError, match=r"missing .*'remedy'.* not known \['colour'\]"):
        read(path)


@pytest.mark.timeout(240)
def test_every_one_is_refused_with_field_and_remedy_and_no_node_is_touched(tmp_path: Path) -> None:
    claims = played(tmp_path, "", manifests=read_all())

    assert [(claim.id, claim.measured) for claim in claims if not claim.ok] == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("planted", ["accepts-anything", "no-operator"])
@pytest.mark.long
def test_a_planted_fault_is_seen(tmp_path: Path, planted: str) -> None:
    by_api, by_operator = split(read_all())

    claims = played(tmp_path, planted, manifests=by_api[:5] if planted == "accepts-anything" else by_operator[:3])

    refusals = [claim for claim in claims if claim.id.startswith("refused:")]
    assert refusals
    assert not any(claim.ok for claim in refusals)
