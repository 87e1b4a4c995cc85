"""Chains of what happens to photos: every step is tagged, sizes are those of the photo, the last picture is a crop."""

from __future__ import annotations

import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.purifiers.chain import Chain, chains
from facewarden.purifiers.jpeg import Jpeg
from stand_ins import make_faces


def test_every_step_says_whether_it_was_read_or_guessed_and_why() -> None:
    assert {"jpeg", "resize", "screenshot", "messenger"} <= set(chains())
    for name, chain in chains().items():
        assert chain["about"], name
        for step in chain["steps"]:
            assert step["origin"] in ("read", "guessed")
            assert len(step["why"]) > 10
            assert len({"jpeg", "scale", "long_side"} & set(step)) == 1


def test_a_face_as_large_as_the_crop_meets_jpeg_as_it_is() -> None:
    faces = make_faces(2)
    assert torch.equal(Chain(name="jpeg", face=112).purify(faces), Jpeg(quality=75).purify(faces))


def test_a_large_face_loses_less_and_a_small_photo_is_not_reduced() -> None:
    faces = (make_faces(2) + 0.1 * torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(1))).clamp(0, 1)

    def lost(**settings: int) -> float:
        return float((Chain(name="messenger", **settings).purify(faces) - faces).square().mean())

    assert lost(face=1000, photo=4000) < lost(face=150, photo=4000)
    assert lost(face=112, photo=1600) == pytest.approx(float((Jpeg(quality=75).purify(faces) - faces).square().mean()))


@pytest.mark.parametrize("wrong", [{"name": "post"}, {"face": 5000}, {"face": 2}])
def test_what_is_no_chain_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(BadInputError):
        Chain(**wrong)  # type: ignore[arg-type]
