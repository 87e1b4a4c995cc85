"""The fetched ImageNet weights in timm's EfficientNet-Lite0: a cat is a cat, a coffee an espresso."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from facewarden.core.compat import ensure_torchvision
from facewarden.core.seeding import derive
from facewarden.nn.multitask_net import BACKBONES
from facewarden.pad.multitask import Multitask

CATS, ESPRESSO = range(281, 286), 967


def seen(network: torch.nn.Module, image: np.ndarray) -> torch.Tensor:
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    small = cv2.resize(image[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_AREA)
    shape = BACKBONES["efficientnet_lite0"]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (shape.mean, shape.std))
    with torch.no_grad():
        logits = network((torch.from_numpy(small).permute(2, 0, 1)[None] / 255 - mean) / std)
    return torch.softmax(logits, dim=1)[0]


def test_photos_get_their_names(need_asset: Callable[[str], Path]) -> None:
    data = pytest.importorskip("skimage.data")
    folder = need_asset("efficientnet_lite0")
    made = Multitask.untrained({"backbone": "efficientnet_lite0", "heads": "live_only", "pretrained": True}, seed=0)
    ensure_torchvision()
    import timm

    whole = timm.create_model(BACKBONES["efficientnet_lite0"].name, pretrained=False).eval()
    trunk = made.network.trunk.network.state_dict()
    published = torch.load(
        folder / "efficientnet-lite0-57934424.pth", map_location="cpu", weights_only=True
    )  # the classifier, which the detector drops
    whole.load_state_dict(
        {**trunk, "classifier.weight": published["_fc.weight"], "classifier.bias": published["_fc.bias"]}
    )
    cat, coffee = (seen(whole, image()) for image in (data.chelsea, data.coffee))
    assert float(cat[list(CATS)].sum()) > 0.7
    assert int(coffee.argmax()) == ESPRESSO
    assert made.card.source.startswith("PyPI") or "efficientnet" in made.card.source


def test_only_the_new_heads_are_drawn_by_the_seed(need_asset: Callable[[str], Path]) -> None:
    need_asset("efficientnet_lite0")
    settings = {"backbone": "efficientnet_lite0", "heads": "live_only", "pretrained": True, "size": 64}
    one, other = (Multitask.untrained(settings, seed=seed).network for seed in (derive(0, "a"), derive(0, "b")))
    assert all(torch.equal(p, q) for p, q in zip(one.trunk.parameters(), other.trunk.parameters(), strict=True))
    assert not torch.equal(one.vectors["live"].weight, other.vectors["live"].weight)


def test_its_first_stages_are_those_of_the_whole_network(need_asset: Callable[[str], Path]) -> None:
    need_asset("efficientnet_lite0")
    settings = {"heads": "live_only", "pretrained": True, "size": 64}
    whole, short = (
        Multitask.untrained({**settings, "backbone": name}, seed=0).network.trunk.network.eval()
        for name in ("efficientnet_lite0", "efficientnet_lite0_5")
    )
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = whole.blocks[:5](whole.bn1(whole.conv_stem(image)))
        assert torch.equal(short.forward_features(image), expected)
    assert sum(p.numel() for p in short.parameters()) < 0.25 * sum(p.numel() for p in whole.parameters())
