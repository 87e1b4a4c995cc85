"""A face recognizer of another maker: its card drives its input, and it is probed on load."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, interpolate

from facewarden.core.card import KnownAnswer
from facewarden.core.errors import BadInputError
from facewarden.core.roles import Recognizer
from facewarden.data.photo import read_photo
from facewarden.nn.foreign.known_answers import check_answers, known_input
from facewarden.nn.foreign.model import ForeignModel
from facewarden.nn.foreign.outputs import chosen, rows_of
from facewarden.nn.foreign.probe import check_embeddings, probe_pictures, probe_values
from facewarden.nn.foreign.settings import RecognizerSettings, network_input, single_changes
from facewarden.recognizers.parts.view import InputView


class ForeignRecognizer(Recognizer):
    """Resamples the aligned crop and computes a network of another maker.

    Args:
        model: its network and its card.

    Raises:
        BadInputError: a probe disproves the card; it names the word to change.
    """

    def __init__(self, model: ForeignModel[RecognizerSettings]) -> None:
        super().__init__()
        network = model.network
        self.network, self.settings, self.card, self.folder = network, model.settings, model.card, model.folder
        self.told_as, self.differentiable = network.source, network.differentiable
        self.view = InputView(0.0, 0.0, side=float(self.size), size=network.side or self.size)
        self.card = model.probed(*self._probe())
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Raw embedding of crops `(b, 3, 112, 112)` in [0, 1]; gradients flow where the network has them."""
        given = images if self.differentiable else images.detach()
        if not len(given):
            return torch.zeros(0, self.dim, device=images.device)
        return self._values(given, self.settings).to(images)

    def _values(self, images: Tensor, settings: RecognizerSettings) -> Tensor:
        outputs = self.network(network_input(self.view(images.float()), settings))
        _, raw = chosen(outputs, settings, source=self.network.source)
        return rows_of(raw, settings, layout=self.network.layout, source=self.network.source)

    def _probe(self) -> tuple[list[str], Tensor]:
        """What was noticed, and the answers to the probe."""
        settings, source = self.settings, self.network.source
        pictures = probe_pictures(3, self.size)
        self._values(pictures[:1], settings)  # one alone tells more of what does not fit than eight
        values = probe_values(
            lambda some: self._values(some, settings), pictures, source=source, exact=self.network.exact
        )
        self.dim = values.shape[1]
        remarks = check_embeddings(values, source=source)
        check_answers(self.card, self._answer, settings, others=single_changes(settings), source=source)
        return remarks, values

    def _answer(self, one: KnownAnswer, settings: RecognizerSettings) -> float:
        if one.other is None:
            raise BadInputError(
                f"{self.network.source}: self_test of a recognizer compares two pictures",
                hint='{"input": "a.png", "other": "b.png", "score": 0.7}',
            )
        pictures = [
            interpolate(
                known_input(
                    name, folder=self.folder, channels=3, side=self.size, source=self.network.source, read=read_photo
                ),
                size=(self.size, self.size),
                mode="bilinear",
                antialias=True,
            ).clamp(0, 1)
            for name in (one.input, one.other)
        ]
        with torch.no_grad():
            first, second = self._values(torch.cat(pictures), settings)
        return float(cosine_similarity(first, second, dim=0))
