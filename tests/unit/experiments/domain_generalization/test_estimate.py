"""What a plan would cost: counted rows, the sum over cells by hand, nothing written, unknown without the sets."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from facewarden.cli import main
from facewarden.experiments.domain_generalization import estimate
from facewarden.experiments.domain_generalization.estimate import MethodCost
from facewarden.experiments.engine.estimate import PlanEstimate, WorkEstimate
from facewarden.verbs.bench import bench
from four_domains import write_domains

PLAN = """
kind: presentation
data: {{captures: [{captures}]}}
seeds: [0, 1]
scored_epochs: {scored}
missing: {missing}
defaults:
  model: {{size: 16, trunk: "vit_tiny_patch16_224:fresh", depth: 1, tiling: batch}}
  training: {{epochs: 3, batch: 5, margin: 1.5, augmentation: {{drop: 0}}}}
methods:
  vit: {{entry: vit_concat, label: ViT}}
  mmdg: {{entry: mmdg, objective: regrad}}
parts:
  - {{title: Out, methods: [vit, mmdg], protocols: [bcd_a], baseline: vit}}
"""


def written(folder: Path, *, captures: str | None = None, scored: str = "every", missing: str = "true") -> Path:
    found = captures or str(write_domains(folder / "data", each=4))
    path = folder / "plan.yaml"
    path.write_text(textwrap.dedent(PLAN).format(captures=found, scored=scored, missing=missing))
    return path


@pytest.mark.parametrize(("scored", "missing"), [("every", "true"), ("last", "false")])
def test_hours_are_the_sum_over_cells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scored: str, missing: str
) -> None:
    monkeypatch.setattr(
        estimate, "method_cost",
        lambda method, *, kept: MethodCost(2.0, 0.5, looks=0.5 if method.name == "mmdg" else 0.0, state=1000),
    )  # fmt: skip
    result = bench(str(written(tmp_path, scored=scored, missing=missing)), out=tmp_path / "out", dry_run=True)
    told = result.estimate
    assert told is not None
    # three sources with 4 train and 4 dev rows each, a target with 4 test rows; batches of 5: 3 steps of 5 samples
    times = 3 if scored == "every" else 1
    further = 3 if missing == "true" else 0  # without depth, infrared, both
    cell = 3 * 15 * 2.0 + (times + further) * (12 + 4) * 0.5
    hours = {one.name: (one.cells, one.hours) for one in told.work}
    assert hours["ViT"] == (2, pytest.approx(2 * cell / 3600))
    assert hours["mmdg"] == (2, pytest.approx(2 * (cell + 3 * 0.5 * 12 * 0.5) / 3600))
    assert told.working == 1000
    assert result.cells == 4
    crops = 48 * 5 * 24**2  # 48 captures, five channels, a view of 16 px with its margin
    chosen = 3 if scored == "every" else 1
    assert told.disk == crops + 4 * 16 * ((times + chosen + further) * 22 + 120)
    assert not (tmp_path / "out").exists(), "nothing is written"


def test_a_step_of_every_method_is_timed_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", str(written(tmp_path)), "--out", str(tmp_path / "out"), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "4 cells on cpu" in said
    assert "ViT: 2 cells," in said
    assert "disk: " in said
    assert "measured: one step" in said
    assert not (tmp_path / "out").exists()


def test_without_the_sets_cells_are_counted_and_the_rest_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimate, "method_cost", lambda method, *, kept: MethodCost(1.0, 1.0, 0.0, 0))
    result = bench(str(written(tmp_path, captures="nowhere/manifest.csv")), out=tmp_path / "out", dry_run=True)
    assert result.estimate is not None
    assert result.estimate.hours is None
    assert result.estimate.disk is None
    assert any("hours and disk are unknown" in line for line in result.estimate.sentences())


def test_sentences_by_hand() -> None:
    told = PlanEstimate("cpu", (WorkEstimate("a", 2, 0.05), WorkEstimate("b", 3, 4.0)), 2_500_000, 900, ("noted",))
    assert told.sentences() == (
        "5 cells on cpu, one after the other: 4.0 hours",
        "  b: 3 cells, 4.0 hours",
        "  a: 2 cells, 3.0 minutes",
        "disk: 2.5 MB in the end, 900 bytes more for each cell that is running",
        "noted",
    )
