"""Own models as TFLite and OpenVINO files: the same scores as the ONNX file or the formula, and the pages' examples."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import facewarden
from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.nn.foreign.open_graph import open_graph
from facewarden.nn.foreign.tiny_tflite import write_tiny
from facewarden.pad.http_detector import HttpDetector
from foreign_models import CLASSES, onnx_model

DOCS = Path(__file__).parents[3] / "docs"
WEIGHTS = np.array(CLASSES, np.float32)
SETTINGS = {"size": 16, "scale": None}
CARD: dict[str, Any] = {"name": "tiny", "summary": "tiny", "role": "pad", "settings": SETTINGS}


def batch() -> FaceBatch:
    images = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return FaceBatch(images={"rgb": images}, key=tuple("abcde"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL)


def by_formula() -> torch.Tensor:
    means = 255 * batch().images["rgb"].mean(dim=(2, 3))
    return means @ torch.from_numpy(WEIGHTS[1] - WEIGHTS[0])


def test_tflite_gives_what_its_formula_says(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    detector = resolve_detector(str(write_tiny(tmp_path / "a.tflite", weights=WEIGHTS, card=CARD)))
    assert torch.allclose(detector(batch()).score, by_formula(), atol=1e-4)
    assert list(detector.card.sha256) == ["a.tflite"]
    assert not detector.differentiable
    soft = {**CARD, "settings": {**SETTINGS, "output": "probability"}}
    path = write_tiny(tmp_path / "s.tflite", weights=WEIGHTS, softmax=True, card=soft)
    assert torch.allclose(resolve_detector(str(path))(batch()).score, by_formula(), atol=1e-3)
    write_tiny(path, weights=WEIGHTS, softmax=True, card=CARD)
    with pytest.raises(BadInputError, match="softmax") as error:
        resolve_detector(str(path))
    assert error.value.hint == '"output": "probability"'
    assert open_graph(path).final_functions(open_graph(path).outputs[0].name) == ("Softmax",)


def test_integers_of_a_quantized_tflite_are_scaled(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    scaled = {**CARD, "settings": {**SETTINGS, "mean": 127.5, "std": 127.5}}
    path = write_tiny(tmp_path / "q.tflite", weights=127.5 * WEIGHTS, quantized=(1 / 127.5, 127), card=scaled)
    found = resolve_detector(str(path))(batch()).score
    assert torch.allclose(found, by_formula(), atol=0.03)


@pytest.mark.parametrize(
    ("quantized", "settings", "hint"),
    [
        ((1 / 255, 0), {"mean": 127.5, "std": 127.5}, '"mean": 0, "std": 255'),
        ((1 / 127.5, 127), {"mean": 0, "std": 255}, '"mean": 127, "std": 127.5'),
        ((1 / 255, 0), {"mean": 0.5, "std": 0.5, "range": 1}, '"mean": 0, "std": 1'),
        ((1 / 255, 0), {}, '"mean": 0, "std": 255'),
        ((4.8 / 255, 114), {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "range": 1}, None),
    ],
)
def test_pixels_that_a_quantized_input_cannot_hold_are_refused(
    tmp_path: Path, quantized: tuple[float, int], settings: dict[str, Any], hint: str | None
) -> None:
    pytest.importorskip("ai_edge_litert")
    card = {**CARD, "settings": {**SETTINGS, **settings}}
    path = write_tiny(tmp_path / "q.tflite", weights=127.5 * WEIGHTS, quantized=quantized, card=card)
    if hint is None:
        assert len(resolve_detector(str(path))(batch()).score) == 5
        return
    with pytest.raises(BadInputError, match="its quantized input holds") as error:
        resolve_detector(str(path))
    assert error.value.hint == hint


def test_openvino_gives_what_its_onnx_file_gives(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    path = onnx_model(tmp_path, "softmax", file_layout="NHWC", side=16, output="probability", scale=None)
    wanted = resolve_detector(str(path))(batch()).score
    openvino.save_model(openvino.convert_model(str(path)), str(tmp_path / "toy.xml"), compress_to_fp16=False)
    detector = resolve_detector(str(tmp_path / "toy.xml"))
    assert torch.allclose(detector(batch()).score, wanted, atol=1e-4)
    assert {"toy.bin", "toy.xml"} <= set(detector.card.sha256)
    card = json.loads((tmp_path / "toy.json").read_text())
    (tmp_path / "toy.json").write_text(json.dumps({**card, "settings": {**card["settings"], "output": "logits"}}))
    with pytest.raises(BadInputError, match="softmax"):
        resolve_detector(str(tmp_path / "toy.xml"))
    several = onnx_model(tmp_path, "embedding_first", name="two", side=16, scale=None)
    openvino.save_model(openvino.convert_model(str(several)), str(tmp_path / "two.xml"), compress_to_fp16=False)
    with pytest.raises(BadInputError, match="has 2 outputs: embedding"):
        resolve_detector(str(tmp_path / "two.xml"))
    own = {"role": "recognizer", "settings": {"size": 16, "output_name": "embedding"}}
    (tmp_path / "two.json").write_text(json.dumps({**card, **own}))
    assert resolve_recognizer(str(tmp_path / "two.xml")).dim == 64


def test_weights_of_openvino_that_are_cut_or_gone_are_named(tmp_path: Path) -> None:
    openvino = pytest.importorskip("openvino")
    path = onnx_model(tmp_path, "softmax", file_layout="NHWC", side=16, output="probability", scale=None)
    openvino.save_model(openvino.convert_model(str(path)), str(tmp_path / "toy.xml"), compress_to_fp16=False)
    weights = tmp_path / "toy.bin"
    weights.write_bytes(weights.read_bytes()[:3])
    with pytest.raises(BadInputError, match="that can run: ") as cut:
        resolve_detector(str(tmp_path / "toy.xml"))
    assert "Exception from" not in cut.value.message
    assert cut.value.hint == "copy toy.xml and toy.bin again, or convert it again"
    weights.unlink()
    with pytest.raises(BadInputError, match=r"its weights toy\.bin are not beside it") as gone:
        resolve_detector(str(tmp_path / "toy.xml"))
    assert gone.value.hint == "copy toy.bin there"


@pytest.mark.parametrize("suffix", [".tflite", ".xml"])
def test_a_file_that_is_none_is_refused_in_words(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("ai_edge_litert" if suffix == ".tflite" else "openvino")
    path = tmp_path / f"no{suffix}"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(BadInputError, match="no card beside it, expected no"):
        resolve_detector(str(path))
    path.with_suffix(".json").write_text(json.dumps(CARD))
    with pytest.raises(BadInputError, match=r"not an? (TFLite file|OpenVINO model) that can run"):
        resolve_detector(str(path))


def test_templates_are_written_for_every_kind_of_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    monkeypatch.chdir(tmp_path)
    path = write_tiny(tmp_path / "t.tflite", weights=WEIGHTS, softmax=True, card=CARD)
    path.with_suffix(".json").unlink()
    written = facewarden.card(path)
    card = json.loads(written.path.read_text())
    assert (card["role"], card["settings"]["layout"], card["settings"]["output"]) == ("pad", "NHWC", "probability")
    assert set(card["sha256"]) == {"t.tflite"}
    with pytest.raises(BadInputError, match="are not filled in"):
        resolve_detector(str(path))
    Path("my.py").write_text("raise SystemExit('run')\n")
    python = facewarden.card("my.py:Net")
    assert python.path == Path("my.json")
    assert {"settings.size", "settings.mean", "settings.output", "summary"} <= set(python.to_fill)
    service = facewarden.card("http://127.0.0.1:9/score")
    assert service.path == Path("service.json")
    assert set(service.to_fill) == {"output"}
    with pytest.raises(BadInputError, match="output"):
        HttpDetector(Path("service.json"))
    with pytest.raises(BadInputError, match="is there already"):
        facewarden.card("http://127.0.0.1:9/score")
    with pytest.raises(BadInputError, match="only detectors"):
        facewarden.card("http://127.0.0.1:9/score", role="recognizer", out="x.json")


def test_the_example_of_files_works_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ai_edge_litert")
    pytest.importorskip("openvino")
    monkeypatch.chdir(tmp_path)
    use, convert = blocks("own-model-files.md", "python")
    (card,) = blocks("own-model-files.md", "json")
    onnx_model(tmp_path, name="mine", side=16, weights=127.5 * WEIGHTS)
    write_tiny(tmp_path / "mine.tflite", weights=127.5 * WEIGHTS, card={})
    exec(compile(convert, "page", "exec"), {})
    Path("mine.json").write_text(card)
    names: dict[str, Any] = {"FILES": ["mine.onnx", "mine.tflite", "mine.xml"]}
    exec(compile(use, "page", "exec"), names)
    one, *others = names["scores"].values()
    assert all(torch.allclose(one, other, atol=1e-3) for other in others)


def test_the_service_of_the_page_works_as_it_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (service,) = blocks("own-model-http.md", "python")
    contract, settings = blocks("own-model-http.md", "json")
    names: dict[str, Any] = {"__name__": "service"}
    exec(compile(service, "page", "exec"), names)
    server = names["make"](0)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_address[1]}/score"
        plain = resolve_detector(url)(batch()).score
        means = batch().images["rgb"].mean(dim=(2, 3))
        assert torch.allclose(plain, 8 * (means[:, 0] - means[:, 2]), atol=0.03)
        Path("service.json").write_text(settings.replace("http://127.0.0.1:8780/score", url))
        boxed = FaceBatch(images=dict(batch().images), key=tuple("abcde"), box=torch.tensor([[2.0, 2, 12, 12]] * 5))
        assert resolve_detector("http_detector:service.json")(boxed).score.shape == (5,)
    finally:
        server.shutdown()
        server.server_close()
    assert set(json.loads(contract)) == {"version", "samples"}


def test_every_setting_of_a_service_is_on_its_page() -> None:
    from dataclasses import fields

    from facewarden.pad.http_detector import HttpSettings

    page = (DOCS / "own-model-http.md").read_text(encoding="utf-8")
    assert not [one.name for one in fields(HttpSettings) if f"| `{one.name}`" not in page]


def test_a_purifier_of_tflite_takes_pictures_of_any_size(tmp_path: Path) -> None:
    pytest.importorskip("ai_edge_litert")
    card = {"name": "p", "summary": "p", "role": "purifier", "settings": {"mean": 0, "std": 255, "output": "input"}}
    purifier = resolve_purifier(str(write_tiny(tmp_path / "p.tflite", classes=0, card=card)))
    images = torch.rand(2, 3, 20, 24)
    assert torch.allclose(purifier(images), 0.98 * images, atol=1e-4)
