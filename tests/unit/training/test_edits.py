"""Ordinary edits and what tells them from cloaks: what each family does, and statistics that are known by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.nn.residue import residue_description, residue_pattern
from facewarden.training.edits import FAMILIES, HELD_OUT, KINDS_HELD_OUT, KINDS_LEARNED, LEARNED, edited
from stand_ins import make_faces


def picture(seed: int = 0) -> np.ndarray:
    rows, columns = np.mgrid[:48, :40]
    shade = 90 + 60 * np.sin(rows / 5)[..., None] + 40 * np.cos(columns / 4)[..., None] * np.array([1.0, 0.5, -0.5])
    return np.clip(shade + np.random.default_rng(seed).normal(0, 3, shade.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_an_edit_changes_the_picture_by_its_seed_and_keeps_its_shape(family: str) -> None:
    clean = picture()
    for strength in KINDS_HELD_OUT[family]:
        found = edited(clean, family, strength, seed=3)
        assert found.dtype == np.uint8
        assert found.shape == clean.shape
        assert not np.array_equal(found, clean)
        assert np.array_equal(found, edited(clean, family, strength, seed=3))
    assert np.array_equal(clean, picture()), "an edit wrote into its input"


def test_edits_do_what_their_names_say() -> None:
    clean = picture()
    assert edited(clean, "contrast", 1.4).std() > 1.2 * clean.std()
    gray = edited(clean, "color", 0.0).astype(int)
    assert np.abs(gray - gray[..., :1]).max() <= 1
    assert edited(clean, "brightness", 0.6).mean() > clean.mean() + 10
    assert edited(clean, "exposure", 0.8).mean() == pytest.approx(0.8 * clean.mean(), rel=0.01)
    warmer = edited(clean, "white balance", 0.1).astype(float) / np.maximum(clean, 1)
    assert np.median(warmer[..., 0]) > 1.05 > 0.95 > np.median(warmer[..., 2])
    error = edited(clean, "noise", 4.0).astype(float) - clean
    assert error.std() == pytest.approx(4.0, rel=0.1)

    def roughness(one: np.ndarray) -> float:
        return float(np.abs(np.diff(one.astype(float), axis=0)).mean())

    assert roughness(edited(clean, "beauty", 0.6)) < roughness(clean)
    assert roughness(edited(clean, "filters", 1.4)) < roughness(clean) < roughness(edited(clean, "sharpening", 1.0))


def test_a_crop_takes_half_to_one_and_a_half_of_its_strength_off_each_side() -> None:
    rows, columns = np.mgrid[:200, :160]
    ramps = np.stack([rows, columns, rows], axis=-1).astype(np.uint8)
    found = np.concatenate([edited(ramps, "crop", 4.0, seed=seed)[[0, -1], [0, -1], :2] for seed in range(40)])
    first, last = found[::2].astype(int), np.array([199, 159]) - found[1::2]
    for taken in (first, last):
        assert (taken.min(), taken.max()) == (2, 6)


def test_no_strength_that_is_measured_is_learned_and_two_families_are_not() -> None:
    assert set(KINDS_HELD_OUT) == set(FAMILIES)
    assert set(HELD_OUT) - set(LEARNED) == {"clahe", "retro"}
    assert set(KINDS_HELD_OUT) - set(KINDS_LEARNED) == {"clahe", "retro", "crop", "beauty"}
    for family, strengths in KINDS_LEARNED.items():
        assert not set(strengths) & set(KINDS_HELD_OUT[family])


def test_an_unknown_edit_is_refused() -> None:
    with pytest.raises(BadInputError, match="blurr"):
        edited(picture(), "blurr", 1.0)


def test_the_pattern_of_a_removed_perturbation_is_known_by_hand() -> None:
    faces = make_faces(2) * 0.6 + 0.2
    nothing = residue_pattern(faces, faces)
    assert bool(torch.isfinite(nothing).all())
    torch.testing.assert_close(nothing[:, 3:7], torch.zeros(2, 4), atol=1e-3, rtol=0)  # follows no octave
    all_of_it = residue_pattern(faces, torch.zeros_like(faces))
    torch.testing.assert_close(all_of_it[:, 3:7], torch.ones(2, 4), atol=1e-3, rtol=0)
    gray = torch.rand(2, 1, 112, 112, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1) * 0.1
    found = residue_pattern(faces, faces - gray)
    torch.testing.assert_close(found[:, :3], torch.zeros(2, 3), atol=1e-3, rtol=0)  # all of it is gray
    torch.testing.assert_close(found[:, 15:18], torch.ones(2, 3), atol=1e-3, rtol=0)  # colors agree
    assert residue_description(faces, faces - gray).shape == (2, 35)


def test_a_clipped_picture_and_its_grain_are_seen() -> None:
    faces = make_faces(2) * 0.6 + 0.2
    clipped = ((faces - 0.5) * 4 + 0.5).clamp(0, 1)
    assert float(residue_pattern(faces, faces)[:, 22].max()) == 0.0
    assert float(residue_pattern(clipped, clipped)[:, 22].min()) > 0.05
