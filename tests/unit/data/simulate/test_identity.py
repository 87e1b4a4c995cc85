from __future__ import annotations

import dataclasses

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from facewarden.data.simulate.person.identity import mean_identity, sample_identity
from facewarden.data.simulate.person.person import BEARD_STYLES, GLASSES_STYLES, HAIR_STYLES
from facewarden.data.simulate.person.pose import sample_expression, sample_pose


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**60))
def test_every_identity_is_anatomical(seed: int) -> None:
    who = sample_identity(seed)
    assert who == sample_identity(seed)
    s = who.shape
    assert s.vertex < who.hair.hairline < who.hair.brow_y < 0 < s.nose_y < s.mouth_y < s.chin_y
    assert s.chin < s.jaw < s.cheek < 90
    assert 50 < 2 * s.pupil_x < 75
    assert s.pupil_x > s.eye_length / 2 + 8
    assert s.nose_width < s.mouth_width + 12
    assert 18 <= who.skin.age <= 78
    assert 0 <= who.skin.melanin <= 1
    assert who.hair.style in HAIR_STYLES
    assert who.hair.beard in BEARD_STYLES
    assert who.eyes.glasses in GLASSES_STYLES
    assert not (who.female and who.hair.beard != "none")


def test_identities_differ_and_cover_the_population() -> None:
    people = [sample_identity(seed) for seed in range(400)]
    assert len({p.shape for p in people}) == 400
    melanin = np.array([p.skin.melanin for p in people])
    assert (melanin < 0.2).mean() > 0.15
    assert (melanin > 0.5).mean() > 0.15
    assert {p.hair.style for p in people} == set(HAIR_STYLES)
    assert {p.hair.beard for p in people} == set(BEARD_STYLES)
    assert {p.eyes.glasses for p in people} == set(GLASSES_STYLES)
    assert 0.4 < np.mean([p.female for p in people]) < 0.6


def test_pose_and_expression_say_nothing_about_the_identity() -> None:
    """Identity and capture parameters come from separate draws: their correlation over seeds is chance."""
    people = [sample_identity(seed) for seed in range(300)]
    poses = [sample_pose(np.random.default_rng(seed)) for seed in range(300)]
    faces = [sample_expression(np.random.default_rng(seed)) for seed in range(300)]
    for measure in (lambda p: p.shape.cheek, lambda p: p.skin.melanin, lambda p: p.shape.nose_width):
        fixed = [measure(p) for p in people]
        for other in ([p.yaw for p in poses], [p.pitch for p in poses], [f.smile for f in faces]):
            assert abs(np.corrcoef(fixed, other)[0, 1]) < 4 / np.sqrt(300)


def test_the_mean_identity_is_the_mean() -> None:
    mean, people = mean_identity(samples=16), [sample_identity(seed) for seed in range(16)]
    for field in dataclasses.fields(mean.shape):
        expected = np.mean([getattr(p.shape, field.name) for p in people])
        assert np.isclose(getattr(mean.shape, field.name), expected), field.name
    assert (mean.hair.style, mean.hair.beard, mean.eyes.glasses) == ("buzz", "none", "none")
