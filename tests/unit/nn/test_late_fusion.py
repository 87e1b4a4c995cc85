"""The fusion: absent sensors leave no trace, gates sum to one over what is there, statistics are of captures."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from facewarden.core.errors import BadInputError
from facewarden.core.labels import CHANNELS, MODALITIES, Modality
from facewarden.nn.multimodal.late_fusion import LateFusion


@pytest.fixture(scope="module")
def network() -> LateFusion:
    torch.manual_seed(0)
    made = LateFusion(MODALITIES, backbone="lcnet_035", width=8)
    for module in made.modules():  # away from the flat start of fresh statistics
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_var is not None:
            module.running_var.fill_(0.05)
    return made.eval()


def images(count: int = 3, seed: int = 1) -> dict[Modality, Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.rand(count, CHANNELS[name], 32, 32, generator=draw) for name in MODALITIES}


def present(count: int = 3, *, without: tuple[str, ...] = ()) -> dict[Modality, Tensor]:
    return {name: torch.full((count,), name not in without) for name in MODALITIES}


SUBSETS = [held for size in (1, 2, 3) for held in itertools.combinations(MODALITIES, size)]


@pytest.mark.parametrize("held", SUBSETS)
@torch.no_grad()
def test_masked_and_left_out_are_the_same_bits(network: LateFusion, held: tuple[Modality, ...]) -> None:
    full = images()
    away = tuple(name for name in MODALITIES if name not in held)
    masked = network(full, present=present(without=away))
    left_out = network({name: full[name] for name in held}, present={name: present()[name] for name in held})
    assert torch.equal(masked.score, left_out.score)
    assert torch.equal(masked.features, left_out.features)
    for name in away:
        assert torch.equal(masked.by_modality[name], torch.zeros(3, 1))


@pytest.mark.parametrize("gone", MODALITIES)
def test_weights_of_an_absent_sensor_do_not_matter(network: LateFusion, gone: Modality) -> None:
    batch, here = images(), present(without=(gone,))
    state = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        before = network(batch, present=here).score
        for name, value in network.state_dict().items():
            if f".{gone}." in f".{name}" and value.is_floating_point():
                value.fill_(float("nan"))
        after = network(batch, present=here).score
        spoiled = network(batch, present=present()).score
        network.load_state_dict(state)
    assert torch.equal(before, after)
    assert bool(spoiled.isnan().all()), "the sensor has weights, and they were spoiled"


@torch.no_grad()
def test_one_sensor_alone_has_the_whole_gate(network: LateFusion) -> None:
    batch = images()
    only = network(batch, present=present(without=("depth", "infrared")))
    feature = network._embed("rgb", batch["rgb"], torch.ones(3, dtype=torch.bool))
    torch.testing.assert_close(only.features, feature)


@torch.no_grad()
def test_samples_may_lack_different_sensors(network: LateFusion) -> None:
    batch = images()
    here = {
        "rgb": torch.tensor([True, False, True]),
        "depth": torch.tensor([False, True, True]),
        "infrared": torch.tensor([True, True, False]),
    }
    mixed = network(batch, present=here).score
    for row in range(3):
        one = network(
            {name: image[row : row + 1] for name, image in batch.items()},
            present={name: mask[row : row + 1] for name, mask in here.items()},
        )
        torch.testing.assert_close(one.score, mixed[row : row + 1], atol=1e-5, rtol=1e-5)


def test_absent_captures_do_not_enter_batch_statistics(network: LateFusion) -> None:
    state = {name: value.clone() for name, value in network.state_dict().items()}
    found = []
    for filling in (0.0, 1.0):
        network.load_state_dict(state)
        network.train()
        batch, here = images(4), present(4)
        here["depth"] = torch.tensor([True, True, False, False])
        batch["depth"][2:] = filling
        network(batch, present=here)
        found.append({name: value.clone() for name, value in network.state_dict().items() if "running" in name})
    network.load_state_dict(state)
    network.eval()
    assert any("depth" in name for name in found[0])
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


@pytest.mark.parametrize("name", ["../../etc/passwd", "hf-hub:somebody/something", "resnet", ""])
def test_only_convolutional_networks_of_timm_are_backbones(name: str) -> None:
    with pytest.raises(BadInputError, match="backbone"):
        LateFusion(MODALITIES, backbone=name, width=8)
