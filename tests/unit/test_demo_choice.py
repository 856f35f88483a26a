"""What `make demo` plays on: real parts where they can be made, and memory nodes only where it says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.bed import doctor
from support.demo.memory_choice import Choice, MemoryNodes, RealNodes, Refusal, choose, problems_here
from support.judge import verify

NO_ROOT = doctor.Check("root", "unsuited", "running as user 1000", "run this as root")
NO_NAMESPACES = doctor.Check("namespaces", "unsuited", "trial failed: not permitted", "use a host that may make them")

NO_DISK = doctor.Check("disk", "unsuited", "1.0 GiB free", "free 4 GiB")


def chosen(*problems: doctor.Check, **environ: str) -> Choice:
    return choose(environ, look=lambda: problems)


def never_looked_at() -> tuple[doctor.Check, ...]:
    raise AssertionError("the machine was looked at for nothing")


def test_real_parts_where_nothing_is_in_the_way() -> None:
    assert [chosen(), chosen(MAESTRO_DEMO="real"), chosen(CI="true"), chosen(BREAK="lost-ack")] == [RealNodes()] * 4


def test_memory_nodes_where_real_ones_cannot_be_made_and_one_line_says_why() -> None:
    why = "namespaces: trial failed: not permitted (use a host that may make them)"
    assert chosen(NO_NAMESPACES) == MemoryNodes(why)
    assert chosen(NO_NAMESPACES, NO_DISK) == MemoryNodes(f"{why}; 1 more, see make doctor")


def test_without_root_no_other_reason_matters() -> None:
    assert chosen(NO_NAMESPACES, NO_ROOT) == MemoryNodes("running as user 1000 (run this as root)")


def test_memory_nodes_where_they_are_asked_for_without_a_look_at_the_machine() -> None:
    assert isinstance(choose({"MAESTRO_DEMO": "memory", "CI": "true"}, look=never_looked_at), MemoryNodes)


@pytest.mark.parametrize("environ", [{"MAESTRO_DEMO": "real"}, {"CI": "true"}, {"BREAK": "lying-bmc"}])
def test_who_wants_real_parts_is_told_the_remedies_instead_of_given_memory_nodes(environ: dict[str, str]) -> None:
    choice = chosen(NO_ROOT, NO_NAMESPACES, **environ)

    assert isinstance(choice, Refusal)
    assert all(f"{name}={value}" in choice.text for name, value in environ.items())
    assert all(check.found in choice.text and check.remedy in choice.text for check in (NO_ROOT, NO_NAMESPACES))


def test_a_fault_for_real_parts_is_never_played_on_memory_nodes() -> None:
    assert isinstance(chosen(MAESTRO_DEMO="memory", BREAK="lying-bmc"), Refusal)


def test_a_wish_that_is_neither_is_refused() -> None:
    assert isinstance(chosen(MAESTRO_DEMO="docker"), Refusal)


def test_a_check_that_may_not_even_try_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def _file_systems() -> doctor.Check:
        raise PermissionError("no writing here")

    monkeypatch.setattr(doctor, "CHECKS", (_file_systems,))
    monkeypatch.setattr(doctor, "install_missing", tuple)

    assert [(check.name, check.verdict) for check in problems_here()] == [("file systems", "unsuited")]


def test_the_judge_says_that_a_demo_with_memory_nodes_left_no_evidence_of_real_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    (evidence / "story.json").write_text(json.dumps({"nodes": "memory", "told": True}))
    monkeypatch.setattr(verify, "write_report", lambda *_, **__: tmp_path / "verify-demo.json")

    code = verify.main([str(evidence)])

    assert code == 1
    assert "FAIL evidence-of-real-parts: none: the demo was played with memory nodes" in capsys.readouterr().out
