"""The template of a card: what the file tells is in it, the rest is refused until it is filled in, then it works."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import facewarden
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.purifiers.onnx_file import OnnxPurifier
from foreign_models import CLASSES, onnx_model

pytest.importorskip("onnxruntime")


def template(path: Path, **options: Any) -> tuple[Any, dict[str, Any]]:
    path.with_suffix(".json").unlink(missing_ok=True)
    written = facewarden.card(path, **options)
    return written, json.loads(written.path.read_text())


def fill(path: Path, **settings: Any) -> None:
    file = path.with_suffix(".json")
    card = json.loads(file.read_text())
    file.write_text(json.dumps({**card, "summary": "mine", "settings": {**card["settings"], **settings}}))


def test_what_the_file_tells_is_there_and_the_rest_is_refused_until_it_is_filled_in(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, "softmax", file_layout="NHWC")
    written, card = template(path)
    settings = card["settings"]
    assert (written.role, card["role"], settings["size"], settings["layout"]) == ("detector", "pad", 32, "NHWC")
    assert settings["output"] == "probability"
    assert set(written.to_fill) == {
        "summary", *(f"settings.{name}" for name in ("order", "mean", "std", "range", "scale", "bona_fide"))
    }  # fmt: skip
    with pytest.raises(BadInputError, match=r"toy\.json: .*settings\.std.*summary are not filled in"):
        resolve_detector(str(path))
    fill(path, order="RGB", mean=0, std=1, range=255, scale=None)
    with pytest.raises(BadInputError, match=r"settings\.bona_fide is not filled in") as caught:
        resolve_detector(str(path))
    assert "0 to 1" in caught.value.hint
    fill(path, bona_fide=1)
    assert resolve_detector(str(path)).card.remarks == ()


@pytest.mark.parametrize(
    ("kind", "options", "output"),
    [
        ("logits", {}, "logits"),
        ("logits", {"weights": ((0.5, 0, -0.5),)}, "logit"),
        ("sigmoid", {"weights": ((0.5, 0, -0.5),)}, "probability"),
    ],
)
def test_the_kind_of_the_output_is_found(tmp_path: Path, kind: Any, options: dict[str, Any], output: str) -> None:
    _, card = template(onnx_model(tmp_path, kind, **options))
    assert card["settings"]["output"] == output


def test_several_outputs_and_maps_are_to_be_chosen(tmp_path: Path) -> None:
    written, _ = template(onnx_model(tmp_path, "embedding_first", name="two"), role="detector")
    assert "embedding (n, 64); out (n, 2)" in written.to_fill["settings.output_name"]
    written, _ = template(onnx_model(tmp_path, "map", name="map"))
    assert "mean, max, min or median" in written.to_fill["settings.reduce"]


def test_uint8_needs_no_mean_and_std(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, dtype="uint8", weights=CLASSES)
    written, card = template(path)
    assert (card["settings"]["mean"], card["settings"]["std"]) == (0, 1)
    assert "settings.mean" not in written.to_fill
    fill(path, order="RGB", scale=2.7, bona_fide=1)
    assert resolve_detector(str(path)).needs_box


def test_recognizers_and_purifiers_are_told_by_their_outputs(tmp_path: Path) -> None:
    path = onnx_model(tmp_path, side=112, weights=[[0.01 * n, 0.02, -0.01 * n] for n in range(64)])
    written, _ = template(path)
    assert written.role == "recognizer"
    fill(path, order="RGB", mean=127.5, std=127.5, range=255)
    assert resolve_recognizer(str(path)).dim == 64
    OnnxPurifier.example(tmp_path)
    path = tmp_path / "blur.onnx"
    written, card = template(path)
    assert written.role == "purifier"
    assert card["settings"]["size"] is None
    fill(path, order="RGB", mean=0, std=255, range=255, output="unit")
    assert resolve_purifier(str(path)).card.role == "purifier"


def test_a_card_that_is_there_stays(tmp_path: Path) -> None:
    path = onnx_model(tmp_path)
    before = path.with_suffix(".json").read_text()
    with pytest.raises(BadInputError, match="is there already"):
        facewarden.card(path)
    assert path.with_suffix(".json").read_text() == before
    assert facewarden.card(path, out=tmp_path / "other.json").path == tmp_path / "other.json"


def test_what_is_no_onnx_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.onnx").write_bytes(b"no network")
    (tmp_path / "a.txt").write_bytes(b"text")
    for name in ("a.onnx", "a.txt", "absent.onnx"):
        with pytest.raises(BadInputError):
            facewarden.card(tmp_path / name)
    assert not (tmp_path / "a.json").exists()
