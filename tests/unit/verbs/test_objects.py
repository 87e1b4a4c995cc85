"""Paths as text and models as objects, in every function that takes them; records name an object by its weights."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import facewarden
from facewarden.attacks.pgd import PGD
from facewarden.auditing import sections as sections_module
from facewarden.auditing.request import not_measured
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.identity.given import recorded
from facewarden.core.roles import Detector, PadOutput
from facewarden.evaluation.transfer_matrix import Transferred
from facewarden.purifiers.jpeg import Jpeg
from facewarden.reporting.document import LeftOut
from facewarden.verbs.attack import Attacked
from stand_ins import TinyRecognizer
from tiny_captures import write_captures


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(write_captures(tmp_path_factory.mktemp("captures")))


@pytest.fixture
def faces(tmp_path: Path) -> str:
    folder = tmp_path / "faces"
    for person in ("ann", "bob"):
        (folder / person).mkdir(parents=True)
        for number in range(3):
            pixels = np.random.default_rng([len(person), ord(person[0]), number]).integers(
                60, 200, (112, 112, 3), dtype=np.uint8
            )
            Image.fromarray(pixels).save(folder / person / f"{number}.png")
    return str(folder)


class Brightness(Detector):
    """A detector of the caller's own: bright is bona fide."""

    card = Card("brightness", "Bright is bona fide.", "pad")

    def __init__(self) -> None:
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor([20.0]))

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score by the mean of the frame."""
        return PadOutput(self.gain * (batch.images["rgb"].mean(dim=(1, 2, 3)) - 0.25))


def detector() -> Brightness:
    return Brightness()


def test_a_record_names_an_object_by_its_weights_and_no_address() -> None:
    first, same, other = detector(), detector(), detector()
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    assert recorded(first) == recorded(same) != recorded(other)
    name, _, digest = recorded(first).partition("@sha256:")
    assert name == first.card.name
    assert len(digest) == 64
    own = facewarden.load_detector(first)
    assert recorded(own) == recorded(first)  # the hash of a hash is no new one
    assert own.card.sha256 != first.card.sha256
    assert not own.training
    assert json.dumps(recorded(PGD(steps=3))) != json.dumps(recorded(PGD(steps=4)))
    assert "0x" not in recorded(PGD(steps=3))


def test_score_and_evaluate_take_text_and_a_detector(captures: str, tmp_path: Path) -> None:
    by_object = facewarden.score(captures, detector=detector(), out=str(tmp_path / "scores.csv"))
    assert len(by_object.key) == len(by_object.score) > 0
    assert (tmp_path / "scores.csv").is_file()
    found = facewarden.evaluate("presentation", captures=captures, detector=detector(), out=str(tmp_path / "out"))
    assert found.rule is not None
    assert (tmp_path / "out" / "decision.json").is_file()


def test_attack_takes_detectors_and_an_attack(captures: str, tmp_path: Path) -> None:
    one = facewarden.attack(captures, detector=detector(), method=PGD(steps=2), samples=2, out=str(tmp_path / "a.csv"))
    two = facewarden.attack(captures, detector=detector(), method="pgd", set=("steps=2",), samples=2)
    assert isinstance(one, Attacked)
    assert isinstance(two, Attacked)
    assert one.rates == two.rates
    assert one.gradient_calls == two.gradient_calls == 2
    other = detector()
    with torch.no_grad():
        other.gain.mul_(2.0)
    matrix = facewarden.attack(captures, surrogates=[detector()], victims=[detector(), other], samples=2, set="steps=1")
    assert isinstance(matrix, Transferred)
    (source, first), (_, second) = matrix.rates
    assert source == first
    assert source.startswith(f"{detector().card.name}@")
    assert second != first
    assert second.startswith("brightness@")


def test_audit_takes_objects_and_resumes_only_with_the_same_weights(
    captures: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = LeftOut("cloaks", "not here", "facewarden fetch")
    monkeypatch.setattr(sections_module, "poisoning_of", lambda needs, run: (not_measured("poisoning", left), ()))
    out = str(tmp_path / "run")
    settings: dict[str, Any] = {
        "captures": captures,
        "preset": "quick",
        "out": out,
        "recognizer": TinyRecognizer(seed=0),
    }
    settings["surrogate"] = TinyRecognizer(seed=1)
    result = facewarden.audit(detector=detector(), **settings)
    recipe = json.loads((tmp_path / "run" / "recipe.json").read_text())
    assert recipe["detector"] == recorded(detector())
    assert recipe["recognizer"] == recorded(TinyRecognizer(seed=0))
    assert recipe["surrogate"] == [recorded(TinyRecognizer(seed=1))]
    assert "an object given in Python" in result.report.command
    assert " at 0x" not in result.json.read_text() + json.dumps(recipe)
    facewarden.audit(detector=detector(), resume=True, **settings)
    other = detector()
    with torch.no_grad():
        next(other.parameters()).add_(1.0)
    with pytest.raises(BadInputError, match="other settings: detector"):
        facewarden.audit(detector=other, resume=True, **settings)


def test_cloak_purify_and_verification_take_objects(faces: str, tmp_path: Path) -> None:
    cloaked = facewarden.cloak(
        faces, out=str(tmp_path / "cloaked"), method=PGD(steps=1), surrogates=TinyRecognizer(seed=0),
        recognizers=[TinyRecognizer(seed=1)], aligner="precropped",
    )  # fmt: skip
    assert cloaked.done == 6
    assert any(name.startswith(f"shift_{TinyRecognizer(seed=0).card.name}@") for name in cloaked.summary)
    purified = facewarden.purify(
        str(tmp_path / "cloaked"), out=str(tmp_path / "purified"), purifier=Jpeg(quality=30),
        recognizer=TinyRecognizer(seed=0), aligner="precropped",
    )  # fmt: skip
    assert purified.done == 6
    found = facewarden.evaluate(
        "verification",
        recognizer=TinyRecognizer(seed=0),
        dataset=faces,
        aligner="precropped",
        run=str(tmp_path / "kept"),
    )
    assert found.metrics


def test_what_is_no_model_is_refused_in_one_sentence() -> None:
    code = (
        "import facewarden, facewarden.core.errors as e\n"
        "from facewarden.core.roles import Detector\n"
        "for wrong in (3, None, Detector):\n"
        "    try: facewarden.load_detector(wrong)\n"
        "    except e.BadInputError as error: print(error.message)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines() == [
        "an object of type int is not a Detector",
        "an object of type NoneType is not a Detector",
        "the class Detector is not a Detector",
    ]
