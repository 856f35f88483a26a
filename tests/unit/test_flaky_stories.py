"""The seeds of the API server's troubles: each trouble once in a report, and the same seed tells the same."""

from support.flaky.faults import How
from support.flaky.listed import SEEDS, claims
from support.flaky.stories import ENDS_A_LEADERSHIP, drawn

STORIES = [drawn(seed) for seed in range(1, SEEDS + 1)]


def test_a_report_has_every_trouble() -> None:
    assert {story.kind for story in STORIES} == {"frozen", "killed", "jump", "late-order", "api"}
    assert {story.how for story in STORIES if story.kind == "api"} == {*ENDS_A_LEADERSHIP, How.SLOW}
    assert {story.at_spare for story in STORIES if story.kind == "jump"} == {True, False}


def test_the_same_seed_tells_the_same_and_the_next_ones_go_on() -> None:
    assert [drawn(seed) for seed in range(1, SEEDS + 1)] == STORIES
    assert drawn(SEEDS + 1) != STORIES[0]
    assert drawn(SEEDS + 1).kind == STORIES[0].kind


def test_every_claim_about_two_operators_has_an_id_of_its_own() -> None:
    assert len(set(claims())) == len(claims()) > SEEDS
