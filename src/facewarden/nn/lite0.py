"""EfficientNet-Lite0 with its published ImageNet weights, as a map of features."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from facewarden.assets import locate
from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import AssetError

_FILE = "efficientnet-lite0-57934424.pth"


class Lite0Features(nn.Module):
    """Last features of EfficientNet-Lite0 before pooling; frozen.

    Raises:
        MissingAssetError: the weights are not fetched.
        AssetError: the file holds other tensors.
    """

    channels = 1280

    def __init__(self) -> None:
        super().__init__()
        ensure_torchvision()
        import timm

        path = locate("efficientnet_lite0", _FILE)
        self.network: Any = timm.create_model("tf_efficientnet_lite0")
        published = torch.load(path, weights_only=True, map_location="cpu")
        own = self.network.state_dict()
        shapes = [value.shape for value in own.values()]
        if [value.shape for value in published.values()] != shapes:  # the same network under other names
            raise AssetError(f"{path.name} holds other tensors than EfficientNet-Lite0", hint="report this")
        self.network.load_state_dict(dict(zip(own, published.values(), strict=True)))
        self.requires_grad_(False).eval()

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1280 y x"]:
        """Features of RGB images in [0, 1]; a cell sees 32 x 32 pixels and what is around them."""
        features: Tensor = self.network.forward_features((images * 255 - 127) / 128)
        return features
