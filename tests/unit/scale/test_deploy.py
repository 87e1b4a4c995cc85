"""The files under deploy/: valid for what reads them, and their commands are commands of facewarden."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from facewarden.scale.command import parse_command

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
JOBS = ("kubernetes-job", "kubernetes-merge")


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", JOBS)
def test_kubernetes_takes_the_job(name: str) -> None:
    validate = pytest.importorskip("kubernetes_validate")
    validate.validate(read(name), "1.31", strict=True)
    broken = read(name)
    broken["spec"]["completion"] = 3
    with pytest.raises(validate.ValidationError):
        validate.validate(broken, "1.31", strict=True)


def test_every_pod_has_a_share_of_its_own() -> None:
    job = read("kubernetes-job")["spec"]
    [container] = job["template"]["spec"]["containers"]
    shares = {variable["name"]: variable["value"] for variable in container["env"]}["SHARES"]
    assert (job["completionMode"], str(job["completions"])) == ("Indexed", shares)
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    [script] = container["args"]
    assert "I=$((JOB_COMPLETION_INDEX + 1))" in script


TASK = {
    "type": "object", "additionalProperties": False, "required": ["run"],
    "properties": {
        "name": {"type": "string"}, "num_nodes": {"type": "integer"}, "workdir": {"type": "string"},
        "setup": {"type": "string"}, "run": {"type": "string"}, "envs": {"type": "object"},
        "file_mounts": {"type": "object"},
        "resources": {
            "type": "object", "additionalProperties": False,
            "properties": {"cpus": {}, "memory": {}, "use_spot": {"type": "boolean"}, "accelerators": {}},
        },
    },
}  # fmt: skip
"""What the file uses of a task of SkyPilot; where SkyPilot is installed, its own schema is asked too."""


def test_skypilot_takes_the_task() -> None:
    import jsonschema

    task = read("skypilot")
    jsonschema.validate(task, TASK)
    try:
        from sky.utils import schemas
    except ImportError:
        return
    jsonschema.validate(task, schemas.get_task_schema())


@pytest.mark.parametrize("name", ["kubernetes-job", "skypilot"])
def test_their_commands_can_be_shared_out(name: str) -> None:
    text = (DEPLOY / f"{name}.yaml").read_text(encoding="utf-8")
    [command] = re.findall(r"facewarden purify .*--shard", text)
    assert parse_command(command.removesuffix("--shard").strip()).verb == "purify"
