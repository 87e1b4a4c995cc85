"""Trends: references as a gate spells them, histories by title and time, and a page whose numbers are the reports'."""

from __future__ import annotations

from dataclasses import replace

import pytest

from facewarden.core.errors import BadInputError
from facewarden.metrics.intervals import wilson
from facewarden.reporting.document import Metric, Report
from facewarden.reporting.gate import parse_gate
from facewarden.reporting.pages.html import page_html
from facewarden.reporting.pages.markdown import page_markdown
from facewarden.reporting.trends.history import NamedReport, changed_conditions, histories
from facewarden.reporting.trends.page import Failure, trend_page
from facewarden.reporting.trends.reference import parse_reference


def at(report: Report, day: int, errors: int, *, title: str = "") -> NamedReport:
    """The report of a day with another BPCER of 240 samples."""
    rate = wilson(errors, 240)
    bpcer = Metric("bpcer", rate.value, rate.low, rate.high, 240, True, unit="%")
    kept = tuple(bpcer if metric.name == "bpcer" else metric for metric in report.presentation.metrics)
    section = replace(report.presentation, metrics=kept)
    made = replace(report, created=f"2026-03-{day:02}T06:00:00Z", presentation=section, gate=None)
    return NamedReport(f"day-{day}", replace(made, title=title or report.title))


def test_a_reference_is_one_metric_a_group_or_the_worst_of_several(report: Report) -> None:
    assert [name for name, _ in parse_reference("presentation.bpcer").metrics(report)] == ["BPCER"]
    species = parse_reference("presentation.apcer").metrics(report)
    assert [name for name, _ in species][:2] == ["print flat", "print bent"]
    worst = parse_reference("max(presentation.apcer)").metrics(report)
    assert [(name, metric.value) for name, metric in worst] == [("max", max(metric.value for _, metric in species))]
    same = parse_reference("perturbation.success_rate[eps=0.031372549]").metrics(report)
    assert {metric.group["eps"] for _, metric in same} == {"8/255"}


@pytest.mark.parametrize("text", [
    "presentation", "bpcer", "presentation.bpcer > 1", "n(presentation.bpcer)", "max(presentation.apcer, 1)",
    "max(presentation.apcer, key=1)", "nowhere.bpcer", "__import__('os')", "presentation.bpcer[", "(" * 60,
])  # fmt: skip
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="metric"):
        parse_reference(text)


def test_reports_are_ordered_by_time_and_told_apart_by_title(report: Report) -> None:
    given = [at(report, 3, 9), at(report, 1, 7), at(report, 2, 5, title="Another")]
    first, second = histories(given)
    assert (first.title, [one.name for one in first.points]) == ("Another", ["day-2"])
    assert [one.name for one in second.points] == ["day-1", "day-3"]
    with pytest.raises(BadInputError, match="day-1: created is 'soon'"):
        histories([replace(given[1], report=replace(report, created="soon"))])


@pytest.mark.parametrize(("against", "failed"), [
    ("first", [False, False, True, True]), ("previous", [False, False, False, False]),
])  # fmt: skip
def test_a_slow_drift_is_seen_against_the_first_audit(report: Report, against: str, failed: list[bool]) -> None:
    gate = parse_gate("regressed(presentation.bpcer)")
    given = [at(report, day, errors) for day, errors in ((1, 10), (2, 18), (3, 27), (4, 38))]
    (history,) = histories(given, gate=gate, against=against)
    assert [one.failed for one in history.points] == failed
    since = history.failing_since
    assert (since.name if since else None) == ("day-3" if against == "first" else None)


def test_a_gate_that_passed_again_is_not_failing(report: Report) -> None:
    gate = parse_gate("presentation.bpcer > 0.1")
    (history,) = histories([at(report, 1, 50), at(report, 2, 5)], gate=gate)
    assert [one.failed for one in history.points] == [True, False]
    assert history.failing_since is None


def test_another_model_or_data_set_is_told(report: Report) -> None:
    other = replace(report.parts[0], sha256={"weights.safetensors": "ab" * 32})
    later = at(report, 2, 7)
    later = replace(later, report=replace(later.report, parts=(other, *report.parts[1:]), seed=8))
    (history,) = histories([at(report, 1, 7), later])
    told = {(what, before, now) for _, what, before, now in changed_conditions(history.points)}
    assert ("seed", "7", "8") in told
    assert {what for what, _, _ in told} == {"seed", "detector multi_cnn"}


def test_the_page_has_the_numbers_of_the_reports(report: Report) -> None:
    gate = parse_gate("presentation.bpcer > 0.1")
    systems = histories([at(report, 1, 7), at(report, 2, 12), at(report, 3, 36)], gate=gate)
    references = [parse_reference("presentation.bpcer"), parse_reference("perturbation.success_rate")]
    page = trend_page(systems, references, failures=[Failure("x", "2026-03-04 06:00", "<b>gone</b>")])
    assert "the gate FAILED in the latest audit (2026-03-03 06:00 UTC)" in page.summary.replace("\u00a0", " ")
    assert "has failed since 2026-03-03 06:00" in page.summary.replace("\u00a0", " ")
    assert page.simulated
    audits, bpcer, rates = page.chapters[:3]
    assert [row[0][:10] for row in audits.tables[0].rows] == ["2026-03-03", "2026-03-02", "2026-03-01"]
    assert [row[0][:10] for row in audits.tables[1].rows] == ["2026-03-03"]
    assert bpcer.tables[0].rows[0][1:5] == (
        "2.9\u00a0% (1.4–5.9), n\u00a0=\u00a0240", "15.0\u00a0% (11.0–20.1), n\u00a0=\u00a0240",
        "+12.1\u00a0% (7.1–17.4)", "worse",
    )  # fmt: skip
    assert bpcer.figures[0].data["series"][0]["y"] == [7 / 240, 12 / 240, 36 / 240]
    assert [label for _, label in bpcer.figures[0].data["xticks"]] == ["2026-03-01", "2026-03-02", "2026-03-03"]
    assert len(rates.tables[0].rows) == 15
    assert len(rates.figures[0].data["series"]) == 6
    assert "9 others are in the table" in rates.figures[0].note
    text = page_html(page)
    assert "&lt;b&gt;gone&lt;/b&gt;" in text
    assert "<b>gone" not in text
    assert "presentation.bpcer &gt; 0.1" in text
    assert "Presentation: BPCER" in page_markdown(page, figures="trend_figures")


def test_a_metric_that_no_audit_has_is_refused_and_one_that_some_lack_is_a_gap(report: Report) -> None:
    bare = at(report, 1, 7)
    few = replace(bare.report.presentation, metrics=bare.report.presentation.metrics[:1])
    bare = replace(bare, report=replace(bare.report, presentation=few))
    systems = histories([bare, at(report, 2, 7)])
    page = trend_page(systems, [parse_reference("presentation.bpcer")])
    assert page.chapters[1].tables[0].rows[0][-1] == 1
    with pytest.raises(BadInputError, match="no metric 'bpcr'; did you mean bpcer"):
        trend_page(systems, [parse_reference("presentation.bpcr")])
