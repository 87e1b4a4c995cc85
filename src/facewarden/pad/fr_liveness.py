"""Liveness network of npm faceplugin, 128 px with squeeze-and-excitation; RGB, white box, fetched."""

from __future__ import annotations

from facewarden.assets import get, locate
from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card
from facewarden.core.roles import Detector, PadOutput
from facewarden.nn.exported.graph import DetectorGraph
from facewarden.nn.fast_forward import FastForward
from facewarden.nn.minifasnet import PLANS, MiniFasNetwork
from facewarden.pad.parts.onnx_weights import onnx_weights
from facewarden.pad.parts.silent import bgr_crop, mean_live_logit, silent_graph

SIZE, SCALE, LIVE = 128, 2.7, 0


class FrLiveness(Detector):
    """The published ONNX network as a torch module: frozen, differentiable, 469 thousand parameters.

    It sees the face box x2.7 as BGR in 0..255. The publisher's own JavaScript feeds RGB; on real live videos only BGR
    gives live (5 of 5 against 2 of 5). Class 0 is live, and the score is its logit against the other two.

    Raises:
        MissingAssetError: the weights are not fetched.
    """

    needs_box = True
    frame_size = 480

    def __init__(self) -> None:
        super().__init__()
        asset = get("faceplugin_liveness")
        path = locate(asset.name, "fr_liveness.onnx")
        self.network = MiniFasNetwork(PLANS["MiniFASNetV2SE-128"])
        self.network.load_in_order(onnx_weights(path), source=str(path))
        self.card = Card(
            name="fr_liveness",
            summary="Small RGB network that reads the face and its surroundings (print edges, bezels)",
            role="pad",
            licence=asset.licence,
            source=asset.source,
            training_data=asset.origin,
            intended_use=asset.use,
            limits="blind to prints and screens that fill the frame and to 3D masks; origin of the weights unknown",
            sha256={path.name: asset.files[path.name].sha256},
            settings={"size": SIZE, "scale": SCALE, "order": "BGR", "range": 255, "live_class": LIVE},
        )
        self.requires_grad_(False).eval()
        self._fast = FastForward(self.network, (3, SIZE, SIZE), largest=255.0)

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of frames by their face boxes."""
        logits, embedding = self._fast(bgr_crop(batch, scale=SCALE, size=SIZE))
        return PadOutput(score=mean_live_logit(logits[None], live=LIVE), features=embedding)

    def graph(self) -> DetectorGraph:
        """The network behind its crop."""
        return silent_graph([self.network], scales=[SCALE], size=SIZE, live=LIVE)


entry = FrLiveness
