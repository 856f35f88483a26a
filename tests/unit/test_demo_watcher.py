"""What the demo tells of a pair while it waits: votes, proof, steps and holds, each once and as it comes."""

from typing import Any

from support.demo.watcher import tellings

Status = dict[str, Any]


def node(verdict: str, *votes: str) -> Status:
    seen = [{"vantagePoint": point, "vote": vote} for point, vote in zip(("operator", "peer"), votes, strict=False)]
    return {"name": "b", "verdict": verdict, "votes": seen}


def failover(step: str, *done: str, **more: object) -> Status:
    steps = [{"name": name, "state": "Done", "seconds": 0.25} for name in done]
    return {"id": "f-1", "kind": "Failover", "step": step, "steps": steps, **more}


PROOF = {"episode": "f-1", "node": "b", "method": "Fenced", "provedAt": "1", "evidence": ["off at 3", "off at 6"]}
HELD = [{"type": "Stalled", "status": "True", "reason": "NotDownLongEnough", "message": "b is dead for less than 6 s"}]


def told(*statuses: Status) -> list[str]:
    """Return what is said of one status after the other."""
    said: dict[str, object] = {}
    lines = []
    for status in statuses:
        for one in tellings(status):
            if said.get(one.of) != one.news:
                said[one.of] = one.news
                lines += [one.text] if one.text else []
    return lines


def test_a_power_cut_is_told_from_the_votes_to_the_proof_and_the_promotion() -> None:
    assert told(
        {"nodes": [node("Healthy", "Alive", "Alive")]},
        {"nodes": [node("Uncertain", "Dead", "Sick")]},
        {"nodes": [node("Uncertain", "Dead", "Dead")], "conditions": HELD},
        {"nodes": [node("Down", "Dead", "Dead")], "episode": failover("Fence", "Raise")},
        {"nodes": [node("Down", "Dead", "Dead")], "episode": failover("Promote", "Raise", "Fence", proof=PROOF)},
        {"nodes": [node("Healthy", "Alive", "Alive")]},
    ) == [
        "  b is Uncertain: operator sees it Dead, peer sees it Sick",
        "  b is Uncertain: operator sees it Dead, peer sees it Dead",
        "  … waits: NotDownLongEnough: b is dead for less than 6 s",
        "  b is Down: operator sees it Dead, peer sees it Dead",
        "  → Failover: Fence   (Raise took 0.25 s)",
        "  proof: b is Fenced\n      off at 3\n      off at 6",
        "  → Failover: Promote   (Fence took 0.25 s)",
    ]


def test_what_did_not_change_is_not_told_again() -> None:
    status = {"nodes": [node("Down", "Dead", "Dead")], "episode": failover("Fence", proof=PROOF)}
    held = {**status, "conditions": HELD}

    assert len(told(status, status)) == 3
    assert len(told(held, held)) == 3


def test_a_message_that_is_worded_anew_is_no_news_and_a_new_proof_is() -> None:
    later = [{**HELD[0], "message": "b is dead for less than 5 s"}]
    again = {**PROOF, "provedAt": "2"}

    assert len(told({"conditions": HELD}, {"conditions": later})) == 1
    assert len(told({"episode": failover("Fence", proof=PROOF)}, {"episode": failover("Fence", proof=again)})) == 3


def test_a_pair_without_status_is_told_nothing_of() -> None:
    assert told({}) == []
