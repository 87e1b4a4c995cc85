"""Recognizers of other makers: what their values and known answers disprove names the word of the card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.recognizers.onnx_file import OnnxRecognizer
from foreign_models import onnx_model

pytest.importorskip("onnxruntime")

WIDE = np.random.default_rng(1).normal(0, 0.02, (64, 3)).tolist()
COMMON: dict[str, Any] = {"role": "recognizer", "side": 112, "weights": WIDE, "mean": 127.5, "std": 127.5}


def test_a_right_card_has_no_remark(tmp_path: Path) -> None:
    recognizer = OnnxRecognizer(onnx_model(tmp_path, **COMMON))
    assert recognizer.card.remarks == ()
    faces = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    means = ((faces * 255 - 127.5) / 127.5).mean(dim=(2, 3))
    wanted = torch.nn.functional.normalize(means @ torch.tensor(WIDE).T, dim=1)
    torch.testing.assert_close(recognizer.embed(faces), wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("kind", "settings", "message", "hint"),
    [
        ("logits", {"weights": [[0.1, 0.2, 0.3]]}, "one value a picture, which is no embedding", '"role": "pad"'),
        ("logits", {"mean": 0.5, "std": 0.5}, "units of 0..1", '"range": 1'),
        ("logits", {"swap_rb": True, "input_mean": 9}, "swap_rb'; did you mean 'order'.*input_mean.*'mean'", "known"),
        ("logits", {"role": "pad"}, "role is 'pad'; allowed: 'recognizer'", "recognizer"),
        ("neighbors", {}, "depends on the others of its batch", '"batch": 1'),
        ("random", {}, "two calls", "model.eval()"),
        ("map", {}, "has a value per place", '"reduce"'),
        ("embedding_first", {}, "has 2 outputs", "output_name"),
    ],
)
def test_a_card_that_is_disproved_names_the_word(
    tmp_path: Path, kind: Any, settings: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(BadInputError, match=message) as caught:
        OnnxRecognizer(onnx_model(tmp_path, kind, **{**COMMON, **settings}))
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("kind", "settings", "remark"),
    [
        ("softmax", {}, "sum to 1"),
        ("logits", {"weights": [[0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]}, "2 values is short"),
        ("logits", {"mean": 9999, "std": 1}, "nearly the same embedding"),
    ],
)
def test_what_is_undecided_is_remarked(tmp_path: Path, kind: Any, settings: dict[str, Any], remark: str) -> None:
    recognizer = OnnxRecognizer(onnx_model(tmp_path, kind, **{**COMMON, **settings}))
    assert any(remark in one for one in recognizer.card.remarks)


def test_known_cosines_decide_the_order_of_channels(tmp_path: Path) -> None:
    weights = np.random.default_rng(2).normal(0, 0.02, (64, 3)) * [3.0, 1.0, 0.2]
    settings = {**COMMON, "weights": weights.tolist(), "mean": 100.0}
    recognizer = OnnxRecognizer(onnx_model(tmp_path, **settings))
    drawn = np.random.default_rng(7).integers(0, 256, (112, 112, 3), dtype=np.uint8).astype(np.float32)
    faces = torch.stack([torch.from_numpy(drawn).permute(2, 0, 1) / 255, torch.full((3, 112, 112), 0.2)])
    faces[1] = 0.2
    vectors = recognizer.embed(faces)
    known = [{"input": "noise:7", "other": "gray:0.2", "score": float(vectors[0] @ vectors[1])}]
    OnnxRecognizer(onnx_model(tmp_path, **settings, known=known))
    known[0]["score"] = -known[0]["score"] / 2
    with pytest.raises(BadInputError, match="self_test fails"):
        OnnxRecognizer(onnx_model(tmp_path, **settings, known=known))
    with pytest.raises(BadInputError, match="compares two pictures"):
        OnnxRecognizer(onnx_model(tmp_path, **settings, known=[{"input": "noise:7", "score": 1}]))
