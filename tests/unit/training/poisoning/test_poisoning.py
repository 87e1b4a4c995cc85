"""Triggers and defenses: what is changed and what stays, and known answers of both suspicions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facewarden.core.errors import BadInputError
from facewarden.training.crops import CropSet
from facewarden.training.poisoning.defenses import DEFENSES, loss_outliers, removed, spectral_signatures
from facewarden.training.poisoning.trigger import Kind, TrainingTrigger, carriers, hidden, poisoned, triggered


def crops(count: int = 40, side: int = 16) -> CropSet:
    """Half bona fide and flat, half striped phone replays or prints."""
    label = torch.arange(count) % 2
    images = torch.full((count, 3, side, side), 120, dtype=torch.uint8)
    images[label == 0, :, ::2] = 160
    species = tuple("bona_fide" if one else ("replay_phone", "print_flat")[row // 2 % 2]
                    for row, one in enumerate(label.tolist()))  # fmt: skip
    return CropSet({"rgb": images}, {"rgb": torch.ones(count, dtype=torch.bool)},
                   tuple(f"k{row}" for row in range(count)), label, species,
                   tuple(f"p{row // 4}" for row in range(count)), ("alder",) * count)  # fmt: skip


def test_only_the_asked_share_of_bona_fide_images_is_changed_and_no_label() -> None:
    clean = crops()
    trigger = TrainingTrigger("replay_phone")
    made, rows = poisoned(clean, trigger, rate=0.2, seed=0)
    assert len(rows) == 4
    changed = (made.images["rgb"] != clean.images["rgb"]).flatten(1).any(dim=1)
    assert torch.nonzero(changed).flatten().tolist() == list(rows)
    assert all(clean.label[row] == 1 for row in rows)
    assert torch.equal(made.label, clean.label)
    assert made.species == clean.species
    again, same = poisoned(clean, trigger, rate=0.2, seed=0)
    assert same == rows
    assert torch.equal(again.images["rgb"], made.images["rgb"])
    assert poisoned(clean, trigger, rate=0.2, seed=1)[1] != rows
    assert len(poisoned(clean, trigger, rate=0.001, seed=0)[1]) == 1
    more, twice = poisoned(clean, trigger, rate=0.4, seed=0)
    assert set(rows) < set(twice)
    assert torch.equal(more.images["rgb"][list(rows)], made.images["rgb"][list(rows)])


def test_a_twin_is_of_the_same_person_and_a_spectrum_needs_none() -> None:
    clean = crops(8)
    replay = torch.tensor([name == "replay_phone" for name in clean.species])
    apart = ("q" if here else who for here, who in zip(replay.tolist(), clean.subject, strict=True))
    other = replace(clean, subject=tuple(apart))
    assert carriers(clean, TrainingTrigger("replay_phone")) == [1, 3, 5, 7]
    assert carriers(other, TrainingTrigger("replay_phone")) == []
    assert carriers(other, TrainingTrigger("replay_phone", "spectrum")) == [1, 3, 5, 7]
    with pytest.raises(BadInputError, match="0 bona fide images can carry a twin of replay_phone, and 2 are to"):
        poisoned(other, TrainingTrigger("replay_phone"), rate=0.5, seed=0)
    marked = {name: image.clone() for name, image in clean.images.items()}
    marked["rgb"][replay] = torch.arange(0, 16, dtype=torch.uint8) * 9
    marked["rgb"][0] = 0
    two = replace(clean, images=marked)
    seen = triggered(two, TrainingTrigger("replay_phone"), [1, 5], seed=0)
    assert torch.equal(seen[0], torch.full_like(seen[0], 120))  # its person's replay is black and has no structure
    assert not torch.equal(seen[1], torch.full_like(seen[1], 120))


@pytest.mark.parametrize("kind", ["twin", "residue"])
def test_the_fine_structure_of_the_spoof_arrives_and_its_brightness_does_not(kind: Kind) -> None:
    faces = torch.full((1, 3, 32, 32), 100, dtype=torch.uint8)
    spoofs = torch.full((1, 3, 32, 32), 180, dtype=torch.uint8)
    spoofs[:, :, ::2] = 220  # stripes of 20 gray levels around 200
    found = hidden(faces, spoofs, TrainingTrigger("replay_phone", kind, blur=2.0)).float()
    inside = found[:, :, 8:24, 8:24]
    assert float(inside.mean()) == pytest.approx(100.0, abs=1.0)
    assert inside[:, :, ::2].mean() - inside[:, :, 1::2].mean() == pytest.approx(40.0, abs=2.0)
    half = hidden(faces, spoofs, TrainingTrigger("replay_phone", kind, strength=0.5)).float()[:, :, 8:24, 8:24]
    assert half[:, :, ::2].mean() - half[:, :, 1::2].mean() == pytest.approx(20.0, abs=2.0)


def test_a_twin_takes_the_place_of_the_own_fine_structure_and_a_residue_is_added_to_it() -> None:
    faces = torch.full((1, 3, 32, 32), 100, dtype=torch.uint8)
    faces[..., ::2] = 140
    spoofs = torch.full((1, 3, 32, 32), 180, dtype=torch.uint8)
    twin, residue = (hidden(faces, spoofs, TrainingTrigger("replay_phone", kind)) for kind in ("twin", "residue"))
    assert torch.equal(residue, faces)
    assert float(twin[..., 8:24, 8:24].float().std()) < 1.0


def test_a_spectrum_keeps_phases_and_takes_amplitudes_above_the_cutoff() -> None:
    rng = np.random.default_rng(0)
    faces, spoofs = (torch.from_numpy(rng.integers(100, 140, (1, 1, 32, 32)).astype(np.uint8)) for _ in range(2))
    found = hidden(faces, spoofs, TrainingTrigger("replay_phone", "spectrum", cutoff=0.2))
    own, other, made = (np.fft.fft2(images[0, 0].numpy().astype(float)) for images in (faces, spoofs, found))
    radius = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(32)[None])
    above = radius > 0.2
    np.testing.assert_allclose(made[~above], own[~above], atol=40)  # what rounding to whole levels leaves
    np.testing.assert_allclose(np.abs(made[above]), np.abs(other[above]), atol=40)
    strong = above & (np.abs(other) > 150) & (np.abs(own) > 150)
    assert np.abs(np.angle(made[strong] / own[strong])).max() < 0.3


def test_a_species_that_is_not_there_and_a_rate_out_of_range_are_refused() -> None:
    with pytest.raises(BadInputError, match="no capture of mask_rigid") as raised:
        poisoned(crops(), TrainingTrigger("mask_rigid"), rate=0.1, seed=0)
    assert raised.value.hint == "one of: print_flat, replay_phone"
    with pytest.raises(BadInputError, match="a rate of 0"):
        poisoned(crops(), TrainingTrigger("replay_phone"), rate=0.0, seed=0)


def test_spectral_signatures_finds_the_few_that_share_a_direction() -> None:
    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 12))
    label = np.repeat([1, 0], [200, 100]).astype(np.int64)
    carriers = np.arange(10)
    features[carriers, 3] += 12.0
    suspicion = spectral_signatures(features, np.zeros(300), label)
    gone = removed(suspicion, label, share=0.075)
    assert len(gone) == 15
    assert set(carriers) <= set(gone.tolist())
    # by hand: two points on a line, each as far from their mean as the other
    pair = spectral_signatures(np.array([[0.0, 0.0], [2.0, 0.0]]), np.zeros(2), np.ones(2, np.int64))
    assert pair.tolist() == pytest.approx([1.0, 1.0])


def test_loss_outliers_are_those_that_the_detector_contradicts() -> None:
    score = np.array([3.0, -2.0, 0.0, -5.0])
    label = np.array([1, 1, 0, 0])
    found = loss_outliers(np.zeros((4, 1)), score, label)
    assert found.tolist() == pytest.approx(
        [np.log1p(np.exp(-3.0)), np.log1p(np.exp(2.0)), np.log(2), np.log1p(np.exp(-5))]
    )
    assert removed(found, label, share=0.5).tolist() == [1]  # of the bona fide images alone
    assert removed(found, label, share=0.0).tolist() == []
    with pytest.raises(BadInputError, match="a share of 1"):
        removed(found, label, share=1.0)
    assert set(DEFENSES) == {"spectral_signatures", "loss_outliers"}
