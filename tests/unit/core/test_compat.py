"""torchvision as it may be found: absent, broken, healthy; each in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

# what torchvision's own Python part does when it is imported: it registers a function for an operator that its compiled
# part should have declared
BROKEN = """
import torch

@torch.library.register_fake("torchvision::nms")
def _(dets, scores, iou_threshold):
    return dets
"""

SCRIPT = """
import sys
from facewarden.core.compat import ensure_torchvision

if sys.argv[1] == "absent":
    import importlib.util

    find = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *rest: None if name == "torchvision" else find(name, *rest)
else:
    sys.path.insert(0, sys.argv[2])
states = [ensure_torchvision(), ensure_torchvision()]
if sys.argv[1] != "absent":
    import torchvision
    assert torchvision.__file__.startswith(sys.argv[2])
print(*states)
"""


@pytest.mark.parametrize(
    ("kind", "source", "states"),
    [("absent", None, "absent absent"), ("healthy", "", "healthy healthy"), ("broken", BROKEN, "repaired repaired")],
)
def test_each_state_of_torchvision(tmp_path: Path, kind: str, source: str | None, states: str) -> None:
    if source is not None:
        (tmp_path / "torchvision").mkdir()
        (tmp_path / "torchvision" / "__init__.py").write_text(source)
    process = run(kind, tmp_path)
    assert process.stdout.strip() == states, process.stderr


def test_a_failure_for_another_reason_is_not_hidden(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text("raise RuntimeError('something else entirely')")
    process = run("other", tmp_path)
    assert process.returncode != 0
    assert "something else entirely" in process.stderr


def test_the_torchvision_of_this_machine_can_be_imported() -> None:
    script = """
        from facewarden.core.compat import ensure_torchvision
        state = ensure_torchvision()
        if state != "absent":
            import torchvision.transforms
        print(state)
    """
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
    )
    assert process.stdout.strip() in {"healthy", "repaired", "absent"}, process.stderr


def run(kind: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, kind, str(folder)], capture_output=True, text=True, check=False
    )
