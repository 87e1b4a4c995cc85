"""Exported folders answer as the original does, or are not written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import facewarden
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.registry import load
from facewarden.core.resolve import resolve_detector, resolve_purifier
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.captures import open_captures
from facewarden.evaluation.exporting.gate import detector_parity
from facewarden.evaluation.scores import score_manifest
from facewarden.exporters import onnx
from facewarden.metrics.pad import auc
from facewarden.nn.exported.session import open_session
from facewarden.pad.parts.exported import ExportedDetector
from many_captures import licensed, write_many


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_many(tmp_path_factory.mktemp("captures"))


def floor() -> Detector:
    """A detector of three sensors that is recorded in a second."""
    torch.manual_seed(3)
    return licensed(load("pad", "thumbnail_ridge").example(Path()))


@pytest.fixture(scope="module")
def exported(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    facewarden.export(floor(), "onnx", out=folder, captures=captures)
    return folder


def test_the_folder_is_a_complete_model(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} - {"face_finder.onnx"} == {
        "LICENCE.txt", "decision.json", "model.json", "model.onnx", "parity.json", "recipe.json",
    }  # fmt: skip
    told = json.loads((exported / "parity.json").read_text())["parity"]
    assert told["passed"]
    assert told["rows"][0]["near"] >= 110
    assert len(told["rows"]) == 8  # and one by one, and every set of sensors
    assert json.loads((exported / "model.json").read_text())["settings"]["batch"] == "any"
    assert "Apache-2.0" in (exported / "LICENCE.txt").read_text()
    assert json.loads((exported / "decision.json").read_text())["split"] == "dev"


@pytest.mark.parametrize("form", ["{}", "{}/model.onnx", "onnx_file:{}/model.onnx"])
def test_it_loads_by_every_name_and_gives_the_rates_of_the_original(exported: Path, captures: Path, form: str) -> None:
    again, manifest = resolve_detector(form.format(exported)), open_captures(captures)
    one, other = score_manifest(floor(), manifest), score_manifest(again, manifest)
    assert np.abs(one.score - other.score).max() < 1e-4
    threshold = json.loads((exported / "decision.json").read_text())["threshold"]
    assert ((one.score >= threshold) == (other.score >= threshold)).all()
    assert auc(one.score, one.label) == auc(other.score, other.label)


@pytest.fixture(scope="module")
def several_heads(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Detector, Path]:
    """A detector with heads, and the folder of its export."""
    folder = tmp_path_factory.mktemp("heads")
    original = licensed(load("pad", "multitask").example(folder / "weights"))
    facewarden.export(original, "onnx", out=folder / "model", captures=captures)
    return original, folder / "model"


def test_heads_are_outputs_of_the_graph_and_of_the_detector(several_heads: tuple[Detector, Path]) -> None:
    original, folder = several_heads
    settings = json.loads((folder / "model.json").read_text())["settings"]
    assert settings["heads"] == list(original.heads)
    assert settings["not_exported"] == ["features"]
    rows = json.loads((folder / "parity.json").read_text())["parity"]["rows"]
    assert {f"captures, head {head}" for head in original.heads} <= {row["what"] for row in rows}
    again = resolve_detector(str(folder))
    assert again.heads == original.heads
    crops = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    batch = FaceBatch({"rgb": crops}, key=("a", "b", "c"))
    one, other = original(batch), again(batch)
    assert set(one.tasks) == set(other.tasks) == set(original.heads)
    for head, values in one.tasks.items():
        torch.testing.assert_close(other.tasks[head], values, atol=1e-4, rtol=0)


def test_a_head_that_differs_closes_the_gate(several_heads: tuple[Detector, Path], captures: Path) -> None:
    original, folder = several_heads
    again = resolve_detector(str(folder))
    predict, last = again.predict, original.heads[-1]

    def shifted(batch: FaceBatch) -> PadOutput:
        output = predict(batch)
        return replace(output, tasks={**output.tasks, last: output.tasks[last] + 3e-4})

    again.predict = shifted  # type: ignore[method-assign]
    found = detector_parity(original, again, open_captures(captures), threshold=0.0)
    assert [row.what for row in found.rows if row.largest > found.tolerance] == [f"captures, head {last}"]
    assert not found.passed


def test_a_module_that_fixes_its_batch_is_written_for_one_sample(tmp_path: Path) -> None:
    class Unrolled(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.stack([one.mean() for one in image])

    image = torch.rand(1, 3, 4, 4)
    assert not onnx.write_onnx(Unrolled(), {"image": image}, tmp_path / "one.onnx", outputs=("score",))
    assert open_session(tmp_path / "one.onnx").inputs == {"image": (1, 3, 4, 4)}
    assert onnx.write_onnx(nn.Flatten(), {"image": image}, tmp_path / "any.onnx", outputs=("flat",))
    session = open_session(tmp_path / "any.onnx")
    assert session.inputs == {"image": (-1, 3, 4, 4)}
    assert session.run({"image": np.ones((5, 3, 4, 4), np.float32)})["flat"].shape == (5, 48)


def test_a_module_whose_free_batch_cannot_be_converted_is_written_for_one_sample(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return image.mean(dim=(1, 2, 3)).roll(image.shape[0] % 2)

    image = torch.rand(1, 3, 4, 4)
    assert torch.export.export(  # it can be recorded; no graph of ONNX has the remainder
        Odd(), (torch.cat([image, image]),), dynamic_shapes=({0: torch.export.Dim("batch")},)
    )
    assert not onnx.write_onnx(Odd(), {"image": image}, tmp_path / "one.onnx", outputs=("score",))
    session = open_session(tmp_path / "one.onnx")
    assert session.inputs == {"image": (1, 3, 4, 4)}
    assert session.run({"image": image.numpy()})["score"] == pytest.approx(Odd()(image).numpy())


def test_what_cannot_be_recorded_at_all_is_told(tmp_path: Path) -> None:
    class Sorted(nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.stack([one for one in image.flatten() if one.item() > 0.5])

    with pytest.raises(BadInputError, match="cannot be recorded as a graph"):
        onnx.write_onnx(Sorted(), {"image": torch.rand(1, 3, 4, 4)}, tmp_path / "m.onnx", outputs=("score",))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("batch", ["any", "one"])
def test_a_batch_of_no_samples_has_no_scores(batch: str, several_heads: tuple[Detector, Path]) -> None:
    again = resolve_detector(str(several_heads[1]))
    assert isinstance(again, ExportedDetector)
    again.settings = replace(again.settings, batch=batch)
    none = FaceBatch({"rgb": torch.rand(0, 3, 64, 64)}, key=())
    output, one = again(none), again(FaceBatch({"rgb": torch.rand(1, 3, 64, 64)}, key=("a",)))
    assert output.score.shape == (0,)
    assert output.score.dtype == one.score.dtype
    assert {head: values.shape for head, values in output.tasks.items()} == {
        head: (0, *values.shape[1:]) for head, values in one.tasks.items()
    }


def test_an_export_is_never_written_over(exported: Path, captures: Path) -> None:
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    with pytest.raises(BadInputError, match=r"holds a model already \(model\.json\)"):
        facewarden.export(floor(), "onnx", out=exported, captures=captures)
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before


def test_a_changed_file_and_a_changed_answer_are_refused(exported: Path, tmp_path: Path) -> None:
    for name in ("model.onnx", "model.json", "recipe.json"):
        (tmp_path / name).write_bytes((exported / name).read_bytes())
    card = json.loads((tmp_path / "model.json").read_text())
    card["self_test"][0]["score"] += 1
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="self_test fails"):
        resolve_detector(str(tmp_path))
    with (tmp_path / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(BadInputError, match="sha256"):
        resolve_detector(str(tmp_path))


class Shifted(nn.Module):
    """A graph whose score is off by a little."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        shifted: torch.Tensor = self.inner(*inputs) + 3e-4
        return shifted


def test_the_gate_fails_closed(captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = onnx.write_onnx

    def wrong(module: nn.Module, *rest: Any, **named: Any) -> bool:
        return write(Shifted(module).eval(), *rest, **named)

    monkeypatch.setattr(onnx, "write_onnx", wrong)
    with pytest.raises(BadInputError, match=r"differs from the original by 0.0003.*nothing was written"):
        facewarden.export(floor(), "onnx", out=tmp_path / "model", captures=captures)
    assert not (tmp_path / "model").exists() or not list((tmp_path / "model").iterdir())


def test_what_cannot_be_exported_is_told_before_any_work(captures: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    with pytest.raises(BadInputError, match="licence"):
        facewarden.export(load("pad", "thumbnail_ridge").example(tmp_path), "onnx", out=out, captures=captures)
    with pytest.raises(BadInputError, match="no network"):
        facewarden.export('jpeg{"quality": 30}', "onnx", out=out, captures=captures)
    with pytest.raises(BadInputError, match="--role"):
        facewarden.export("onnx_file:x.onnx", "onnx", out=out, captures=captures)
    with pytest.raises(BadInputError, match="detectors alone"):
        facewarden.export("puface", "onnx", out=out, captures=captures, int8=captures)
    few = write_many(tmp_path, count=96, people="q")
    with pytest.raises(BadInputError, match="of 256"):
        facewarden.export(floor(), "onnx", out=out, captures=few)
    assert not out.exists() or not list(out.iterdir())


@pytest.mark.slow
def test_int8_states_its_loss_and_refuses_above_the_limit(captures: Path, tmp_path: Path) -> None:
    others = write_many(tmp_path, count=64, people="other")
    result = facewarden.export(floor(), "onnx", out=tmp_path / "m", captures=captures, int8=others, int8_limit=0.5)
    assert result.loss is not None
    assert result.loss.auc.low <= result.loss.auc.value <= result.loss.auc.high <= 0.5
    assert result.loss.calibrated_on >= 32
    assert result.loss.acer.low <= result.loss.acer.value <= result.loss.acer.high <= 0.5
    assert "in int8 it loses" in result.card.limits
    assert "ACER at the threshold" in result.card.limits
    again = Card.read(tmp_path / "m" / "model.json").self_test  # resolve_detector below checks them
    assert [one.input for one in again] == ["noise:7", "noise:8"]
    assert all(0.01 <= one.tolerance < 5 for one in again)
    assert "simulated" in result.card.limits
    assert result.card.settings["arithmetic"] == "int8"
    assert resolve_detector(str(tmp_path / "m")).card.settings["arithmetic"] == "int8"
    with pytest.raises(BadInputError, match="above the limit of 1e-06"):
        facewarden.export(floor(), "onnx", out=tmp_path / "n", captures=captures, int8=others, int8_limit=1e-6)


@pytest.mark.slow
def test_openvino_is_the_same_detector(captures: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    result = facewarden.export(floor(), "openvino", out=tmp_path / "m", captures=captures)
    assert result.parity.passed
    again = resolve_detector(str(tmp_path / "m"))
    assert resolve_detector(str(tmp_path / "m" / "model.xml")).card == again.card
    scores = [score_manifest(model, open_captures(captures)).score for model in (floor(), again)]
    assert np.abs(scores[0] - scores[1]).max() < 1e-4
    (tmp_path / "m" / "model.bin").write_bytes(b"other")
    with pytest.raises(BadInputError, match="sha256"):
        resolve_detector(str(tmp_path / "m"))


@pytest.mark.slow
def test_its_audit_has_the_presentation_figures_of_the_original(
    exported: Path, captures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEWARDEN_HOME", str(tmp_path))  # without public parts poisoning is left out
    sections = [
        facewarden.audit(detector=one, captures=captures, preset="quick", out=tmp_path / name).report.presentation
        for name, one in (("original", floor()), ("exported", exported))
    ]
    assert sections[0].grade == sections[1].grade
    assert sections[0].metrics == sections[1].metrics
    assert sections[0].tables == sections[1].tables


@pytest.mark.slow
@pytest.mark.parametrize("format", ["onnx", "openvino"])
def test_the_purifier_is_exported(captures: Path, tmp_path: Path, format: Any) -> None:
    facewarden.export("puface", format, out=tmp_path / "m", captures=captures)
    faces = torch.rand(3, 3, 112, 112)
    original, again = resolve_purifier("puface"), resolve_purifier(str(tmp_path / "m"))
    assert float((original(faces) - again(faces)).abs().max()) < 1e-4
    assert again.card.self_test


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["ama", "cmfl", "dadm", "iadg", "mm_cdcn", "mmda", "mmdg", "mmdg_plus_plus", "multi_cnn", "multitask",
     "plane_ridge", "sensor_evidence", "ssan", "ssdg", "statistics_ridge", "thumbnail_neighbors", "trunk_ridge",
     "unimodal_ensemble", "vit_cdc_adapter", "vit_concat", "vp_fas_like", "minifasnet"],
)  # fmt: skip
def test_every_trainable_detector_is_exported(name: str, captures: Path, tmp_path: Path) -> None:
    made = load("pad", name)
    detector = licensed(made() if name == "multi_cnn" else made.example(tmp_path))
    assert facewarden.export(detector, "onnx", out=tmp_path / "m", captures=captures).parity.passed


@pytest.mark.slow
def test_bins_that_rounding_decides_are_equal_or_the_gate_refuses(captures: Path, tmp_path: Path) -> None:
    detector = licensed(load("pad", "texture_ridge").example(tmp_path))
    refused = ""
    try:
        assert facewarden.export(detector, "onnx", out=tmp_path / "m", captures=captures).parity.passed
    except BadInputError as error:  # a direction of 0 and one of 180 degrees are one rounding apart, and two bins
        refused = error.message
    assert bool(refused) != (tmp_path / "m" / "model.onnx").exists()
    assert not refused or "differs from the original" in refused
