"""dlib's metric-loss ResNet-34 with 128 values (npm @vladmandic/face-api); another architecture and loss, white box."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.frozen import fold_scale, load_in_order
from facewarden.recognizers.parts.tfjs_weights import read_tfjs_weights
from facewarden.recognizers.parts.view import InputView

CHIP = 150
"""Side in pixels of the face chip that the network takes."""

# Left, top and side in the 112x112 crop: the shift and scale that bring dlib's mean positions of eyes, nose tip and
# mouth corners closest to the ArcFace template.
_WINDOW = (4.9, 20.5, 103.06)
_MEAN = (122.782, 117.001, 104.298)
_WEIGHTS, _MANIFEST = "face_recognition_model.bin", "face_recognition_model-weights_manifest.json"

# Name, channels in and out of every block; a block whose name holds "down" halves the picture.
_BLOCKS = (
    ("conv32_1", 32, 32),
    ("conv32_2", 32, 32),
    ("conv32_3", 32, 32),
    ("conv64_down", 32, 64),
    ("conv64_1", 64, 64),
    ("conv64_2", 64, 64),
    ("conv64_3", 64, 64),
    ("conv128_down", 64, 128),
    ("conv128_1", 128, 128),
    ("conv128_2", 128, 128),
    ("conv256_down", 128, 256),
    ("conv256_1", 256, 256),
    ("conv256_2", 256, 256),
    ("conv256_down_out", 256, 256),
)


class Block(nn.Module):
    """Two convolutions beside a shortcut; where they halve the picture, the shortcut averages 2x2 pixels."""

    def __init__(self, inside: int, outside: int, *, down: bool) -> None:
        super().__init__()
        self.down = down
        self.first = nn.Conv2d(inside, outside, 3, stride=2 if down else 1, padding=0 if down else 1)
        self.second = nn.Conv2d(outside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out = self.second(F.relu(self.first(x)))
        shortcut = F.avg_pool2d(x, 2) if self.down else x
        # dlib adds tensors of unequal size by taking zeros for what is missing of the smaller one, on every axis.
        missing = shortcut.shape[-1] - out.shape[-1]
        out = F.pad(out, (0, missing, 0, missing))
        channels = out.shape[1] - shortcut.shape[1]
        return F.relu(out + F.pad(shortcut, (0, 0, 0, 0, 0, channels)))


class DlibNetwork(nn.Module):
    """The network behind the 150x150 chip, learned scales folded into the convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        self.blocks = nn.Sequential(*(Block(i, o, down="down" in name) for name, i, o in _BLOCKS))
        self.project = nn.Linear(256, 128, bias=False)

    def forward(self, x: Float[Tensor, "b 3 150 150"]) -> Float[Tensor, "b 128"]:
        """Embed normalized chips."""
        x = F.max_pool2d(F.relu(self.stem(x)), 3, stride=2)
        embedding: Tensor = self.project(self.blocks(x).mean(dim=(2, 3)))
        return embedding


class DlibResNet34(Recognizer):
    """dlib's network from weights stored in 8 bits: frozen, differentiable, 5.6 million parameters.

    The chip is a window of the 112x112 crop, enlarged by 1.5. The chin's last rows, a tenth of the chip, lie outside of
    the crop and repeat its edge. Against the whole chip that costs 0.2 points of EER on LFW (1.05 to 1.24 %) and 1.1
    on ScrapShots (5.8 to 6.9 %), more at low false accept rates (TAR at FAR 0.1 % on LFW 94.9 to 91.0 %), and nothing
    on ORL. dlib compares these vectors, whose length is about 1.4, by distance with a threshold of 0.6; here they are
    unit vectors compared by cosine.

    Raises:
        MissingAssetError: the weights are not fetched.

    Source: D. King, dlib 19.4 (2017), after He et al., CVPR 2016.
    """

    dim = 128
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        asset = get("dlib_face_api")
        weights, manifest = locate(asset.name, _WEIGHTS), locate(asset.name, _MANIFEST)
        self.view = InputView(_WINDOW[0], _WINDOW[1], side=_WINDOW[2], size=CHIP)
        self.network = DlibNetwork()
        load_in_order(self.network, _folded(read_tfjs_weights(manifest, weights)), source=weights.name)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.card = Card(
            name="dlib_resnet34",
            summary="dlib's ResNet-34 trained with a metric loss, 128 values",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="takes its chip from the aligned crop, not by dlib's own landmarks; compare by cosine",
            sha256={name: part.sha256 for name, part in asset.files.items() if name in (_WEIGHTS, _MANIFEST)},
            match_threshold=0.906,
            settings={"size": CHIP, "order": "RGB", "mean": list(_MEAN), "std": 256.0, "window": list(_WINDOW)},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 128)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        return self.embed_chips(self.view(images))

    def embed_chips(self, chips: Float[Tensor, "b 3 150 150"]) -> Float[Tensor, "b 128"]:
        """Raw embedding of dlib's own chips `(b, 3, 150, 150)` in [0, 1]."""
        embedding: Tensor = self.network((chips * 255 - self.mean) / 256)
        return embedding

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        """The network up to its reduction to 256 channels, and a trainable copy of the blocks and the head above."""
        place = [name for name, _, _ in _BLOCKS].index("conv256_down") + 1
        lower = self.network.blocks[:place]

        def below(images: Tensor) -> Tensor:
            x = (self.view(images) * 255 - self.mean) / 256
            features: Tensor = lower(F.max_pool2d(F.relu(self.network.stem(x)), 3, stride=2))
            return features

        above = copy.deepcopy(nn.Sequential(self.network.blocks[place:], _Pooled(), self.network.project))
        return below, above.requires_grad_(True)


class _Pooled(nn.Module):
    """Mean over the picture."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def _folded(published: Mapping[str, NDArray[np.float32]]) -> list[Tensor]:
    """Filters and biases in the order of the forward pass, every learned scale merged into its convolution."""
    layers = ["conv32_down", *(f"{name}/conv{i}" for name, _, _ in _BLOCKS for i in (1, 2))]
    merged = []
    for layer in layers:
        # TensorFlow stores height, width, in, out.
        merged += fold_scale(
            torch.from_numpy(published[f"{layer}/conv/filters"]).permute(3, 2, 0, 1),
            torch.from_numpy(published[f"{layer}/scale/weights"]),
            torch.from_numpy(published[f"{layer}/scale/biases"]),
            bias=torch.from_numpy(published[f"{layer}/conv/bias"]),
        )
    return [*merged, torch.from_numpy(published["fc"]).T]


entry = DlibResNet34
