"""Changes: none when all strengths are zero, the same for a sample in any company, registered, holes stay holes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from facewarden.core.batch import FaceBatch
from facewarden.core.errors import BadInputError
from facewarden.core.labels import MODALITIES
from facewarden.training.augment import augment
from facewarden.training.parts.augment_settings import PUBLISHED, Augmentation
from stand_ins import make_batch

NOTHING = Augmentation(rotation=0.0, zoom=0.0, shift=0.0, exposure=0.0, blur=0.0, noise=0.0, drop=0.0)


def crops(count: int = 4) -> FaceBatch:
    return replace(make_batch(count, size=40), box=None, tasks={})


def test_without_strength_it_cuts_the_center() -> None:
    batch = crops()
    found = augment(batch, size=32, settings=NOTHING, seed=0, epoch=0)
    for name in MODALITIES:
        least = 1 / 255 if name == "depth" else 0.0  # what is no hole stays above 0 by a byte's step
        expected = batch.images[name][..., 4:36, 4:36]
        expected = torch.where(expected > 0, expected.clamp(min=least), expected)
        torch.testing.assert_close(found.images[name], expected, atol=2e-5, rtol=0)
    assert found.key == batch.key
    assert found.label is batch.label


def test_a_sample_is_changed_alike_in_any_company() -> None:
    batch = crops()
    together = augment(batch, size=32, settings=Augmentation(), seed=3, epoch=5)
    alone = augment(batch.select([2]), size=32, settings=Augmentation(), seed=3, epoch=5)
    for name in MODALITIES:
        torch.testing.assert_close(alone.images[name][0], together.images[name][2], atol=1e-6, rtol=0)
        assert torch.equal(alone.present[name][0], together.present[name][2])


@pytest.mark.parametrize(("seed", "epoch"), [(3, 6), (4, 5)])
def test_seed_and_epoch_decide(seed: int, epoch: int) -> None:
    first = augment(crops(), size=32, settings=Augmentation(), seed=3, epoch=5)
    again = augment(crops(), size=32, settings=Augmentation(), seed=3, epoch=5)
    other = augment(crops(), size=32, settings=Augmentation(), seed=seed, epoch=epoch)
    assert all(torch.equal(first.images[name], again.images[name]) for name in MODALITIES)
    assert not torch.equal(first.images["rgb"], other.images["rgb"])


def test_all_sensors_of_a_sample_move_together() -> None:
    moved = replace(NOTHING, rotation=10.0, zoom=0.2, shift=0.1)
    gray = torch.zeros(2, 1, 40, 40)
    gray[:, :, 10:20, 8:16] = 1.0
    images = {"rgb": gray.expand(-1, 3, -1, -1).clone(), "infrared": gray.clone(), "depth": gray.clone()}
    found = augment(FaceBatch(images=images, key=("a", "b")), size=32, settings=moved, seed=1, epoch=0)
    torch.testing.assert_close(found.images["rgb"][:, :1], found.images["infrared"], atol=1e-6, rtol=0)
    nearest = found.images["depth"] > 0.5
    assert float((nearest == (found.images["infrared"] > 0.5)).float().mean()) > 0.98
    assert not torch.equal(found.images["infrared"][0], found.images["infrared"][1])


def test_holes_of_depth_stay_holes_and_valid_depth_does_not_become_one() -> None:
    depth = torch.full((1, 1, 40, 40), 0.02)
    depth[..., 20:, :] = 0.0
    only = replace(NOTHING, exposure=0.5)
    found = augment(FaceBatch(images={"depth": depth}, key=("a",)), size=40, settings=only, seed=0, epoch=0)
    assert float(found.images["depth"][..., 20:, :].max()) == 0.0
    assert float(found.images["depth"][..., :20, :].min()) > 0.0


def test_every_sample_keeps_a_sensor_and_some_lose_one() -> None:
    batch = replace(make_batch(64, size=16), box=None, tasks={})
    present = {name: torch.ones(64, dtype=torch.bool) for name in MODALITIES}
    present["depth"][:8] = present["infrared"][:8] = False
    found = augment(replace(batch, present=present), size=16, settings=replace(NOTHING, drop=0.5), seed=0, epoch=0)
    held = torch.stack([found.present[name] for name in MODALITIES]).sum(dim=0)
    assert bool((held >= 1).all())
    assert bool(found.present["rgb"][:8].all()), "the only sensor is never dropped"
    assert 15 < int((held[8:] < 3).sum()) < 41
    assert all(torch.equal(mask, present[name]) for name, mask in present.items()), "the given batch is untouched"


def test_each_sensor_is_recolored_by_itself_and_by_its_own_address() -> None:
    recolored = replace(PUBLISHED, mirror=0.0, copies=False)
    batch = crops()
    found = augment(batch, size=40, settings=recolored, seed=1, epoch=2)
    again = augment(batch, size=40, settings=recolored, seed=1, epoch=2)
    alone = {name: image for name, image in batch.images.items() if name == "infrared"}
    single = augment(FaceBatch(images=alone, key=batch.key), size=40, settings=recolored, seed=1, epoch=2)
    assert torch.equal(single.images["infrared"], found.images["infrared"])
    for name in MODALITIES:
        assert torch.equal(found.images[name], again.images[name])
    for other in (augment(batch, size=40, settings=recolored, seed=1, epoch=3),
                  augment(batch, size=40, settings=recolored, seed=2, epoch=2)):  # fmt: skip
        assert not torch.equal(found.images["infrared"], other.images["infrared"])


def test_recoloring_is_an_offset_by_channel_and_one_gamma_by_sensor() -> None:
    """Solved back from two gray levels: the exponent is the same in all channels, the offset is not."""
    flat = torch.full((64, 3, 8, 8), 0.4)
    flat[:, :, 4:] = 0.6
    keys = tuple(map(str, range(64)))
    found = augment(FaceBatch(images={"rgb": flat}, key=keys), size=8, settings=replace(PUBLISHED, gamma=0.0), seed=0,
                    epoch=0).images["rgb"]  # fmt: skip
    offset = found[:, :, 0, 0] - 0.4
    torch.testing.assert_close(found[:, :, 7, 0] - 0.6, offset, atol=1e-5, rtol=0)
    assert float(offset.abs().max()) <= 40 / 255 + 1e-5
    assert float(offset.abs().max()) > 0.9 * 40 / 255
    assert float((offset[:, 0] - offset[:, 1]).abs().mean()) > 0.03
    found = augment(FaceBatch(images={"rgb": flat}, key=keys), size=8, settings=replace(PUBLISHED, offset=0.0), seed=0,
                    epoch=0).images["rgb"]  # fmt: skip
    gamma = found[:, :, 0, 0].log() / np.log(0.4)
    torch.testing.assert_close(found[:, :, 7, 0].log() / np.log(0.6), gamma, atol=1e-3, rtol=0)
    torch.testing.assert_close(gamma[:, 0], gamma[:, 2], atol=1e-4, rtol=0)
    assert 0.5 <= float(gamma.min()) < 0.55
    assert 1.45 < float(gamma.max()) <= 1.5 + 1e-4


def test_published_mirroring_is_shared_by_the_sensors_and_holes_stay_holes() -> None:
    ramp = torch.linspace(0, 1, 16).expand(40, 1, 16, 16).clone()
    images = {"rgb": ramp.expand(-1, 3, -1, -1).clone(), "depth": ramp.clone(), "infrared": ramp.clone()}
    batch = FaceBatch(images=images, key=tuple(map(str, range(40))))
    found = augment(batch, size=16, settings=PUBLISHED, seed=3, epoch=0).images
    turned = {name: image[:, 0, 8, 0] > image[:, 0, 8, -1] for name, image in found.items()}
    assert torch.equal(turned["rgb"], turned["infrared"])
    assert torch.equal(turned["rgb"], turned["depth"])
    assert 10 < int(turned["rgb"].sum()) < 30
    mirrored = torch.where(turned["depth"][:, None, None, None], batch.images["depth"].flip(-1), batch.images["depth"])
    assert torch.equal(found["depth"] == 0, mirrored == 0)


@pytest.mark.parametrize("change", [{"offset": -0.1}, {"gamma": 1.0}, {"mirror": 1.5}])
def test_impossible_strengths_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(BadInputError):
        augment(crops(), size=32, settings=replace(NOTHING, **change), seed=0, epoch=0)


def test_copies_of_gray_sensors_have_offsets_of_their_own_and_the_batch_says_which() -> None:
    settings = replace(PUBLISHED, mirror=0.0)
    batch = crops(40)
    found = augment(batch, size=40, settings=settings, seed=1, epoch=0)
    for name in ("depth", "infrared"):
        told = found.tasks[f"photometry/{name}"]
        assert told.shape == (40, 4)
        offset, gamma = told[:, :3], told[:, 3]
        assert float(offset.abs().max()) <= 40 / 255
        assert float(offset.std(dim=1).min()) > 0, "three draws a sample"
        assert 0.5 <= float(gamma.min()) < 0.7
        assert 1.3 < float(gamma.max()) <= 1.5
        still = augment(batch, size=40, settings=NOTHING, seed=1, epoch=0)
        assert torch.equal(found.images[name], still.images[name]), "the model applies them"
    assert not torch.equal(found.tasks["photometry/depth"], found.tasks["photometry/infrared"])
    assert not torch.equal(found.images["rgb"], batch.images["rgb"])
    together = augment(batch.select([5]), size=40, settings=settings, seed=1, epoch=0)
    assert torch.equal(together.tasks["photometry/depth"][0], found.tasks["photometry/depth"][5])
    plain = augment(batch, size=40, settings=replace(settings, copies=False), seed=1, epoch=0)
    assert not plain.tasks
    assert torch.equal(plain.images["rgb"], found.images["rgb"])
