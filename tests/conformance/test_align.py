"""Every face finder: a tuple of plausible faces, best first, the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from facewarden.core.roles import Aligner
from registered import build, names

pytestmark = pytest.mark.parametrize("name", names("align"), scope="module")


def photo(seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def built(name: str) -> Aligner:
    aligner: Aligner = build("align", name)
    return aligner


@pytest.mark.parametrize("image", [photo(), np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 255, np.uint8)])
def test_it_gives_faces_inside_the_photo_best_first(name: str, image: NDArray[np.uint8]) -> None:
    before = image.copy()
    faces = built(name).locate(image)
    assert isinstance(faces, tuple)
    assert np.array_equal(image, before)
    assert [face.score for face in faces] == sorted((face.score for face in faces), reverse=True)
    for face in faces:
        x0, y0, x1, y1 = face.box
        assert x0 < x1
        assert y0 < y1
        assert len(face.landmarks) == 5
        assert np.isfinite([*face.box, *np.ravel(face.landmarks), face.score]).all()
        assert 0.0 <= face.score <= 1.0
        # a face may be cut by the edge, but most of its points are in the photo
        inside = [0 <= x <= 64 and 0 <= y <= 64 for x, y in face.landmarks]
        assert sum(inside) >= 3


def test_the_same_photo_gives_the_same_faces(name: str) -> None:
    assert built(name).locate(photo(1)) == built(name).locate(photo(1))
