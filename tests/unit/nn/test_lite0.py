"""EfficientNet-Lite0: the published classifier still names a cat, so the features are the published ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from facewarden.nn.lite0 import Lite0Features


def test_it_names_the_cat(need_asset: Callable[[str], Path]) -> None:
    from skimage import data

    need_asset("efficientnet_lite0")
    model = Lite0Features()
    cat = torch.from_numpy(data.chelsea()[:, 75:375].copy()).permute(2, 0, 1)[None].float() / 255
    cat = torch.nn.functional.interpolate(cat, (224, 224), mode="bilinear", antialias=True)
    features = model(cat)
    assert features.shape == (1, 1280, 7, 7)
    best = int(model.network.classifier(features.mean(dim=(2, 3))).argmax())
    assert best in (281, 282, 285)  # the three house cats of ImageNet


def test_it_is_frozen(need_asset: Callable[[str], Path]) -> None:
    need_asset("efficientnet_lite0")
    assert not any(parameter.requires_grad for parameter in Lite0Features().parameters())
