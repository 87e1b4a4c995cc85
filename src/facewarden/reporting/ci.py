"""An audit for machines: JUnit XML for build servers, SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

from facewarden.core.identity.version import __version__
from facewarden.reporting.document import SECTIONS, Report
from facewarden.reporting.findings import Finding, ranked_findings
from facewarden.reporting.text import clean

_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


def junit_xml(report: Report) -> str:
    """The audit as JUnit XML: one case for the gate and one for each section.

    A case fails where the gate fails; a section fails by the gate alone, and is skipped where nothing was measured.

    Args:
        report: the audit.
    """
    suite = ET.Element("testsuite", name=clean(report.title), timestamp=report.created)
    failures = skipped = 0
    for name, section in zip(SECTIONS, report.sections, strict=True):
        case = ET.SubElement(suite, "testcase", classname="facewarden.audit", name=name)
        if not section.metrics:
            skipped += 1
            why = "; ".join(f"{gap.what}: {gap.why}" for gap in section.left_out) or section.reason
            ET.SubElement(case, "skipped", message=clean(why))
        mark = " (simulated)" if section.simulated else ""
        out = ET.SubElement(case, "system-out")
        out.text = clean(f"grade {section.grade or 'none'}{mark}: {section.finding} {section.reason}")
    if report.gate is not None:
        case = ET.SubElement(suite, "testcase", classname="facewarden.audit", name="gate")
        if not report.gate.passed:
            failures += 1
            failure = ET.SubElement(case, "failure", message=clean(report.gate.expression))
            failure.text = clean(report.gate.detail)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("skipped", str(skipped))
    suite.set("errors", "0")
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def sarif_json(report: Report, *, location: str = "report.json") -> str:
    """The audit as SARIF 2.1.0: one result for each ranked finding, and one for a gate that failed.

    Args:
        report: the audit.
        location: file that results point to, as seen from the root of the repository.
    """
    findings = ranked_findings(report)
    results = [_result(one, location) for one in findings]
    rules = [
        {"id": rule, "shortDescription": {"text": rule.replace("/", ": ").replace("-", " ")}}
        for rule in dict.fromkeys(one.rule for one in findings)
    ]
    if report.gate is not None and not report.gate.passed:
        rules.append({"id": "gate", "shortDescription": {"text": "the gate failed"}})
        text = clean(f"The gate failed: {report.gate.expression} ({report.gate.detail})")
        results.append(
            {"ruleId": "gate", "level": "error", "message": {"text": text}, "locations": _locations(location)}
        )
    about = {"name": "facewarden", "version": __version__, "rules": rules}
    run = {"tool": {"driver": about}, "results": results, "columnKind": "utf16CodeUnits"}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(one: Finding, location: str) -> dict[str, object]:
    mark = " (simulated)" if one.simulated else ""
    grade = f" Grade {one.grade}." if one.grade else ""
    told = f"{one.title}{mark}.{f' {one.number}.' if one.number else ''}{grade} {one.action}"
    text = clean(f"{told} Command: {one.command}" if one.command else told)
    return {"ruleId": one.rule, "level": one.level, "message": {"text": text}, "locations": _locations(location)}


def _locations(location: str) -> list[dict[str, object]]:
    place = {"artifactLocation": {"uri": location}, "region": {"startLine": 1}}
    return [{"physicalLocation": place}]
