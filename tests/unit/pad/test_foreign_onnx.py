"""Detectors of other makers prove their cards when they are loaded: each word that is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.pad.onnx_file import OnnxDetector
from foreign_models import onnx_model

pytest.importorskip("onnxruntime")

ONE = ((0.02, 0.0, -0.02),)
SHARE = ((1 / 255, 0.0, 0.0),)
RED, BLUE = (0.8, 0.4, 0.2), (0.2, 0.4, 0.8)


def scores(path: Path, *colors: tuple[float, float, float]) -> list[float]:
    images = torch.tensor(colors)[:, :, None, None].expand(-1, -1, 40, 40)
    box = torch.tensor([[10.0, 10.0, 30.0, 30.0]]).repeat(len(colors), 1)
    batch = FaceBatch(images={"rgb": images}, key=tuple(map(str, range(len(colors)))), box=box)
    return OnnxDetector(path)(batch).score.tolist()


def right(color: tuple[float, float, float]) -> float:
    """What the network of two classes says of a color, by hand."""
    return 0.04 * 255 * (color[0] - color[2])


def test_a_right_card_gives_the_networks_own_answer_and_no_remark(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, scale=1.0, mean=0.0, std=1.0, output="logits")
    assert scores(path, RED, BLUE) == pytest.approx([right(RED), right(BLUE)], abs=1e-4)
    assert OnnxDetector(path).card.remarks == ()


def test_words_that_decide_every_score_and_are_not_said_are_told(tmp_path: Path) -> None:
    (told,) = OnnxDetector(onnx_model(tmp_path, mean=0.0)).card.remarks
    assert "toy.json: does not say scale, std, output; taken: scale none, std 1, output logits." in told
    known = onnx_model(tmp_path, name="known", known=[{**NOISE, "score": 0.0, "tolerance": 1e3}])
    assert OnnxDetector(known).card.remarks == ()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
@pytest.mark.parametrize("batch", ["n", 1, 3])
def test_layout_type_size_and_batch_are_read_from_the_file(
    tmp_path: Path, layout: Any, dtype: Any, batch: str | int
) -> None:
    path = onnx_model(tmp_path, file_layout=layout, dtype=dtype, file_batch=batch)
    assert scores(path, RED, BLUE) == pytest.approx([right(RED), right(BLUE)], abs=2e-2)


@pytest.mark.parametrize(
    ("kind", "settings", "message", "hint"),
    [
        ("softmax", {}, "softmax values, which sum to 1", '"output": "probability"'),
        ("softmax", {"weights": ((0.01, 0, 0),) * 3, "bona_fide": 0}, "sum to 1", '"output": "probability"'),
        ("softmax_in_bytes", {"weights": ((0.01, 0, 0), (0, 0.01, 0), (0, 0, 0.01)), "bona_fide": 0},
         "come out of a softmax", '"output": "probability"'),
        ("logits", {"output": "probability"}, "says probability, but its values are from -", '"output": "logits"'),
        ("logits", {"output": "probability", "weights": ONE}, "says probability", '"output": "logit"'),
        ("sigmoid", {"weights": ONE, "output": "logit"}, "come out of a sigmoid", '"output": "probability"'),
        ("sigmoid", {"weights": ((0.01, 0, 0), (0, 0, 0.02))}, "come out of a sigmoid", '"output": "probability"'),
        ("clip", {"weights": ((0.1, 0, -0.1), (-0.1, 0, 0.1))}, "cut off at 0 and 1|sum to 1", "probability"),
        ("softmax_twice", {"output": "probability"}, "applied twice", "output_name"),
        ("neighbors", {}, "depends on the others of its batch", '"batch": 1'),
        ("random", {}, "two calls with the same pictures", r"model.eval\(\)"),
        ("map", {}, "has a value per place", '"reduce": "mean"'),
        ("embedding_first", {}, r"has 2 outputs: embedding \(n, 64\); out \(n, 2\)", 'output_name'),
        ("embedding_first", {"output_name": "outt"}, "no output 'outt'; did you mean out", "output_name"),
        ("embedding_first", {"output_name": "embedding"}, "64 values a picture.*is this an embedding", "bona_fide"),
        ("logits", {"reduce": "mean"}, "is no map", "remove reduce"),
        ("logits", {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}, "units of 0..1", '"range": 1'),
        ("logits", {"mean": 0.5, "std": 0.5}, "units of 0..1", '"range": 1'),
        ("logits", {"mean": 0.45}, "mean is 0.45, which is in units of 0..1", '"range": 1'),
        ("logits", {"mean": [123.675, 116.28, 103.53], "std": [0.229, 0.224, 0.225]}, "std is", '"range": 1'),
        ("logits", {"mean": 127.5, "std": 127.5, "range": 1}, "counts gray levels", '"range": 255'),
        ("logits", {"std": 1e300}, "every picture would look the same", "127.5"),
        ("logits", {"layout": "NHWC"}, "layout is NHWC, the file takes image", '"layout": "NCHW"'),
        ("logits", {"size": 80}, "size is 80, the file takes image", '"size": 32'),
        ("logits", {"side": None}, "takes any size", '"size": 80'),
        ("logits", {"dtype": "uint8", "std": 127.5}, "takes uint8", '"std": 1'),
        ("logits", {"weights": ((0.01, 0, 0),) * 3}, "does not say which is bona fide", '"bona_fide"'),
        ("logits", {"invert": True}, "invert is for a single output", "bona_fide"),
        ("sigmoid", {"weights": ONE, "output": "probability", "bona_fide": 0}, "class 0 of several", '"invert": true'),
        ("logits", {"weights": ONE, "output": "logit", "bona_fide": 2}, "class 2 of several", "remove bona_fide"),
        ("logits", {"swap_rb": True}, "unknown setting 'settings.swap_rb'; did you mean 'order'", "known"),
        ("logits", {"live_class": 1}, "unknown setting 'settings.live_class'; did you mean 'bona_fide'", "known"),
    ],
)  # fmt: skip
def test_a_card_that_the_file_or_its_values_disprove_names_the_word(
    tmp_path: Path, kind: Any, settings: dict[str, Any], message: str, hint: str
) -> None:
    path = onnx_model(tmp_path, kind, **settings)
    with pytest.raises(BadInputError, match=message) as caught:
        OnnxDetector(path)
    assert torch.tensor([bool(part in caught.value.hint) for part in hint.replace("\\", "").split("|")]).any()


@pytest.mark.parametrize(
    ("kind", "settings", "change"),
    [
        ("softmax", {}, {"output": "probability"}),
        ("sigmoid", {"weights": ONE, "output": "logit"}, {"output": "probability"}),
        ("map", {"output": "logit", "weights": ONE}, {"reduce": "mean"}),
        ("embedding_first", {}, {"output_name": "out"}),
        ("logits", {"mean": 0.5, "std": 1.0}, {"mean": 0}),
    ],
)
def test_the_word_that_was_named_makes_it_right(
    tmp_path: Path, kind: Any, settings: dict[str, Any], change: dict[str, Any]
) -> None:
    with pytest.raises(BadInputError):
        OnnxDetector(onnx_model(tmp_path, kind, **settings))
    found = scores(onnx_model(tmp_path, kind, **{**settings, **change}), RED, BLUE)
    half = 0.5 if settings.get("weights") == ONE else 1.0
    assert found == pytest.approx([half * right(RED), half * right(BLUE)], abs=2e-3)


def test_a_map_is_reduced_as_the_card_says(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, "map", weights=ONE, output="logit", reduce="max", name="largest")
    lowest = onnx_model(tmp_path, "map", weights=ONE, output="logit", reduce="min", name="lowest")
    assert scores(path, RED) == pytest.approx(scores(lowest, RED), abs=1e-4)  # a picture of one color
    images = torch.zeros(1, 3, 32, 32)
    images[:, 0, :16], images[:, 2, 16:] = 1.0, 1.0
    batch = FaceBatch(images={"rgb": images}, key=("a",))
    assert float(OnnxDetector(path)(batch).score) == pytest.approx(0.02 * 255, abs=1e-3)
    assert float(OnnxDetector(lowest)(batch).score) == pytest.approx(-0.02 * 255, abs=1e-3)


def test_units_of_one_give_what_gray_levels_give(tmp_path: Path) -> None:
    gray = onnx_model(tmp_path, name="gray", mean=127.5, std=63.75, weights=((-2, 0, 2), (2, 0, -2)))
    unit = onnx_model(tmp_path, name="unit", mean=0.5, std=0.25, range=1, weights=((-2, 0, 2), (2, 0, -2)))
    assert scores(gray, RED, BLUE) == pytest.approx(scores(unit, RED, BLUE), abs=1e-4)


def test_what_values_cannot_decide_is_said_once_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = onnx_model(tmp_path, weights=SHARE, output="logit", scale=1.0, mean=0.0, std=1.0)
    detector = OnnxDetector(path)
    assert len(detector.card.remarks) == 1
    assert '"output": "probability"' in detector.card.remarks[0]
    assert caplog.text.count("lie in 0..1") == 1
    saturated = OnnxDetector(onnx_model(tmp_path, weights=((-9, -9, -9), (9, 9, 9))))
    assert any('"range": 1' in remark for remark in saturated.card.remarks)
    dead = OnnxDetector(onnx_model(tmp_path, weights=((0, 0, 0), (0, 0, 0))))
    assert any("same for every picture" in remark for remark in dead.card.remarks)


NOISE = {"input": "noise:7", "tolerance": 0.02}


def known(path: Path, folder: Path) -> list[dict[str, Any]]:
    """Right answers of a network for a seed and a photo of two colors."""
    pixels = np.random.default_rng(3).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    pixels[..., 0] //= 3
    Image.fromarray(pixels).save(folder / "photo.png")
    drawn = np.random.default_rng(7).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    found = []
    for name, one in (("noise:7", drawn), ("photo.png", pixels)):
        image = torch.from_numpy(one).permute(2, 0, 1)[None].float() / 255
        score = float(OnnxDetector(path)(FaceBatch(images={"rgb": image}, key=(name,))).score)
        found.append({"input": name, "score": score})
    return found


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"order": "BGR"}, '"order": "RGB" makes it right'),
        ({"bona_fide": 0}, '"bona_fide": 1 makes it right'),
        ({"std": 2}, "no single other value"),
    ],
)
def test_known_answers_decide_what_values_cannot(tmp_path: Path, wrong: dict[str, Any], hint: str) -> None:
    weights = ((-0.02, 0.01, 0.02), (0.03, 0.0, -0.02))
    answers = known(onnx_model(tmp_path, weights=weights), tmp_path)
    assert OnnxDetector(onnx_model(tmp_path, weights=weights, known=answers)).card.self_test
    with pytest.raises(BadInputError, match=r"self_test fails: noise:7: .*photo\.png") as caught:
        OnnxDetector(onnx_model(tmp_path, weights=weights, known=answers, **wrong))
    assert hint in caught.value.hint


def test_a_turned_single_output_is_told_by_its_known_answer(tmp_path: Path) -> None:
    answers = [{"input": "gray:0.5", "score": 0.02 * 127.5}]
    one = ((0.02, 0.0, 0.0),)
    OnnxDetector(onnx_model(tmp_path, weights=one, output="logit", known=answers))
    with pytest.raises(BadInputError) as caught:
        OnnxDetector(onnx_model(tmp_path, weights=one, output="logit", invert=True, known=answers))
    assert '"invert": false makes it right' in caught.value.hint


@pytest.mark.parametrize("name", ["absent.png", "gray:7", "noise:x", "", "../" * 2000, "a\0b"])
def test_a_known_input_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInputError, match="self_test"):
        OnnxDetector(onnx_model(tmp_path, known=[{"input": name, "score": 1.0}]))


def test_numbers_of_400_digits_are_named(tmp_path: Path) -> None:
    for settings in ({"mean": 10**400}, {"bona_fide": 10**400}, {"scale": 10**400}, {"batch": 10**400}):
        with pytest.raises(BadInputError, match=r"toy\.json.*400 digits"):
            OnnxDetector(onnx_model(tmp_path, **settings))
    path = onnx_model(tmp_path)
    card = json.loads(path.with_suffix(".json").read_text())
    path.with_suffix(".json").write_text(json.dumps({**card, "self_test": [{"input": "gray:0.5", "score": 10**400}]}))
    with pytest.raises(BadInputError, match="400 digits"):
        OnnxDetector(path)
