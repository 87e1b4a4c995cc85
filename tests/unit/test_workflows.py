"""The example workflows are those of the page, their words are known, and their steps run in a shell."""

from __future__ import annotations

import ast
import copy
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pages.blocks import blocks_of
from pages.parsing import problems_of
from workflows import EXAMPLES, GITHUB, GITLAB, OURS, ROOT, Runner, read_workflow, unknown_outputs

FILES = sorted(EXAMPLES.glob("*.yml"))
PULL, NIGHT, GITLAB_FILE = (EXAMPLES / f"{name}.yml" for name in ("github-pull-request", "github-nightly", "gitlab"))
FACEWARDEN = """#!/bin/bash
printf '%s\\n' "$@" > called
while [ $# -gt 0 ]; do [ "$1" = --out ] && out="$2"; shift; done
[ "${{WANTED:-0}}" -gt 1 ] && exit "$WANTED"
mkdir -p "$out" && touch "$out/report.html" "$out/facewarden.sarif" && echo {seen} > "$out/report.json"
exit "${{WANTED:-0}}"
"""


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A runner whose `facewarden` records its words and writes a report, and whose `pip` does nothing."""
    tools = tmp_path / "bin"
    tools.mkdir()
    programs = {"facewarden": FACEWARDEN.format(seen="'{}'"), "pip": '#!/bin/bash\necho "$@" >> pip\n'}
    programs["python"] = f'#!/bin/bash\n[ "$1" = -m ] && {{ shift 2; exec pip "$@"; }}\nexec {sys.executable} "$@"\n'
    for name, text in programs.items():
        (tools / name).write_text(text, encoding="utf-8")
        (tools / name).chmod(0o755)
    return Runner({"PATH": f"{tools}:{os.environ['PATH']}"}, tmp_path)


def steps_of(path: Path) -> list[dict[str, Any]]:
    (job,) = read_workflow(path)["jobs"].values()
    steps: list[dict[str, Any]] = job["steps"]
    return steps


def schema_of(path: Path) -> dict[str, Any]:
    return GITLAB if path == GITLAB_FILE else GITHUB


def test_the_page_shows_every_example_as_it_is() -> None:
    shown = {block.source for block in blocks_of(ROOT / "docs" / "ci.md") if block.language == "yaml"}
    assert shown == {path.read_text(encoding="utf-8") for path in FILES}
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    assert [path.name for path in FILES if f"`{path.name}`" not in page] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_words_of_an_example_are_those_of_the_service(path: Path) -> None:
    schema = schema_of(path)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(read_workflow(path))


@pytest.mark.parametrize("wrong", [{"whit": {}}, {"uses": "a/b@v1", "run": "true"}, {"run": "true", "with": {}}, {}])
def test_a_step_that_no_service_understands_is_refused(wrong: dict[str, Any]) -> None:
    workflow = copy.deepcopy(read_workflow(PULL))
    workflow["jobs"]["audit"]["steps"].append(wrong)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(GITHUB).validate(workflow)


@pytest.mark.parametrize("path", [PULL, NIGHT], ids=lambda path: path.stem)
def test_expressions_name_what_an_earlier_step_gives(path: Path) -> None:
    assert "steps." in str(steps_of(path))
    assert unknown_outputs(steps_of(path)) == []


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [(PULL, "steps.audit.outputs.sarif", "steps.audit.outputs.sarf"), (PULL, "'audit'", "'audits'"),
     (PULL, "steps.audit.outputs", "steps.audit.output"), (NIGHT, "outputs.gate }", "outputs.gates }"),
     (NIGHT, 'echo "folder=', 'echo "folders='), (NIGHT, "steps.earlier.", "steps.later.")],
)  # fmt: skip
def test_an_expression_that_names_nothing_is_noticed(path: Path, right: str, wrong: str) -> None:
    text = str(steps_of(path))
    assert right in text
    assert unknown_outputs(ast.literal_eval(text.replace(right, wrong))) != []


def test_a_pull_request_is_audited_and_its_findings_are_kept(runner: Runner, tmp_path: Path) -> None:
    assert runner.job(steps_of(PULL)) == 0
    words = (tmp_path / "called").read_text().splitlines()
    assert problems_of(shlex.join(["facewarden", *words])) == []
    assert words[words.index("--fail-on") + 1] == "presentation.acer > 0.05"
    assert (tmp_path / "pip").read_text().splitlines()[-1].endswith("facewarden[onnx]")
    assert runner.known["steps.audit.outputs.sarif"] == "facewarden-audit/facewarden.sarif"
    assert runner.used["github/codeql-action/upload-sarif"] == {"sarif_file": "facewarden-audit/facewarden.sarif"}
    assert "facewarden-audit/report.html" in runner.used["actions/upload-artifact"]["path"]


def test_findings_are_kept_where_the_gate_fails(runner: Runner) -> None:
    runner.environment["WANTED"] = "1"
    assert runner.job(steps_of(PULL)) == 1
    assert runner.used["github/codeql-action/upload-sarif"] == {"sarif_file": "facewarden-audit/facewarden.sarif"}
    assert "actions/upload-artifact" in runner.used


def test_without_a_sarif_file_none_is_named(runner: Runner) -> None:
    runner.environment["WANTED"] = "2"
    assert runner.job(steps_of(PULL)) == 2
    assert runner.known["steps.audit.outputs.sarif"] == ""
    assert "actions/upload-artifact" in runner.used
    assert "github/codeql-action/upload-sarif" not in runner.used


def test_a_night_is_compared_with_the_last_one_that_passed(runner: Runner, tmp_path: Path) -> None:
    assert runner.job(steps_of(NIGHT)) == 0
    first = (tmp_path / "called").read_text().splitlines()
    assert "--against" not in first
    assert first[first.index("--fail-on") + 1] == "upper(presentation.acer) > 0.1"
    kept = tmp_path / "earlier" / "report.json"
    assert kept.read_text() == "{}\n"
    assert runner.used.pop("actions/cache/save") == {"path": "earlier", "key": "facewarden-17"}

    fake = tmp_path / "bin" / "facewarden"
    fake.write_text(FACEWARDEN.format(seen="worse"), encoding="utf-8")
    runner.environment["WANTED"] = "1"
    assert runner.job(steps_of(NIGHT)) == 1
    second = (tmp_path / "called").read_text().splitlines()
    assert second[second.index("--against") + 1] == "earlier"
    assert second[second.index("--fail-on") + 1].endswith("or regressed(presentation.apcer)")
    assert problems_of(shlex.join(["facewarden", *second])) == []
    assert "actions/cache/save" not in runner.used
    assert kept.read_text() == "{}\n"  # a night that failed does not become the measure of the next one


def test_the_job_of_gitlab_writes_what_it_keeps(runner: Runner, tmp_path: Path) -> None:
    (job,) = read_workflow(GITLAB_FILE).values()
    assert runner.job([{"run": line} for line in job["script"]]) == 0
    words = (tmp_path / "called").read_text().splitlines()
    assert problems_of(shlex.join(["facewarden", *words])) == []
    assert words[words.index("--junit") + 1] == job["artifacts"]["reports"]["junit"]
    assert [path for path in job["artifacts"]["paths"] if not (tmp_path / path).is_file()] == []


def test_the_examples_use_our_action_by_one_name() -> None:
    used = [step["uses"] for path in (PULL, NIGHT) for step in steps_of(path) if "facewarden" in step.get("uses", "")]
    assert used == [OURS, OURS]
