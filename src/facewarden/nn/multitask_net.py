"""One backbone with several heads: vectors from its pooled features, maps from its last feature map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from facewarden.core.compat import ensure_torchvision
from facewarden.core.errors import BadInputError
from facewarden.core.tasks import HEADS, MAPS, head_width
from facewarden.nn.equalized import equalized

MAP_SIDE = 14
"""Side of the map heads' output."""


@dataclass(frozen=True)
class Backbone:
    """How timm builds a backbone.

    Attributes:
        name: timm's name.
        mean, std: what its inputs in [0, 1] are normalized by, per channel.
        listed: taken as a feature extractor, which leaves a heavy classifier away.
        sized: told the input's side when it is built.
        stages: how many stages of an EfficientNet are kept; all when None.
    """

    name: str
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    listed: bool = False
    sized: bool = False
    stages: int | None = None


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "vgg16_bn": Backbone("vgg16_bn", listed=True),
        "resnet18": Backbone("resnet18"),
        "resnet50": Backbone("resnet50"),
        "densenet121": Backbone("densenet121"),
        "swin_tiny": Backbone("swin_tiny_patch4_window7_224", sized=True),
        "mobilenetv3_small_100": Backbone("mobilenetv3_small_100"),
        # The TensorFlow form: its padding and its normalization are those that the published weights learned with.
        "efficientnet_lite0": Backbone("tf_efficientnet_lite0", mean=(0.5,) * 3, std=(0.5,) * 3),
        # Its first five stages hold a fifth of its weights, and one cell of their map is 16 pixels of the picture.
        "efficientnet_lite0_5": Backbone("tf_efficientnet_lite0", mean=(0.5,) * 3, std=(0.5,) * 3, stages=5),
    }
)
"""Backbones by our names: the four of the paper (two depths of ResNet) and three for small machines."""


class MultitaskNet(nn.Module):
    """The network of AENet with any of the backbones and any subset of the heads.

    Vector heads are linear layers on the averaged features. A map head is a 3x3 convolution without bias, a sigmoid and
    a bilinear enlargement to 14x14, in this order. Inputs in [0, 1] are normalized inside, by the constants of the
    backbone or, equalized, by the picture's own means and deviations.

    Args:
        backbone: a key of `BACKBONES`; its weights are random.
        heads: which of `facewarden.core.tasks.HEADS`; `live` must be there.
        size: side of the input in pixels.
        equal: whether the network sees every picture with one mean and one contrast in each channel.

    Raises:
        BadInputError: an unknown backbone or head, no `live`, or a size that the backbone cannot take.

    Source: Zhang et al., CelebA-Spoof, ECCV 2020; the backbones of Yang et al., CVPR Workshops 2023.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str, *, heads: Sequence[str], size: int, equal: bool = False) -> None:
        super().__init__()
        if backbone not in BACKBONES:
            raise BadInputError(f"unknown backbone {backbone!r}", hint=f"one of: {', '.join(BACKBONES)}")
        widths = {head: head_width(head) for head in heads}
        if "live" not in widths or len(widths) < len(heads):
            raise BadInputError(f"heads {', '.join(heads)}", hint="each once, and live among them: it decides")
        shape = BACKBONES[backbone]
        self.heads = tuple(head for head in HEADS if head in widths)
        self.equal = equal
        self.trunk, channels = _trunk(shape, size)
        self.vectors = nn.ModuleDict(
            {head: nn.Linear(channels, widths[head]) for head in self.heads if head not in MAPS}
        )
        self.maps = nn.ModuleDict(
            {head: nn.Conv2d(channels, widths[head], 3, padding=1, bias=False) for head in self.heads if head in MAPS}
        )
        self.register_buffer("mean", torch.tensor(shape.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(shape.std).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> tuple[dict[str, Tensor], Float[Tensor, "b d"]]:
        """Return every head's output by name, and the pooled features.

        Args:
            images: in [0, 1], RGB.

        Returns:
            Vectors `(b, classes)` of logits, maps `(b, c, 14, 14)` in [0, 1]; features `(b, d)`.
        """
        normal = equalized(images) if self.equal else (images - self.mean) / self.std
        normal = normal.contiguous(memory_format=torch.channels_last)
        spatial = self.trunk(normal)
        pooled = spatial.mean(dim=(2, 3))
        outputs = {head: layer(pooled) for head, layer in self.vectors.items()}
        for head, layer in self.maps.items():
            small = torch.sigmoid(layer(spatial))
            outputs[head] = functional.interpolate(
                small, size=(MAP_SIDE, MAP_SIDE), mode="bilinear", align_corners=False
            )
        return {head: outputs[head] for head in self.heads}, pooled


class _Trunk(nn.Module):
    """The last feature map of a timm network, channels second whatever the network's own order is."""

    def __init__(self, network: nn.Module, *, listed: bool, last: bool) -> None:
        super().__init__()
        self.network, self.listed, self.last = network, listed, last

    def forward(self, images: Tensor) -> Tensor:
        network: Any = self.network
        maps: Tensor = network(images)[-1] if self.listed else network.forward_features(images)
        return maps.permute(0, 3, 1, 2) if self.last else maps


def _trunk(shape: Backbone, size: int) -> tuple[_Trunk, int]:
    ensure_torchvision()
    import timm

    if shape.listed:
        network = timm.create_model(shape.name, pretrained=False, features_only=True, out_indices=(-1,))
    else:
        sized = {"img_size": size, "strict_img_size": False} if shape.sized else {}
        network = timm.create_model(shape.name, pretrained=False, num_classes=0, global_pool="", **sized)
    if shape.stages is not None:
        network.blocks = network.blocks[: shape.stages]
        network.conv_head, network.bn2 = nn.Identity(), nn.Identity()  # made for the last stage
    for parameter in network.parameters():
        if parameter.ndim == 4:  # convolutions run faster on a CPU with channels last
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    trunk = _Trunk(network, listed=shape.listed, last=shape.sized)
    network.eval()
    try:
        with torch.no_grad():
            channels = int(trunk(torch.zeros(1, 3, size, size)).shape[1])
    except (RuntimeError, ValueError, AssertionError) as error:
        raise BadInputError(f"{shape.name} cannot see {size} px: {error}", hint="size 112 or 224") from error
    network.train()
    return trunk, channels
