"""Every alert fires when it must and stays quiet when it must, by promtool, and sends people to a page that helps."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from maestro_operator.metrics import GAUGES, OWN, TURN_SECONDS, TURNS
from maestro_operator.model.reasons import Reason
from support.manifests import CHART, ROOT, Manifest, rendered
from support.promtool import PromtoolMissingError, obtain_promtool

ALERTS = sorted((CHART / "alerts").glob("*.yaml"))
RUNBOOKS = ROOT / "docs" / "runbooks"
SCENES = Path(__file__).parent / "alerts"
LIMIT_SECONDS = 60.0
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda path: path.stem)


@pytest.fixture(scope="session")
def promtool() -> Path:
    try:
        return obtain_promtool()
    except PromtoolMissingError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def judge(promtool: Path, verb: str, path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(promtool), verb, "rules", str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False)


def rules_of(path: Path) -> list[Manifest]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


@every_alert
def test_an_alert_fires_when_it_must_and_is_quiet_when_it_must(promtool: Path, alert: Path) -> None:
    done = judge(promtool, "test", SCENES / alert.name)

    assert done.returncode == 0, done.stdout + done.stderr


@every_alert
def test_the_scenes_tell_both_of_every_rule(alert: Path) -> None:
    expected = [
        check["exp_alerts"]
        for scene in yaml.safe_load((SCENES / alert.name).read_text())["tests"]
        for check in scene["alert_rule_test"]
    ]
    severities = {fired["exp_labels"]["severity"] for alerts in expected for fired in alerts}

    assert [] in expected
    assert severities == {rule["labels"]["severity"] for rule in rules_of(alert)}


@pytest.mark.parametrize("fault", ["never", "always", "at once"])
@every_alert
def test_the_scenes_find_an_alert_that_is_wrong(promtool: Path, alert: Path, fault: str, tmp_path: Path) -> None:
    wrong = yaml.safe_load(alert.read_text())
    for rule in (rule for group in wrong["groups"] for rule in group["rules"]):
        match fault:
            case "never":
                rule["expr"] = f"({rule['expr']}) and on () vector(1) == 0"
            case "always":
                rule["expr"] = "vector(1)"
            case _:
                rule["for"] = "0s"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    scenes = yaml.safe_load((SCENES / alert.name).read_text()) | {"rule_files": ["wrong.yaml"]}
    (tmp_path / "scenes.yaml").write_text(yaml.safe_dump(scenes))

    done = judge(promtool, "test", tmp_path / "scenes.yaml")

    assert done.returncode != 0
    assert "FAILED" in done.stdout + done.stderr


@every_alert
def test_an_alert_says_what_why_and_where_to_read_on(promtool: Path, alert: Path) -> None:
    assert judge(promtool, "check", alert).returncode == 0
    for rule in rules_of(alert):
        assert rule["alert"] == alert.stem
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert rule["annotations"]["runbook_url"] == f"docs/runbooks/{alert.stem}.md"
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file()


@every_alert
def test_a_runbook_has_the_four_things_somebody_needs_at_night(alert: Path) -> None:
    text = (RUNBOOKS / f"{alert.stem}.md").read_text()

    assert text.startswith(f"# {alert.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS


def test_every_alert_has_its_scenes_and_its_runbook_and_there_are_no_others() -> None:
    names = {path.stem for path in ALERTS}

    assert {path.stem for path in SCENES.glob("*.yaml")} == names
    assert {path.stem for path in RUNBOOKS.glob("MaestroPair*.md")} == names
    assert names == {
        "MaestroPairBackupFailed",
        "MaestroPairDown",
        "MaestroPairDrillOverdue",
        "MaestroPairNotProtected",
        "MaestroPairFencingNotReady",
        "MaestroPairHeld",
        "MaestroPairMirrorDiffers",
        "MaestroPairNotVerified",
        "MaestroPairOverridden",
        "MaestroPairRestoreTestFailed",
        "MaestroPairStartTestFailed",
        "MaestroPairSplitBrain",
        "MaestroPairWithoutBackup",
        "MaestroPairOperatorDown",
        "MaestroPairUncertain",
        "MaestroPairWitnessSilent",
        "MaestroPairStandbyNotAble",
        "MaestroPairNodeFlapping",
        "MaestroPairObserverIsolated",
    }


@every_alert
def test_an_alert_asks_only_for_what_the_operator_shows(alert: Path) -> None:
    shown = {family.name for family in (*GAUGES, *OWN, TURNS, TURN_SECONDS)}
    labels = {family.name: {"namespace", "name", *family.labels} for family in GAUGES}
    for rule in rules_of(alert):
        for metric, selector in re.findall(r"\b(maestro_\w+)(\{[^}]*\})?", rule["expr"]):
            assert metric in shown
            assert set(re.findall(r"(\w+)=", selector.replace("!~", "=").replace("=~", "="))) <= labels.get(
                metric, set()
            )


def test_the_reasons_in_alerts_and_runbooks_are_reasons_of_the_operator() -> None:
    known = {reason.value for reason in Reason}
    held = CHART / "alerts" / "MaestroPairHeld.yaml"
    in_alerts = {word for rule in rules_of(held) for word in re.search(r'~"([^"]+)"', rule["expr"])[1].split("|")}  # type: ignore[index]
    table = re.findall(r"^\| (`[^|]+) \|", (RUNBOOKS / "MaestroPairHeld.md").read_text(), re.MULTILINE)
    in_runbook = {word for row in table for word in re.findall(r"`(\w+)`", row)}
    for name in ("Uncertain", "WitnessSilent", "StandbyNotAble"):
        text = (RUNBOOKS / f"MaestroPair{name}.md").read_text()
        rows = [row for row in re.findall(r"^\| (.+) \|[^|]+\|$", text, re.MULTILINE) if "verdictReason" not in row]
        in_runbook |= {word for row in rows for word in re.findall(r"`([A-Z]\w+)`", row)}

    assert in_alerts <= known
    assert in_runbook
    assert in_runbook <= known


def test_the_conditions_in_alerts_are_conditions_of_the_operator() -> None:
    named = {kind for path in ALERTS for kind in re.findall(r'type="(\w+)"', path.read_text())}
    source = (ROOT / "operator" / "maestro_operator" / "report" / "conditions.py").read_text()

    assert named == {
        *(
            "Available",
            "Protected",
            "ActiveNodeOverridden",
            "SplitBrainDetected",
            "BackupFresh",
            "FencingReady",
            "Verified",
        ),
        *("PeerReady", "ObserverIsolated", "DrillRecent", "RestoreTested", "StartTested"),
    }
    assert all(f'"{kind}"' in source for kind in named)


def test_the_chart_carries_every_alert_as_it_is_written() -> None:
    (rule,) = [
        found for found in rendered(values={"prometheusRule": {"create": True}}) if found["kind"] == "PrometheusRule"
    ]
    written = [group for path in ALERTS for group in yaml.safe_load(path.read_text())["groups"]]

    assert rule["spec"]["groups"] == written


def test_the_runbooks_get_the_address_they_are_served_at_and_an_alert_can_be_left_out() -> None:
    chosen = {"create": True, "runbookBase": "https://example.org/", "disabled": ["MaestroPairWithoutBackup"]}
    (rule,) = [found for found in rendered(values={"prometheusRule": chosen}) if found["kind"] == "PrometheusRule"]
    rules = [rule for group in rule["spec"]["groups"] for rule in group["rules"]]

    assert {rule["alert"] for rule in rules} == {path.stem for path in ALERTS} - {"MaestroPairWithoutBackup"}
    assert all(
        rule["annotations"]["runbook_url"] == f"https://example.org/docs/runbooks/{rule['alert']}.md" for rule in rules
    )
