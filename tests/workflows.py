"""Example workflows of GitHub and GitLab: what may stand in them, and their steps run in a shell without a container.

The schemas hold the keys that the two services document and that the examples use, and refuse every other word, so
that a misspelled key fails. Expressions are worked out as far as the examples use them: `inputs`, `steps`, `github`.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
ACTION = ROOT / "action"
EXAMPLES = ACTION / "examples"
OURS = "OWNER/facewarden/action@main"
_EXPRESSION = re.compile(r"\$\{\{ *(?P<path>[\w.-]+) *\}\}")
_COMPARED = re.compile(r"(?P<path>[\w.-]+) (?P<how>==|!=) '(?P<text>[^']*)'")
_NAMED = re.compile(r"\bsteps\.(?P<id>[\w-]*)\.?(?P<name>[\w.-]*)")
_GIVEN = re.compile(r'^ *echo "(?P<name>[\w-]+)=.*>> "\$GITHUB_OUTPUT"$', re.MULTILINE)


def _closed(properties: Mapping[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    return {
        "type": "object", "properties": dict(properties), "required": list(required), "additionalProperties": False
    }  # fmt: skip


_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "array", "items": _TEXT, "minItems": 1}
_VALUES = {"type": "object", "additionalProperties": {"type": ["string", "number", "boolean"]}}
_PERMISSIONS = {"type": "object", "additionalProperties": {"enum": ["read", "write", "none"]}}
_STEP = {
    **_closed({"id": {"type": "string", "pattern": r"^[A-Za-z_][\w-]*$"}, "name": _TEXT, "if": _TEXT, "run": _TEXT,
               "uses": {"type": "string", "pattern": r"^[\w.-]+/[\w./-]+@[\w.]+$"}, "with": _VALUES, "env": _VALUES,
               "shell": _TEXT}),
    "oneOf": [{"required": ["run"]}, {"required": ["uses"]}],
    "dependentRequired": {"with": ["uses"], "shell": ["run"]},
}  # fmt: skip
_JOB = _closed(
    {"runs-on": _TEXT, "timeout-minutes": {"type": "integer", "minimum": 1}, "permissions": _PERMISSIONS,
     "steps": {"type": "array", "items": _STEP, "minItems": 1}},
    required=["runs-on", "steps"],
)  # fmt: skip
_EVENTS = _closed(
    {
        "workflow_dispatch": {"type": ["object", "null"]},
        "schedule": {"type": "array", "items": _closed({"cron": {"type": "string", "pattern": r"^(\S+ ){4}\S+$"}})},
    }
)
GITHUB = _closed(
    {"name": _TEXT, "on": {"oneOf": [{"type": "array", "items": {"enum": ["pull_request", "push"]}}, _EVENTS]},
     "permissions": _PERMISSIONS, "jobs": {"type": "object", "additionalProperties": _JOB, "minProperties": 1}},
    required=["on", "jobs"],
)  # fmt: skip
GITLAB = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": _closed(
        {"image": _TEXT, "script": _TEXTS, "rules": {"type": "array", "items": _closed({"if": _TEXT})},
         "artifacts": _closed({"when": {"enum": ["always", "on_success", "on_failure"]}, "paths": _TEXTS,
                               "reports": _closed({"junit": _TEXT})})},
        required=["script"],
    ),
}  # fmt: skip


def read_workflow(path: Path) -> dict[str, Any]:
    """The content of a file; YAML 1.1 reads the word `on` as true, which GitHub does not."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {"on" if key is True else key: value for key, value in content.items()}


def composite() -> dict[str, Any]:
    """Our action."""
    action: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
    return action


def unknown_outputs(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    """What steps name of other steps, and no step before them gives."""
    given: set[str] = set()
    unknown = []
    for step in steps:
        unknown += [found[0] for found in _NAMED.finditer(str(dict(step))) if found[0] not in given]
        ours = step.get("uses") == OURS
        names = set(composite()["outputs"]) if ours else set(_GIVEN.findall(step.get("run", "")))
        given |= {f"steps.{step['id']}.outputs.{name}" for name in names} if "id" in step else set()
    return unknown


class Runner:
    """Runs the shell steps of a job in order; actions of others are written down.

    Attributes:
        known: what expressions see: `steps.ID.outputs.NAME`, `github.NAME`.
        used: name without version of each action of others that would have run -> its inputs.
        environment: of every step.
        folder: where steps run.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self.known: dict[str, str] = {"github.run_id": "17"}
        self.used: dict[str, dict[str, str]] = {}
        self.environment = dict(environment)
        self.folder = folder

    def job(self, steps: Sequence[Mapping[str, Any]]) -> int:
        """Run steps until one fails, and after it those that want to run then; returns the first exit code but 0."""
        failed = 0
        for step in steps:
            if self._wanted(step, failed=bool(failed)):
                code = self.step(step)
                failed = failed or code
        return failed

    def step(self, step: Mapping[str, Any]) -> int:
        """Run one step, or the steps of our action with its inputs; returns the exit code."""
        if "run" in step:
            return self._shell(step, str(step["run"]))
        given = {name: self.filled(str(value)) for name, value in step.get("with", {}).items()}
        if step["uses"] != OURS:
            self.used[step["uses"].partition("@")[0]] = given
            return 0
        action = composite()
        inputs = {name: str(one.get("default", "")) for name, one in action["inputs"].items()}
        assert given.keys() <= inputs.keys(), f"the action has no input {given.keys() - inputs.keys()}"
        self.known |= {f"inputs.{name}": value for name, value in (inputs | given).items()}
        code = self.job(action["runs"]["steps"])
        if "id" in step:
            for name, output in action["outputs"].items():
                self.known[f"steps.{step['id']}.outputs.{name}"] = self.filled(str(output["value"]))
        return code

    def filled(self, text: str) -> str:
        """A text with its expressions worked out; what nobody set is empty, as on GitHub."""
        return _EXPRESSION.sub(lambda found: self.known.get(found["path"], ""), text)

    def _wanted(self, step: Mapping[str, Any], *, failed: bool) -> bool:
        """Whether a step runs, by its condition: terms that are all true, of which success is one where none is named.

        Args:
            step: with or without a condition.
            failed: whether a step before it failed.
        """
        status = {"always()": True, "success()": not failed, "failure()": failed}
        terms = [term.strip() for term in str(step.get("if", "success()")).split("&&")]
        terms += [] if status.keys() & set(terms) else ["success()"]
        return all(status[term] if term in status else self._true(term) for term in terms)

    def _true(self, term: str) -> bool:
        """Whether a value is, or is not, a text."""
        found = _COMPARED.fullmatch(term)
        assert found, f"nobody works out {term}"
        return (self.known.get(found["path"], "") == found["text"]) is (found["how"] == "==")

    def _shell(self, step: Mapping[str, Any], command: str) -> int:
        outputs = self.folder / "github-output"
        outputs.write_text("", encoding="utf-8")
        own = {name: self.filled(str(value)) for name, value in step.get("env", {}).items()}
        own |= {"GITHUB_OUTPUT": str(outputs), "GITHUB_ACTION_PATH": str(ACTION), "RUNNER_TEMP": str(self.folder)}
        assert "${{" not in command, "text of a workflow never stands in a script"
        code = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", command], env=self.environment | own, cwd=self.folder, check=False
        ).returncode
        for line in outputs.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition("=")
            self.known[f"steps.{step.get('id')}.outputs.{name}"] = value
        return code
