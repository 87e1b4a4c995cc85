"""Ranked findings, JUnit, SARIF, repeated audits, the picture of the README."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from facewarden.core.errors import BadInputError
from facewarden.reporting.ci import junit_xml, sarif_json
from facewarden.reporting.codec import parse_report
from facewarden.reporting.document import Gate, LeftOut, Report, Section
from facewarden.reporting.findings import ranked_findings
from facewarden.reporting.html import render_html
from facewarden.reporting.markdown import render_markdown
from facewarden.verbs.laboratory.ci import write_for_machines
from facewarden.verbs.laboratory.repeat import repeat_audits

ROOT = Path(__file__).parents[3]
HELD = ROOT / "docs" / "results" / "audit_default" / "report.json"


@pytest.fixture
def audit() -> Report:
    return parse_report(HELD.read_text(encoding="utf-8"))


def empty(name: str) -> Section:
    gap = LeftOut("cloaking", "no faces", "facewarden fetch orl")
    return Section(name, None, "Not measured.", "Not graded.", left_out=(gap,))  # type: ignore[arg-type]


def test_findings_are_ranked_by_grade_and_each_has_number_action_and_command(audit: Report) -> None:
    found = ranked_findings(audit)
    assert [one.rule for one in found] == [
        "perturbation/success-rate", "presentation/apcer", "presentation/bpcer", "poisoning/protection-rate",
    ]  # fmt: skip
    assert all(one.number and one.action and one.command.startswith("facewarden ") for one in found)
    assert [one.level for one in found] == ["error", "error", "error", "warning"]
    assert "mask rigid" in found[1].title
    assert "51.6" in found[1].number


def test_what_was_left_out_comes_last_with_its_command(audit: Report) -> None:
    found = ranked_findings(replace(audit, poisoning=empty("poisoning")))
    assert found[-1].rule == "poisoning/left-out"
    assert found[-1].command == "facewarden fetch orl"
    assert found[-1].level == "note"


def test_a_grade_a_asks_for_nothing_and_a_missing_one_for_samples(audit: Report) -> None:
    good = replace(audit.presentation, grade="A")
    assert not [one for one in ranked_findings(replace(audit, presentation=good)) if one.section == "presentation"]
    few = replace(audit.presentation, grade=None, reason="Not graded: a grade needs 50 samples.")
    asked = next(one for one in ranked_findings(replace(audit, presentation=few)) if one.section == "presentation")
    assert "plan-test" in asked.command


def test_the_page_opens_with_what_to_do(audit: Report) -> None:
    page, text = render_html(audit), render_markdown(audit)
    assert page.index("What to do") < page.index('<section id="presentation"')
    assert text.index("## What to do") < text.index("## Presentation")
    asked = page.partition('id="findings"')[2].partition("</section>")[0]
    assert asked.count('class="badge"') == sum(one.simulated for one in ranked_findings(audit)) > 0
    assert "(simulated). Train" in text


def test_junit_has_a_case_for_each_section_and_the_gate(audit: Report) -> None:
    failed = Gate("presentation.acer > 0.05", passed=False, detail="yes <&>")
    root = ET.fromstring(junit_xml(replace(audit, gate=failed, poisoning=empty("poisoning"))))
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "1", "1")
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "presentation", "perturbation", "poisoning", "gate",
    ]  # fmt: skip
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text == "yes <&>"


def test_sarif_points_each_finding_to_its_rule(audit: Report) -> None:
    held = json.loads(sarif_json(replace(audit, gate=Gate("x", passed=False, detail="y"))))
    assert held["version"] == "2.1.0"
    run = held["runs"][0]
    rules = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert {one["ruleId"] for one in run["results"]} == rules
    assert "gate" in rules
    assert all(one["level"] in ("error", "warning", "note") for one in run["results"])
    assert all(one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"])
    assert "(simulated)" in run["results"][0]["message"]["text"]


def test_files_for_machines_are_written_where_they_are_asked_for(audit: Report, tmp_path: Path) -> None:
    assert write_for_machines(audit, junit=tmp_path / "a" / "j.xml", sarif=None) == (tmp_path / "a" / "j.xml",)
    with pytest.raises(BadInputError, match="cannot be written"):
        write_for_machines(audit, junit=None, sarif=tmp_path / "a" / "j.xml" / "x")


def test_a_repeated_audit_says_how_many_passed(audit: Report, tmp_path: Path) -> None:
    seen = []

    def one(seed: int, folder: Path) -> Report:
        seen.append((seed, folder.name))
        gate = Gate("presentation.acer > 0.05", passed=seed != 4, detail="")
        return replace(audit, seed=seed, gate=gate)

    found = repeat_audits(one, seed=3, times=5, out=tmp_path, command="facewarden audit --repeat 5")
    assert seen == [(seed, f"seed_{seed}") for seed in range(3, 8)]
    assert found.passed == 4
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.8 < found.high
    assert "4 of 5 audits passed" in found.words
    assert "FAILED" in found.page.read_text(encoding="utf-8")
    assert json.loads((tmp_path / "repeats.json").read_text())["passed"] == 4
    without: Callable[[int, Path], Report] = lambda seed, folder: replace(audit, gate=None)  # noqa: E731
    assert repeat_audits(without, seed=0, times=2, out=tmp_path, command="x").passed is None
    with pytest.raises(BadInputError, match="1 repetitions"):
        repeat_audits(one, seed=0, times=1, out=tmp_path, command="x")


def test_the_picture_of_the_readme_shows_the_page_of_today(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))  # as for a script that is run
    script = runpy.run_path(str(ROOT / "benchmarks" / "docs_images.py"))
    held = json.loads(script["MADE"].read_text(encoding="utf-8"))
    assert held["report.png"] == script["digest"](script["first_page"]()), "make docs-images"
