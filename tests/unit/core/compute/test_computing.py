"""Device and precision of a call: models follow it, records tell it, and float32 changes no bit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from facewarden.core.card import Card
from facewarden.core.compute.computing import computed_by, computes, computing, placement
from facewarden.core.errors import BadInputError
from facewarden.core.resolve import resolve_detector, resolve_purifier, resolve_recognizer
from facewarden.core.roles import Purifier
from facewarden.core.run import RunFolder
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces


class Filter(Purifier):
    """A convolution that remembers what it computed in."""

    def __init__(self) -> None:
        self.network = nn.Conv2d(3, 3, 1, bias=False)
        nn.init.dirac_(self.network.weight)
        self.card = Card("filter", "A stand-in.", "purifier")
        self.seen: list[torch.dtype] = []

    def purify(self, images: Tensor) -> Tensor:
        found: Tensor = self.network(images)
        self.seen.append(found.dtype)
        return found


def test_a_call_decides_for_every_model_that_is_resolved_in_it(bfloat16_everywhere: None) -> None:
    own = Filter()
    with computing("cpu", "bfloat16"):
        model = resolve_purifier(own)
    images = make_faces(2)
    with torch.no_grad():
        assert model(images).dtype == torch.float32
    assert own.seen == [torch.bfloat16]
    assert model.card.settings == {"precision": "bfloat16"}  # decides ids, such as those of kept embeddings
    assert own.card.settings == {}
    assert own.asked_precision is None
    own(images)
    assert own.seen[-1] == torch.float32
    again = resolve_purifier(model)  # handed to a verb that asks for nothing: what it was loaded with stays
    again(images)
    assert own.seen[-1] == torch.bfloat16


def test_detectors_and_recognizers_compute_in_it_and_answer_in_float32(bfloat16_everywhere: None) -> None:
    batch, faces = make_batch(4), make_faces(3)
    with computing("cpu", "bfloat16"):
        detector, recognizer = resolve_detector(TinyDetector()), resolve_recognizer(TinyRecognizer())
    with torch.no_grad():
        found, expected = detector(batch), TinyDetector()(batch)
        vectors, whole = recognizer.embed(faces), TinyRecognizer().embed(faces)
    assert found.score.dtype == found.tasks["depth"].dtype == vectors.dtype == torch.float32
    assert 0 < float((found.score - expected.score).abs().max()) < 0.1
    assert 0 < float((vectors - whole).abs().max()) < 0.05


def test_float32_is_every_bit_of_what_was_not_asked_for() -> None:
    batch = make_batch(4)
    with computing("cpu", "float32"):
        detector = resolve_detector(TinyDetector())
    with torch.no_grad():
        expected = TinyDetector()(batch).score
        assert torch.equal(detector(batch).score, expected)
        with torch.autocast("cpu", dtype=torch.bfloat16):  # whoever calls may compute in another
            assert torch.equal(detector(batch).score, expected)
            assert not torch.equal(TinyDetector()(batch).score, expected)
    assert detector.card.settings == {}


def test_what_is_asked_for_replaces_the_setting_of_a_purifier(bfloat16_everywhere: None) -> None:
    spec = 'puface{"precision": "bfloat16"}'
    with computing("cpu", "float32"):
        asked = resolve_purifier(spec)
    half, single = resolve_purifier(spec), resolve_purifier("puface")
    faces = make_faces(1)
    with torch.no_grad():
        assert torch.equal(asked(faces), single(faces))
        assert not torch.equal(half(faces), single(faces))
    assert computed_by([half]) == {"device": "cpu", "precision": "bfloat16"}
    assert computed_by([asked]) == {"device": "cpu", "precision": "float32", "precision_asked": "float32"}


def test_what_has_no_weights_here_computes_in_its_own_way() -> None:
    with computing("cpu", "float32"):
        assert computed_by([resolve_purifier("jpeg")]) == {"device": "its own", "precision": "its own"}


def test_records_tell_what_the_precision_really_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from facewarden.core.compute import precision

    monkeypatch.setattr(precision, "native_bfloat16", lambda kind="cpu": precision.Support(False, "none here"))
    with computing("cpu", "bfloat16") as asked:
        told = asked.resolved()
        assert computed_by([resolve_detector(TinyDetector())]) == told
    assert told == {"device": "cpu", "precision": "float32", "precision_asked": "bfloat16"}
    RunFolder(tmp_path, recipe={}, computed=told)
    assert json.loads((tmp_path / "provenance.json").read_text())["computed"] == told
    RunFolder(tmp_path, recipe={}, resume=True, computed={"device": "cpu", "precision": "bfloat16"})
    assert "goes on in device cpu, precision bfloat16" in (tmp_path / "log.jsonl").read_text()


def test_a_function_places_its_models_and_what_is_absent_is_an_error() -> None:
    @computes
    def verb(*, device: str = "cpu", precision: str | None = None) -> tuple[str, str | None]:
        return str(placement().device), placement().precision

    assert verb() == ("cpu", None)
    assert verb(precision="auto") == ("cpu", "auto")
    assert (str(placement().device), placement().precision) == ("cpu", None)
    with pytest.raises(BadInputError, match="no device 'cuda:97'"):
        verb(device="cuda:97")
    with pytest.raises(BadInputError, match="unknown precision 'half'"):
        verb(precision="half")
