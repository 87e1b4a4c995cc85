"""Margin-loss MobileFaceNet with 512 values (npm faceplugin); the strongest one here, white box."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.frozen import load_in_order
from facewarden.recognizers.parts.mobilefacenet import MobileFaceNet, cut
from facewarden.recognizers.parts.onnx_weights import read_onnx_weights


class MobileFaceNet512(Recognizer):
    """The published ONNX network as a torch module: frozen, differentiable, 1.19 million parameters.

    It normalizes inside as the publisher does, (255 x - 127) / 128 in RGB order.

    Raises:
        MissingAssetError: the weights are not fetched.
    """

    dim = 512

    def __init__(self) -> None:
        super().__init__()
        asset = get("faceplugin_recognizer")
        path = locate(asset.name, "fr_feature.onnx")
        self.network = MobileFaceNet(
            self.dim, stem=nn.PReLU, stem_separable=nn.PReLU, activation=nn.PReLU, stem_pointwise=False
        )
        load_in_order(self.network, read_onnx_weights(path), source=path.name)
        self.card = Card(
            name="mobilefacenet_512",
            summary="MobileFaceNet trained with a margin loss, 512 values",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="training faces unknown; compare by cosine",
            sha256={path.name: asset.files[path.name].sha256},
            match_threshold=0.245,
            settings={"size": 112, "order": "RGB", "mean": 127.0, "std": 128.0},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 512)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        embedding: Tensor = self.network((images * 255 - 127) / 128)
        return embedding

    def halves(self) -> tuple[Callable[[Tensor], Tensor], nn.Module]:
        """The network up to its last reduction to 7x7, and a trainable copy of the two blocks and the head above."""
        body, head = cut(self.network)

        def below(images: Tensor) -> Tensor:
            features: Tensor = body((images * 255 - 127) / 128)
            return features

        return below, head


entry = MobileFaceNet512
