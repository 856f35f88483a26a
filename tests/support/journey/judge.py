"""Judges a journey: by the commands' own ends, Git, Prometheus, the clients' acknowledgements and the servers' disks.

The law of this file: it imports nothing of the operator; what was not reached does not count as good.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.docscheck.pages import TUTORIAL
from support.docscheck.tutorial import PAIR
from support.judge import verify
from support.judge.clients import read_clients
from support.judge.disk import read_disk
from support.judge.events import read_bmc, read_name_changes, read_status_writes
from support.judge.evidence import EvidenceBrokenError
from support.report import Claim

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from support.docscheck.record import Tried
    from support.journey.reader import Seen
    from support.judge.database import Postgres

ALERT = "MaestroPairDown"
PARTS = (
    "two systemd nodes, their controllers, a name server, API server, RBAC, Helm, Git, Prometheus and operators: real"
)
MOVES = [("Switchover", "a", "b"), ("Failover", "b", "a"), ("Switchover", "a", "b")]
STOPPED = "0"
HELD_TO = (
    verify.one_writer,
    verify.switchovers_lost_nothing,
    verify.failover_loss_was_declared,
    verify.files_and_rows_agree,
    verify.fence_was_true,
    verify.names_followed,
)
"""What is claimed of the data, by the judge of the demo."""
WALKED = (
    "parts",
    "every-block-of-the-tutorial-ran",
    "every-example-was-met",
    "every-CHANGE-was-answered",
    "the-alert-fired",
    "its-runbook-was-followed",
    "the-moves-were-those-of-git",
    "the-upgrade-stopped-nothing",
    "what-ran-runs-on",
    "nothing-is-left",
    "the-dashboard-showed-it",
)
"""What is claimed of the way."""
NOT_OF_THIS_STORY = frozenset(
    {
        "Bytes of a mirror out of sync A",
        "Age of the last whole comparison of a mirror A",
        "Age of the last rehearsal that passed A",
        "Messages that the last episode may send twice A",
        "Quarantined nodes A",
        "Pairs that a cluster keeps A",
    }
)
"""Queries of the dashboard about what the tutorial's pair does not have: a mirror, a mail queue, a drill."""


def walked(
    seen: Seen,
    tried: Sequence[Tried],
    *,
    wanted: int,
    unused: Sequence[str],
    left: Sequence[str],
    drawn: Mapping[str, int],
) -> list[Claim]:
    """Returns the claims about the way.

    `left` is what the cluster still has at the end, `drawn` how many series each query of the dashboard ever had.
    """
    mine, runbook = [one for one in tried if one.page == TUTORIAL], [one for one in tried if one.page != TUTORIAL]
    good, ran = sum(one.code == 0 for one in mine), sum(one.code == 0 for one in runbook)
    bad = tuple(f"{one.page}:{one.line}: {one.said[-300:]}" for one in tried if one.code)
    url = str(seen.alert.get("annotations", {}).get("runbook_url", "none"))
    found = (
        Claim("parts", ok=True, measured=PARTS, bound="said"),
        Claim("every-block-of-the-tutorial-ran", good == wanted, good, wanted, bad),
        Claim("every-example-was-met", not unused, ", ".join(unused) or "all", "all"),
        _all_of("every-CHANGE-was-answered", seen.unanswered),
        Claim("the-alert-fired", bool(seen.alert), json.dumps(_label(seen)), ALERT),
        Claim("its-runbook-was-followed", 0 < ran == len(runbook), f"{ran} of {len(runbook)} of {url}", "all, > 0"),
        _moves(seen),
        _went_on("the-upgrade-stopped-nothing", seen.before_upgrade, seen.after_upgrade),
        _went_on("what-ran-runs-on", seen.before_upgrade, seen.at_the_end),
        _all_of("nothing-is-left", None if seen.left is None else [*left, *seen.left]),
        _drawn(drawn),
    )
    assert tuple(claim.id for claim in found) == WALKED
    return list(found)


def _label(seen: Seen) -> dict[str, str]:
    """Returns what tells the alert from others; where it was scraped is this machine's affair."""
    return {key: value for key, value in seen.alert.get("labels", {}).items() if key not in ("instance", "job")}


def _all_of(name: str, still_open: Sequence[str] | None) -> Claim:
    measured = "not reached" if still_open is None else ", ".join(still_open) or "nothing"
    return Claim(name, still_open is not None and not still_open, measured, "nothing")


def _drawn(drawn: Mapping[str, int]) -> Claim:
    """Claims that every query had data at some time of the story, but those about what is not in it."""
    wanted = [query for query in drawn if query not in NOT_OF_THIS_STORY]
    empty = tuple(query for query in wanted if not drawn[query])
    measured = f"{len(wanted) - len(empty)} of {len(wanted)} queries had data"
    return Claim("the-dashboard-showed-it", bool(wanted) and not empty, measured, "all", empty)


def _moves(seen: Seen) -> Claim:
    history = seen.pair.get("status", {}).get("history", [])
    begun = [one for one in reversed(history) if one["kind"] in ("Switchover", "Failover")]
    moves = [(one["kind"], one["source"], one["target"]) for one in begun]
    # One that was begun and given up would be no answer to a line in Git either.
    good = moves == MOVES and all(one["result"] == "Done" for one in begun)
    return Claim("the-moves-were-those-of-git", good, str(moves), str(MOVES), tuple(seen.subjects))


def _went_on(name: str, before: str, after: str) -> Claim:
    """The services have the processes that they had."""
    ran = bool(before) and STOPPED not in before.split()
    return Claim(name, ran and before == after, "the same processes" if before == after else "others", "the same ones")


def data(folder: Path, postgres: Postgres) -> list[Claim]:
    """Returns the claims about the data, from raw evidence; one whose evidence is broken has failed and says so."""
    try:
        evidence = _read(folder, postgres)
        return [claim(evidence) for claim in HELD_TO]
    except (EvidenceBrokenError, KeyError, ValueError, OSError) as problem:
        said = type(problem).__name__
        return [
            Claim(claim.__name__.replace("_", "-"), ok=False, measured=said, bound="whole evidence")
            for claim in HELD_TO
        ]


def _read(folder: Path, postgres: Postgres) -> verify.Evidence:
    pair = json.loads((folder / "pair.json").read_text())
    return verify.Evidence(
        folder=folder,
        story={},
        status=pair["status"],
        addresses={node["name"]: node["address"] for node in pair["spec"]["nodes"]},
        clients=read_clients(sorted(folder.glob("acks-*.jsonl"))),
        disks={name: read_disk(folder / "disks" / name, node=name, postgres=postgres) for name in verify.NODES},
        bmc=read_bmc(folder / "bmc.jsonl"),
        names=read_name_changes(folder / "dns-updates.log", name=verify.PUBLIC_NAME),
        writes=read_status_writes(folder / "audit.jsonl", name=PAIR),
    )


if __name__ == "__main__":
    print("\n".join((*WALKED, *(claim.__name__.replace("_", "-") for claim in HELD_TO))))
