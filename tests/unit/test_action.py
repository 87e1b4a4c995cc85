"""The GitHub Action: its steps are run in a shell, with a facewarden that records how it was called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ACTION = Path(__file__).parents[2] / "action"


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """What GitHub sets, and a `facewarden` that writes its words and ends with the wanted code."""
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "facewarden"
    fake.write_text(
        f'#!/bin/bash\nprintf "%s\\n" "$@" > "{tmp_path}/called"\necho "gate FAILED"\n'
        '[ "${WANTED:-0}" -gt 1 ] || { mkdir -p "$3"; touch "$3/report.html" "$3/facewarden.sarif"; }\n'
        'exit "${WANTED:-0}"\n'
    )
    fake.chmod(0o755)
    (tools / "python").symlink_to(sys.executable)
    return {
        "PATH": f"{tools}:{os.environ['PATH']}", "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "RUNNER_TEMP": str(tmp_path),
        "GITHUB_ACTION_PATH": str(ACTION),
    }  # fmt: skip


def step(name: str) -> dict[str, object]:
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    return next(one for one in action["runs"]["steps"] if one["name"] == name)


def run(command: str, environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def test_the_step_audits_with_the_inputs_and_gives_outputs(runner: dict[str, str], tmp_path: Path) -> None:
    given = {
        "FACEWARDEN_ARGUMENTS": "--detector 'my model.onnx' --preset quick", "FACEWARDEN_OUT": "o",
        "FACEWARDEN_FAIL_ON": "presentation.acer > 0.05", "FACEWARDEN_AGAINST": "",
    }  # fmt: skip
    found = run(str(step("Audit")["run"]), runner | given, tmp_path)
    assert found.returncode == 0, found.stderr
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["audit", "--out", "o", "--junit", "o/junit.xml", "--sarif", "o/facewarden.sarif", "--detector",
                      "my model.onnx", "--preset", "quick", "--fail-on", "presentation.acer > 0.05"]  # fmt: skip
    assert (tmp_path / "output").read_text().splitlines() == [
        "passed=true", "report=o/report.html", "sarif=o/facewarden.sarif",
    ]  # fmt: skip
    assert "gate FAILED" in (tmp_path / "summary").read_text()


@pytest.mark.parametrize("code", [1, 2])
def test_the_step_ends_with_the_code_of_the_audit(runner: dict[str, str], tmp_path: Path, code: int) -> None:
    found = run(str(step("Audit")["run"]), runner | {"WANTED": str(code)}, tmp_path)
    assert found.returncode == code
    written = ["report=facewarden-audit/report.html", "sarif=facewarden-audit/facewarden.sarif"] if code == 1 else []
    assert (tmp_path / "output").read_text().splitlines() == ["passed=false", *written]


def test_arguments_run_nothing(runner: dict[str, str], tmp_path: Path) -> None:
    run(str(step("Audit")["run"]), runner | {"FACEWARDEN_ARGUMENTS": "$(touch evil) ; touch evil"}, tmp_path)
    assert not (tmp_path / "evil").exists()
    assert "$(touch" in (tmp_path / "called").read_text().splitlines()


def test_inputs_reach_steps_by_the_environment_alone() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    for one in action["runs"]["steps"]:
        assert "${{" not in one.get("run", "")  # text of a workflow never stands in a script
    used = {text for one in action["runs"]["steps"] for text in one.get("env", {}).values()}
    assert {f"${{{{ inputs.{name} }}}}" for name in ("arguments", "fail-on", "against", "out", "version")} <= used


def test_installing_takes_torch_first(runner: dict[str, str], tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    (tools / "python").unlink()
    (tools / "python").write_text(f'#!/bin/bash\necho "$@" >> "{tmp_path}/pip"\n')
    (tools / "python").chmod(0o755)
    found = run(str(step("Install")["run"]), runner | {"FACEWARDEN_VERSION": "facewarden==1"}, tmp_path)
    assert found.returncode == 0, found.stderr
    first, second = (tmp_path / "pip").read_text().splitlines()
    assert " torch " in first
    assert second.endswith("facewarden==1")
