"""MobileNetV1 with 1024 face features (npm @vladmandic/human); a weaker target, and a face-pretrained backbone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.frozen import load_in_order
from facewarden.recognizers.parts.tfjs_weights import read_tfjs_weights
from facewarden.recognizers.parts.view import InputView

_SIZE = 224
# Left, top and side in the 112x112 crop; the network learned from wider boxes, so a border repeats the crop's edge.
_WINDOW = (-6.0, -6.0, 124.0)
# Channels out and stride of the thirteen separable convolutions (Howard et al. 2017, table 1, width 1).
_LAYERS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    (512, 1), (512, 1), (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1),
)  # fmt: skip


class SameConv(nn.Module):
    """A 3x3 convolution with ReLU6, padded as TensorFlow's SAME does: with stride 2 only below and to the right."""

    def __init__(self, inside: int, outside: int, *, stride: int, groups: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inside, outside, 3, stride, 0, groups=groups)
        self.padding = (1, 1, 1, 1) if stride == 1 else (0, 1, 0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the layer to a picture with even sides."""
        return F.relu6(self.convolution(F.pad(x, self.padding)))


class FaceRes(Recognizer):
    """The pooled features of the published network, before its age and gender heads: frozen, differentiable.

    Weights are stored in half precision and used in single.

    Raises:
        MissingAssetError: the weights are not fetched.

    Source: Savchenko, "Efficient facial representations for age, gender and identity recognition", PeerJ CS 2019.
    """

    dim = 1024

    def __init__(self) -> None:
        super().__init__()
        asset = get("human_faceres")
        weights, manifest = locate(asset.name, "faceres.bin"), locate(asset.name, "faceres.json")
        self.view = InputView(_WINDOW[0], _WINDOW[1], side=_WINDOW[2], size=_SIZE)
        layers: list[nn.Module] = [SameConv(3, 32, stride=2)]
        inside = 32
        for outside, stride in _LAYERS:
            layers += [
                SameConv(inside, inside, stride=stride, groups=inside),
                nn.Conv2d(inside, outside, 1),
                nn.ReLU6(),
            ]
            inside = outside
        self.network = nn.Sequential(*layers)
        load_in_order(self.network, _ordered(read_tfjs_weights(manifest, weights)), source=weights.name)
        self.card = Card(
            name="faceres",
            summary="MobileNetV1 face features, 1024 values",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="the weakest of the recognizers here; compare by cosine",
            sha256={name: asset.files[name].sha256 for name in ("faceres.bin", "faceres.json")},
            match_threshold=0.52,
            settings={"size": _SIZE, "order": "RGB", "mean": 0.0, "std": 1 / 255, "window": list(_WINDOW)},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 1024)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        return self.embed_views(self.view(images))

    def embed_views(self, views: Float[Tensor, "b 3 224 224"]) -> Float[Tensor, "b 1024"]:
        """Raw embedding of the network's own input `(b, 3, 224, 224)` in [0, 1]."""
        embedding: Tensor = self.network(views * 255).mean(dim=(2, 3))
        return embedding


def _ordered(published: Mapping[str, NDArray[np.float32]]) -> list[Tensor]:
    """Filters and biases in the order of the forward pass."""
    read = {name: torch.from_numpy(value) for name, value in published.items()}
    # TensorFlow stores height, width, in, out; for depthwise filters the last two are channel and 1.
    arrays = [read["conv1/convolution/merged_input"].permute(3, 2, 0, 1), read["conv1_bn/batchnorm_1/sub"]]
    for i in range(1, len(_LAYERS) + 1):
        scale = read[f"conv_dw_{i}_bn/batchnorm_1/mul"]
        depthwise = read[f"conv_dw_{i}/depthwise_kernel"].permute(2, 3, 0, 1)
        pointwise = read[f"conv_pw_{i}/convolution/merged_input"].permute(3, 2, 0, 1)
        arrays += [depthwise * scale[:, None, None, None], read[f"conv_dw_{i}_bn/batchnorm_1/sub"]]
        arrays += [pointwise, read[f"conv_pw_{i}_bn/batchnorm_1/sub"]]
    return arrays


entry = FaceRes
