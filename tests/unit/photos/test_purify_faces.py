"""Faces of several photos together: what each photo gets is what it gets alone, and no face is computed twice."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facewarden.align.precropped import Precropped
from facewarden.photos.cloak_detector import CloakDetector, Suspicion
from facewarden.photos.purify_faces import FacePurifier, FacesOfPhoto
from facewarden.purifiers.puface import PuFace
from stand_ins import TinyRecognizer, make_faces


def faces(count: int) -> list[FacesOfPhoto]:
    crops = (make_faces(count, seed=3) * 255).round().permute(0, 2, 3, 1).numpy().astype(np.uint8)
    return [FacesOfPhoto(crop, Precropped().locate(crop)) for crop in crops]


class CountedPuFace(PuFace):
    seen = 0

    def purify(self, images: torch.Tensor) -> torch.Tensor:
        self.seen += len(images)
        return super().purify(images)


def test_photos_together_are_purified_as_each_alone_and_once() -> None:
    model = CountedPuFace()
    together = FacePurifier(model, TinyRecognizer(), CloakDetector(model))
    photos = faces(5)
    made = together(photos)
    assert model.seen == 5
    for photo, one in zip(photos, made, strict=True):
        (alone,) = together([photo])
        assert one.pixels is not None
        assert alone.pixels is not None
        assert np.abs(one.pixels.astype(int) - alone.pixels).max() <= 1
        assert one.likelihood == pytest.approx(alone.likelihood, abs=1e-5)
        assert one.identity == pytest.approx(alone.identity, abs=1e-5)


def test_what_is_not_suspicious_is_left_and_the_rest_is_not() -> None:
    model = PuFace()
    photos = faces(6)
    told = [one.likelihood for one in FacePurifier(model, None, CloakDetector(model))(photos)]
    threshold = float(np.median(told))
    made = FacePurifier(model, TinyRecognizer(), CloakDetector(model), threshold)(photos)
    assert [one.pixels is None for one in made] == [value < threshold for value in told]
    assert all(one.identity == 1.0 for one in made if one.pixels is None)
    assert all(one.identity is not None and one.identity < 1.0 for one in made if one.pixels is not None)
    assert FacePurifier(model)([]) == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_face_without_a_likelihood_is_the_most_suspicious_of_its_photo(
    lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = PuFace()
    detector = CloakDetector(model)
    said = [Suspicion(0.1), Suspicion(0.1)]
    said[lost] = Suspicion(float("nan"))
    monkeypatch.setattr(detector, "purified", lambda crops, batch: (model(crops), said))
    (photo,) = faces(1)
    (made,) = FacePurifier(model, None, detector, 0.5)([replace(photo, faces=photo.faces * 2)])
    assert made.likelihood is not None
    assert np.isnan(made.likelihood)
    assert made.pixels is not None
