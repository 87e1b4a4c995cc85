"""A presentation attack detector of another maker: its card drives crop, input and score, and it is probed on load."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from facewarden.core.batch import FaceBatch
from facewarden.core.card import Card, KnownAnswer
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Detector, PadOutput
from facewarden.data.photo import read_photo
from facewarden.nn.crop import crop_resize
from facewarden.nn.foreign.known_answers import check_answers, known_input
from facewarden.nn.foreign.network import ForeignNetwork
from facewarden.nn.foreign.outputs import chosen, rows_of, score_of
from facewarden.nn.foreign.probe import check_scores, keep, probe_pictures, probe_values
from facewarden.nn.foreign.settings import DetectorSettings, network_input


class ForeignDetector(Detector):
    """Crops the face, computes a network of another maker and reads its score.

    Args:
        network: from a file or a callable.
        settings: of its card.
        card: of the model.
        folder: in which the pictures of the card's `self_test` are.
        remarks: what was noticed before.

    Raises:
        BadInputError: a probe disproves the card; it names the word to change.
    """

    def __init__(
        self, network: ForeignNetwork, settings: DetectorSettings, card: Card, *, folder: Path, remarks: tuple[str, ...]
    ) -> None:
        super().__init__()
        self.network, self.settings, self.card, self.folder = network, settings, card, folder
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
        self.card = replace(card, remarks=tuple(keep([*remarks, *self._probe()])))

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

    def _probe(self) -> list[str]:
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
        return remarks

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
    changes: dict[str, dict[str, Any]] = {
        f'"order": "{"RGB" if settings.order == "BGR" else "BGR"}"': {
            "order": "RGB" if settings.order == "BGR" else "BGR"
        }
    }
    if count == 1:
        changes[f'"invert": {str(not settings.invert).lower()}'] = {"invert": not settings.invert}
        changes |= {f'"output": "{one}"': {"output": one} for one in ("logit", "probability")}
    else:
        changes |= {f'"bona_fide": {index}': {"bona_fide": index} for index in range(min(count, 16))}
        changes |= {f'"output": "{one}"': {"output": one} for one in ("logits", "probability")}
    changes |= {f'"border": "{one}"': {"border": one} for one in ("inside", "zero")}
    span: Literal[1, 255] = 1 if settings.range == 255 else 255
    changes[f'"range": {span}'] = {"range": span}
    found = {}
    for text, change in changes.items():
        with suppress(BadInputError):  # a range that mean and std contradict
            found[text] = replace(settings, **change)
    return found
