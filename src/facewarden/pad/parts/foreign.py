"""A presentation attack detector of another maker: its card drives crop, input and score, and it is probed on load."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import KnownAnswer
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.photo import read_photo
from facewarden.nn.crop import crop_resize
from facewarden.nn.foreign.known_answers import check_answers, known_input
from facewarden.nn.foreign.model import ForeignModel
from facewarden.nn.foreign.outputs import chosen, rows_of, score_of
from facewarden.nn.foreign.probe import check_scores, probe_pictures, probe_values
from facewarden.nn.foreign.settings import DetectorSettings, network_input, single_changes


class ForeignDetector(Detector):
    """Crops the face, computes a network of another maker and reads its score.

    Args:
        model: its network and its card.

    Raises:
        BadInputError: a probe disproves the card; it names the word to change.
    """

    def __init__(self, model: ForeignModel[DetectorSettings]) -> None:
        super().__init__()
        network, settings = model.network, model.settings
        self.network, self.settings, self.card, self.folder = network, settings, model.card, model.folder
        self.told_as = network.source
        self.modalities = (settings.modality,)
        self.needs_box = settings.scale is not None
        self.differentiable = network.differentiable
        if network.side is None:
            raise BadInputError(
                f"{network.source}: takes any size, and its card does not say which it was trained on",
                hint='"size": 80',
            )
        self.side = network.side
        self.eval()
        self.card = model.probed(*self._probe())

    def predict(self, batch: FaceBatch) -> PadOutput:
        """Score a batch of frames by their face boxes."""
        return PadOutput(score=self._scores(batch, self.settings).to(batch.device))

    def _scores(self, batch: FaceBatch, settings: DetectorSettings) -> Tensor:
        return score_of(self._values(self._crop(batch, settings), settings), settings, source=self.network.source)

    def _crop(self, batch: FaceBatch, settings: DetectorSettings) -> Tensor:
        images = batch.images[settings.modality]
        images = images if self.differentiable else images.detach()
        height, width = images.shape[-2:]
        whole = torch.tensor([[0.0, 0.0, width, height]]).repeat(len(batch), 1)
        boxes = whole if settings.scale is None or batch.box is None else batch.box.float()
        return crop_resize(
            images, boxes.to(images.device), scale=settings.scale or 1.0, size=self.side, border=settings.border
        )

    def _values(self, crops: Tensor, settings: DetectorSettings) -> Tensor:
        if not len(crops):
            return torch.zeros(0, 1, device=crops.device)
        _, raw = chosen(self.network(network_input(crops, settings)), settings, source=self.network.source)
        return rows_of(raw, settings, layout=self.network.layout, source=self.network.source)

    def _probe(self) -> tuple[list[str], Tensor]:
        """What was noticed, and the answers to the probe."""
        settings, source = self.settings, self.network.source
        pictures = probe_pictures(settings.channels, self.side)
        self._values(pictures[:1], settings)  # one alone tells more of what does not fit than eight
        values = probe_values(
            lambda some: self._values(some, settings), pictures, source=source, exact=self.network.exact
        )
        score_of(values, settings, source=source)
        name, _ = chosen(self.network(network_input(pictures[:1], settings)), settings, source=source)
        remarks = check_scores(values, settings, final=self.network.final_functions(name), source=source)
        check_answers(self.card, self._answer, settings, others=_others(settings, values.shape[1]), source=source)
        return remarks, values

    def _answer(self, one: KnownAnswer, settings: DetectorSettings) -> float:
        picture = known_input(
            one.input, folder=self.folder, channels=settings.channels, side=self.side, source=self.network.source,
            read=read_photo,
        )  # fmt: skip
        height, width = picture.shape[-2:]
        box = torch.tensor([one.box or (0.0, 0.0, float(width), float(height))])
        batch = FaceBatch(images={settings.modality: picture}, key=(one.input,), box=box)
        with torch.no_grad():
            return float(self._scores(batch, settings)[0])


def _others(settings: DetectorSettings, count: int) -> Mapping[str, DetectorSettings]:
    """Single changes of a card that may explain another answer."""
    more: dict[str, Sequence[Any]]
    if count == 1:
        more = {"invert": [not settings.invert], "output": ["logit", "probability"]}
    else:
        more = {"bona_fide": list(range(min(count, 16))), "output": ["logits", "probability"]}
    return single_changes(settings, {**more, "border": ["inside", "zero"]})
