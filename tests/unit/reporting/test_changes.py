"""What changed between two reports, and the gate that asks for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import facewarden
from facewarden.core.errors import BadInputError
from facewarden.reporting.changes import changes_between
from facewarden.reporting.codec import parse_report
from facewarden.reporting.document import Metric, Report
from facewarden.reporting.gate import parse_gate
from facewarden.reporting.html import write_report

REPORT = Path(__file__).parents[3] / "docs" / "results" / "audit_default" / "report.json"


def report(*metrics: Metric) -> Report:
    held = parse_report(REPORT.read_text(encoding="utf-8"))
    return replace(held, presentation=replace(held.presentation, metrics=metrics))


def rate(value: float, half: float, name: str = "apcer_worst_species", **group: str) -> Metric:
    return Metric(name, value, value - half, value + half, 100, False, "%", group)


def test_a_difference_is_shown_where_its_interval_lies_on_one_side() -> None:
    old, new = report(rate(0.05, 0.02), rate(0.9, 0.05, "auc")), report(rate(0.20, 0.03), rate(0.8, 0.02, "auc"))
    apcer, auc = changes_between(old, new).metrics[:2]
    assert (apcer.verdict, auc.verdict) == ("worse", "worse")
    assert apcer.low == pytest.approx(0.15 - (0.03**2 + 0.02**2) ** 0.5)
    assert changes_between(new, old).metrics[0].verdict == "better"
    assert changes_between(old, report(rate(0.06, 0.02))).metrics[0].verdict == "not shown"
    without = report(Metric("apcer_worst_species", 0.9, None, None, 5, False))
    assert changes_between(old, without).metrics[0].verdict == "no interval"


def test_metrics_of_one_report_only_are_named() -> None:
    found = changes_between(report(rate(0.1, 0.01)), report(rate(0.1, 0.01, "bpcer")))
    assert found.gone == ("presentation.apcer_worst_species",)
    assert found.added == ("presentation.bpcer",)


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        ("regressed(presentation.apcer)", False),
        ("regressed(presentation.apcer_worst_species)", False),
        ("regressed(presentation.bpcer)", True),
        ("regressed(presentation.bpcer) or presentation.bpcer > 0.5", True),
        ("not regressed(presentation.apcer)", True),
    ],
)
def test_the_gate_knows_what_regressed(gate: str, passed: bool) -> None:
    old = report(rate(0.05, 0.02), rate(0.1, 0.02, "bpcer"))
    new = report(rate(0.20, 0.03), rate(0.1, 0.02, "bpcer"))
    found = parse_gate(gate).evaluate(new, changes_between(old, new))
    assert found.passed is passed, found.detail


def test_any_species_that_regressed_is_enough() -> None:
    old = report(rate(0.05, 0.02, "apcer", species="print"), rate(0.05, 0.02, "apcer", species="mask"))
    new = report(rate(0.05, 0.02, "apcer", species="print"), rate(0.30, 0.02, "apcer", species="mask"))
    found = parse_gate("regressed(presentation.apcer)").evaluate(new, changes_between(old, new))
    assert not found.passed
    assert "mask" in found.detail
    assert parse_gate("regressed(presentation.apcer[species=print])").evaluate(new, changes_between(old, new)).passed


def test_a_gate_that_cannot_look_back_does_not_pass() -> None:
    new = report(rate(0.2, 0.01))
    assert not parse_gate("regressed(presentation.apcer)").evaluate(new).passed
    other = changes_between(report(rate(0.1, 0.01, "bpcer")), new)
    assert not parse_gate("regressed(presentation.apcer)").evaluate(new, other).passed
    with pytest.raises(BadInputError, match="needs one metric"):
        parse_gate("regressed(presentation.apcer, 3)")
    with pytest.raises(BadInputError, match="needs an earlier audit"):
        facewarden.audit(fail_on="regressed(presentation.apcer)")


def test_the_page_and_the_command_say_what_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from facewarden.cli import main

    write_report(report(rate(0.05, 0.02)), tmp_path / "old")
    write_report(report(rate(0.20, 0.03)), tmp_path / "new")
    words = ["report", str(tmp_path / "new"), "--against", str(tmp_path / "old"), "--fail-on"]
    assert main([*words, "regressed(presentation.apcer)"]) == 1
    assert "worse   presentation.apcer_worst_species: 0.05 -> 0.2" in capsys.readouterr().out
    assert "What changed since" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")
    assert main([*words, "regressed(presentation.apcer)", "--form", "markdown"]) == 1
    assert "What changed since" in (tmp_path / "new" / "report.md").read_text(encoding="utf-8")


def test_what_else_is_not_the_same_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from facewarden.cli import main

    old = report(rate(0.05, 0.02))
    assert changes_between(old, report(rate(0.2, 0.03))).conditions == ()
    captures = next(part for part in old.parts if part.role == "captures")
    others = [replace(captures, name="mine", sha256={"rows": "ab" * 32}, settings={"rows": 40, "simulated": False})]
    parts = tuple(others[0] if part.role == "captures" else part for part in old.parts)
    new = replace(report(rate(0.20, 0.03)), seed=7, command=f"{old.command} --policy apcer=0.05", parts=parts)
    new = replace(new, presentation=replace(new.presentation, simulated=False))
    found = {one.what: (one.old, one.new) for one in changes_between(old, new).conditions}
    assert set(found) == {"captures", "seed", "policy", "presentation"}
    assert found["captures"][1] == "mine (40 rows, sha256 abababab)"
    assert found["presentation"] == ("measured on simulated faces", "measured on photos")
    write_report(old, tmp_path / "old")
    write_report(new, tmp_path / "new")
    assert main(["report", str(tmp_path / "new"), "--against", str(tmp_path / "old")]) == 0
    assert "not the same: policy: eer -> apcer=0.05" in capsys.readouterr().out
    assert "What is not the same in both audits" in (tmp_path / "new" / "report.html").read_text(encoding="utf-8")


def test_a_report_without_hashes_of_its_captures_is_not_called_different() -> None:
    old = report(rate(0.05, 0.02))
    hashed = tuple(replace(part, sha256={"rows": "cd" * 32}) if part.role == "captures" else part for part in old.parts)
    assert changes_between(old, replace(old, parts=hashed)).conditions == ()
    again = tuple(replace(part, sha256={"rows": "ef" * 32}) if part.role == "captures" else part for part in old.parts)
    assert [one.what for one in changes_between(replace(old, parts=hashed), replace(old, parts=again)).conditions] == [
        "captures"
    ]
