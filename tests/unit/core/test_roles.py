from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import ContractError
from facewarden.core.roles import Detector, PadOutput, Purifier, Recognizer
from stand_ins import TinyDetector, TinyRecognizer, make_batch, make_faces


class Says(Detector):
    """A detector that answers whatever it is told to."""

    def __init__(self, answer: Any) -> None:
        super().__init__()
        self.answer = answer

    def predict(self, batch: FaceBatch) -> PadOutput:
        return self.answer


def test_an_honest_detector_passes() -> None:
    output = TinyDetector()(make_batch(3))
    assert output.score.shape == (3,)
    assert set(output.tasks) == {"depth"}


@pytest.mark.parametrize("name", ["forward", "__call__"])
def test_a_detector_cannot_go_around_the_checks(name: str) -> None:
    with pytest.raises(ContractError, match=f"overrides Detector.{name}, which is final") as error:
        type("Liar", (Detector,), {name: lambda self, batch: None, "predict": lambda self, batch: None})
    assert "abstract method of Detector" in error.value.hint


def test_a_mixin_cannot_smuggle_an_override_in() -> None:
    class Mixin:
        def forward(self, batch: FaceBatch) -> None: ...

    with pytest.raises(ContractError, match="final"):
        type("Liar", (Mixin, TinyDetector), {})


def test_a_subclass_of_a_detector_is_checked_too() -> None:
    with pytest.raises(ContractError, match="final"):
        type("Liar", (TinyDetector,), {"forward": lambda self, batch: None})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (PadOutput(score=torch.zeros(2, 1)), r"score of shape \(2,\), got \(2, 1\)"),
        (PadOutput(score=torch.zeros(3)), r"score of shape \(2,\)"),
        (PadOutput(score=torch.tensor(0.0)), r"score of shape \(2,\)"),
        (PadOutput(score=torch.tensor([0.0, float("nan")])), "not finite"),
        (PadOutput(score=torch.tensor([0.0, float("inf")])), "not finite"),
        (PadOutput(score=torch.zeros(2), tasks={"depth": torch.zeros(2, 1)}), "declares"),
    ],
)
def test_a_wrong_answer_is_refused(answer: PadOutput, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Says(answer)(make_batch(2))


def test_a_needed_modality_must_be_there_for_every_sample() -> None:
    detector = TinyDetector()
    with pytest.raises(ContractError, match="needs depth"):
        detector(make_batch(2, modalities=("rgb", "infrared")))
    batch = make_batch(2)
    gone = FaceBatch(batch.images, batch.key, present={**batch.present, "infrared": torch.tensor([True, False])})
    with pytest.raises(ContractError, match="needs infrared for every sample"):
        detector(gone)


def test_an_optional_modality_may_be_absent() -> None:
    detector = Says(PadOutput(score=torch.zeros(2)))
    detector.modalities, detector.optional = ("rgb", "depth"), ("depth",)
    assert detector(make_batch(2, modalities=("rgb",))).score.tolist() == [0.0, 0.0]


def test_a_detector_that_crops_needs_a_box() -> None:
    detector = Says(PadOutput(score=torch.zeros(2)))
    detector.needs_box = True
    batch = make_batch(2)
    assert detector(batch).score.shape == (2,)
    with pytest.raises(ContractError, match="crops by the face box"):
        detector(FaceBatch(batch.images, batch.key))


class Embeds(Recognizer):
    """A recognizer that answers whatever it is told to."""

    dim = 4

    def __init__(self, answer: Tensor) -> None:
        super().__init__()
        self.answer = answer

    def features(self, images: Tensor) -> Tensor:
        return self.answer


def test_embeddings_are_unit_vectors_whatever_the_network_gives() -> None:
    vectors = Embeds(torch.tensor([[3.0, 4.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1e-3]])).embed(make_faces(2))
    torch.testing.assert_close(vectors, torch.tensor([[0.6, 0.8, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]]))
    torch.testing.assert_close(TinyRecognizer()(make_faces(3)).norm(dim=1), torch.ones(3))


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (torch.ones(2, 5), r"finite \(2, 4\), got \(2, 5\)"),
        (torch.ones(1, 4), r"finite \(2, 4\)"),
        (torch.full((2, 4), float("nan")), "finite"),
        (torch.tensor([[1.0, 2.0, 3.0, float("inf")]] * 2), "finite"),
        (torch.zeros(2, 4), "zero vector"),
    ],
)
def test_a_wrong_embedding_is_refused(answer: Tensor, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        Embeds(answer).embed(make_faces(2))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(1, 3, 160, 160), r"expects \(b, 3, 112, 112\)"),
        (torch.rand(1, 1, 112, 112), r"expects \(b, 3, 112, 112\)"),
        (torch.rand(3, 112, 112), r"expects \(b, 3, 112, 112\)"),
        (torch.rand(1, 3, 112, 112) * 255, r"\[0, 1\]"),
        (torch.rand(1, 3, 112, 112) * 2 - 1, r"\[0, 1\]"),
        (torch.zeros(1, 3, 112, 112, dtype=torch.uint8), "floating point"),
    ],
)
def test_a_recognizer_refuses_what_is_not_an_aligned_face(images: Tensor, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        TinyRecognizer().embed(images)


@pytest.mark.parametrize("name", ["forward", "embed", "__call__"])
def test_a_recognizer_cannot_go_around_the_checks(name: str) -> None:
    with pytest.raises(ContractError, match=f"overrides Recognizer.{name}"):
        type("Liar", (Recognizer,), {name: lambda self, images: images, "features": lambda self, images: images})


class Gives(Purifier):
    """A purifier that applies a function."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def purify(self, images: Tensor) -> Tensor:
        return self.function(images)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda x: x + 0.5, "output of Gives"),
        (lambda x: x * 255, "output of Gives"),
        (lambda x: x * float("nan"), "output of Gives"),
        (lambda x: x[:, :, ::2], "keep shape"),
        (lambda x: x[:1], "keep shape"),
        (lambda x: x.mean(dim=1, keepdim=True), "keep shape"),
        (lambda x: x.double(), "keep shape"),
    ],
)
def test_a_purifier_that_breaks_its_promise_is_refused(function: Any, message: str) -> None:
    with pytest.raises(ContractError) as error:
        Gives(function)(torch.rand(2, 3, 8, 8))
    assert message in str(error.value)


@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (3, 8, 8), (2, 8, 8, 3)])
def test_a_purifier_refuses_what_is_not_rgb(shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractError, match=r"expects \(b, 3, h, w\)"):
        Gives(lambda x: x)(torch.rand(shape))


class Scribbles(Recognizer):
    dim = 3

    def features(self, images: Tensor) -> Tensor:
        return images.sub_(0.1).mean(dim=(2, 3))


class Scrawls(TinyDetector):
    def predict(self, batch: FaceBatch) -> PadOutput:
        batch.images["depth"][:, :, 2:4].mul_(0.5)
        return super().predict(batch)


def test_writing_into_the_given_images_is_refused() -> None:
    with pytest.raises(ContractError, match="Gives wrote into the images"):
        Gives(lambda x: x.mul_(0.5))(torch.rand(1, 3, 4, 4))
    with pytest.raises(ContractError, match="Scribbles wrote into the images"):
        Scribbles()(make_faces(1))
    with pytest.raises(ContractError, match="Scrawls wrote into the images"):
        Scrawls()(make_batch(2))


def test_images_of_inference_mode_are_taken() -> None:
    with torch.inference_mode():
        assert TinyRecognizer()(make_faces(2)).shape == (2, 8)
        assert Gives(lambda x: x)(make_faces(2)).shape == (2, 3, 112, 112)


def test_a_purifier_cannot_go_around_the_checks() -> None:
    with pytest.raises(ContractError, match=r"overrides Purifier\.__call__"):
        type("Liar", (Purifier,), {"__call__": lambda self, images: images, "purify": lambda self, images: images})
