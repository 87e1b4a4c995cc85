"""Licences, the choice of inputs, the gate, and formulas of functions that ONNX lacks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.evaluation.exporting.gate import quantization_loss
from facewarden.evaluation.scores import Scores
from facewarden.exporters.onnx import write_onnx
from facewarden.exporters.parts.formulas import OnnxFormulas, distances, solve
from facewarden.exporters.parts.licences import check_licence
from facewarden.exporters.parts.parity import Parity, ParityRow, choose_near, compared, subsets


@pytest.mark.parametrize(
    "text",
    ["", "unknown", "MIT by its classifier only; no licence file, and the licence field says UNKNOWN", "CC-BY-NC-4.0",
     "for research only", "non-commercial, MIT code", "that of the service", "all rights reserved"],
)  # fmt: skip
def test_licences_that_do_not_permit_copies_are_refused(text: str) -> None:
    with pytest.raises(BadInputError, match="may be passed on"):
        check_licence(Card("m", "a model", "pad", licence=text))


@pytest.mark.parametrize("text", ["Apache-2.0", "MIT (file inside, for the package)", "public domain / CC0 1.0"])
def test_licences_that_permit_copies_pass(text: str) -> None:
    assert check_licence(Card("m", "a model", "pad", licence=text)) == text


def test_half_of_the_chosen_inputs_are_nearer_than_the_median() -> None:
    scores = np.random.default_rng(0).normal(size=1001)
    chosen, near = choose_near(scores, threshold=0.3)
    far = np.abs(scores - 0.3)
    assert len(chosen) == len(set(chosen.tolist())) == 256
    assert near == 128 == int((far[chosen] <= np.median(far)).sum())


def test_scores_that_int8_moved_to_one_side_cost_acer_at_the_threshold() -> None:
    count = 200
    rng = np.random.default_rng(0)
    label = np.arange(count) % 2
    text = np.full(count, "a")
    whole = Scores(
        key=np.arange(count).astype(str), score=rng.normal(4.0 * label - 2, 0.5), label=label, species=text,
        subject=(np.arange(count) // 4).astype(str), domain=text, split=text, illumination=text, source="made up",
        simulated=True,
    )  # fmt: skip
    moved = replace(whole, score=whole.score - 3)  # in the same order: neither AUC nor EER see it
    same = quantization_loss(whole, whole, threshold=0.0, limit=0.02, calibrated_on=32)
    same.require(name="m")
    loss = quantization_loss(whole, moved, threshold=0.0, limit=0.02, calibrated_on=32)
    assert (loss.auc.high, loss.eer.high) == (0.0, 0.0)
    assert loss.acer.value == pytest.approx(loss.int8[2] - loss.float32[2])
    assert loss.acer.low > 0.4
    with pytest.raises(BadInputError, match=r"ACER at the threshold.*nothing was written"):
        loss.require(name="m")


def test_a_gate_without_enough_inputs_is_closed() -> None:
    few = compared("few", np.zeros(255), np.zeros(255), near=200)
    assert not Parity((few,)).passed
    with pytest.raises(BadInputError, match="255 of 256"):
        Parity((few,)).require(name="m")
    assert not Parity(()).passed
    assert Parity((compared("enough", np.zeros(256), np.zeros(256), near=128),)).passed
    assert not Parity((compared("far ones", np.zeros(256), np.zeros(256), near=127),)).passed


def test_a_difference_a_decision_and_nan_close_the_gate() -> None:
    scores = np.linspace(-1, 1, 256)
    for other, threshold in (
        (scores + 2e-4, None),
        (scores + 9e-5, float(scores[100]) + 5e-5),
        (scores * np.nan, None),
    ):
        row = compared("captures", scores, other, threshold=threshold, near=128)
        assert not Parity((row,)).passed
        with pytest.raises(BadInputError, match="nothing was written"):
            Parity((row,)).require(name="m")
    assert Parity((compared("captures", scores, scores + 9e-5, threshold=0.5, near=128),)).passed
    with pytest.raises(BadInputError, match="has answers"):
        compared("captures", scores, scores[:9])
    assert Parity((ParityRow("whole", 256, 128, 0.0, 0), ParityRow("rgb alone", 9, 0, 1.0, 0))).passed is False


def test_every_set_of_sensors_that_a_detector_scores() -> None:
    assert len(subsets(("rgb", "depth", "infrared"), ("rgb", "depth", "infrared"))) == 6
    assert subsets(("rgb", "depth", "infrared"), ("depth", "infrared")) == (
        ("rgb", "depth"), ("rgb", "infrared"), ("rgb",),
    )  # fmt: skip
    assert subsets(("rgb",), ()) == ()


def test_formulas_agree_with_torch() -> None:
    torch.manual_seed(0)
    root = torch.rand(4, 6, 6, dtype=torch.float64)
    matrix, right = root @ root.transpose(1, 2) + 0.1 * torch.eye(6), torch.rand(4, 6, dtype=torch.float64)
    torch.testing.assert_close(solve(matrix, right), torch.linalg.solve(matrix, right))
    torch.testing.assert_close(solve(matrix, root), torch.linalg.solve(matrix, root))
    rows = torch.rand(5, 7), torch.rand(9, 7)
    torch.testing.assert_close(distances(*rows), torch.cdist(*rows))
    with OnnxFormulas():
        torch.testing.assert_close(torch.cdist(*rows), distances(*rows))
        torch.testing.assert_close(torch.linalg.solve(matrix, right), solve(matrix, right))
    for size in (8, 9):
        values = torch.rand(3, size)
        known = values.median(dim=1).values
        with OnnxFormulas():
            torch.testing.assert_close(values.median(dim=1).values, known)
            torch.testing.assert_close(torch.fft.rfftfreq(size), torch.tensor(np.fft.rfftfreq(size)), check_dtype=False)


def test_the_spectrum_of_a_smooth_picture_is_that_of_double_precision() -> None:
    steps = torch.linspace(-1, 1, 28)
    smooth = torch.exp(-3 * (steps[:, None].square() + steps.square()))[None].repeat(2, 1, 1)
    with OnnxFormulas():
        found = torch.fft.rfft2(smooth).abs()
    exact = torch.fft.rfft2(smooth.double()).abs()
    assert found.dtype == smooth.dtype
    torch.testing.assert_close(found.double(), exact, rtol=1e-6, atol=1e-9)


def test_a_recorded_graph_keeps_what_holds_a_logarithm_from_zero(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")

    class Faint(nn.Module):
        def forward(self, picture: torch.Tensor) -> torch.Tensor:
            return torch.stack([(picture.square() + 1e-9).log().mean(), (picture.mean() + 1e-12).sqrt()])

    black = torch.zeros(1, 4)
    write_onnx(Faint(), {"picture": black}, tmp_path / "m.onnx", outputs=("values",))
    session = runtime.InferenceSession(str(tmp_path / "m.onnx"), providers=["CPUExecutionProvider"])
    found = session.run(None, {"picture": black.numpy()})[0]
    assert found == pytest.approx(Faint()(black).numpy(), rel=1e-5)
